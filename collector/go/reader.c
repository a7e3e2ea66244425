#include "reader.h"

#include <errno.h>
#include <string.h>

#include "collector/remote.h"

#define BLOCK_MAX  12288 /* memstats up to the last field of ours: 7.7 KB */
#define PARTS      3     /* of heapStats */
#define TRIES      8
#define PAGE_BYTES 8192

/* All fields of one root, copied at once. */
struct block {
	uint32_t low, len;
	unsigned char data[BLOCK_MAX];
};

static uint32_t field_size(const struct go_layout *l, int f)
{
	if (f == GO_HEAP_STATS)
		return PARTS * l->offset[GO_DELTA_SIZE];
	return go_field_info(f)->size;
}

static int read_block(int mem_fd, const struct go_layout *l, uint64_t bias,
		      enum go_root root, struct block *b)
{
	uint32_t low = UINT32_MAX, high = 0;

	for (int f = 0; f < GO_FIELD_COUNT; f++) {
		uint32_t offset = l->offset[f];

		if (go_field_info(f)->root != root || offset == GO_ABSENT)
			continue;
		if (offset < low)
			low = offset;
		if (offset + field_size(l, f) > high)
			high = offset + field_size(l, f);
	}
	if (high <= low || high - low > BLOCK_MAX)
		return -EBADMSG;
	b->low = low;
	b->len = high - low;
	return remote_read(mem_fd, l->vaddr[root] + bias + low, b->data,
			   b->len);
}

static const unsigned char *at(const struct block *b, const struct go_layout *l,
			       enum go_field f)
{
	return b->data + (l->offset[f] - b->low);
}

static uint32_t u32(const struct block *b, const struct go_layout *l,
		    enum go_field f)
{
	uint32_t value;

	memcpy(&value, at(b, l, f), sizeof(value));
	return value;
}

static uint64_t u64(const struct block *b, const struct go_layout *l,
		    enum go_field f)
{
	uint64_t value;

	memcpy(&value, at(b, l, f), sizeof(value));
	return value;
}

static int read_controller(int mem_fd, const struct go_layout *l, uint64_t bias,
			   struct go_reading *out)
{
	struct block b;
	int r = read_block(mem_fd, l, bias, GO_GC_CONTROLLER, &b);

	if (r)
		return r;
	out->memory_limit = (int64_t)u64(&b, l, GO_MEMORY_LIMIT);
	out->gc_percent_heap_goal = u64(&b, l, GO_GC_PERCENT_HEAP_GOAL);
	out->sweep_dist_min_trigger = u64(&b, l, GO_SWEEP_DIST_MIN_TRIGGER);
	out->triggered = u64(&b, l, GO_TRIGGERED);
	out->heap_live = u64(&b, l, GO_HEAP_LIVE);
	out->heap_marked = u64(&b, l, GO_HEAP_MARKED);
	out->heap_in_use = u64(&b, l, GO_HEAP_IN_USE);
	out->heap_released = u64(&b, l, GO_HEAP_RELEASED);
	out->heap_free = u64(&b, l, GO_HEAP_FREE);
	out->total_alloc = u64(&b, l, GO_TOTAL_ALLOC);
	out->total_free = u64(&b, l, GO_TOTAL_FREE);
	out->mapped_ready = u64(&b, l, GO_MAPPED_READY);
	return 0;
}

static void take_memstats(const struct block *b, const struct go_layout *l,
			  struct go_reading *out)
{
	out->numgc = u32(b, l, GO_NUMGC);
	out->numforcedgc = u32(b, l, GO_NUMFORCEDGC);
	out->pause_total_ns = u64(b, l, GO_PAUSE_TOTAL_NS);
	memcpy(out->pause_ns, at(b, l, GO_PAUSE_NS), sizeof(out->pause_ns));
	memcpy(out->pause_end, at(b, l, GO_PAUSE_END), sizeof(out->pause_end));
	memcpy(&out->gc_cpu_fraction, at(b, l, GO_GC_CPU_FRACTION),
	       sizeof(out->gc_cpu_fraction));
}

/* One counter, or the sum of an array of them, of one part. */
static uint64_t part_sum(const struct block *b, const struct go_layout *l,
			 int part, enum go_field f)
{
	const unsigned char *p = at(b, l, GO_HEAP_STATS) +
				 (size_t)part * l->offset[GO_DELTA_SIZE] +
				 l->offset[f];
	uint64_t sum = 0, value;

	for (uint32_t i = 0; i < go_field_info(f)->size / 8; i++) {
		memcpy(&value, p + 8 * i, sizeof(value));
		sum += value;
	}
	return sum;
}

/* As readmemstats_m adds them up. */
static void take_objects(const struct block *b, const struct go_layout *l,
			 struct go_reading *out)
{
	uint64_t allocs = 0, frees = 0, tiny = 0;

