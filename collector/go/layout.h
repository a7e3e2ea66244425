#pragma once
/*
 * layout.h - where the Go runtime keeps its numbers.
 *
 * Addresses of globals and offsets of fields, from the executable's own
 * DWARF; or, for one linked without it (-ldflags=-w), addresses from its
 * symbols and offsets from a table by minor version (layout_table.h). Both
 * describe amd64. Nothing is guessed: an executable with neither has no
 * layout.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/elf.h"

/* Globals of package runtime, and two types that are reached from them. */
enum go_root {
	GO_GC_CONTROLLER,
	GO_MEMSTATS,
	GO_MHEAP,
	GO_ALLGLEN,
	GO_ALLP,
	GO_SCHED,
	GO_WORK,
	GO_GLOBAL_COUNT,
	GO_TYPE_P = GO_GLOBAL_COUNT, /* element of allp */
	GO_TYPE_DELTA, /* heapStatsDelta, element of memstats.heapStats.stats */
	GO_ROOT_COUNT
};

/* Names are those of the runtime; see go_fields in layout.c for the paths. */
enum go_field {
	GO_MEMORY_LIMIT,
	GO_GC_PERCENT_HEAP_GOAL,
	GO_SWEEP_DIST_MIN_TRIGGER,
	GO_TRIGGERED,
	GO_HEAP_LIVE,
	GO_HEAP_MARKED,
	GO_HEAP_IN_USE,
	GO_HEAP_RELEASED,
	GO_HEAP_FREE,
	GO_TOTAL_ALLOC,
	GO_TOTAL_FREE,
	GO_MAPPED_READY,
	GO_HEAP_STATS, /* three heapStatsDelta */
	GO_HEAP_STATS_GEN,
	GO_PAUSE_TOTAL_NS,
	GO_PAUSE_NS,
	GO_PAUSE_END,
	GO_NUMGC,
	GO_NUMFORCEDGC,
	GO_GC_CPU_FRACTION,
	GO_SWEEPGEN,
	GO_PAGES_IN_USE,
	GO_SCHED_GFREE,          /* until 1.24 of both lists */
	GO_SCHED_GFREE_NO_STACK, /* from 1.25 on; else absent */
	GO_NGSYS,
	GO_GC_TOTAL_TIME, /* from 1.20 on */
	GO_CYCLE_SIZES,   /* heap0, heap1, heap2: a cycle's; one after another */
	GO_P_GFREE,
	GO_TINY_ALLOC_COUNT,
	GO_LARGE_ALLOC_COUNT,
	GO_SMALL_ALLOC_COUNT,
	GO_LARGE_FREE_COUNT,
	GO_SMALL_FREE_COUNT,
	GO_DELTA_SIZE, /* sizeof(heapStatsDelta) */
	GO_FIELD_COUNT
};

#define GO_ABSENT       UINT32_MAX
#define GO_SIZE_CLASSES 68 /* lengths of smallAllocCount and smallFreeCount */
#define GO_PAUSES       256
#define GO_MINOR_FIRST  19 /* of the table */
#define GO_MINOR_LAST   27

struct go_layout {
	uint32_t offset[GO_FIELD_COUNT]; /* in its root; or GO_ABSENT */
	uint64_t vaddr[GO_GLOBAL_COUNT]; /* link-time */
};

struct go_field_info {
	enum go_root root;
	uint32_t size;        /* bytes */
	const char *paths[2]; /* tried in this order */
	bool optional;        /* absent in some versions */
};

/* The row of a field; never NULL. */
const struct go_field_info *go_field_info(enum go_field f);

/* -ENOENT: no DWARF, or not all of it is there. */
int go_layout_from_dwarf(const struct elf *e, struct go_layout *out);

/* -ENOENT: no symbol table, or not all symbols; -ENOTSUP: no such row. */
int go_layout_from_symbols(const struct elf *e, int minor,
			   struct go_layout *out);

/* The offsets of the table; false outside of it. */
bool go_layout_table(int minor, uint32_t out[GO_FIELD_COUNT]);
