#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define QUEUE_MAX 64    /* batches: a minute of a writer that hangs */
#define HELD_MAX  10000 /* events, and gaps, kept of dropped batches */

struct queue {
	struct batch *slots[QUEUE_MAX]; /* owned while here */

	/* under lock: */
	size_t head, count;
	bool closed; /* no more pushes; pops drain what is left */
	struct batch *held; /* owned; what must not be lost of dropped ones */

	atomic_ulong dropped;
	pthread_mutex_t lock;
	pthread_cond_t filled; /* waits on CLOCK_MONOTONIC */
};

int queue_new(struct queue **out)
{
	struct queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &attr);
	pthread_condattr_destroy(&attr);
	*out = q;
	return 0;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->count; i++)
		batch_free(q->slots[(q->head + i) % QUEUE_MAX]);
	batch_free(q->held);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* What cannot be told again: who came and went, what happened, and gaps. */
static void hold(struct queue *q, struct batch *b)
{
	struct batch *h = q->held;

	b->sample_count = 0;
	if (!h) {
		q->held = b;
		return;
	}
	for (size_t i = 0; i < b->entity_count; i++)
		batch_add_entity(h, &b->entities[i]);
	for (size_t i = 0; i < b->closed_count; i++)
		batch_add_close(h, b->closed[i].entity, b->closed[i].boot_ns,
				b->closed[i].reason);
	for (size_t i = 0; i < b->gap_count && h->gap_count < HELD_MAX; i++)
		batch_add_gap(h, b->gaps[i].entity, b->gaps[i].column,
			      b->gaps[i].reason);
	for (size_t i = 0; i < b->event_count && h->event_count < HELD_MAX; i++)
		batch_add_span(h, b->events[i].kind, b->events[i].entity,
			       b->events[i].boot_ns, b->events[i].end_boot_ns,
			       "%s", b->events[i].text);
	for (size_t i = 0; i < b->fact_count && h->fact_count < HELD_MAX; i++)
		batch_add_fact(h, b->facts[i].key, b->facts[i].value);
	batch_free(b);
}

static void put(struct queue *q, struct batch *b)
{
	q->slots[(q->head + q->count) % QUEUE_MAX] = b;
	q->count++;
}

int queue_push(struct queue *q, struct batch *b)
{
	int r = 0;

	pthread_mutex_lock(&q->lock);
	if (q->closed) {
		batch_free(b);
		r = -EPIPE;
	} else if (q->count + (q->held ? 2 : 1) > QUEUE_MAX) {
		hold(q, b);
		atomic_fetch_add(&q->dropped, 1);
		r = -ENOSPC;
	} else {
		if (q->held)
			put(q, take(q->held));
		put(q, b);
		pthread_cond_signal(&q->filled);
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

static struct timespec deadline(int timeout_ms)
{
	int64_t at = clock_monotonic_ns() + (int64_t)timeout_ms * 1000000;

	return (struct timespec){ at / 1000000000, at % 1000000000 };
}

int queue_pop(struct queue *q, struct batch **out, int timeout_ms)
{
	struct timespec until = deadline(timeout_ms);
	int r = 0;

	pthread_mutex_lock(&q->lock);
	while (q->count == 0 && !q->closed && r == 0)
		r = -pthread_cond_timedwait(&q->filled, &q->lock, &until);
	if (q->count > 0) {
		*out = q->slots[q->head];
		q->head = (q->head + 1) % QUEUE_MAX;
		q->count--;
		r = 0;
	} else if (q->closed && q->held) {
		*out = take(q->held);
		r = 0;
	} else if (q->closed) {
		r = -EPIPE;
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

unsigned long queue_dropped(const struct queue *q)
{
	return atomic_load(&q->dropped);
}

size_t queue_depth(struct queue *q)
{
	size_t count;

	pthread_mutex_lock(&q->lock);
	count = q->count;
	pthread_mutex_unlock(&q->lock);
	return count;
}
