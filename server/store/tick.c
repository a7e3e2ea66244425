#include "tick.h"

#include <errno.h>
#include <stdlib.h>

int tick_new(struct tick **out, int64_t time_ms, uint32_t epoch, size_t count)
{
	struct tick *t = malloc(sizeof(*t) + count * (sizeof(t->values[0]) +
						      sizeof(t->ids[0])));

	if (!t)
		return -ENOMEM;
	atomic_init(&t->references, 1);
	t->epoch = epoch;
	t->time_ms = time_ms;
	t->count = count;
	t->ids = (uint32_t *)(t->values + count);
	*out = t;
	return 0;
}

struct tick *tick_ref(struct tick *t)
{
	atomic_fetch_add(&t->references, 1);
	return t;
}

void tick_unref(struct tick *t)
{
	if (t && atomic_fetch_sub(&t->references, 1) == 1)
		free(t);
}
