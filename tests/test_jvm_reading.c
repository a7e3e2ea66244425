/* From counters to numbers: what each collector tells, and what it does not. */
#include "test.h"

#include <math.h>

#include "collector/jvm/reading.h"
#include "jvm_block.h"

#define MIB (1024 * 1024ll)

static struct block b;
static struct hsperf h;
static struct jvm_memory memory;
static struct jvm_reading reading;

/* A generational heap of 100 MiB: 60 young (40 + 10 + 10), 40 old. */
static void setup(const char *policy, bool sampled)
{
	block_init(&b);
	block_text(&b, "sun.gc.policy.name", policy);
	block_number(&b, "sun.os.hrt.frequency", 1000);
	if (sampled)
		block_number(&b, "sun.os.hrt.ticks", 1);
	block_number(&b, "sun.gc.generation.0.maxCapacity", 60 * MIB);
	block_number(&b, "sun.gc.generation.0.space.0.used", 5 * MIB);
	block_number(&b, "sun.gc.generation.0.space.0.capacity", 40 * MIB);
	block_number(&b, "sun.gc.generation.0.space.0.maxCapacity", 40 * MIB);
	block_number(&b, "sun.gc.generation.0.space.1.capacity", 10 * MIB);
	block_number(&b, "sun.gc.generation.0.space.1.maxCapacity", 10 * MIB);
	block_number(&b, "sun.gc.generation.0.space.1.used", 0);
	block_number(&b, "sun.gc.generation.0.space.2.used", 1 * MIB);
	block_number(&b, "sun.gc.generation.0.space.2.capacity", 10 * MIB);
	block_number(&b, "sun.gc.generation.1.maxCapacity", 40 * MIB);
	block_number(&b, "sun.gc.generation.1.space.0.used", 7 * MIB);
	block_number(&b, "sun.gc.generation.1.space.0.capacity", 20 * MIB);
}

