#include <math.h>

#include "collector/heap.h"
#include "test.h"

#define MINUTE 60000000000ll

static struct target *target;

static void setup(void)
{
	target = calloc(1, sizeof(*target));
	ck_assert_ptr_nonnull(target);
	ck_ok(batch_new(&target->batch, (struct now){ 1, 1 }));
	target->bounds.bytes[BOUND_RAM] = 1 << 30;
}

static void teardown(void)
{
	batch_free(target->batch);
	entity_fini(&target->entity);
	free(target);
}

/* A Go heap of 100 MiB, half of it live, in 12800 pages. */
static struct heap_reading go_heap(void)
{
	return (struct heap_reading){
		.used_bytes = 100 << 20,
		.limit_bytes = NAN,
		.limit_kind = BOUND_RUNTIME_GO,
		.live_bytes = 50 << 20,
		.after_gc_bytes = 50 << 20,
		.free_regions = NAN,
		.total_regions = NAN,
		.pages_in_use = 16384,
	};
}

static double last(enum column c)
{
	return target->gaps[c] == GAP_NONE ? target->last[c] : NAN;
}

static void put(struct heap_reading r, int64_t boot_ns)
{
	heap_put(target, (struct now){ .boot_ns = boot_ns }, &r);
}

START_TEST(ram_bounds_a_heap_without_limits)
{
	setup();
	put(go_heap(), MINUTE);
	ck_assert_double_eq(last(COL_HEAP_MAX_BYTES), 1 << 30);
	ck_assert_str_eq(labels_get(&target->entity.attributes, "bound"),
			 "ram");
	ck_assert_double_eq_tol(last(COL_HEAP_UTIL_RATE), 100.0 / 1024, 1e-6);
	ck_assert_int_eq(target->gaps[COL_HEAP_LIMIT_BYTES], GAP_UNLIMITED);
	teardown();
}
END_TEST

START_TEST(tightest_limit_wins_and_is_named)
{
	struct heap_reading r = go_heap();

	setup();
	r.limit_bytes = 400 << 20;
	target->bounds.bytes[BOUND_CGROUP] = 200 << 20;
	put(r, MINUTE);
	ck_assert_double_eq(last(COL_HEAP_MAX_BYTES), 200 << 20);
	ck_assert_str_eq(labels_get(&target->entity.attributes, "bound"),
			 "cgroup");
	ck_assert_double_eq(last(COL_HEAP_UTIL_RATE), 0.5);
	teardown();
}
END_TEST

START_TEST(go_regions_are_pages_of_the_bound)
{
	setup();
	put(go_heap(), MINUTE);
	ck_assert_double_eq(last(COL_HEAP_TOTAL_REGIONS), 131072);
	ck_assert_double_eq(last(COL_HEAP_FREE_REGIONS), 131072 - 16384);
	ck_assert_double_eq(last(COL_FRAG_RATIO), 0.875);
	ck_assert_int_eq(target->gaps[COL_FRAG_RATIO_BYTES], GAP_OTHER_BASIS);
	teardown();
}
END_TEST

START_TEST(bytes_stand_in_where_there_are_no_regions)
{
	struct heap_reading r = go_heap();

	setup();
	r.pages_in_use = NAN;
	put(r, MINUTE);
	ck_assert(isnan(last(COL_FRAG_RATIO)));
	ck_assert_double_eq_tol(last(COL_FRAG_RATIO_BYTES), 924.0 / 1024, 1e-6);
	teardown();
}
END_TEST

START_TEST(unknown_use_makes_no_number_at_all)
{
	struct heap_reading r = go_heap();

	setup();
	r.used_bytes = NAN;
	r.pages_in_use = NAN;
	put(r, MINUTE);
	ck_assert(isnan(last(COL_HEAP_UTIL_RATE)));
	ck_assert(isnan(last(COL_FRAG_RATIO_BYTES)));
	teardown();
}
END_TEST

START_TEST(floor_of_half_an_hour_stands_in_for_live)
{
	struct heap_reading r = go_heap();

	setup();
	r.live_bytes = NAN;
	r.live_gap = GAP_NOT_YET;
	r.after_gc_bytes = 256 << 20;
	put(r, MINUTE);
	r.after_gc_bytes = 512 << 20;
	put(r, 2 * MINUTE);
	ck_assert_double_eq(last(COL_HEAP_LIVE_RATE_FLOOR), 0.25);
	ck_assert_int_eq(target->gaps[COL_HEAP_LIVE_RATE], GAP_NOT_YET);
	/* half an hour later the low value is forgotten */
	put(r, 32 * MINUTE);
	ck_assert_double_eq(last(COL_HEAP_LIVE_RATE_FLOOR), 0.5);
	teardown();
}
END_TEST

START_TEST(live_value_ends_the_floor)
{
	struct heap_reading r = go_heap();

	setup();
	r.live_bytes = NAN;
	r.live_gap = GAP_NOT_YET;
	put(r, MINUTE);
	ck_assert(!isnan(last(COL_HEAP_LIVE_RATE_FLOOR)));
	put(go_heap(), MINUTE + 1);
	ck_assert(isnan(last(COL_HEAP_LIVE_RATE_FLOOR)));
	ck_assert(!isnan(last(COL_HEAP_LIVE_RATE)));
	teardown();
}
END_TEST

TEST_MAIN("heap", ram_bounds_a_heap_without_limits,
	  tightest_limit_wins_and_is_named, go_regions_are_pages_of_the_bound,
	  bytes_stand_in_where_there_are_no_regions,
	  unknown_use_makes_no_number_at_all,
	  floor_of_half_an_hour_stands_in_for_live, live_value_ends_the_floor)
