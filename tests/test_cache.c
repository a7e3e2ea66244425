/* Values kept between two questions. */
#include <check.h>
#include <math.h>

#include "server/query/cache.h"
#include "test.h"

#define STEP 1000

static struct cache *cache;
static const struct cache_key key = { .series = 1, .step_ms = STEP };

static void set_up(void)
{
	ck_ok(cache_new(&cache, 64 * 1024, 0));
}

static void tear_down(void)
{
	cache_free(cache);
}

/* count steps from begin on, whose values are their own times. */
static void put(const struct cache_key *k, int64_t begin, size_t count)
{
	double values[4096];

	for (size_t i = 0; i < count; i++)
		values[i] = (double)(begin + (int64_t)i * STEP);
	cache_put(cache, k, begin, values, count);
}

/* How many are known from begin on; each must be its own time. */
static size_t known(const struct cache_key *k, int64_t begin, size_t count)
{
	double values[4096];
	size_t found = cache_get(cache, k, begin, values, count);

	for (size_t i = 0; i < found; i++)
		ck_assert_double_eq(values[i],
				    (double)(begin + (int64_t)i * STEP));
	return found;
}

START_TEST(what_was_put_is_known_from_any_step_of_it)
{
	set_up();
	put(&key, 10000, 10);
	ck_assert_uint_eq(known(&key, 10000, 10), 10);
	ck_assert_uint_eq(known(&key, 10000, 4), 4);
	ck_assert_uint_eq(known(&key, 15000, 10), 5);
	ck_assert_uint_eq(known(&key, 20000, 10), 0);
	ck_assert_uint_eq(known(&key, 9000, 10), 0);
	tear_down();
}
END_TEST

START_TEST(a_later_question_extends_it)
{
	set_up();
	put(&key, 10000, 10);
	put(&key, 15000, 10);
	ck_assert_uint_eq(known(&key, 10000, 20), 15);
	put(&key, 26000, 5); /* a hole before it: a new beginning */
	ck_assert_uint_eq(known(&key, 10000, 20), 0);
	ck_assert_uint_eq(known(&key, 26000, 20), 5);
	tear_down();
}
END_TEST

START_TEST(it_does_not_grow_without_end)
{
	struct cache_stats s;

	set_up();
	for (int i = 0; i < 1000; i++)
		put(&key, 10000 + i * STEP, 10);
	cache_stats(cache, &s);
	ck_assert_uint_eq(s.entries, 1);
	ck_assert_uint_lt(s.bytes, 1024);
	ck_assert_uint_eq(known(&key, 10000 + 999 * STEP, 20), 10);
	tear_down();
}
END_TEST

START_TEST(the_longest_unused_goes_first)
{
	struct cache_stats s;
	struct cache_key k = key;

	set_up();
	for (k.series = 1; k.series <= 200; k.series++) {
		put(&k, 0, 100);
		ck_assert_uint_eq(known(&key, 0, 100), 100);
	}
	cache_stats(cache, &s);
	ck_assert_uint_le(s.bytes, 64 * 1024);
	ck_assert_uint_lt(s.entries, 200);
	k.series = 2;
	ck_assert_uint_eq(known(&k, 0, 100), 0);
	k.series = 200;
	ck_assert_uint_eq(known(&k, 0, 100), 100);
	tear_down();
}
END_TEST

START_TEST(what_was_used_just_now_stays)
{
	struct cache_key k = key;
	size_t first = 0;

	ck_ok(cache_new(&cache, 64 * 1024, 3600000));
	for (int round = 0; round < 2; round++) {
		size_t hits = 0;

		for (k.series = 1; k.series <= 400; k.series++) {
			hits += known(&k, 0, 100) == 100;
			put(&k, 0, 100);
		}
		if (round == 0)
			ck_assert_uint_eq(hits, 0);
		else
			first = hits;
	}
	/* most of what it has room for is found again on the next round */
	ck_assert_uint_gt(first, 80);
	ck_assert_uint_lt(first, 400);
	tear_down();
}
END_TEST

START_TEST(every_bit_comes_back)
{
	static const double odd[][4] = {
		{ 1, 2, -3, 2147483646 },
		{ 0.123456, 0.5, NAN, 1 },
		{ 1, 0.001, 2147483646, 2 },
		{ -0.0, 1, 2, 3 },
		{ 1.0 / 3, NAN, 1e300, 5e-324 },
		{ 1e9, 4e9, -4e9, 0.000000001 },
		{ -2147483647, -2147483648.0, 0, 1 },
		{ 1e15, 0.1 + 0.2, 123456789.123456, 0 },
	};
	double out[4];

	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		cache_put(cache, &key, 10000, odd[i], 4);
		ck_assert_uint_eq(cache_get(cache, &key, 10000, out, 4), 4);
		for (size_t k = 0; k < 4; k++)
			ck_assert(isnan(odd[i][k]) ?
					  isnan(out[k]) :
					  !memcmp(&odd[i][k], &out[k], 8));
	}
	tear_down();
}
END_TEST

START_TEST(decimals_take_half_the_room)
{
	struct cache_stats s[2];
	double values[1000];

	for (int raw = 0; raw < 2; raw++) {
		set_up();
		for (size_t i = 0; i < 1000; i++)
			values[i] = raw ? (double)i / 7 : (double)i / 1000;
		cache_put(cache, &key, 0, values, 1000);
		cache_stats(cache, &s[raw]);
		tear_down();
	}
	ck_assert_uint_lt(s[0].bytes, s[1].bytes * 6 / 10);
}
END_TEST

START_TEST(each_part_of_the_key_tells_values_apart)
{
	struct cache_key others[] = { key, key, key, key, key,
				      key, key, key, key };

	set_up();
	put(&key, 10000, 10);
	others[0].series = 2;
	others[1].fn = 1;
	others[2].sum = true;
	others[3].limit = 0.5;
	others[4].step_ms = 2 * STEP;
	others[5].phase_ms = 1;
	others[6].shift_ms = STEP;
	others[7].length = 1;
	others[8].epoch = 1;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_uint_eq(known(&others[i], 10000, 10), 0);
	tear_down();
}
END_TEST

START_TEST(what_is_larger_than_all_is_not_kept)
{
	static double values[20000];

	set_up();
	cache_put(cache, &key, 0, values, 20000);
	ck_assert_uint_eq(known(&key, 0, 10), 0);
	tear_down();
}
END_TEST

TEST_MAIN("cache", what_was_put_is_known_from_any_step_of_it,
	  a_later_question_extends_it, it_does_not_grow_without_end,
	  the_longest_unused_goes_first, what_was_used_just_now_stays,
	  every_bit_comes_back, decimals_take_half_the_room,
	  each_part_of_the_key_tells_values_apart,
	  what_is_larger_than_all_is_not_kept)
