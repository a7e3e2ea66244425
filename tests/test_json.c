#include "test.h"

#include <math.h>

#include "common/json.h"

static void expect(struct buf *out, const char *text)
{
	ck_assert_str_eq(buf_cstr(out), text);
	buf_fini(out);
}

START_TEST(commas_and_ends_put_themselves)
{
	struct buf out = BUF_INIT;
	struct json j = json_writer(&out);

	json_object(&j);
	json_put_int(&j, "a", -1);
	json_key(&j, "b");
	json_array(&j);
	json_double(&j, 0.5);
	json_object(&j);
	json_end(&j);
	json_array(&j);
	json_end(&j);
	json_bool(&j, true);
	json_null(&j);
	json_end(&j);
	json_put_string(&j, "c", "x");
	json_put_bool(&j, "d", false);
	json_put_double(&j, "e", 1e15);
	json_key(&j, "f");
	json_uint(&j, UINT64_MAX);
	json_end(&j);
	expect(&out, "{\"a\":-1,\"b\":[0.5,{},[],true,null],\"c\":\"x\","
		     "\"d\":false,\"e\":1000000000000000,"
		     "\"f\":18446744073709551615}");
}
END_TEST

START_TEST(what_json_has_not_is_null)
{
	struct buf out = BUF_INIT;
	struct json j = json_writer(&out);

	json_array(&j);
	json_double(&j, NAN);
	json_double(&j, INFINITY);
	json_string(&j, NULL);
	json_end(&j);
	expect(&out, "[null,null,null]");
}
END_TEST

START_TEST(controls_quotes_and_backslashes_are_escaped)
{
	struct buf out = BUF_INIT;
	struct json j = json_writer(&out);

	json_string_len(&j, "\"\\\b\f\n\r\t\0\x1f/\x7f", 11);
	expect(&out, "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\"");
}
END_TEST

static void expect_string(const char *in, const char *text)
{
	struct buf out = BUF_INIT;
	struct json j = json_writer(&out);

	json_string(&j, in);
	expect(&out, text);
}

START_TEST(only_utf8_comes_out)
{
	expect_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		      "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* a stray byte, a cut sequence, an overlong form, a surrogate */
	expect_string("\xff", "\"\xef\xbf\xbd\"");
	expect_string("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_string("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_string("\xe0\x80\x80",
		      "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_string("\xed\xa0\x80",
		      "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_string("\xf4\x90\x80\x80",
		      "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

TEST_MAIN("json", commas_and_ends_put_themselves, what_json_has_not_is_null,
	  controls_quotes_and_backslashes_are_escaped, only_utf8_comes_out)
