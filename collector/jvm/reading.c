#include "reading.h"

#include <math.h>

#include "common/own.h"

const enum column jvm_columns[] = {
	COL_GC_PRESSURE,
	COL_HEAP_COMMITTED_BYTES,
	COL_HEAP_ALLOCATED_BYTES_TOTAL,
	COL_HEAP_POOL_USED_EDEN,
	COL_HEAP_POOL_USED_SURVIVOR,
	COL_HEAP_POOL_USED_YOUNG,
	COL_HEAP_POOL_USED_OLD,
	COL_HEAP_POOL_USED_HEAP,
	COL_HEAP_POOL_COMMITTED_EDEN,
	COL_HEAP_POOL_COMMITTED_SURVIVOR,
	COL_HEAP_POOL_COMMITTED_YOUNG,
	COL_HEAP_POOL_COMMITTED_OLD,
	COL_HEAP_POOL_COMMITTED_HEAP,
	COL_HEAP_POOL_MAX_EDEN,
	COL_HEAP_POOL_MAX_SURVIVOR,
	COL_HEAP_POOL_MAX_YOUNG,
	COL_HEAP_POOL_MAX_OLD,
	COL_HEAP_POOL_MAX_HEAP,
	COL_GC_COLLECTIONS_CYCLE,
	COL_GC_COLLECTIONS_FORCED,
	COL_GC_COLLECTIONS_YOUNG,
	COL_GC_COLLECTIONS_OLD,
	COL_GC_COLLECTIONS_CONCURRENT,
	COL_GC_PAUSE_SECONDS_TOTAL,
	COL_GC_PAUSE_SECONDS_YOUNG,
	COL_GC_PAUSE_SECONDS_OLD,
	COL_GC_PAUSE_SECONDS_CONCURRENT,
	COL_GC_LAST_PAUSE_SECONDS,
	COL_GC_CYCLE_SECONDS_TOTAL,
	COL_GC_LAST_CYCLE_SECONDS,
	COL_METASPACE_USED_BYTES,
	COL_CLASSES_LOADED,
};
const size_t jvm_column_count = ARRAY_SIZE(jvm_columns);

/* Capacities of G1 until JDK 17 carry 8 bytes for each counter added up. */
#define PADDING_MASK (~(int64_t)1023)

/* More than any size or time is; sums of some still fit 64 bits. */
#define NUMBER_MAX (1ll << 60)

/* A counter as it is; NAN when it is not there or cannot be. */
static double number(const struct jvm_input *in, enum hsperf_counter c)
{
	int64_t value;

	if (!hsperf_number(in->index, in->block, in->len, c, &value) ||
	    value < 0 || value > NUMBER_MAX)
		return NAN;
	return (double)value;
}

static double capacity(const struct jvm_input *in, enum hsperf_counter c)
{
	double value = number(in, c);

	if (isnan(value) || in->collector->gc != JVM_G1)
		return value;
	return (double)((int64_t)value & PADDING_MASK);
}

static void set(struct jvm_reading *r, enum column c, double value, enum gap why)
{
	r->value[c] = value;
	r->gap[c] = (uint8_t)(isnan(value) ? why : GAP_NONE);
}

/* ---- the heap and its pools ---- */

/* What one tick knows of the spaces; NAN is absent. */
struct spaces {
	struct vm_space heap, eden, survivor, old;
	enum gap live_gap; /* why used of heap and eden may be absent */
};

/* The survivor space in use; which one is not told, but the other is empty. */
static struct vm_space survivor_in_use(const struct jvm_input *in)
{
	struct vm_space s0 = { number(in, HSPERF_S0_USED),
			       capacity(in, HSPERF_S0_CAPACITY) };
	struct vm_space s1 = { number(in, HSPERF_S1_USED),
			       capacity(in, HSPERF_S1_CAPACITY) };

	if (s0.used > 0)
		return s0;
	if (s1.used > 0 || s0.committed == s1.committed ||
	    in->collector->gc == JVM_G1) /* only has the second */
		return s1;
	s1.committed = NAN; /* both empty and of two sizes: either */
	return s1;
}

/* Do the counters of the spaces follow what is allocated? */
static bool counters_follow(const struct jvm_input *in)
{
	if (in->collector->gc != JVM_G1)
		return in->index->at[HSPERF_TICKS];
	/* G1 sets old's when a collection ends: shared archives lie there. */
	return number(in, HSPERF_COLLECTOR_0_COUNT) +
		       number(in, HSPERF_COLLECTOR_1_COUNT) > 0;
}

