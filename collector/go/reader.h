#pragma once
/*
 * reader.h - one reading of a Go runtime's numbers, and what follows from it.
 *
 * A handful of preads of /proc/PID/mem while the program runs. Each block is
 * copied in one go, but the blocks are not of one moment: a set in which the
 * runtime was just moving is read again, a few times.
 */
#include "layout.h"

#define GO_PROCS_MAX 4096 /* GOMAXPROCS that we believe */

struct go_reading {
	/* gcController; bytes */
	int64_t memory_limit; /* INT64_MAX: none */
	uint64_t gc_percent_heap_goal, sweep_dist_min_trigger, triggered;
	uint64_t heap_live, heap_marked;
	uint64_t heap_in_use, heap_released, heap_free, mapped_ready;
	uint64_t total_alloc, total_free; /* since the start */

	/* memstats */
	uint32_t numgc, numforcedgc;
	uint64_t pause_total_ns;
	uint64_t pause_ns[GO_PAUSES];  /* ring; last: (numgc + 255) % 256 */
	uint64_t pause_end[GO_PAUSES]; /* Unix ns; same ring */
	double gc_cpu_fraction;

	/* mheap_ */
	uint32_t sweepgen;
	uint64_t pages_in_use; /* of 8 KiB */

	/* Sums over the three parts of memstats.heapStats. Mallocs as
	 * MemStats counts them: tiny ones count here, but not in objects. */
	uint64_t mallocs, objects;
	bool objects_known; /* false: the parts were being merged */

	int64_t goroutines; /* as runtime.NumGoroutine; below 1: not known */
	int64_t gc_cpu_ns;  /* work.cpuStats; -1: this version has none */
};

/*
 * bias is added to link-time addresses. -EAGAIN: contradictory at every try;
 * or remote_read's errors.
 */
int go_read(int mem_fd, const struct go_layout *l, uint64_t bias,
	    struct go_reading *out);

/* HeapAlloc: bytes of allocated objects, unswept ones included. */
uint64_t go_used(const struct go_reading *r);

/*
 * The heap size at which the next cycle is to end: NextGC. What
 * gcControllerState.heapGoalInternal computes, with the headroom of the
 * memory limit as the minor version has it.
 */
uint64_t go_heap_goal(const struct go_reading *r, int minor);

/*
 * Cycles that ended in (now_ns - window_ns, now], by the wall clock of the
 * ring. *complete is false when all ends that the ring remembers lie inside:
 * there may be more.
 */
unsigned go_recent_cycles(const struct go_reading *r, uint64_t now_ns,
			  uint64_t window_ns, bool *complete);

/*
 * Does the reading make sense? 0; -EAGAIN: the runtime has not started yet;
 * -EINVAL: no, and *why says what is wrong (static text).
 */
int go_check(const struct go_reading *r, const char **why);
