#include "test.h"

#include <math.h>

#include "collector/jvm/gc_events.h"

static struct gc_events g;
static uint64_t now_ns;
static const char *cause = "";

static uint32_t manager_number(const char *name)
{
	for (size_t i = 0; i < gc_manager_count; i++) {
		if (strcmp(gc_managers[i].name, name) == 0)
			return (uint32_t)i + 1;
	}
	ck_abort_msg("no manager %s", name);
}

static uint32_t pool_number(const char *name)
{
	for (size_t i = 0; i < gc_pool_count; i++) {
		if (strcmp(gc_pools[i].name, name) == 0)
			return (uint32_t)i + 1;
	}
	ck_abort_msg("no pool %s", name);
}

static void tell(enum jvm_gc gc, uint32_t type, const char *manager,
		 const char *pool, uint64_t used)
{
	struct event_jvm_pool e = {
		.header = { .time_ns = now_ns, .type = type },
		.used_bytes = used,
		.manager = manager_number(manager),
		.pool = pool_number(pool),
	};

	now_ns += 10;
	gc_events_add(&g, gc, &e, cause);
}

/* One end of a collection of Serial. */
static void serial(uint32_t type, const char *manager, uint64_t eden,
		   uint64_t survivor, uint64_t old)
{
	tell(JVM_SERIAL, type, manager, "Eden Space", eden);
	tell(JVM_SERIAL, type, manager, "Survivor Space", survivor);
	tell(JVM_SERIAL, type, manager, "Tenured Gen", old);
}

static void reset(void)
{
	gc_events_init(&g);
	now_ns = 1000;
}

START_TEST(young_collection_tells_what_it_left_and_how_long_it_took)
{
	reset();
	serial(EVENT_TYPE_JVM_GC_BEGIN, "Copy", 100, 10, 50);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 0);
	ck_assert(isnan(g.after_gc_bytes));
	now_ns = 5000;
	serial(EVENT_TYPE_JVM_GC_END, "Copy", 0, 12, 55);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 1);
	ck_assert_double_eq(g.after_gc_bytes, 67);
	ck_assert(isnan(g.live_bytes));
	ck_assert_int_eq(g.last_ns, 4020); /* the last pool's end */
	ck_assert_double_eq(g.last[GC_YOUNG].before_bytes, 160);
}
END_TEST

START_TEST(full_collection_tells_what_lives)
{
	reset();
	serial(EVENT_TYPE_JVM_GC_BEGIN, "MarkSweepCompact", 1, 2, 3);
	serial(EVENT_TYPE_JVM_GC_END, "MarkSweepCompact", 0, 0, 5);
	ck_assert_double_eq(g.live_bytes, 5);
	serial(EVENT_TYPE_JVM_GC_BEGIN, "Copy", 100, 0, 5);
	serial(EVENT_TYPE_JVM_GC_END, "Copy", 0, 3, 6);
	ck_assert_double_eq(g.live_bytes, 5);
	ck_assert_double_eq(g.after_gc_bytes, 9);
	ck_assert_uint_eq(g.counts[GC_OLD], 1);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 1);
}
END_TEST

START_TEST(collection_that_began_unseen_counts_without_a_length)
{
	reset();
	serial(EVENT_TYPE_JVM_GC_END, "Copy", 0, 1, 2);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 1);
	ck_assert_double_eq(g.after_gc_bytes, 3);
	ck_assert_int_eq(g.total_ns, 0);
	ck_assert(isnan(g.last[GC_YOUNG].before_bytes));
}
END_TEST

START_TEST(collection_with_a_lost_record_is_none)
{
	reset();
	serial(EVENT_TYPE_JVM_GC_BEGIN, "Copy", 100, 0, 0);
	tell(JVM_SERIAL, EVENT_TYPE_JVM_GC_END, "Copy", "Eden Space", 0);
	tell(JVM_SERIAL, EVENT_TYPE_JVM_GC_END, "Copy", "Tenured Gen", 7);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 0);
	serial(EVENT_TYPE_JVM_GC_BEGIN, "Copy", 100, 0, 0);
	serial(EVENT_TYPE_JVM_GC_END, "Copy", 0, 1, 1);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 1);
	ck_assert_double_eq(g.after_gc_bytes, 2);
	/* and where begins are lost, too */
	tell(JVM_SERIAL, EVENT_TYPE_JVM_GC_END, "Copy", "Eden Space", 9);
	serial(EVENT_TYPE_JVM_GC_END, "Copy", 0, 2, 2);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 2);
	ck_assert_double_eq(g.after_gc_bytes, 4);
}
END_TEST