static void generations_from_counters(struct spaces *s,
				      const struct jvm_input *in)
{
	s->eden.used = number(in, HSPERF_EDEN_USED);
	s->eden.committed = capacity(in, HSPERF_EDEN_CAPACITY);
	s->survivor = survivor_in_use(in);
	s->old.used = number(in, HSPERF_OLD_USED);
	s->old.committed = capacity(in, HSPERF_OLD_CAPACITY);
	s->heap.used = s->eden.used + s->survivor.used + s->old.used;
	if (!counters_follow(in)) {
		/* eden as of the last collection is not eden now */
		if (in->collector->gc != JVM_G1)
			s->eden.used = NAN;
		s->heap.used = NAN;
		s->live_gap = in->memory_gap;
	}
	s->heap.committed = s->eden.committed + s->survivor.committed +
			    s->old.committed;
}

static void heap_from_counters(struct spaces *s, const struct jvm_input *in)
{
	if (in->collector->gc == JVM_SHENANDOAH) {
		s->heap.used = number(in, HSPERF_OLD_USED);
		s->heap.committed = number(in, HSPERF_OLD_CAPACITY);
	} else {
		s->live_gap = in->memory_gap;
	}
}

static void read_spaces(struct spaces *s, const struct jvm_input *in)
{
	const struct vm_space none = { NAN, NAN };
	const struct vm_heap *m = in->memory;

	*s = (struct spaces){ none, none, none, none, GAP_UNREADABLE };
	if (in->collector->has_eden)
		generations_from_counters(s, in);
	else
		heap_from_counters(s, in);
	if (m && !isnan(m->heap.used))
		s->heap = m->heap;
	if (m && !isnan(m->eden.used)) {
		s->eden = m->eden;
		s->survivor = m->from;
		s->old = m->old;
	}
}

static double maximum(const struct jvm_input *in, const struct spaces *s)
{
	double old = capacity(in, HSPERF_OLD_MAX);
	double max = old;

	switch (in->collector->gc) {
	case JVM_SERIAL:
		max = number(in, HSPERF_EDEN_MAX) + number(in, HSPERF_S0_MAX) +
		      old;
		break;
	case JVM_PARALLEL:
		max = number(in, HSPERF_YOUNG_MAX) + old -
		      number(in, HSPERF_S0_MAX);
		/* fmax would take the one for want of the other */
		max = isnan(s->heap.committed) ? NAN :
						 fmax(max, s->heap.committed);
		break;
	default:
		break;
	}
	return max > 0 ? max : NAN;
}

static void put_pool_limits(struct jvm_reading *r, const struct jvm_input *in,
			    const struct spaces *s)
{
	double eden = NAN, survivor = NAN;

	if (in->collector->gc == JVM_SERIAL) {
		eden = number(in, HSPERF_EDEN_MAX);
		survivor = number(in, HSPERF_S0_MAX);
	} else if (in->collector->gc == JVM_PARALLEL) {
		eden = number(in, HSPERF_YOUNG_MAX) -
		       number(in, HSPERF_S0_CAPACITY) -
		       number(in, HSPERF_S1_CAPACITY);
		survivor = s->survivor.committed;
	}
	/* G1's eden and survivors share the heap without limits of their own */
	set(r, COL_HEAP_POOL_MAX_EDEN, eden, GAP_UNLIMITED);
	set(r, COL_HEAP_POOL_MAX_SURVIVOR, survivor, GAP_UNLIMITED);
	set(r, COL_HEAP_POOL_MAX_OLD, capacity(in, HSPERF_OLD_MAX),
	    GAP_UNREADABLE);
}

static void put_pools(struct jvm_reading *r, const struct jvm_input *in,
		      const struct spaces *s)
{
	set(r, COL_HEAP_COMMITTED_BYTES, s->heap.committed, s->live_gap);
	if (!in->collector->has_eden) {
		set(r, COL_HEAP_POOL_USED_HEAP, s->heap.used, s->live_gap);
		set(r, COL_HEAP_POOL_COMMITTED_HEAP, s->heap.committed,
		    s->live_gap);
		set(r, COL_HEAP_POOL_MAX_HEAP, r->heap.limit_bytes,
		    GAP_UNREADABLE);
		return;
	}
	set(r, COL_HEAP_POOL_USED_EDEN, s->eden.used, s->live_gap);
	set(r, COL_HEAP_POOL_USED_SURVIVOR, s->survivor.used, GAP_UNREADABLE);
	set(r, COL_HEAP_POOL_USED_OLD, s->old.used, GAP_UNREADABLE);
	set(r, COL_HEAP_POOL_COMMITTED_EDEN, s->eden.committed, GAP_UNREADABLE);
	set(r, COL_HEAP_POOL_COMMITTED_SURVIVOR, s->survivor.committed,
	    GAP_UNREADABLE);
	set(r, COL_HEAP_POOL_COMMITTED_OLD, s->old.committed, GAP_UNREADABLE);
	put_pool_limits(r, in, s);
}

