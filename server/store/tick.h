#pragma once
/*
 * tick.h - the values of many series at one time.
 *
 * Immutable once filled and reference-counted, so that views hold one while
 * the writer goes on.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tick {
	atomic_uint references;
	uint32_t epoch;
	int64_t time_ms;
	size_t count;
	uint32_t *ids;   /* of series, strictly rising; inside the tick */
	double values[]; /* finite */
};

/* With one reference and room for count values. -ENOMEM. */
int tick_new(struct tick **out, int64_t time_ms, uint32_t epoch, size_t count);
struct tick *tick_ref(struct tick *t);
void tick_unref(struct tick *t); /* NULL is nothing */

/* Whether every series of the tick is one of these, which rise strictly. */
bool tick_within(const struct tick *t, const uint32_t *ids, size_t count);

/* The series of all n ticks, strictly rising, each once; *out is the
 * caller's, NULL where there are none. -ENOMEM. */
int tick_ids(uint32_t **out, size_t *count, struct tick *const *ticks,
	     size_t n);
