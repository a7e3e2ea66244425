#include "clock.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#ifndef HEAPWATCH_BUILD_TIME
#define HEAPWATCH_BUILD_TIME 0
#endif

#define TOGETHER_NS 1000000 /* two readings of one moment */
#define TRIES	    5

static struct now (*test_source)(void);

static int64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * A thread may be put off between two readings, and then they would look like
 * a step of the wall clock: both are taken anew, and those closest together
 * count.
 */
struct now clock_now(void)
{
	struct now closest = { 0 };
	int64_t least = INT64_MAX;

	if (test_source)
		return test_source();
	for (int i = 0; i < TRIES && least > TOGETHER_NS; i++) {
		int64_t boot = read_ns(CLOCK_BOOTTIME);
		int64_t wall = read_ns(CLOCK_REALTIME);
		int64_t took = read_ns(CLOCK_BOOTTIME) - boot;

		if (took >= least)
			continue;
		least = took;
		closest = (struct now){ .boot_ns = boot + took / 2,
					.wall_ms = wall / 1000000 };
	}
	return closest;
}

int64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_thread_cpu_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_process_cpu_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

bool clock_text(char out[CLOCK_TEXT_MAX], int64_t wall_ms)
{
	int rest = (int)((wall_ms % 1000 + 1000) % 1000);
	time_t seconds = (time_t)((wall_ms - rest) / 1000);
	struct tm tm;
	size_t len = 0;

	out[0] = '\0';
	if (gmtime_r(&seconds, &tm))
		len = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (len == 0)
		return false;
	if (rest)
		snprintf(out + len, CLOCK_TEXT_MAX - len, ".%03dZ", rest);
	else
		snprintf(out + len, CLOCK_TEXT_MAX - len, "Z");
	return true;
}

int64_t clock_build_ms(void)
{
	return (int64_t)HEAPWATCH_BUILD_TIME * 1000;
}

void clock_set_source(struct now (*source)(void))
{
	test_source = source;
}