START_TEST(minor_cycle_within_a_major_one_is_told_apart)
{
	static const enum jvm_gc z = JVM_Z_GENERATIONAL;
	static const char minor[] = "ZGC Minor Cycles";
	static const char major[] = "ZGC Major Cycles";
	static const char young[] = "ZGC Young Generation";
	static const char old[] = "ZGC Old Generation";

	reset();
	tell(z, EVENT_TYPE_JVM_GC_BEGIN, major, young, 9);
	tell(z, EVENT_TYPE_JVM_GC_BEGIN, major, old, 90);
	tell(z, EVENT_TYPE_JVM_GC_BEGIN, minor, young, 8);
	tell(z, EVENT_TYPE_JVM_GC_BEGIN, minor, old, 80);
	tell(z, EVENT_TYPE_JVM_GC_END, minor, young, 1);
	tell(z, EVENT_TYPE_JVM_GC_END, minor, old, 80);
	ck_assert(isnan(g.live_bytes));
	tell(z, EVENT_TYPE_JVM_GC_END, major, young, 2);
	tell(z, EVENT_TYPE_JVM_GC_END, major, old, 20);
	ck_assert_uint_eq(g.counts[GC_YOUNG], 1);
	ck_assert_uint_eq(g.counts[GC_OLD], 1);
	ck_assert_double_eq(g.live_bytes, 22);
}
END_TEST

START_TEST(generational_shenandoah_counts_but_tells_no_live)
{
	static const char cycles[] = "Shenandoah Cycles";

	reset();
	tell(JVM_SHENANDOAH, EVENT_TYPE_JVM_GC_END, cycles,
	     "Shenandoah Young Gen", 1);
	ck_assert_uint_eq(g.counts[GC_CYCLE], 0);
	tell(JVM_SHENANDOAH, EVENT_TYPE_JVM_GC_END, cycles,
	     "Shenandoah Old Gen", 2);
	ck_assert_uint_eq(g.counts[GC_CYCLE], 1);
	ck_assert_double_eq(g.after_gc_bytes, 3);
	ck_assert(isnan(g.live_bytes));
	tell(JVM_SHENANDOAH, EVENT_TYPE_JVM_GC_END, cycles, "Shenandoah", 4);
	ck_assert_uint_eq(g.counts[GC_CYCLE], 2);
	ck_assert_double_eq(g.live_bytes, 4);
}
END_TEST

START_TEST(remark_of_g1_counts_and_tells_nothing_else)
{
	static const char *const pools[] = { "G1 Eden Space",
					     "G1 Survivor Space",
					     "G1 Old Gen" };

	reset();
	for (size_t i = 0; i < 3; i++)
		tell(JVM_G1, EVENT_TYPE_JVM_GC_END, "G1 Concurrent GC",
		     pools[i], 5);
	ck_assert_uint_eq(g.counts[GC_CONCURRENT], 1);
	ck_assert(isnan(g.after_gc_bytes));
	ck_assert(isnan(g.live_bytes));
}
END_TEST

START_TEST(record_that_names_nothing_we_know_is_passed_over)
{
	struct event_jvm_pool e = { .header = { .type =
							EVENT_TYPE_JVM_GC_END } };

	reset();
	for (uint64_t i = 0; i < 4; i++) {
		e.manager = i & 1 ? UINT32_MAX : 0;
		e.pool = i & 2 ? UINT32_MAX : 0;
		ck_assert_ptr_null(gc_events_add(&g, JVM_SERIAL, &e, ""));
	}
	tell(JVM_G1, EVENT_TYPE_JVM_GC_END, "Copy", "Eden Space", 1);
	for (int i = 0; i < GC_KINDS; i++)
		ck_assert_uint_eq(g.current[i].ended, 0);
}
END_TEST

static void cycle(const char *why)
{
	cause = why;
	tell(JVM_Z, EVENT_TYPE_JVM_GC_BEGIN, "ZGC Cycles", "ZHeap", 9);
	tell(JVM_Z, EVENT_TYPE_JVM_GC_END, "ZGC Cycles", "ZHeap", 3);
	cause = "";
}

START_TEST(cycle_that_was_asked_for_is_told_apart_by_its_cause)
{
	reset();
	cycle("Allocation Rate");
	cycle("System.gc()");
	cycle("Diagnostic Command");
	cycle("System.gc() or so");
	ck_assert_uint_eq(g.counts[GC_CYCLE], 4);
	ck_assert_uint_eq(g.asked_for[GC_CYCLE], 2);
	ck_assert_uint_eq(g.causeless[GC_CYCLE], 0);
	ck_assert_str_eq(g.last[GC_CYCLE].cause, "System.gc() or so");
	cycle("No GC");
	ck_assert_uint_eq(g.causeless[GC_CYCLE], 1);
	ck_assert_str_eq(g.last[GC_CYCLE].cause, "");
	ck_assert(!gc_is_pause(g.last[GC_CYCLE].manager));
}
END_TEST

TEST_MAIN("gc_events",
	  cycle_that_was_asked_for_is_told_apart_by_its_cause,
	  young_collection_tells_what_it_left_and_how_long_it_took,
	  full_collection_tells_what_lives,
	  collection_that_began_unseen_counts_without_a_length,
	  collection_with_a_lost_record_is_none,
	  minor_cycle_within_a_major_one_is_told_apart,
	  generational_shenandoah_counts_but_tells_no_live,
	  remark_of_g1_counts_and_tells_nothing_else,
	  record_that_names_nothing_we_know_is_passed_over)
