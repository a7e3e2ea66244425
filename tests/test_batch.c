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

TEST_MAIN("batch", everything_put_in_is_there,
	  number_that_is_none_is_left_out,
	  error_sticks_and_the_batch_stays_whole)
