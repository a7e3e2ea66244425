#include "test.h"

#include <time.h>

#include "common/clock.h"

static struct now noon(void)
{
	return (struct now){ .boot_ns = 5000000000, .wall_ms = 12000 };
}

START_TEST(clocks_run)
{
	int64_t mono = clock_monotonic_ns();
	struct now now = clock_now();

	ck_assert_int_gt(now.boot_ns, 0);
	ck_assert_int_lt(llabs(now.wall_ms / 1000 - time(NULL)), 2);
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

TEST_MAIN("clock", clocks_run, wall_time_of_an_event_is_as_long_ago,
	  tests_may_set_the_clock, program_was_built_in_the_past)
