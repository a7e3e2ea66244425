#pragma once
/*
 * map.h - a hash map from a u64 or a string to a pointer.
 *
 * Open addressing, grows by itself. Values are borrowed: the map frees its
 * keys only. One map uses one kind of key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t hash; /* or the u64 key itself, mixed */
	uint64_t number;
	char *text; /* owned; NULL for u64 keys */
	void *value; /* NULL: never used; MAP_DELETED: was used */
};

struct map {
	struct map_slot *slots; /* owned */
	size_t count, used, cap; /* used counts deleted ones too */
};

#define MAP_INIT { 0 }

void map_fini(struct map *m);

/* value must not be NULL; an existing one is replaced. -ENOMEM. */
int map_set(struct map *m, uint64_t key, void *value);
int map_set_str(struct map *m, const char *key, void *value);

/* NULL when there is none. */
void *map_get(const struct map *m, uint64_t key);
void *map_get_str(const struct map *m, const char *key);

/* The value that was there, or NULL. */
void *map_remove(struct map *m, uint64_t key);
void *map_remove_str(struct map *m, const char *key);

/*
 * Walk all values in no order: "size_t i = 0; while ((v = map_next(m, &i)))".
 * The entry just returned may be removed; nothing may be added.
 */
void *map_next(const struct map *m, size_t *position);
