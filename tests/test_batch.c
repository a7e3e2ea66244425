#include "test.h"

#include <math.h>

#include "common/batch.h"

static struct entity process(uint32_t number)
{
	struct entity e = { .number = number, .kind = ENTITY_PROCESS };

	ck_ok(labels_set(&e.labels, "service", "scada"));
	ck_ok(labels_set(&e.attributes, "version", "1"));
	return e;
}

START_TEST(everything_put_in_is_there)
{
	own(batch_freep) struct batch *b = NULL;
	struct entity e = process(3);
	struct now now = { 5, 7 };

	ck_ok(batch_new(&b, now));
	batch_add_entity(b, &e);
	entity_fini(&e);
	for (int i = 0; i < 100; i++)
		batch_add_sample(b, 3, COL_THREADS, i);
	batch_add_gap(b, 3, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	batch_add_close(b, 3, 9, "exited");
	batch_add_event(b, EVENT_TARGET_EXITED, 3, 9, "%s ended", "scada");
	ck_ok(batch_error(b));
	ck_assert_int_eq(b->now.wall_ms, 7);
	ck_assert_uint_eq(b->entity_count, 1);
	ck_assert_str_eq(labels_get(&b->entities[0].labels, "service"),
			 "scada");
	ck_assert_uint_eq(b->sample_count, 100);
	ck_assert_double_eq(b->samples[99].value, 99);
	ck_assert_int_eq(b->gaps[0].reason, GAP_WINDOW_FILLING);
	ck_assert_str_eq(b->closed[0].reason, "exited");
	ck_assert_str_eq(b->events[0].text, "scada ended");
	ck_assert_int_eq(b->events[0].boot_ns, 9);
}
END_TEST

START_TEST(number_that_is_none_is_left_out)
{
	own(batch_freep) struct batch *b = NULL;

	ck_ok(batch_new(&b, (struct now){ 0, 0 }));
	batch_add_sample(b, 1, COL_THREADS, NAN);
	batch_add_sample(b, 1, COL_THREADS, INFINITY);
	batch_add_sample(b, 1, COL_THREADS, -INFINITY);
	ck_assert_uint_eq(b->sample_count, 0);
	batch_add_sample(b, 1, COL_THREADS, 0);
	ck_assert_uint_eq(b->sample_count, 1);
	ck_ok(batch_error(b));
}
END_TEST

START_TEST(error_sticks_and_the_batch_stays_whole)
{
	own(batch_freep) struct batch *b = NULL;

	ck_ok(batch_new(&b, (struct now){ 0, 0 }));
	batch_add_sample(b, 1, COL_THREADS, 1);
	b->error = -ENOMEM; /* as an append that failed leaves it */
	batch_add_sample(b, 1, COL_THREADS, 2);
	batch_add_close(b, 1, 0, "exited");
	batch_add_event(b, EVENT_TARGET_EXITED, 1, 0, "x");
	ck_err(batch_error(b), ENOMEM);
	ck_assert_uint_eq(b->sample_count, 1);
	ck_assert_uint_eq(b->closed_count, 0);
	ck_assert_uint_eq(b->event_count, 0);
}
END_TEST

static struct batch *tick_with(uint32_t came, uint32_t went, const char *fact)
{
	struct entity e = process(came);
	struct batch *b = NULL;

	ck_ok(batch_new(&b, (struct now){ came, came }));
	batch_add_entity(b, &e);
	entity_fini(&e);
	batch_add_sample(b, came, COL_THREADS, 1);
	batch_add_gap(b, came, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	batch_add_gap(b, 1, COL_THREADS, came % 2 ? GAP_NONE : GAP_STARTING);
	batch_add_span(b, EVENT_COLLECTION, came, came, came + 5, "young");
	batch_add_fact(b, "windows", fact);
	if (went)
		batch_add_close(b, went, came, "exited");
	return b;
}

START_TEST(of_two_only_samples_are_lost)
{
	own(batch_freep) struct batch *b = tick_with(1, 0, "old");

	ck_assert_uint_eq(batch_merge(b, tick_with(2, 0, "new"), 10), 0);
	ck_assert_uint_eq(batch_merge(b, tick_with(3, 2, "newest"), 10), 0);
	ck_ok(batch_error(b));
	ck_assert_uint_eq(b->entity_count, 3);
	ck_assert_uint_eq(b->closed_count, 1);
	ck_assert_uint_eq(b->sample_count, 1);
	ck_assert_uint_eq(b->event_count, 3);
	ck_assert_int_eq(b->events[2].end_boot_ns, 8);
	ck_assert_uint_eq(b->fact_count, 1);
	ck_assert_str_eq(b->facts[0].value, "newest");
	ck_assert_uint_eq(b->gap_count, 4);
	ck_assert_int_eq(b->gaps[1].reason, GAP_NONE);
	ck_assert_int_eq(b->now.wall_ms, 1);
}
END_TEST

static void add_gaps(struct batch *b, uint32_t first, uint32_t last,
		     enum gap reason)
{
	for (uint32_t n = first; n <= last; n++) {
		batch_add_gap(b, n, COL_THREADS, reason);
		batch_add_gap(b, n, COL_GC_PRESSURE, reason);
	}
}

START_TEST(gaps_of_many_become_those_of_the_newer_in_order)
{
	own(batch_freep) struct batch *b = NULL;
	struct batch *newer;

	ck_ok(batch_new(&b, (struct now){ 1, 1 }));
	ck_ok(batch_new(&newer, (struct now){ 2, 2 }));
	add_gaps(b, 1, 4000, GAP_STARTING);
	add_gaps(newer, 3001, 7000, GAP_WINDOW_FILLING);
	batch_add_gap(newer, 7000, COL_THREADS, GAP_NONE); /* once more */
	batch_merge(b, newer, 10);
	ck_ok(batch_error(b));
	ck_assert_uint_eq(b->gap_count, 2 * 7000);
	for (size_t i = 0; i < b->gap_count; i++) {
		ck_assert_uint_eq(b->gaps[i].entity, i / 2 + 1);
		ck_assert_uint_eq(b->gaps[i].column,
				  i % 2 ? COL_GC_PRESSURE : COL_THREADS);
		ck_assert_uint_eq(b->gaps[i].reason,
				  i < 6000	    ? GAP_STARTING :
				  i == 2 * 7000 - 2 ? GAP_NONE :
						      GAP_WINDOW_FILLING);
	}
}
END_TEST

START_TEST(many_that_came_and_went_leave_no_trace)
{
	own(batch_freep) struct batch *b = tick_with(1, 0, "");
	size_t lost = 0;

	for (uint32_t n = 2; n <= 1000; n++)
		lost += batch_merge(b, tick_with(n, n > 2 ? n - 1 : 0, ""), 10);
	ck_ok(batch_error(b));
	ck_assert_uint_le(b->entity_count, 11);
	ck_assert_uint_lt(b->gap_count, 20);
	ck_assert_uint_lt(b->closed_count, 20);
	ck_assert_int_eq(b->entities[b->entity_count - 1].number, 1000);
	ck_assert_uint_eq(b->event_count, 10);
	ck_assert_uint_eq(lost, 990);
}
END_TEST

TEST_MAIN("batch", everything_put_in_is_there,
	  number_that_is_none_is_left_out,
	  error_sticks_and_the_batch_stays_whole, of_two_only_samples_are_lost,
	  gaps_of_many_become_those_of_the_newer_in_order,
	  many_that_came_and_went_leave_no_trace)
