#include "census.h"

#include <errno.h>
#include <pthread.h>

struct census_board {
	pthread_mutex_t lock;
	struct census *newest; /* under lock; one reference is ours */
};

int census_new(struct census **out, struct now now)
{
	struct census *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->references = 1;
	c->now = now;
	*out = c;
	return 0;
}

static void target_fini(struct census_target *t)
{
	entity_fini(&t->entity);
	free(t->reason);
	free(t->state_reason);
	free(t->silence_reason);
	free(t->probes);
	free(t->gaps);
}

void census_unref(struct census *c)
{
	if (!c || atomic_fetch_sub(&c->references, 1) > 1)
		return;
	for (size_t i = 0; i < c->target_count; i++)
		target_fini(&c->targets[i]);
	entity_fini(&c->machine);
	free(c->targets);
	free(c->lacks);
	free(c->thresholds);
	windows_fini(&c->windows);
	free(c);
}

int census_board_new(struct census_board **out)
{
	struct census_board *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	pthread_mutex_init(&b->lock, NULL);
	*out = b;
	return 0;
}

void census_board_free(struct census_board *b)
{
	if (!b)
		return;
	census_unref(b->newest);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void census_publish(struct census_board *b, struct census *c)
{
	struct census *old;

	pthread_mutex_lock(&b->lock);
	old = b->newest;
	b->newest = c;
	pthread_mutex_unlock(&b->lock);
	census_unref(old);
}

struct census *census_get(struct census_board *b)
{
	struct census *c;

	pthread_mutex_lock(&b->lock);
	c = b->newest;
	if (c)
		atomic_fetch_add(&c->references, 1);
	pthread_mutex_unlock(&b->lock);
	return c;
}
