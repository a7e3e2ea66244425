#include "tick.h"

#include <errno.h>
#include <stdlib.h>

#include "common/own.h"

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

bool tick_within(const struct tick *t, const uint32_t *ids, size_t count)
{
	size_t i = 0;

	for (size_t k = 0; k < t->count; k++, i++) {
		while (i < count && ids[i] < t->ids[k])
			i++;
		if (i == count || ids[i] != t->ids[k])
			return false;
	}
	return true;
}

/* out = ids united with those of the tick; returns how many. */
static size_t unite(uint32_t *out, const uint32_t *ids, size_t ids_count,
		    const struct tick *t)
{
	size_t i = 0, k = 0, count = 0;

	while (i < ids_count || k < t->count) {
		if (k == t->count || (i < ids_count && ids[i] < t->ids[k])) {
			out[count++] = ids[i++];
		} else {
			if (i < ids_count && ids[i] == t->ids[k])
				i++;
			out[count++] = t->ids[k++];
		}
	}
	return count;
}

int tick_ids(uint32_t **out, size_t *count, struct tick *const *ticks,
	     size_t n)
{
	own(freep) uint32_t *ids = NULL;

	*count = 0;
	for (size_t t = 0; t < n; t++) {
		uint32_t *united;

		if (tick_within(ticks[t], ids, *count))
			continue;
		united = calloc(*count + ticks[t]->count, sizeof(united[0]));
		if (!united)
			return -ENOMEM;
		*count = unite(united, ids, *count, ticks[t]);
		free(ids);
		ids = united;
	}
	*out = take(ids);
	return 0;
}
