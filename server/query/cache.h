#pragma once
/*
 * cache.h - values of series per step that can change no more.
 *
 * A panel asks for the same hours every few seconds. Kept are the values of
 * one series and function in whole, settled steps, before anything is
 * aggregated: which series are in question, their labels, groups and ranks
 * are worked out anew each time, so only the stored points are spared.
 *
 * Values that are decimals with few places, as most are, take four bytes.
 *
 * Any thread. Entries go in the order of their last use, but what was used
 * within the last moments stays: a wall whose panels together are larger than
 * the cache would otherwise go round and find nothing of what it put there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/own.h"

struct cache;

/* What a value depends on besides its time; and, since an entry is one stretch
 * of time that follows one panel, what keeps panels apart that look at others:
 * today beside yesterday, an hour beside a day. */
struct cache_key {
	uint32_t series; /* id in the store */
	uint32_t epoch;  /* of the store; in another one it may change */
	int fn;          /* enum fn */
	bool sum;
	double limit;
	int64_t step_ms;
	int64_t phase_ms; /* where steps begin, modulo step_ms */
	int64_t shift_ms;
	int length;       /* of the range: binary digits of its steps */
};

/* hold_ms: what was used within is not driven out. */
int cache_new(struct cache **out, size_t bytes, int64_t hold_ms);
void cache_free(struct cache *c);
OWN_DEFINE(struct cache *, cache_free)

/* Most bytes of values that one question may bring, so that a large one does
 * not drive out all others. */
size_t cache_share(const struct cache *c);

/* Values of steps from begin_ms on into out, at most count; NAN where there
 * is none. Returns how many are known, without a hole, from the first on. */
size_t cache_get(struct cache *c, const struct cache_key *key,
		 int64_t begin_ms, double *out, size_t count);

/* Keep these; where they touch what is kept already, both are joined if there
 * is room. What does not fit, or for want of memory, is not kept. */
void cache_put(struct cache *c, const struct cache_key *key, int64_t begin_ms,
	       const double *values, size_t count);

struct cache_stats {
	uint64_t hits, misses; /* series asked for */
	size_t bytes, entries;
};

void cache_stats(struct cache *c, struct cache_stats *out);
