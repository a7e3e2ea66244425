#include "cache.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/map.h"

struct entry {
	struct cache_key key;
	uint64_t hash;
	int64_t begin_ms;
	size_t count;
	struct entry *newer, *older;
	double values[];
};

struct cache {
	size_t bytes_max;

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
	hash = mix(hash, (uint64_t)k->fn * 2 + k->sum);
	hash = mix(hash, limit);
	hash = mix(hash, (uint64_t)k->step_ms);
	return mix(hash, (uint64_t)k->phase_ms);
}

static bool key_equal(const struct cache_key *a, const struct cache_key *b)
{
	return a->series == b->series && a->fn == b->fn && a->sum == b->sum &&
	       memcmp(&a->limit, &b->limit, sizeof(a->limit)) == 0 &&
	       a->step_ms == b->step_ms && a->phase_ms == b->phase_ms;
}

static size_t entry_bytes(size_t count)
{
	return sizeof(struct entry) + sizeof(struct map_slot) * 2 +
	       count * sizeof(double);
}

int cache_new(struct cache **out, size_t bytes)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->bytes_max = bytes;
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
	c->stats.bytes -= entry_bytes(e->count);
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
		memcpy(out, e->values + offset, known * sizeof(out[0]));
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

static void insert(struct cache *c, struct entry *e)
{
	while (c->oldest &&
	       c->stats.bytes + entry_bytes(e->count) > c->bytes_max)
		drop(c, c->oldest);
	if (entry_bytes(e->count) > c->bytes_max ||
	    map_set(&c->map, e->hash, e)) {
		free(e);
		return;
	}
	link_newest(c, e);
	c->stats.bytes += entry_bytes(e->count);
	c->stats.entries++;
}

/* How much of the old entry goes before the new values: what touches them,
 * and no more than as many again. */
static size_t prefix_of(const struct entry *old, int64_t begin_ms, size_t count)
{
	size_t offset = old ? offset_of(old, begin_ms) : SIZE_MAX;

	if (offset == SIZE_MAX || offset > old->count)
		return 0;
	return offset < count ? offset : count;
}

void cache_put(struct cache *c, const struct cache_key *key, int64_t begin_ms,
	       const double *values, size_t count)
{
	uint64_t hash = key_hash(key);
	struct entry *old, *e;
	size_t before, offset;

	if (count == 0)
		return;
	pthread_mutex_lock(&c->lock);
	old = find(c, key, hash);
	offset = old ? offset_of(old, begin_ms) : 0;
	before = prefix_of(old, begin_ms, count);
	e = malloc(sizeof(*e) + (before + count) * sizeof(e->values[0]));
	if (e) {
		*e = (struct entry){ .key = *key,
				     .hash = hash,
				     .begin_ms = begin_ms -
						 (int64_t)before * key->step_ms,
				     .count = before + count };
		if (before)
			memcpy(e->values, old->values + offset - before,
			       before * sizeof(values[0]));
		memcpy(e->values + before, values, count * sizeof(values[0]));
		old = map_get(&c->map, hash); /* perhaps of another key */
		if (old)
			drop(c, old);
		insert(c, e);
	}
	pthread_mutex_unlock(&c->lock);
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
}
