#include <math.h>

#include "collector/target.h"
#include "test.h"

static struct target *new_target(void)
{
	struct target *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	t->entity.number = 7;
	ck_ok(batch_new(&t->batch, (struct now){ 1, 1 }));
	return t;
}

static void free_target(struct target *t)
{
	batch_free(t->batch);
	entity_fini(&t->entity);
	free(t);
}

START_TEST(number_becomes_a_sample_of_the_entity)
{
	struct target *t = new_target();

	target_put(t, COL_HEAP_USED_BYTES, 4096);
	ck_assert_uint_eq(t->batch->sample_count, 1);
	ck_assert_uint_eq(t->batch->samples[0].entity, 7);
	ck_assert_uint_eq(t->batch->samples[0].column, COL_HEAP_USED_BYTES);
	ck_assert_double_eq(t->batch->samples[0].value, 4096);
	ck_assert_uint_eq(t->batch->gap_count, 0);
	free_target(t);
}
END_TEST

START_TEST(gap_is_told_once_and_again_when_it_ends)
{
	struct target *t = new_target();

	target_miss(t, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	target_miss(t, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	ck_assert_uint_eq(t->batch->gap_count, 1);
	ck_assert_uint_eq(t->batch->gaps[0].reason, GAP_WINDOW_FILLING);
	target_put(t, COL_GC_PRESSURE, 2);
	ck_assert_uint_eq(t->batch->gap_count, 2);
	ck_assert_uint_eq(t->batch->gaps[1].reason, GAP_NONE);
	free_target(t);
}
END_TEST

START_TEST(value_that_is_not_finite_is_a_gap_not_a_number)
{
	struct target *t = new_target();

	target_put(t, COL_HEAP_UTIL_RATE, NAN);
	ck_assert_uint_eq(t->batch->sample_count, 0);
	ck_assert_uint_eq(t->gaps[COL_HEAP_UTIL_RATE], GAP_IMPLAUSIBLE);
	free_target(t);
}
END_TEST

START_TEST(attribute_is_told_only_when_it_changes)
{
	struct target *t = new_target();

	target_set_attribute(t, "bound", "ram");
	ck_assert(t->attributes_changed);
	t->attributes_changed = false;
	target_set_attribute(t, "bound", "ram");
	ck_assert(!t->attributes_changed);
	target_set_attribute(t, "bound", "cgroup");
	ck_assert(t->attributes_changed);
	free_target(t);
}
END_TEST

TEST_MAIN("target", number_becomes_a_sample_of_the_entity,
	  gap_is_told_once_and_again_when_it_ends,
	  value_that_is_not_finite_is_a_gap_not_a_number,
	  attribute_is_told_only_when_it_changes)
