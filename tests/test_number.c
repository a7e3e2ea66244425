#include "test.h"

#include <math.h>
#include <stdio.h>

#include "common/number.h"

/* xorshift64*: the same numbers in every run. */
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1du;
}

static double random_double(void)
{
	for (;;) {
		uint64_t bits = next_random();
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			return value;
	}
}

/* An assertion of check writes a mark each time, passed or not: too slow for
 * a million. */
#define CHEAP(condition, ...)                                                  \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg(__VA_ARGS__);                             \
	} while (0)

/* Significant digits of a text. */
static size_t digits_in(const char *text)
{
	size_t count = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text == '0')
			zeros += count > 0;
		else if (*text >= '1' && *text <= '9') {
			count += zeros + 1;
			zeros = 0;
		}
	}
	return count;
}

/* Reads back, tells its length, and no text with a digit less does. */
static void check_shortest(double value)
{
	char text[NUMBER_TEXT_MAX], less[64];
	size_t len = number_format(text, value);
	size_t digits;

	CHEAP(len == strlen(text), "%s is not %zu long", text, len);
	CHEAP(strtod(text, NULL) == value, "%s is not %.17g", text, value);
	digits = digits_in(text);
	if (digits < 15)
		return;
	snprintf(less, sizeof(less), "%.*e", (int)digits - 2, value);
	CHEAP(strtod(less, NULL) != value, "%s is longer than %s", text, less);
}

START_TEST(any_double_reads_back_the_same)
{
	for (int i = 0; i < 1000000; i++)
		check_shortest(random_double());
}
END_TEST

START_TEST(decimals_read_back_and_have_no_noise)
{
	for (int i = 0; i < 1000000; i++) {
		char text[NUMBER_TEXT_MAX], want[64];
		uint64_t n = next_random() % 1000000000;
		int places = 1 + (int)(next_random() % 12);
		double value;

		snprintf(want, sizeof(want), "%llue-%d",
			 (unsigned long long)n, places);
		value = strtod(want, NULL);
		number_format(text, value);
		CHEAP(strtod(text, NULL) == value, "%s", text);
		/* nine digits went in, no more come out */
		CHEAP(digits_in(text) <= 9, "%s for %s", text, want);
	}
}
END_TEST

static void expect(double value, const char *text)
{
	char out[NUMBER_TEXT_MAX];

	number_format(out, value);
	ck_assert_str_eq(out, text);
}

START_TEST(numbers_look_as_people_write_them)
{
	expect(0, "0");
	expect(-0.0, "0");
	expect(1, "1");
	expect(-1, "-1");
	expect(0.1, "0.1");
	expect(-0.75, "-0.75");
	expect(123.456, "123.456");
	expect(0.00001, "0.00001");
	expect(1e-7, "1e-07");
	expect(0.123456789012345, "0.123456789012345");
	expect(1.0 / 3, "0.3333333333333333");
	expect(0.1 + 0.2, "0.30000000000000004");
	expect(5e-324, "5e-324");
	expect(1.7976931348623157e308, "1.7976931348623157e+308");
}
END_TEST

START_TEST(integers_have_neither_point_nor_exponent)
{
	expect(999999999999999.0, "999999999999999");
	expect(1000000000000000.0, "1000000000000000");
	expect(9007199254740991.0, "9007199254740991");
	expect(-9007199254740991.0, "-9007199254740991");
	expect(68719476736.0, "68719476736");
}
END_TEST

START_TEST(integer_texts_reach_both_ends)
{
	char out[NUMBER_TEXT_MAX];

	ck_assert_uint_eq(number_format_int(out, 0), 1);
	ck_assert_str_eq(out, "0");
	number_format_int(out, INT64_MAX);
	ck_assert_str_eq(out, "9223372036854775807");
	ck_assert_uint_eq(number_format_int(out, INT64_MIN), 20);
	ck_assert_str_eq(out, "-9223372036854775808");
	number_format_int(out, 1700000000000);
	ck_assert_str_eq(out, "1700000000000");
}
END_TEST

static double by_text(double value, int digits)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return strtod(text, NULL);
}

START_TEST(rounding_is_that_of_the_exact_decimal)
{
	for (int i = 0; i < 500000; i++) {
		double value = (double)(next_random() % 100000000000) /
			       (double)(1 + next_random() % 1000000);
		int digits = 1 + (int)(next_random() % 12);
		double got = number_round(value, digits);

		CHEAP(got == by_text(value, digits),
		      "%.17g to %d digits: %.17g", value, digits, got);
		CHEAP(number_round(-value, digits) == -got, "-%.17g", value);
	}
}
END_TEST

START_TEST(rounding_leaves_what_it_cannot_round)
{
	ck_assert(isnan(number_round(NAN, 6)));
	ck_assert(isinf(number_round(INFINITY, 6)));
	ck_assert_double_eq(number_round(0, 6), 0);
	ck_assert_double_eq(number_round(1.0 / 3, 6), 0.333333);
	ck_assert_double_eq(number_round(0.125, 2), by_text(0.125, 2));
	ck_assert_double_eq(number_round(1e300 / 3, 3), 3.33e299);
	ck_assert_double_eq(number_round(1e-300 / 3, 3), 3.33e-301);
}
END_TEST

TEST_MAIN("number", any_double_reads_back_the_same,
	  decimals_read_back_and_have_no_noise,
	  numbers_look_as_people_write_them,
	  integers_have_neither_point_nor_exponent,
	  integer_texts_reach_both_ends, rounding_is_that_of_the_exact_decimal,
	  rounding_leaves_what_it_cannot_round)
