#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char deleted_mark;
#define MAP_DELETED ((void *)&deleted_mark)

struct key {
	uint64_t hash, number;
	const char *text; /* NULL for a u64 key */
};

/* The finaliser of splitmix64: every bit of the key moves every bit. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static struct key key_number(uint64_t number)
{
	return (struct key){ mix(number), number, NULL };
}

/* FNV-1a, then mixed. */
static struct key key_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (const char *p = text; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
	return (struct key){ mix(hash), 0, text };
}

void map_fini(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].text);
	free(m->slots);
	*m = (struct map)MAP_INIT;
}

static bool matches(const struct map_slot *s, struct key k)
{
	return s->hash == k.hash && s->number == k.number &&
	       (!k.text || strcmp(s->text, k.text) == 0);
}

static struct map_slot *find(const struct map *m, struct key k)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = k.hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];

		if (!s->value)
			return NULL;
		if (s->value != MAP_DELETED && matches(s, k))
			return s;
	}
}

static void place(struct map *m, struct map_slot entry)
{
	size_t i = entry.hash & (m->cap - 1);

	while (m->slots[i].value)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = entry;
	m->count++;
	m->used++;
}

/* A table twice as large as its live entries need, without deleted ones. */
static int rebuild(struct map *m)
{
	struct map grown = { .cap = 16 };

	while (grown.cap < (m->count + 1) * 2)
		grown.cap *= 2;
	grown.slots = calloc(grown.cap, sizeof(grown.slots[0]));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slots[i].value && m->slots[i].value != MAP_DELETED)
			place(&grown, m->slots[i]);
	}
	free(m->slots);
	*m = grown;
	return 0;
}

static int set(struct map *m, struct key k, void *value)
{
	struct map_slot *s = find(m, k);
	char *text = NULL;

	if (s) {
		s->value = value;
		return 0;
	}
	if ((m->used + 1) * 4 > m->cap * 3 && rebuild(m))
		return -ENOMEM;
	if (k.text) {
		text = strdup(k.text);
		if (!text)
			return -ENOMEM;
	}
	place(m, (struct map_slot){ k.hash, k.number, text, value });
	return 0;
}

static void *get(const struct map *m, struct key k)
{
	struct map_slot *s = find(m, k);

	return s ? s->value : NULL;
}

static void *remove_key(struct map *m, struct key k)
{
	struct map_slot *s = find(m, k);
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	free(s->text);
	s->text = NULL;
	s->value = MAP_DELETED;
	m->count--;
	return value;
}

int map_set(struct map *m, uint64_t key, void *value)
{
	return set(m, key_number(key), value);
}

int map_set_str(struct map *m, const char *key, void *value)
{
	return set(m, key_text(key), value);
}

void *map_get(const struct map *m, uint64_t key)
{
	return get(m, key_number(key));
}

void *map_get_str(const struct map *m, const char *key)
{
	return get(m, key_text(key));
}

void *map_remove(struct map *m, uint64_t key)
{
	return remove_key(m, key_number(key));
}

void *map_remove_str(struct map *m, const char *key)
{
	return remove_key(m, key_text(key));
}

void *map_next(const struct map *m, size_t *position)
{
	while (*position < m->cap) {
		void *value = m->slots[(*position)++].value;

		if (value && value != MAP_DELETED)
			return value;
	}
	return NULL;
}
