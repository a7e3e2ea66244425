#include "layout.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "collector/dwarf.h"
#include "layout_table.h"

#define OFFSET_MAX (1u << 20) /* the largest of these structures has 93 KB */

static const char *const globals[GO_GLOBAL_COUNT] = {
	[GO_GC_CONTROLLER] = "runtime.gcController",
	[GO_MEMSTATS] = "runtime.memstats",
	[GO_MHEAP] = "runtime.mheap_",
	[GO_ALLGLEN] = "runtime.allglen",
	[GO_ALLP] = "runtime.allp",
	[GO_SCHED] = "runtime.sched",
	[GO_WORK] = "runtime.work",
};

#define CONTROLLER(path) { GO_GC_CONTROLLER, 8, { path }, false }

/* Types change from version to version (uint64, atomic.Uint64, sysMemStat),
 * widths and meanings do not. */
static const struct go_field_info fields[GO_FIELD_COUNT] = {
	[GO_MEMORY_LIMIT] = CONTROLLER("memoryLimit"),
	[GO_GC_PERCENT_HEAP_GOAL] = CONTROLLER("gcPercentHeapGoal"),
	[GO_SWEEP_DIST_MIN_TRIGGER] = CONTROLLER("sweepDistMinTrigger"),
	[GO_TRIGGERED] = CONTROLLER("triggered"),
	[GO_HEAP_LIVE] = CONTROLLER("heapLive"),
	[GO_HEAP_MARKED] = CONTROLLER("heapMarked"),
	[GO_HEAP_IN_USE] = CONTROLLER("heapInUse"),
	[GO_HEAP_RELEASED] = CONTROLLER("heapReleased"),
	[GO_HEAP_FREE] = CONTROLLER("heapFree"),
	[GO_TOTAL_ALLOC] = CONTROLLER("totalAlloc"),
	[GO_TOTAL_FREE] = CONTROLLER("totalFree"),
	[GO_MAPPED_READY] = CONTROLLER("mappedReady"),
	[GO_HEAP_STATS] = { GO_MEMSTATS, 0, { "heapStats.stats" }, false },
	[GO_HEAP_STATS_GEN] = { GO_MEMSTATS, 4, { "heapStats.gen" }, false },
	[GO_PAUSE_TOTAL_NS] = { GO_MEMSTATS, 8, { "pause_total_ns" }, false },
	[GO_PAUSE_NS] = { GO_MEMSTATS, GO_PAUSES * 8, { "pause_ns" }, false },
	[GO_PAUSE_END] = { GO_MEMSTATS, GO_PAUSES * 8, { "pause_end" }, false },
	[GO_NUMGC] = { GO_MEMSTATS, 4, { "numgc" }, false },
	[GO_NUMFORCEDGC] = { GO_MEMSTATS, 4, { "numforcedgc" }, false },
	[GO_GC_CPU_FRACTION] = { GO_MEMSTATS, 8, { "gc_cpu_fraction" }, false },
	[GO_SWEEPGEN] = { GO_MHEAP, 4, { "sweepgen" }, false },
	[GO_PAGES_IN_USE] = { GO_MHEAP, 8, { "pagesInUse" }, false },
	[GO_SCHED_GFREE] = { GO_SCHED, 4,
			     { "gFree.n", "gFree.stack.size" }, false },
	[GO_SCHED_GFREE_NO_STACK] = { GO_SCHED, 4,
				      { "gFree.noStack.size" }, true },
	[GO_NGSYS] = { GO_SCHED, 4, { "ngsys" }, false },
	[GO_GC_TOTAL_TIME] = { GO_WORK, 8,
			       { "cpuStats.gcTotalTime",
				 "cpuStats.GCTotalTime" }, true },
	[GO_CYCLE_SIZES] = { GO_WORK, 8, { "heap0" }, true },
	[GO_P_GFREE] = { GO_TYPE_P, 4, { "gFree.n", "gFree.size" }, false },
	[GO_TINY_ALLOC_COUNT] = { GO_TYPE_DELTA, 8,
				  { "tinyAllocCount" }, false },
	[GO_LARGE_ALLOC_COUNT] = { GO_TYPE_DELTA, 8,
				   { "largeAllocCount" }, false },
	[GO_SMALL_ALLOC_COUNT] = { GO_TYPE_DELTA, GO_SIZE_CLASSES * 8,
				   { "smallAllocCount" }, false },
	[GO_LARGE_FREE_COUNT] = { GO_TYPE_DELTA, 8,
				  { "largeFreeCount" }, false },
	[GO_SMALL_FREE_COUNT] = { GO_TYPE_DELTA, GO_SIZE_CLASSES * 8,
				  { "smallFreeCount" }, false },
	/* of the type itself, so without a path */
	[GO_DELTA_SIZE] = { GO_TYPE_DELTA, 0, { NULL }, false },
};

_Static_assert(ARRAY_SIZE(go_layout_rows) == GO_FIELD_COUNT,
	       "the table has a row for each field");
_Static_assert(ARRAY_SIZE(go_layout_rows[0]) ==
		       GO_MINOR_LAST - GO_MINOR_FIRST + 1,
	       "the table has a column for each version");