	for (int i = 0; i < PARTS; i++) {
		allocs += part_sum(b, l, i, GO_LARGE_ALLOC_COUNT) +
			  part_sum(b, l, i, GO_SMALL_ALLOC_COUNT);
		frees += part_sum(b, l, i, GO_LARGE_FREE_COUNT) +
			 part_sum(b, l, i, GO_SMALL_FREE_COUNT);
		tiny += part_sum(b, l, i, GO_TINY_ALLOC_COUNT);
	}
	out->mallocs = allocs + tiny;
	out->objects = allocs - frees;
}

/*
 * Writers add to the part that gen names only; the others change while a
 * reader inside the program merges them. Equal in two copies: no merge.
 */
static bool parts_at_rest(const struct block *a, const struct block *b,
			  const struct go_layout *l)
{
	size_t size = l->offset[GO_DELTA_SIZE];
	uint32_t gen = u32(a, l, GO_HEAP_STATS_GEN);

	if (gen != u32(b, l, GO_HEAP_STATS_GEN))
		return false;
	for (uint32_t i = 0; i < PARTS; i++) {
		const unsigned char *part = at(a, l, GO_HEAP_STATS) + i * size;
		const unsigned char *again = at(b, l, GO_HEAP_STATS) + i * size;

		if (i != gen && memcmp(part, again, size) != 0)
			return false;
	}
	return true;
}

static int read_heap(int mem_fd, const struct go_layout *l, uint64_t bias,
		     struct go_reading *out)
{
	struct block pages;
	int r;

	if ((r = read_controller(mem_fd, l, bias, out)) ||
	    (r = read_block(mem_fd, l, bias, GO_MHEAP, &pages)))
		return r;
	out->sweepgen = u32(&pages, l, GO_SWEEPGEN);
	out->pages_in_use = u64(&pages, l, GO_PAGES_IN_USE);
	return 0;
}

/* The runtime itself waits for this before it computes with the set. */
static bool heap_agrees(const struct go_reading *r)
{
	uint64_t sum;

	return r->total_free <= r->total_alloc &&
	       !__builtin_add_overflow(r->heap_free, go_used(r), &sum) &&
	       sum <= r->mapped_ready;
}

static int read_sets(int mem_fd, const struct go_layout *l, uint64_t bias,
		     struct go_reading *out)
{
	struct block before, after;
	bool agrees = false, settled = false;
	int r;

	for (int i = 0; i < TRIES && !settled; i++) {
		if ((r = read_block(mem_fd, l, bias, GO_MEMSTATS, &before)) ||
		    (r = read_heap(mem_fd, l, bias, out)) ||
		    (r = read_block(mem_fd, l, bias, GO_MEMSTATS, &after)))
			return r;
		take_memstats(&after, l, out);
		take_objects(&after, l, out);
		out->objects_known = parts_at_rest(&before, &after, l);
		agrees = heap_agrees(out);
		/* Both are counted up while the world stands still. */
		settled = agrees && out->objects_known &&
			  u32(&before, l, GO_NUMGC) == out->numgc &&
			  out->sweepgen / 2 == out->numgc;
	}
	return agrees ? 0 : -EAGAIN;
}

/* ---- goroutines ---- */

static int read_procs(int mem_fd, const struct go_layout *l, uint64_t bias,
		      int64_t *free_count)
{
	uint64_t slice[2], procs[256];
	int64_t sum = 0;
	int r = remote_read(mem_fd, l->vaddr[GO_ALLP] + bias, slice,
			    sizeof(slice));

	if (r)
		return r;
	if (slice[1] == 0 || slice[1] > GO_PROCS_MAX)
		return -EAGAIN;
	for (uint64_t i = 0; i < slice[1]; i++) {
		uint64_t some = slice[1] - i;
		int32_t n;

		if (some > ARRAY_SIZE(procs))
			some = ARRAY_SIZE(procs);
		if (i % ARRAY_SIZE(procs) == 0 &&
		    (r = remote_read(mem_fd, slice[0] + i * 8, procs,
				     some * 8)))
			return r;
		r = remote_read(mem_fd, procs[i % ARRAY_SIZE(procs)] +
				l->offset[GO_P_GFREE], &n, sizeof(n));
		if (r)
			return r;
		sum += n;
	}
	*free_count = sum;
	return 0;
}

/* gcount(): all there ever were, less the dead ones kept and the system's. */
static int read_goroutines(int mem_fd, const struct go_layout *l, uint64_t bias,
			   int64_t *out)
{
	struct block b;
	uint64_t all;
	int64_t unused = 0, n;
	int r;

	if ((r = remote_read_u64(mem_fd, l->vaddr[GO_ALLGLEN] + bias, &all)) ||
	    (r = read_block(mem_fd, l, bias, GO_SCHED, &b)) ||
	    (r = read_procs(mem_fd, l, bias, &unused)))
		return r;
	if (all > INT32_MAX)
		return -EAGAIN;
	n = (int64_t)all - unused - (int32_t)u32(&b, l, GO_NGSYS) -
	    (int32_t)u32(&b, l, GO_SCHED_GFREE);
	if (l->offset[GO_SCHED_GFREE_NO_STACK] != GO_ABSENT)
		n -= (int32_t)u32(&b, l, GO_SCHED_GFREE_NO_STACK);
	*out = n;
	return 0;
}

