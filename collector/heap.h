#pragma once
/*
 * heap.h - from what a runtime tells to the SLIs of one process.
 */
#include "target.h"

/* What a source read of one heap. Absent values are NAN. */
struct heap_reading {
	double used_bytes;
	enum gap used_gap;     /* why not; GAP_NONE stands for unreadable */
	double limit_bytes;    /* runtime's own limit; NAN: none */
	enum bound limit_kind; /* BOUND_RUNTIME_GO or BOUND_RUNTIME_JVM */
	double live_bytes;     /* after the last whole-heap collection */
	enum gap live_gap;     /* why there is no live value */
	double after_gc_bytes; /* after the last collection of any kind */
	enum gap after_gc_gap;

	/* frag_ratio: regions where the runtime has them, else NAN, and bytes
	 * of the bound stand in (basis="bytes": the part not used).
	 * pages_in_use is Go's: its regions follow from the bound. */
	double free_regions, total_regions;
	double pages_in_use;
};

/*
 * Put heap_used_bytes, heap_max_bytes, heap_limit_bytes, heap_live_bytes,
 * heap_after_gc_bytes, heap_util_rate, heap_live_rate, frag_ratio and the
 * region counts, or miss them with the reason. Expects t->bounds filled with
 * cgroup, rlimit and RAM; adds the runtime's limit and tells which bound won
 * as the attribute "bound".
 */
void heap_put(struct target *t, struct now now, const struct heap_reading *r);