/* ---- collections and pauses ---- */

static double collector_number(const struct jvm_input *in, int n,
			       enum hsperf_counter of_zero)
{
	const int group = HSPERF_COLLECTOR_1_NAME - HSPERF_COLLECTOR_0_NAME;

	if (n == NOT_TOLD)
		return NAN;
	return number(in, (enum hsperf_counter)((int)of_zero + n * group));
}

static double seconds(const struct jvm_input *in, double ticks)
{
	double frequency = number(in, HSPERF_FREQUENCY);

	return frequency > 0 ? ticks / frequency : NAN;
}

/* What the counters do not tell, since the probes are there. */
static void set_by_events(struct jvm_reading *r, const struct jvm_input *in)
{
	static const struct {
		enum jvm_gc gc;
		enum column column;
		enum gc_kind kind;
	} kinds[] = {
		{ JVM_Z_GENERATIONAL, COL_GC_COLLECTIONS_YOUNG, GC_YOUNG },
		{ JVM_Z_GENERATIONAL, COL_GC_COLLECTIONS_OLD, GC_OLD },
		{ JVM_SHENANDOAH, COL_GC_COLLECTIONS_CYCLE, GC_CYCLE },
	};
	const struct gc_events *e = in->events;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].gc == in->collector->gc)
			set(r, kinds[i].column,
			    e ? (double)e->counts[kinds[i].kind] : NAN,
			    in->events_gap);
	}
	set(r, COL_GC_CYCLE_SECONDS_TOTAL, e ? (double)e->total_ns / 1e9 : NAN,
	    in->events_gap);
	set(r, COL_GC_LAST_CYCLE_SECONDS,
	    e && e->total_ns ? (double)e->last_ns / 1e9 : NAN,
	    e ? GAP_NOT_YET : in->events_gap);
}

static void put_collections(struct jvm_reading *r, const struct jvm_input *in)
{
	const struct jvm_collector *c = in->collector;
	const struct {
		enum column column;
		int n;
	} counts[] = {
		{ COL_GC_COLLECTIONS_YOUNG, c->young },
		{ COL_GC_COLLECTIONS_OLD, c->old },
		{ COL_GC_COLLECTIONS_CONCURRENT, c->concurrent },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		set(r, counts[i].column,
		    collector_number(in, counts[i].n, HSPERF_COLLECTOR_0_COUNT),
		    GAP_UNSUPPORTED);
	set_by_events(r, in);
	if (c->gc == JVM_Z)
		set(r, COL_GC_COLLECTIONS_CYCLE,
		    in->memory ? in->memory->cycles : NAN, in->memory_gap);
}

static void put_pauses(struct jvm_reading *r, const struct jvm_input *in)
{
	const struct jvm_collector *c = in->collector;
	const struct {
		enum column column;
		int n;
	} kinds[] = {
		{ COL_GC_PAUSE_SECONDS_YOUNG, c->young_pauses },
		{ COL_GC_PAUSE_SECONDS_OLD, c->old_pauses },
		{ COL_GC_PAUSE_SECONDS_CONCURRENT, c->concurrent_pauses },
		{ COL_GC_PAUSE_SECONDS_TOTAL, c->all_pauses },
	};
	double total = NAN, newest = 0, last = NAN;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int n = kinds[i].n;
		double time = seconds(in, collector_number(
					in, n, HSPERF_COLLECTOR_0_TIME));
		double entry = collector_number(in, n, HSPERF_COLLECTOR_0_ENTRY);
		double end = collector_number(in, n, HSPERF_COLLECTOR_0_EXIT);

		set(r, kinds[i].column, time, GAP_UNSUPPORTED);
		if (isnan(time))
			continue;
		total = isnan(total) ? time : total + time;
		/* An entry after its exit: it is in the pause now. */
		if (end > newest && entry <= end) {
			newest = end;
			last = seconds(in, end - entry);
		}
	}
	set(r, COL_GC_PAUSE_SECONDS_TOTAL, total, GAP_UNSUPPORTED);
	set(r, COL_GC_LAST_PAUSE_SECONDS, last,
	    isnan(total) ? GAP_UNSUPPORTED : GAP_NOT_YET);
}