const struct go_field_info *go_field_info(enum go_field f)
{
	return &fields[f];
}

static int find_globals(struct dwarf *d, dwarf_type types[GO_ROOT_COUNT],
			struct go_layout *out)
{
	struct dwarf_variable wanted[GO_GLOBAL_COUNT];
	int r;

	for (int i = 0; i < GO_GLOBAL_COUNT; i++)
		wanted[i] = (struct dwarf_variable){ .name = globals[i] };
	r = dwarf_find_variables(d, "runtime", wanted, GO_GLOBAL_COUNT);
	if (r < 0)
		return r;
	if (r < GO_GLOBAL_COUNT)
		return -ENOENT;
	for (int i = 0; i < GO_GLOBAL_COUNT; i++) {
		out->vaddr[i] = wanted[i].vaddr;
		types[i] = wanted[i].type;
	}
	return 0;
}

/* allp is []*p; heapStats.stats is [3]heapStatsDelta. */
static int find_types(struct dwarf *d, dwarf_type types[GO_ROOT_COUNT])
{
	uint64_t offset;
	dwarf_type t;
	int r;

	if ((r = dwarf_member(d, types[GO_ALLP], "array", &offset, &t)) ||
	    (r = dwarf_target(d, t, &t)) ||
	    (r = dwarf_target(d, t, &types[GO_TYPE_P])) ||
	    (r = dwarf_member(d, types[GO_MEMSTATS], "heapStats.stats",
			      &offset, &t)))
		return r;
	return dwarf_target(d, t, &types[GO_TYPE_DELTA]);
}

static int find_path(struct dwarf *d, const struct go_field_info *f,
		     dwarf_type root, const char *path, uint32_t *out)
{
	uint64_t offset, size;
	dwarf_type type;
	int r = dwarf_member(d, root, path, &offset, &type);

	if (r)
		return r;
	if (offset > OFFSET_MAX)
		return -EBADMSG;
	/* Another width is another meaning, which we do not know. */
	if (f->size && (dwarf_size(d, type, &size) || size != f->size))
		return -ENOENT;
	*out = (uint32_t)offset;
	return 0;
}

static int find_field(struct dwarf *d, const struct go_field_info *f,
		      dwarf_type root, uint32_t *out)
{
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(f->paths) && f->paths[i]; i++) {
		r = find_path(d, f, root, f->paths[i], out);
		if (r != -ENOENT)
			return r;
	}
	if (r == -ENOENT && f->optional) {
		*out = GO_ABSENT;
		return 0;
	}
	return r;
}

/* Counters of a part must lie within it: reader.c copies whole parts. */
static bool parts_hold(const struct go_layout *l, uint64_t part_size)
{
	for (int i = 0; i < GO_FIELD_COUNT; i++) {
		const struct go_field_info *f = &fields[i];

		if (f->root == GO_TYPE_DELTA && i != GO_DELTA_SIZE &&
		    l->offset[i] != GO_ABSENT &&
		    (uint64_t)l->offset[i] + f->size > part_size)
			return false;
	}
	return true;
}

int go_layout_from_dwarf(const struct elf *e, struct go_layout *out)
{
	own(dwarf_freep) struct dwarf *d = NULL;
	dwarf_type types[GO_ROOT_COUNT];
	struct go_layout l;
	uint64_t size;
	int r;

	if ((r = dwarf_open(&d, e)) || (r = find_globals(d, types, &l)) ||
	    (r = find_types(d, types)) ||
	    (r = dwarf_size(d, types[GO_TYPE_DELTA], &size)))
		return r;
	for (int i = 0; i < GO_FIELD_COUNT && !r; i++) {
		if (i != GO_DELTA_SIZE)
			r = find_field(d, &fields[i], types[fields[i].root],
				       &l.offset[i]);
	}
	if (r)
		return r;
	if (size > OFFSET_MAX || !parts_hold(&l, size))
		return -EBADMSG;
	l.offset[GO_DELTA_SIZE] = (uint32_t)size;
	*out = l;
	return 0;
}

bool go_layout_table(int minor, uint32_t out[GO_FIELD_COUNT])
{
	if (minor < GO_MINOR_FIRST || minor > GO_MINOR_LAST)
		return false;
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		out[i] = go_layout_rows[i][minor - GO_MINOR_FIRST];
	return true;
}

int go_layout_from_symbols(const struct elf *e, int minor,
			   struct go_layout *out)
{
	struct elf_symbol wanted[GO_GLOBAL_COUNT];
	struct go_layout l;
	int r;

	if (!go_layout_table(minor, l.offset))
		return -ENOTSUP;
	for (int i = 0; i < GO_GLOBAL_COUNT; i++)
		wanted[i] = (struct elf_symbol){ .name = globals[i] };
	r = elf_find_symbols(e, wanted, GO_GLOBAL_COUNT);
	if (r < 0)
		return r;
	if (r < GO_GLOBAL_COUNT)
		return -ENOENT;
	for (int i = 0; i < GO_GLOBAL_COUNT; i++)
		l.vaddr[i] = wanted[i].vaddr;
	*out = l;
	return 0;
}