static int read_gc_cpu(int mem_fd, const struct go_layout *l, uint64_t bias,
		       int64_t *out)
{
	uint64_t ns;
	int r;

	*out = -1;
	if (l->offset[GO_GC_TOTAL_TIME] == GO_ABSENT)
		return 0;
	r = remote_read_u64(mem_fd, l->vaddr[GO_WORK] + bias +
			    l->offset[GO_GC_TOTAL_TIME], &ns);
	if (r == 0 && ns <= INT64_MAX)
		*out = (int64_t)ns;
	return r;
}

int go_read(int mem_fd, const struct go_layout *l, uint64_t bias,
	    struct go_reading *out)
{
	int r;

	if ((r = read_sets(mem_fd, l, bias, out)) ||
	    (r = read_gc_cpu(mem_fd, l, bias, &out->gc_cpu_ns)))
		return r;
	/* Lists of goroutines move all the time: no number this time. */
	r = read_goroutines(mem_fd, l, bias, &out->goroutines);
	if (r)
		out->goroutines = 0;
	return r == -ESRCH ? r : 0;
}

/* ---- what follows ---- */

uint64_t go_used(const struct go_reading *r)
{
	return r->total_alloc - r->total_free;
}

/* 1 MiB, and since 1.21 at least 3 % of what is left. */
static uint64_t headroom(uint64_t goal, int minor)
{
	const uint64_t least = 1 << 20;
	uint64_t share = goal / 100 * 3;

	return minor >= 21 && share > least ? share : least;
}

/* gcControllerState.memoryLimitHeapGoal */
static uint64_t limit_goal(const struct go_reading *r, int minor)
{
	uint64_t limit = r->memory_limit > 0 ? (uint64_t)r->memory_limit : 0;
	uint64_t non_heap = r->mapped_ready - r->heap_free - go_used(r);
	uint64_t over = r->mapped_ready > limit ? r->mapped_ready - limit : 0;
	uint64_t goal, room;

	if (non_heap + over >= limit)
		return r->heap_marked;
	goal = limit - (non_heap + over);
	room = headroom(goal, minor);
	/* Too little for the headroom: the headroom itself is the goal. */
	if (goal < room || goal - room < room)
		goal = room;
	else
		goal -= room;
	return goal > r->heap_marked ? goal : r->heap_marked;
}

uint64_t go_heap_goal(const struct go_reading *r, int minor)
{
	const uint64_t runway = 64 << 10;
	uint64_t goal = r->gc_percent_heap_goal;
	uint64_t limited = limit_goal(r, minor);

	if (limited < goal)
		return limited;
	if (r->sweep_dist_min_trigger > goal)
		goal = r->sweep_dist_min_trigger;
	if (r->triggered != UINT64_MAX && goal < r->triggered + runway)
		goal = r->triggered + runway;
	return goal;
}

unsigned go_recent_cycles(const struct go_reading *r, uint64_t now_ns,
			  uint64_t window_ns, bool *complete)
{
	unsigned known = r->numgc < GO_PAUSES ? r->numgc : GO_PAUSES;
	unsigned recent = 0;

	/* Newest first; by count, as the clock may have been set back. */
	for (unsigned i = 0; i < known; i++) {
		uint64_t end = r->pause_end[(r->numgc - 1 - i) % GO_PAUSES];

		if (now_ns >= window_ns && end <= now_ns - window_ns)
			break;
		recent++;
	}
	*complete = recent < GO_PAUSES || r->numgc == GO_PAUSES;
	return recent;
}

int go_check(const struct go_reading *r, const char **why)
{
	int64_t cycles = (int64_t)(r->sweepgen / 2) - (int64_t)r->numgc;

	*why = "";
	/* A memory limit of 0 is legal: it asks for collections all the time. */
	if (r->total_alloc == 0 || r->heap_live == 0 || r->mapped_ready == 0 ||
	    r->goroutines < 1)
		return -EAGAIN;
	if (r->memory_limit < 0)
		*why = "its memory limit is negative";
	else if (r->heap_live > r->mapped_ready)
		*why = "its live heap is more than what is mapped";
	else if (cycles < -1 || cycles > 1)
		*why = "its cycles of marking and sweeping do not match";
	else if (r->numforcedgc > r->numgc)
		*why = "it tells more forced cycles than cycles";
	else if (r->pages_in_use > r->mapped_ready / PAGE_BYTES)
		*why = "its pages in use are more than what is mapped";
	else if (!(r->gc_cpu_fraction >= 0 && r->gc_cpu_fraction <= 1))
		*why = "its share of CPU for collection is not from 0 to 1";
	return **why ? -EINVAL : 0;
}