/* ---- after a collection ---- */

void jvm_memory_init(struct jvm_memory *m)
{
	*m = (struct jvm_memory){ .last_exit = NAN, .full_count = NAN,
				  .after_gc_bytes = NAN, .live_bytes = NAN,
				  .live_gap = GAP_NOT_YET };
}

/*
 * Did a collection end since the last tick, and which was the newest? What
 * ended before the first tick is too long ago: its values have moved on.
 */
static void note_collections(struct jvm_memory *m, const struct jvm_input *in)
{
	double young_end = collector_number(in, in->collector->young,
					    HSPERF_COLLECTOR_0_EXIT);
	double full_end = collector_number(in, in->collector->old,
					   HSPERF_COLLECTOR_0_EXIT);
	double fulls = collector_number(in, in->collector->old,
					HSPERF_COLLECTOR_0_COUNT);
	double after = number(in, HSPERF_S0_USED) + number(in, HSPERF_S1_USED) +
		       number(in, HSPERF_OLD_USED);
	double newest = fmax(young_end, full_end);
	bool known = !isnan(m->last_exit) && !isnan(newest);

	if (known && newest != m->last_exit) {
		m->after_gc_bytes = after;
		if (full_end > young_end) {
			m->live_bytes = after;
		} else if (fulls != m->full_count) {
			/* A full one, then a young one, within a tick. */
			m->live_bytes = NAN;
			m->live_gap = GAP_UNREADABLE;
		}
	}
	m->last_exit = newest;
	m->full_count = fulls;
}

/* The end of a collection itself rather than the first tick after it. */
static void after_by_events(struct jvm_reading *r, const struct gc_events *e)
{
	if (!isnan(e->after_gc_bytes))
		r->heap.after_gc_bytes = e->after_gc_bytes;
	if (!isnan(e->live_bytes))
		r->heap.live_bytes = e->live_bytes;
}

static void put_after(struct jvm_reading *r, struct jvm_memory *m,
		      const struct jvm_input *in)
{
	if (!in->collector->has_eden) {
		r->heap.after_gc_bytes = r->heap.live_bytes = NAN;
		r->heap.after_gc_gap = r->heap.live_gap =
			in->events ? GAP_NOT_YET : in->events_gap;
	} else {
		note_collections(m, in);
		r->heap.after_gc_bytes = m->after_gc_bytes;
		r->heap.after_gc_gap = GAP_NOT_YET;
		r->heap.live_bytes = m->live_bytes;
		r->heap.live_gap = m->live_gap;
	}
	if (in->events)
		after_by_events(r, in->events);
}

/* ---- all ---- */

static void put_rest(struct jvm_reading *r, const struct jvm_input *in)
{
	double classes = number(in, HSPERF_CLASSES_LOADED) +
			 number(in, HSPERF_CLASSES_LOADED_SHARED) -
			 number(in, HSPERF_CLASSES_UNLOADED) -
			 number(in, HSPERF_CLASSES_UNLOADED_SHARED);

	set(r, COL_CLASSES_LOADED, classes, GAP_UNSUPPORTED);
	/* Refreshed at collections only, so before the first it is little. */
	set(r, COL_METASPACE_USED_BYTES, number(in, HSPERF_METASPACE_USED),
	    GAP_UNSUPPORTED);
}

void jvm_reading_fill(struct jvm_reading *out, struct jvm_memory *m,
		      const struct jvm_input *in)
{
	struct spaces s;

	for (int i = 0; i < COL_COUNT; i++)
		set(out, (enum column)i, NAN, GAP_UNSUPPORTED);
	read_spaces(&s, in);
	out->heap = (struct heap_reading){
		.used_bytes = s.heap.used,
		.used_gap = s.live_gap,
		.limit_bytes = maximum(in, &s),
		.limit_kind = BOUND_RUNTIME_JVM,
		.free_regions = in->memory ? in->memory->free_regions : NAN,
		.total_regions = in->memory ? in->memory->total_regions : NAN,
		.pages_in_use = NAN,
	};
	put_pools(out, in, &s);
	put_collections(out, in);
	put_pauses(out, in);
	put_after(out, m, in);
	put_rest(out, in);
}
