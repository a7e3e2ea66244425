#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/queue.h"

#define MANY 200 /* more than a queue holds */

static struct batch *numbered(int64_t number)
{
	struct batch *b = NULL;

	ck_ok(batch_new(&b, (struct now){ number, number }));
	batch_add_sample(b, 1, COL_THREADS, (double)number);
	return b;
}

static int64_t pop(struct queue *q)
{
	own(batch_freep) struct batch *b = NULL;

	ck_ok(queue_pop(q, &b, 0));
	return b->now.wall_ms;
}

START_TEST(first_in_is_first_out)
{
	own(queue_freep) struct queue *q = NULL;

	ck_ok(queue_new(&q));
	for (int64_t i = 0; i < 3; i++)
		ck_ok(queue_push(q, numbered(i)));
	ck_assert_uint_eq(queue_depth(q), 3);
	for (int64_t i = 0; i < 3; i++)
		ck_assert_int_eq(pop(q), i);
	ck_assert_uint_eq(queue_depth(q), 0);
}
END_TEST

START_TEST(empty_queue_times_out)
{
	own(queue_freep) struct queue *q = NULL;
	struct batch *b = NULL;
	int64_t begin = clock_monotonic_ns();

	ck_ok(queue_new(&q));
	ck_err(queue_pop(q, &b, 30), ETIMEDOUT);
	ck_assert_int_ge(clock_monotonic_ns() - begin, 29000000);
	ck_assert_ptr_null(b);
}
END_TEST

START_TEST(full_queue_drops_samples_and_counts)
{
	own(queue_freep) struct queue *q = NULL;
	unsigned long refused = 0;

	ck_ok(queue_new(&q));
	for (int64_t i = 0; i < MANY; i++) {
		int r = queue_push(q, numbered(i));

		ck_assert(r == 0 || r == -ENOSPC);
		refused += r != 0;
	}
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_eq(queue_dropped(q), refused);
	ck_assert_uint_eq(queue_depth(q), MANY - refused);
	ck_assert_int_eq(pop(q), 0); /* the oldest stay */
}
END_TEST

/* Pops all and tells how many of each came. */
static void drain(struct queue *q, size_t *samples, size_t *events,
		  size_t *closes, int64_t *newest)
{
	struct batch *b = NULL;

	*samples = *events = *closes = 0;
	while (queue_pop(q, &b, 0) == 0) {
		*samples += b->sample_count;
		*events += b->event_count;
		*closes += b->closed_count;
		for (size_t i = 0; i < b->event_count; i++) {
			ck_assert_int_gt(b->events[i].boot_ns, *newest);
			*newest = b->events[i].boot_ns;
		}
		batch_free(b);
	}
}

START_TEST(what_happened_survives_a_full_queue_in_order)
{
	own(queue_freep) struct queue *q = NULL;
	size_t samples, events, closes;
	int64_t newest = -1;

	ck_ok(queue_new(&q));
	for (int64_t i = 0; i < MANY; i++) {
		struct batch *b = numbered(i);

		batch_add_event(b, EVENT_TARGET_STARTED, 1, i, "%d", (int)i);
		batch_add_close(b, 1, i, "exited");
		queue_push(q, b);
	}
	pop(q);
	pop(q);
	newest = 1;
	ck_ok(queue_push(q, numbered(MANY)));
	drain(q, &samples, &events, &closes, &newest);
	ck_assert_uint_eq(events, MANY - 2);
	ck_assert_uint_eq(closes, MANY - 2);
	ck_assert_uint_eq(samples, MANY + 1 - queue_dropped(q) - 2);
}
END_TEST

START_TEST(closed_queue_drains_and_ends)
{
	own(queue_freep) struct queue *q = NULL;
	size_t samples, events, closes;
	int64_t newest = -1;
	struct batch *b = NULL;

	ck_ok(queue_new(&q));
	for (int64_t i = 0; i < MANY; i++) {
		b = numbered(i);
		batch_add_event(b, EVENT_TARGET_STARTED, 1, i, "x");
		queue_push(q, b);
	}
	queue_close(q);
	ck_err(queue_push(q, numbered(0)), EPIPE);
	drain(q, &samples, &events, &closes, &newest);
	ck_assert_uint_eq(events, MANY);
	ck_err(queue_pop(q, &b, 1000), EPIPE);
}
END_TEST

static void *push_all(void *arg)
{
	struct queue *q = arg;

	for (int64_t i = 0; i < 5000; i++) {
		struct batch *b = NULL;

		if (batch_new(&b, (struct now){ i, i }) == 0)
			queue_push(q, b);
	}
	queue_close(q);
	return NULL;
}

START_TEST(two_threads_lose_nothing_but_what_is_counted)
{
	own(queue_freep) struct queue *q = NULL;
	struct batch *b = NULL;
	pthread_t pusher;
	size_t taken = 0;
	int64_t last = -1;

	ck_ok(queue_new(&q));
	ck_assert_int_eq(pthread_create(&pusher, NULL, push_all, q), 0);
	while (queue_pop(q, &b, 60000) == 0) {
		ck_assert_int_gt(b->now.wall_ms, last);
		last = b->now.wall_ms;
		taken++;
		batch_free(b);
	}
	pthread_join(pusher, NULL);
	/* held ones come out as well, folded into fewer */
	ck_assert_uint_ge(taken, 5000 - queue_dropped(q));
	ck_assert_uint_le(taken, 5000);
}
END_TEST

TEST_MAIN("queue", first_in_is_first_out, empty_queue_times_out,
	  full_queue_drops_samples_and_counts,
	  what_happened_survives_a_full_queue_in_order,
	  closed_queue_drains_and_ends,
	  two_threads_lose_nothing_but_what_is_counted)
