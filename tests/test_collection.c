#include "test.h"

#include <math.h>

#include "common/collection.h"
#include "common/own.h"

static void round_trip(struct collection *out, const struct collection *c)
{
	char text[COLLECTION_TEXT_MAX];

	collection_write(text, c);
	ck_assert(collection_read(out, text));
}

START_TEST(what_is_written_is_read_back)
{
	const struct collection young = {
		.kind = "young",
		.collector = "G1 Young Generation",
		.cause = "G1 Evacuation Pause",
		.before_bytes = 50331648,
		.after_bytes = 0,
		.length_us = 3211,
		.paused = true,
		.left_out = 12,
	};
	struct collection c;
	char text[COLLECTION_TEXT_MAX];

	collection_write(text, &young);
	ck_assert_str_eq(text, "young: G1 Young Generation; G1 Evacuation "
			       "Pause; 50331648 -> 0 bytes; paused for 3211 "
			       "us; 12 before it left out");
	round_trip(&c, &young);
	ck_assert_str_eq(c.kind, "young");
	ck_assert_str_eq(c.collector, "G1 Young Generation");
	ck_assert_str_eq(c.cause, "G1 Evacuation Pause");
	ck_assert_double_eq(c.before_bytes, 50331648);
	ck_assert_double_eq(c.after_bytes, 0);
	ck_assert_int_eq(c.length_us, 3211);
	ck_assert(c.paused);
	ck_assert_uint_eq(c.left_out, 12);
}
END_TEST

START_TEST(what_is_not_known_stays_so)
{
	const struct collection cycle = {
		.kind = "cycle",
		.collector = "Go",
		.before_bytes = NAN,
		.after_bytes = NAN,
		.length_us = -1,
	};
	struct collection c;

	round_trip(&c, &cycle);
	ck_assert_str_eq(c.cause, "");
	ck_assert(isnan(c.before_bytes) && isnan(c.after_bytes));
	ck_assert_int_eq(c.length_us, -1);
	ck_assert(!c.paused);
	ck_assert_uint_eq(c.left_out, 0);
}
END_TEST

START_TEST(names_cannot_look_like_numbers_behind_them)
{
	struct collection c, evil = {
		.kind = "old",
		.collector = "x; 1 -> 2 bytes; paused for 1 us",
		.cause = "a\n;b\x80",
		.before_bytes = 5,
		.after_bytes = 4,
		.length_us = 3,
	};

	round_trip(&c, &evil);
	ck_assert_double_eq(c.before_bytes, 5);
	ck_assert_str_eq(c.cause, "a??b?");
	memset(evil.collector, 'm', sizeof(evil.collector) - 1);
	memset(evil.cause, 'c', sizeof(evil.cause) - 1);
	evil.before_bytes = evil.after_bytes = 1e18;
	evil.length_us = INT64_MAX;
	evil.left_out = UINT64_MAX;
	round_trip(&c, &evil);
	ck_assert(isnan(c.before_bytes));
	ck_assert_str_eq(c.cause, evil.cause);
}
END_TEST

START_TEST(numbers_that_no_integer_holds_are_not_known)
{
	struct collection c;

	ck_assert(collection_read(&c, "young: a; b; 99999999999999999999 -> 2 "
				      "bytes; paused for 9223372036854775807 "
				      "us; 9223372036854775807 before it left "
				      "out"));
	ck_assert(isnan(c.before_bytes));
	ck_assert_double_eq(c.after_bytes, 2);
	ck_assert_int_eq(c.length_us, -1);
	ck_assert_uint_eq(c.left_out, 0);
}
END_TEST

START_TEST(another_text_is_none)
{
	static const char *const texts[] = {
		"", "young", "young: a; b; 1 -> 2 bytes; paused for",
		"young: a; b; 1 -> 2 bytes; paused for x us",
		"young: a; b; 1 -> -2 bytes; paused for 3 us",
		"young: a; b; 1 -> 2 bytes; paused for 3 us; 4",
		"young: a; b; 1 -> 2 bytes; paused for 3 us more",
		"a kind that is longer than one: a; b; 1 -> 2 bytes; "
		"paused for 3 us",
	};
	struct collection c;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(!collection_read(&c, texts[i]), "%s", texts[i]);
}
END_TEST

TEST_MAIN("collection",
	  what_is_written_is_read_back, what_is_not_known_stays_so,
	  names_cannot_look_like_numbers_behind_them,
	  numbers_that_no_integer_holds_are_not_known, another_text_is_none)
