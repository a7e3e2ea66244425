#include "cache.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"

#define RAW  -1
#define NONE INT32_MIN /* no value in this step */

struct entry {
	struct cache_key key;
	uint64_t hash;
	int64_t begin_ms;
	int64_t used_ns;  /* last, CLOCK_MONOTONIC */
	size_t count;
	int places;       /* RAW: doubles, else integers of so many */
	struct entry *newer, *older;
	_Alignas(double) unsigned char values[];
};

struct cache {
	size_t bytes_max;
	int64_t hold_ns;

	/* under lock: */
	struct map map;                 /* hash -> entry */
	struct entry *newest, *oldest;  /* owned, in order of use */
	struct cache_stats stats;
	pthread_mutex_t lock;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ (hash >> 29);
}

static uint64_t key_hash(const struct cache_key *k)
{
	uint64_t limit;
	uint64_t hash;

	memcpy(&limit, &k->limit, sizeof(limit));
	hash = mix(0, k->series);
	hash = mix(hash, k->epoch);
	hash = mix(hash, (uint64_t)k->fn * 2 + k->sum);
	hash = mix(hash, limit);
	hash = mix(hash, (uint64_t)k->step_ms);
	hash = mix(hash, (uint64_t)k->phase_ms);
	hash = mix(hash, (uint64_t)k->shift_ms);
	return mix(hash, (uint64_t)k->length);
}

static bool key_equal(const struct cache_key *a, const struct cache_key *b)
{
	return a->series == b->series && a->epoch == b->epoch &&
	       a->fn == b->fn && a->sum == b->sum &&
	       memcmp(&a->limit, &b->limit, sizeof(a->limit)) == 0 &&
	       a->step_ms == b->step_ms && a->phase_ms == b->phase_ms &&
	       a->shift_ms == b->shift_ms && a->length == b->length;
}

static size_t value_bytes(int places)
{
	return places == RAW ? sizeof(double) : sizeof(int32_t);
}

static size_t entry_bytes(const struct entry *e)
{
	return sizeof(struct entry) + sizeof(struct map_slot) * 2 +
	       e->count * value_bytes(e->places);
}

int cache_new(struct cache **out, size_t bytes, int64_t hold_ms)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->bytes_max = bytes;
	c->hold_ns = hold_ms * 1000000;
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return 0;
}

size_t cache_share(const struct cache *c)
{
	return c->bytes_max / 2;
}

/* ---- the order of use ---- */

static void unlink_entry(struct cache *c, struct entry *e)
{
	if (e->newer)
		e->newer->older = e->older;
	else
		c->newest = e->older;
	if (e->older)
		e->older->newer = e->newer;
	else
		c->oldest = e->newer;
	e->newer = e->older = NULL;
}

static void link_newest(struct cache *c, struct entry *e)
{
	e->older = c->newest;
	if (c->newest)
		c->newest->newer = e;
	else
		c->oldest = e;
	c->newest = e;
}