static void collections(int64_t young, int64_t young_end, int64_t full,
			int64_t full_end)
{
	const struct {
		const char *name;
		int64_t value;
	} counters[] = {
		{ "sun.gc.collector.0.invocations", young },
		{ "sun.gc.collector.0.time", young * 10 },
		{ "sun.gc.collector.0.lastEntryTime", young_end - 10 },
		{ "sun.gc.collector.0.lastExitTime", young_end },
		{ "sun.gc.collector.1.invocations", full },
		{ "sun.gc.collector.1.time", full * 100 },
		{ "sun.gc.collector.1.lastEntryTime", full_end - 100 },
		{ "sun.gc.collector.1.lastExitTime", full_end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		block_number(&b, counters[i].name, counters[i].value);
}

static void fill(const struct vm_heap *m)
{
	struct jvm_input in = { .index = &h, .block = b.bytes, .len = sizeof(b),
				.memory = m,
				.events_gap = GAP_UNSUPPORTED,
				.memory_gap = m ? GAP_NONE : GAP_NOT_PERMITTED };

	ck_ok(hsperf_index(&h, b.bytes, sizeof(b.bytes)));
	in.collector = jvm_collector_find(&h, b.bytes, sizeof(b.bytes));
	ck_assert_ptr_nonnull(in.collector);
	jvm_reading_fill(&reading, &memory, &in);
}

/* A tick of the same JVM, whose counters of collections are now these. */
static void tick(int64_t young, int64_t young_end, int64_t full,
		 int64_t full_end)
{
	setup("Copy:MSC", true);
	collections(young, young_end, full, full_end);
	fill(NULL);
}

START_TEST(serial_is_bounded_by_one_survivor_space)
{
	setup("Copy:MSC", true);
	jvm_memory_init(&memory);
	fill(NULL);
	ck_assert_double_eq(reading.heap.limit_bytes, 90 * MIB);
	ck_assert_double_eq(reading.heap.used_bytes, 13 * MIB);
	ck_assert_double_eq(reading.value[COL_HEAP_COMMITTED_BYTES], 70 * MIB);
	ck_assert_int_eq(reading.heap.limit_kind, BOUND_RUNTIME_JVM);
}
END_TEST

START_TEST(serial_without_sampler_does_not_tell_used)
{
	setup("Copy:MSC", false);
	jvm_memory_init(&memory);
	fill(NULL);
	ck_assert(isnan(reading.heap.used_bytes));
	ck_assert_int_eq(reading.heap.used_gap, GAP_NOT_PERMITTED);
	ck_assert_int_eq(reading.gap[COL_HEAP_POOL_USED_EDEN],
			 GAP_NOT_PERMITTED);
	ck_assert_double_eq(reading.value[COL_HEAP_POOL_USED_OLD], 7 * MIB);
}
END_TEST

START_TEST(memory_of_the_process_goes_before_counters)
{
	const struct vm_heap m = {
		.heap = { 30 * MIB, 70 * MIB }, .eden = { 22 * MIB, 40 * MIB },
		.from = { MIB, 10 * MIB },      .old = { 7 * MIB, 20 * MIB },
		.free_regions = NAN, .total_regions = NAN, .cycles = NAN,
	};

	setup("Copy:MSC", false);
	jvm_memory_init(&memory);
	fill(&m);
	ck_assert_double_eq(reading.heap.used_bytes, 30 * MIB);
	ck_assert_double_eq(reading.value[COL_HEAP_POOL_USED_EDEN], 22 * MIB);
}
END_TEST

START_TEST(parallel_is_bounded_by_what_is_reserved_or_committed)
{
	setup("ParScav:MSC", true);
	jvm_memory_init(&memory);
	fill(NULL);
	ck_assert_double_eq(reading.heap.limit_bytes, 90 * MIB);
	ck_assert_double_eq(reading.value[COL_HEAP_POOL_MAX_EDEN], 40 * MIB);
}
END_TEST

START_TEST(padding_of_old_g1_counters_is_taken_off)
{
	block_init(&b);
	block_text(&b, "sun.gc.policy.name", "GarbageFirst");
	block_number(&b, "sun.gc.generation.0.maxCapacity", 256 * MIB + 24);
	block_number(&b, "sun.gc.generation.1.maxCapacity", 256 * MIB + 8);
	block_number(&b, "sun.gc.generation.0.space.0.capacity", 10 * MIB + 8);
	block_number(&b, "sun.gc.generation.0.space.0.used", 3 * MIB);
	block_number(&b, "sun.gc.generation.0.space.1.capacity", 8);
	block_number(&b, "sun.gc.generation.0.space.1.used", 0);
	block_number(&b, "sun.gc.generation.0.space.2.capacity", MIB + 8);
	block_number(&b, "sun.gc.generation.0.space.2.used", MIB);
	block_number(&b, "sun.gc.generation.1.space.0.capacity", 5 * MIB + 8);
	block_number(&b, "sun.gc.generation.1.space.0.used", 4 * MIB + 8);
	jvm_memory_init(&memory);
	collections(0, 0, 0, 0);
	fill(NULL);
	/* not yet: it has not set old's counter */
	ck_assert_int_eq(reading.heap.used_gap, GAP_NOT_PERMITTED);
	ck_assert(isnan(reading.heap.used_bytes));
	block_number(&b, "sun.gc.collector.0.invocations", 1);
	fill(NULL);
	ck_assert_double_eq(reading.heap.limit_bytes, 256 * MIB);
	ck_assert_double_eq(reading.value[COL_HEAP_COMMITTED_BYTES], 16 * MIB);
	/* used carries none */
	ck_assert_double_eq(reading.heap.used_bytes, 8 * MIB + 8);
	ck_assert_int_eq(reading.gap[COL_HEAP_POOL_MAX_EDEN], GAP_UNLIMITED);
}
END_TEST

START_TEST(z_tells_no_used_and_no_young_collections)
{
	block_init(&b);
	block_text(&b, "sun.gc.collector.0.name", "ZGC minor collection pauses");
	block_number(&b, "sun.gc.collector.0.invocations", 28);
	block_number(&b, "sun.gc.generation.1.maxCapacity", 256 * MIB);
	block_number(&b, "sun.gc.generation.1.space.0.used", 32 * MIB);
	jvm_memory_init(&memory);
	fill(NULL);
	ck_assert_int_eq(reading.heap.used_gap, GAP_NOT_PERMITTED);
	ck_assert_int_eq(reading.gap[COL_GC_COLLECTIONS_YOUNG],
			 GAP_UNSUPPORTED);
	ck_assert_double_eq(reading.heap.limit_bytes, 256 * MIB);
}
END_TEST

START_TEST(pauses_are_added_and_the_newest_is_the_last)
{
	jvm_memory_init(&memory);
	tick(3, 5000, 2, 4000);
	ck_assert_double_eq(reading.value[COL_GC_PAUSE_SECONDS_YOUNG], 0.03);
	ck_assert_double_eq(reading.value[COL_GC_PAUSE_SECONDS_OLD], 0.2);
	ck_assert_double_eq(reading.value[COL_GC_PAUSE_SECONDS_TOTAL], 0.23);
	ck_assert_double_eq(reading.value[COL_GC_LAST_PAUSE_SECONDS], 0.01);
	tick(3, 5000, 3, 6000);
	ck_assert_double_eq(reading.value[COL_GC_LAST_PAUSE_SECONDS], 0.1);
}
END_TEST

START_TEST(what_a_collection_left_is_told_once_one_was_seen)
{
	jvm_memory_init(&memory);
	tick(3, 5000, 1, 4000);
	ck_assert(isnan(reading.heap.after_gc_bytes));
	ck_assert_int_eq(reading.heap.after_gc_gap, GAP_NOT_YET);
	tick(4, 6000, 1, 4000); /* a young one: survivors and old */
	ck_assert_double_eq(reading.heap.after_gc_bytes, 8 * MIB);
	ck_assert(isnan(reading.heap.live_bytes));
	tick(4, 6000, 2, 7000); /* a full one */
	ck_assert_double_eq(reading.heap.live_bytes, 8 * MIB);
}
END_TEST

START_TEST(live_is_absent_when_a_young_one_hid_the_full_one)
{
	jvm_memory_init(&memory);
	tick(3, 5000, 1, 4000);
	tick(3, 5000, 2, 6000);
	ck_assert_double_eq(reading.heap.live_bytes, 8 * MIB);
	tick(4, 8000, 3, 7000);
	ck_assert(isnan(reading.heap.live_bytes));
	ck_assert_int_eq(reading.heap.live_gap, GAP_UNREADABLE);
	tick(4, 8000, 4, 9000);
	ck_assert_double_eq(reading.heap.live_bytes, 8 * MIB);
}
END_TEST

START_TEST(unknown_collector_is_not_guessed)
{
	block_init(&b);
	block_text(&b, "sun.gc.policy.name", "ParNew:CMS");
	block_text(&b, "sun.gc.generation.1.name", "old");
	ck_ok(hsperf_index(&h, b.bytes, sizeof(b.bytes)));
	ck_assert_ptr_null(jvm_collector_find(&h, b.bytes, sizeof(b.bytes)));
}
END_TEST

START_TEST(every_column_of_a_jvm_has_an_answer)
{
	static const enum column of_heap_put[] = {
		COL_HEAP_UTIL_RATE,  COL_FRAG_RATIO,
		COL_FRAG_RATIO_BYTES, COL_HEAP_LIVE_RATE,
		COL_HEAP_LIVE_RATE_FLOOR, COL_HEAP_USED_BYTES,
		COL_HEAP_MAX_BYTES,  COL_HEAP_LIMIT_BYTES,
		COL_HEAP_LIVE_BYTES, COL_HEAP_AFTER_GC_BYTES,
		COL_HEAP_FREE_REGIONS, COL_HEAP_TOTAL_REGIONS,
	};
	bool answered[COL_COUNT] = { false };

	for (size_t i = 0; i < jvm_column_count; i++)
		answered[jvm_columns[i]] = true;
	for (size_t i = 0; i < ARRAY_SIZE(of_heap_put); i++)
		answered[of_heap_put[i]] = true;
	for (int i = 0; i < COL_COUNT; i++) {
		const struct metric_info *m =
			metric_info(column_info((enum column)i)->metric);

		if ((m->runtimes & RUNTIME_JVM) &&
		    !(m->runtimes & RUNTIME_NATIVE))
			ck_assert_msg(answered[i], "%s", m->name);
	}
}
END_TEST

TEST_MAIN("jvm_reading", serial_is_bounded_by_one_survivor_space,
	  serial_without_sampler_does_not_tell_used,
	  memory_of_the_process_goes_before_counters,
	  parallel_is_bounded_by_what_is_reserved_or_committed,
	  padding_of_old_g1_counters_is_taken_off,
	  z_tells_no_used_and_no_young_collections,
	  pauses_are_added_and_the_newest_is_the_last,
	  what_a_collection_left_is_told_once_one_was_seen,
	  live_is_absent_when_a_young_one_hid_the_full_one,
	  unknown_collector_is_not_guessed,
	  every_column_of_a_jvm_has_an_answer)
