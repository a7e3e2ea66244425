#include "queue.h"

#include <errno.h>

#include "wait.h"

#define QUEUE_MAX 64    /* batches: a minute of a writer that hangs */
#define HELD_MAX  10000 /* entities and events kept of dropped batches */

struct queue {
	struct batch *slots[QUEUE_MAX]; /* owned while here */

	/* under lock: */
	size_t head, count;
	bool closed; /* no more pushes; pops drain what is left */
	struct batch *held; /* owned; what must not be lost of dropped ones */

	atomic_ulong dropped;
	pthread_mutex_t lock;
	pthread_cond_t filled;
};

int queue_new(struct queue **out)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->lock, NULL);
	wait_init(&q->filled);
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

/* What cannot be told again stays. */
static void hold(struct queue *q, struct batch *b)
{
	batch_drop_samples(b);
	if (q->held)
		batch_merge(q->held, b, HELD_MAX);
	else
		q->held = b;
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

int queue_pop(struct queue *q, struct batch **out, int timeout_ms)
{
	struct timespec until = wait_until(timeout_ms);
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