static void drop(struct cache *c, struct entry *e)
{
	unlink_entry(c, e);
	map_remove(&c->map, e->hash);
	c->stats.bytes -= entry_bytes(e);
	c->stats.entries--;
	free(e);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	while (c->oldest)
		drop(c, c->oldest);
	map_fini(&c->map);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- values ---- */

static const double power[] = { 1e0, 1e3, 1e6, 1e9 };

static bool scale(double value, int places, int32_t *out)
{
	double scaled = value * power[places / 3], back;

	if (isnan(value)) {
		*out = NONE;
		return true;
	}
	if (!(fabs(scaled) < INT32_MAX))
		return false;
	*out = (int32_t)lrint(scaled);
	back = *out / power[places / 3];
	return memcmp(&back, &value, sizeof(back)) == 0;
}

/* The fewest places that give all values back bit for bit; RAW: none do. */
static int choose_places(const double *values, size_t count)
{
	int32_t scaled;
	int places = 0;

	for (size_t i = 0; i < count; i++) {
		while (!scale(values[i], places, &scaled)) {
			places += 3;
			if (places > 9)
				return RAW;
		}
	}
	return places;
}

/* What is scaled with few places may not fit with more. */
static bool pack(struct entry *e, const double *values, size_t count)
{
	int32_t *out = (int32_t *)(void *)e->values;

	for (size_t i = 0; e->places != RAW && i < count; i++) {
		if (!scale(values[i], e->places, &out[i]))
			return false;
	}
	if (e->places == RAW)
		memcpy(e->values, values, count * sizeof(values[0]));
	return true;
}

static void unpack(const struct entry *e, size_t offset, double *out,
		   size_t count)
{
	const int32_t *in = (const int32_t *)(const void *)e->values + offset;

	if (e->places == RAW) {
		memcpy(out, e->values + offset * sizeof(out[0]),
		       count * sizeof(out[0]));
		return;
	}
	for (size_t i = 0; i < count; i++)
		out[i] = in[i] == NONE ? NAN : in[i] / power[e->places / 3];
}

/* An entry of these values, not yet in the cache; NULL for want of memory. */
static struct entry *entry_new(const struct cache_key *key, uint64_t hash,
			       int64_t begin_ms, const double *values,
			       size_t count)
{
	int places = choose_places(values, count);
	struct entry *e = NULL;

	for (;;) {
		e = malloc(sizeof(*e) + count * value_bytes(places));
		if (!e)
			return NULL;
		*e = (struct entry){ .key = *key,
				     .hash = hash,
				     .begin_ms = begin_ms,
				     .used_ns = clock_monotonic_ns(),
				     .count = count,
				     .places = places };
		if (pack(e, values, count))
			return e;
		free(e);
		places = RAW;
	}
}

static struct entry *find(struct cache *c, const struct cache_key *key,
			  uint64_t hash)
{
	struct entry *e = map_get(&c->map, hash);

	return e && key_equal(&e->key, key) ? e : NULL;
}

/* Where begin_ms lies among the steps of an entry; SIZE_MAX before it. Keys
 * of one phase differ by whole steps. */
static size_t offset_of(const struct entry *e, int64_t begin_ms)
{
	if (begin_ms < e->begin_ms)
		return SIZE_MAX;
	return (size_t)((begin_ms - e->begin_ms) / e->key.step_ms);
}

size_t cache_get(struct cache *c, const struct cache_key *key,
		 int64_t begin_ms, double *out, size_t count)
{
	struct entry *e;
	size_t offset, known = 0;

	pthread_mutex_lock(&c->lock);
	e = find(c, key, key_hash(key));
	offset = e ? offset_of(e, begin_ms) : SIZE_MAX;
	if (e && offset < e->count) {
		known = e->count - offset < count ? e->count - offset : count;
		unpack(e, offset, out, known);
		e->used_ns = clock_monotonic_ns();
		unlink_entry(c, e);
		link_newest(c, e);
	}
	if (known)
		c->stats.hits++;
	else
		c->stats.misses++;
	pthread_mutex_unlock(&c->lock);
	return known;
}

/* Whether it fits once what may go is gone. */
static bool make_room(struct cache *c, size_t bytes)
{
	int64_t now_ns = clock_monotonic_ns();

	if (bytes > c->bytes_max)
		return false;
	while (c->stats.bytes + bytes > c->bytes_max) {
		if (now_ns - c->oldest->used_ns < c->hold_ns)
			return false;
		drop(c, c->oldest);
	}
	return true;
}

/* Takes the entry. */
static void insert(struct cache *c, struct entry *e)
{
	struct entry *old = map_get(&c->map, e->hash); /* perhaps another key */

	if (old)
		drop(c, old);
	if (!make_room(c, entry_bytes(e)) || map_set(&c->map, e->hash, e)) {
		free(e);
		return;
	}
	link_newest(c, e);
	c->stats.bytes += entry_bytes(e);
	c->stats.entries++;
}

/* How much of the old entry goes before the new values: what touches them,
 * and no more than as many again; nothing where room is short. */
static size_t prefix_of(const struct cache *c, const struct entry *old,
			int64_t begin_ms, size_t count)
{
	size_t offset = old ? offset_of(old, begin_ms) : SIZE_MAX;

	if (offset == SIZE_MAX || offset > old->count ||
	    c->stats.bytes + count * sizeof(double) > c->bytes_max)
		return 0;
	return offset < count ? offset : count;
}

/* Writes what the cache has right before begin_ms; returns how many, count
 * at most. */
static size_t copy_prefix(struct cache *c, const struct cache_key *key,
			  uint64_t hash, int64_t begin_ms, double *out,
			  size_t count)
{
	struct entry *old;
	size_t before;

	pthread_mutex_lock(&c->lock);
	old = find(c, key, hash);
	before = prefix_of(c, old, begin_ms, count);
	if (before)
		unpack(old, offset_of(old, begin_ms) - before, out, before);
	pthread_mutex_unlock(&c->lock);
	return before;
}

void cache_put(struct cache *c, const struct cache_key *key, int64_t begin_ms,
	       const double *values, size_t count)
{
	own(freep) double *joined = calloc(count, 2 * sizeof(joined[0]));
	uint64_t hash = key_hash(key);
	struct entry *e;
	size_t before;

	if (count == 0 || !joined)
		return;
	before = copy_prefix(c, key, hash, begin_ms, joined, count);
	memcpy(joined + before, values, count * sizeof(values[0]));
	e = entry_new(key, hash, begin_ms - (int64_t)before * key->step_ms,
		      joined, before + count);
	if (!e)
		return;
	pthread_mutex_lock(&c->lock);
	insert(c, e);
	pthread_mutex_unlock(&c->lock);
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
}
