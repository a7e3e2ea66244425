#include "test.h"

#include <time.h>

#include "common/clock.h"

static struct now noon(void)
{
	return (struct now){ .boot_ns = 5000000000, .wall_ms = 12000 };
}

START_TEST(clocks_run)
{
	int64_t mono = clock_monotonic_ns(), before = time(NULL);
	struct now now = clock_now();

	ck_assert_int_gt(now.boot_ns, 0);
	ck_assert_int_ge(now.wall_ms / 1000, before);
	/* time() may be a few ms behind. */
	ck_assert_int_le(now.wall_ms / 1000, time(NULL) + 1);
	ck_assert_int_ge(clock_monotonic_ns(), mono);
	ck_assert_int_gt(clock_thread_cpu_ns(), 0);
	ck_assert_int_gt(clock_process_cpu_ns(), 0);
}
END_TEST

START_TEST(wall_time_of_an_event_is_as_long_ago)
{
	ck_assert_int_eq(clock_wall_of(noon(), 5000000000), 12000);
	ck_assert_int_eq(clock_wall_of(noon(), 3000000000), 10000);
	ck_assert_int_eq(clock_wall_of(noon(), 6000000000), 13000);
}
END_TEST

START_TEST(tests_may_set_the_clock)
{
	clock_set_source(noon);
	ck_assert_int_eq(clock_now().wall_ms, 12000);
	clock_set_source(NULL);
	ck_assert_int_gt(clock_now().wall_ms, 12000);
}
END_TEST

START_TEST(program_was_built_in_the_past)
{
	ck_assert_int_gt(clock_build_ms(), 0);
	ck_assert_int_le(clock_build_ms(), clock_now().wall_ms);
}
END_TEST

START_TEST(time_is_told_as_rfc_3339)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1795435200000, "2026-11-23T12:00:00Z" },
		{ 1795435200007, "2026-11-23T12:00:00.007Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ INT64_MAX, "292278994-08-17T07:12:55.807Z" },
	};
	char text[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert(clock_text(text, cases[i].ms));
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

TEST_MAIN("clock", clocks_run, wall_time_of_an_event_is_as_long_ago,
	  tests_may_set_the_clock, program_was_built_in_the_past,
	  time_is_told_as_rfc_3339)
