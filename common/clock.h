#pragma once
/*
 * clock.h - the two clocks heapwatch lives by.
 *
 * Events and ticks carry CLOCK_BOOTTIME, which never steps; people and the
 * database want wall time. A struct now holds both of one moment, so that
 * the difference is taken once and travels with the data.
 */
#include <stdbool.h>
#include <stdint.h>

struct now {
	int64_t boot_ns; /* CLOCK_BOOTTIME */
	int64_t wall_ms; /* CLOCK_REALTIME, Unix epoch */
};

struct now clock_now(void);

/* CLOCK_MONOTONIC and this thread's or process's CPU time, nanoseconds. */
int64_t clock_monotonic_ns(void);
int64_t clock_thread_cpu_ns(void);
int64_t clock_process_cpu_ns(void);

/* The wall time of something that happened at boot_ns. */
static inline int64_t clock_wall_of(struct now now, int64_t boot_ns)
{
	return now.wall_ms - (now.boot_ns - boot_ns) / 1000000;
}

/*
 * UTC as RFC 3339 has it, "2026-11-23T12:00:00Z", with ".123" where the
 * milliseconds are not 0. false, and out is "", beyond the years of time_t.
 */
#define CLOCK_TEXT_MAX 40
bool clock_text(char out[CLOCK_TEXT_MAX], int64_t wall_ms);

/*
 * When this program was built, Unix milliseconds. A wall clock that stands
 * before it is wrong (a gateway without a battery-backed clock).
 */
int64_t clock_build_ms(void);

/*
 * Tests put another clock in its place; NULL gives the real one back. Not
 * for use while threads run.
 */
void clock_set_source(struct now (*source)(void));
