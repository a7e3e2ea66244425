#include "test.h"

#include "common/json_span.h"

static struct bytes of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

START_TEST(well_formed_text_is_accepted)
{
	static const char *const good[] = {
		"{}", "[]", " [1, -2.5e+3 ,0.1,\"a\\u00e9\\n\"] ", "true",
		"null", "{\"a\":{\"b\":[{}]},\"c\":false}", "0", "\"\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(json_span_check(of(good[i])), "%s", good[i]);
}
END_TEST

START_TEST(malformed_text_is_refused)
{
	static const char *const bad[] = {
		"", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "-",
		"1e", "\"", "\"\\x\"", "\"\\u12\"", "\"\n\"", "tru", "{a:1}",
		"[1] 2", "nul", "[1 2]", "+1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!json_span_check(of(bad[i])), "%s", bad[i]);
	ck_assert(!json_span_check((struct bytes){ "[\0]", 3 }));
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * JSON_SPAN_DEPTH + 3] = "";

	memset(text, '[', JSON_SPAN_DEPTH);
	memset(text + JSON_SPAN_DEPTH, ']', JSON_SPAN_DEPTH);
	ck_assert(json_span_check(of(text)));
	memset(text, '[', JSON_SPAN_DEPTH + 1);
	memset(text + JSON_SPAN_DEPTH + 1, ']', JSON_SPAN_DEPTH + 1);
	ck_assert(!json_span_check(of(text)));
}
END_TEST

static void expect(const char *object, const char *key, const char *want)
{
	struct bytes found;

	ck_assert_msg(json_span_member(of(object), key, &found), "%s", key);
	ck_assert_msg(found.len == strlen(want) &&
		      memcmp(found.data, want, found.len) == 0, "%.*s",
		      (int)found.len, found.data);
}

START_TEST(members_are_found_where_they_lie)
{
	const char *object =
		"{ \"x\" : {\"a\":0} , \"a\":[1,\"}\"], \"b\" : \"t\" }";
	struct bytes found;

	expect(object, "a", "[1,\"}\"]");
	expect(object, "x", "{\"a\":0}");
	expect(object, "b", "\"t\"");
	ck_assert(!json_span_member(of(object), "c", &found));
	ck_assert(!json_span_member(of("[1]"), "a", &found));
	ck_assert(!json_span_member(of("{}"), "a", &found));
	ck_assert(!json_span_member(of(""), "a", &found));
}
END_TEST

START_TEST(items_come_one_after_the_other)
{
	struct bytes rest = of(" [ {\"a\":1} , [2,3],\"]\"]"), found;

	ck_assert(json_span_next(&rest, &found));
	ck_assert_uint_eq(found.len, 7);
	ck_assert(json_span_next(&rest, &found));
	ck_assert(found.len == 5 && memcmp(found.data, "[2,3]", 5) == 0);
	ck_assert(json_span_next(&rest, &found));
	ck_assert(found.len == 3 && memcmp(found.data, "\"]\"", 3) == 0);
	ck_assert(!json_span_next(&rest, &found));
	rest = of("[ ]");
	ck_assert(!json_span_next(&rest, &found));
	rest = of("{}");
	ck_assert(!json_span_next(&rest, &found));
}
END_TEST

START_TEST(texts_are_unescaped_and_cut)
{
	char out[16];

	ck_assert(json_span_text(of("\"a\\n\\\"\\u00e9\\/\""), out,
				 sizeof(out)));
	ck_assert_str_eq(out, "a\n\"\xc3\xa9/");
	ck_assert(json_span_text(of("\"abcdef\""), out, 4));
	ck_assert_str_eq(out, "abc");
	ck_assert(!json_span_text(of("12"), out, sizeof(out)));
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(only_true_and_numbers_are_true)
{
	ck_assert(json_span_true(of("true")));
	ck_assert(json_span_true(of("1")));
	ck_assert(!json_span_true(of("false")));
	ck_assert(!json_span_true(of("0")));
	ck_assert(!json_span_true(of("\"true\"")));
	ck_assert(!json_span_true(of("{}")));
	ck_assert(!json_span_true(of("null")));
}
END_TEST

TEST_MAIN("json_span", well_formed_text_is_accepted,
	  malformed_text_is_refused, depth_is_bounded,
	  members_are_found_where_they_lie, items_come_one_after_the_other,
	  texts_are_unescaped_and_cut, only_true_and_numbers_are_true)
