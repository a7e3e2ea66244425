#include "collector/pressure.h"
#include "common/sli.h"
#include "test.h"

#define S 1000000000ll

static uint64_t count_at(const struct pressure *p, int64_t now, int64_t start)
{
	uint64_t n = 0;

	ck_assert(pressure_count(p, now, start, &n));
	return n;
}

START_TEST(process_older_than_the_watching_has_no_answer_yet)
{
	struct pressure p = { 0 };
	uint64_t n;

	pressure_add(&p, 1000 * S, 50);
	pressure_add(&p, 1059 * S, 60);
	ck_assert(!pressure_count(&p, 1059 * S, 10 * S, &n));
	pressure_add(&p, 1060 * S, 61);
	ck_assert_uint_eq(count_at(&p, 1060 * S, 10 * S), 11);
}
END_TEST

START_TEST(young_process_counts_since_its_start)
{
	struct pressure p = { 0 };

	pressure_add(&p, 1000 * S, 7);
	ck_assert_uint_eq(count_at(&p, 1000 * S, 995 * S), 7);
}
END_TEST

START_TEST(window_slides)
{
	struct pressure p = { 0 };

	/* One collection a second: 60 of them in any full window. */
	for (int i = 0; i <= 300; i++)
		pressure_add(&p, (1000 + i) * S, (uint64_t)i);
	ck_assert_uint_eq(count_at(&p, 1300 * S, 900 * S), 60);
}
END_TEST

START_TEST(fast_ticks_still_span_the_window)
{
	struct pressure p = { 0 };

	/* Ten ticks a second for two minutes, one collection each tick. */
	for (int i = 0; i <= 1200; i++)
		pressure_add(&p, 1000 * S + i * S / 10, (uint64_t)i);
	/* The mark at the window's begin may be one second early. */
	ck_assert_uint_ge(count_at(&p, 1120 * S, 900 * S), 600);
	ck_assert_uint_le(count_at(&p, 1120 * S, 900 * S), 610);
}
END_TEST

START_TEST(quiet_minute_counts_zero)
{
	struct pressure p = { 0 };

	for (int i = 0; i <= 100; i++)
		pressure_add(&p, (1000 + i) * S, 5);
	ck_assert_uint_eq(count_at(&p, 1100 * S, 900 * S), 0);
}
END_TEST

START_TEST(late_tick_takes_the_mark_before_the_window)
{
	struct pressure p = { 0 };

	pressure_add(&p, 1000 * S, 10);
	pressure_add(&p, 1090 * S, 30); /* heapwatch was held up */
	ck_assert_uint_eq(count_at(&p, 1090 * S, 10 * S), 20);
}
END_TEST

START_TEST(total_that_falls_starts_anew)
{
	struct pressure p = { 0 };
	uint64_t n;

	pressure_add(&p, 1000 * S, 100);
	pressure_add(&p, 1061 * S, 3);
	ck_assert(!pressure_count(&p, 1061 * S, 10 * S, &n));
}
END_TEST

START_TEST(nothing_added_is_no_answer)
{
	struct pressure p = { 0 };
	uint64_t n;

	ck_assert(!pressure_count(&p, 1000 * S, 999 * S, &n));
}
END_TEST

TEST_MAIN("pressure", process_older_than_the_watching_has_no_answer_yet,
	  young_process_counts_since_its_start, window_slides,
	  fast_ticks_still_span_the_window,
	  quiet_minute_counts_zero, late_tick_takes_the_mark_before_the_window,
	  total_that_falls_starts_anew, nothing_added_is_no_answer)
