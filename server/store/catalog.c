#include "catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int shared_labels_new(struct shared_labels **out, const struct labels *l)
{
	struct shared_labels *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (labels_copy(&s->labels, l)) {
		free(s);
		return -ENOMEM;
	}
	atomic_init(&s->references, 1);
	*out = s;
	return 0;
}

struct shared_labels *shared_labels_ref(struct shared_labels *l)
{
	atomic_fetch_add(&l->references, 1);
	return l;
}

void shared_labels_unref(struct shared_labels *l)
{
	if (!l || atomic_fetch_sub(&l->references, 1) != 1)
		return;
	labels_fini(&l->labels);
	free(l);
}

/* ---- catalog ---- */

struct catalog *catalog_ref(struct catalog *c)
{
	atomic_fetch_add(&c->references, 1);
	return c;
}

void catalog_unref(struct catalog *c)
{
	if (!c || atomic_fetch_sub(&c->references, 1) != 1)
		return;
	for (size_t i = 0; i < c->member_count; i++) {
		shared_labels_unref(c->members[i].labels);
		shared_labels_unref(c->members[i].attributes);
	}
	free(c->members);
	free(c->lines);
	free(c);
}

static int by_id(const void *key, const void *item)
{
	uint32_t id = *(const uint32_t *)key;
	uint32_t other = ((const struct member *)item)->id;

	return (id > other) - (id < other);
}

const struct member *catalog_member(const struct catalog *c, uint32_t id)
{
	if (c->member_count == 0)
		return NULL;
	return bsearch(&id, c->members, c->member_count, sizeof(c->members[0]),
		       by_id);
}

/* Where the entry stands in the array, which is by id. */
static uint32_t index_of(const struct registry *g, const struct entry *e)
{
	size_t low = 0, high = g->entry_count;

	while (low + 1 < high) {
		size_t middle = (low + high) / 2;

		if (g->entries[middle]->member.id <= e->member.id)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

static void fill_catalog(struct catalog *c, const struct registry *g)
{
	for (size_t i = 0; i < g->entry_count; i++) {
		struct member *m = &c->members[i];

		*m = g->entries[i]->member;
		shared_labels_ref(m->labels);
		shared_labels_ref(m->attributes);
	}
	c->member_count = g->entry_count;
	for (size_t i = 0; i < g->series_count; i++) {
		const struct series_state *s = &g->series[i];

		c->lines[i] =
			(struct line){s->id, index_of(g, s->entry), s->column};
	}
	c->line_count = g->series_count;
}

int registry_catalog(struct registry *g, struct catalog **out)
{
	if (!g->catalog) {
		struct catalog *c = calloc(1, sizeof(*c));

		if (!c)
			return -ENOMEM;
		atomic_init(&c->references, 1);
		c->members = calloc(g->entry_count + 1, sizeof(c->members[0]));
		c->lines = calloc(g->series_count + 1, sizeof(c->lines[0]));
		if (!c->members || !c->lines) {
			catalog_unref(c);
			return -ENOMEM;
		}
		fill_catalog(c, g);
		g->catalog = c;
	}
	*out = catalog_ref(g->catalog);
	return 0;
}

static void changed(struct registry *g)
{
	catalog_unref(g->catalog);
	g->catalog = NULL;
}

/* ---- what series show now ---- */

struct lasts *lasts_ref(struct lasts *l)
{
	atomic_fetch_add(&l->references, 1);
	return l;
}

void lasts_unref(struct lasts *l)
{
	if (l && atomic_fetch_sub(&l->references, 1) == 1)
		free(l);
}

static struct lasts *lasts_new(size_t cap)
{
	struct lasts *l = calloc(1, sizeof(*l) + cap * sizeof(l->values[0]));

	if (!l)
		return NULL;
	atomic_init(&l->references, 1);
	l->cap = cap;
	return l;
}

/* One of the writer's own with room for cap values. */
static int lasts_room(struct registry *g, size_t cap)
{
	struct lasts *l = g->lasts, *copy;

	if (atomic_load(&l->references) == 1 && l->cap >= cap)
		return 0;
	copy = lasts_new(l->cap >= cap ? l->cap : cap * 2);
	if (!copy)
		return -ENOMEM;
	copy->count = l->count;
	memcpy(copy->values, l->values, l->count * sizeof(l->values[0]));
	lasts_unref(l);
	g->lasts = copy;
	return 0;
}

int registry_lasts(struct registry *g)
{
	return lasts_room(g, g->lasts->count);
}

/* ---- registry ---- */

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	shared_labels_unref(e->member.labels);
	shared_labels_unref(e->member.attributes);
	free(e->reason);
	free(e);
}

int registry_init(struct registry *g)
{
	*g = (struct registry){.next_entity = 1, .next_series = 1};
	g->lasts = lasts_new(16);
	return g->lasts ? 0 : -ENOMEM;
}

void registry_fini(struct registry *g)
{
	for (size_t i = 0; i < g->entry_count; i++)
		entry_free(g->entries[i]);
	free(g->entries);
	free(g->series);
	map_fini(&g->by_key);
	map_fini(&g->by_number);
	lasts_unref(g->lasts);
	catalog_unref(g->catalog);
}

static void key_text(char out[128], const struct entity_key *k,
		     enum entity_kind kind)
{
	snprintf(out, 128, "%d/%.36s/%d/%" PRIu64, (int)kind, k->boot_id,
		 (int)k->pid, k->start_ticks);
}

static int grow(void *array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (count < *cap)
		return 0;
	grown = realloc(*(void **)array, more * size);
	if (!grown)
		return -ENOMEM;
	*(void **)array = grown;
	*cap = more;
	return 0;
}

static int entry_new(struct entry **out, const struct entity *from, uint32_t id,
		     int64_t wall_ms)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	if (shared_labels_new(&e->member.labels, &from->labels) ||
	    shared_labels_new(&e->member.attributes, &from->attributes)) {
		entry_free(e);
		return -ENOMEM;
	}
	e->member.id = id;
	e->member.open = true;
	e->member.from_ms = e->seen_ms = wall_ms;
	e->member.to_ms = INT64_MAX;
	e->kind = from->kind;
	e->key = from->key;
	e->start_wall_ms = from->start_wall_ms;
	e->dirty = e->attributes_dirty = true;
	e->attributes_ms = wall_ms;
	memset(e->line_of, 0xff, sizeof(e->line_of));
	*out = e;
	return 0;
}

int registry_entry(struct registry *g, struct entry **out,
		   const struct entity *from, uint32_t id, int64_t wall_ms)
{
	char key[128];
	struct entry *e;

	key_text(key, &from->key, from->kind);
	e = map_get_str(&g->by_key, key);
	if (e) {
		*out = e;
		return 0;
	}
	if (grow(&g->entries, g->entry_count, &g->entry_cap,
		 sizeof(g->entries[0])) ||
	    entry_new(&e, from, id ? id : g->next_entity, wall_ms))
		return -ENOMEM;
	if (map_set_str(&g->by_key, key, e)) {
		entry_free(e);
		return -ENOMEM;
	}
	g->entries[g->entry_count++] = e;
	if (e->member.id >= g->next_entity)
		g->next_entity = e->member.id + 1;
	changed(g);
	*out = e;
	return 0;
}

int registry_attributes(struct registry *g, struct entry *e,
			const struct labels *l, int64_t wall_ms)
{
	struct shared_labels *copy;
	int r;

	if (labels_compare(&e->member.attributes->labels, l) == 0)
		return 0;
	r = shared_labels_new(&copy, l);
	if (r)
		return r;
	shared_labels_unref(e->member.attributes);
	e->member.attributes = copy;
	e->attributes_dirty = true;
	e->attributes_ms = wall_ms;
	changed(g);
	return 0;
}

int registry_series(struct registry *g, uint32_t *out, struct entry *e,
		    enum column column, uint32_t id)
{
	struct series_state *s;

	if (e->line_of[column] != NO_LINE) {
		*out = e->line_of[column];
		return 0;
	}
	if (grow(&g->series, g->series_count, &g->series_cap,
		 sizeof(g->series[0])) ||
	    lasts_room(g, g->series_count + 1))
		return -ENOMEM;
	s = &g->series[g->series_count];
	*s = (struct series_state){
		.id = id ? id : g->next_series,
		.entry = e,
		.column = (uint16_t)column,
		.dirty = true,
	};
	if (s->id >= g->next_series)
		g->next_series = s->id + 1;
	g->lasts->values[g->lasts->count++] = (struct now_value){0};
	e->line_of[column] = *out = (uint32_t)g->series_count++;
	changed(g);
	return 0;
}

bool registry_forgettable(const struct entry *e, int64_t cutoff_ms)
{
	return !e->member.open && !e->dirty && e->member.to_ms < cutoff_ms;
}

/* Drop it from the maps; its numbers of this run with it. */
static void unmap(struct registry *g, const struct entry *e)
{
	char key[128];

	key_text(key, &e->key, e->kind);
	map_remove_str(&g->by_key, key);
	for (size_t i = 0; i < g->by_number.cap; i++) {
		const struct map_slot *slot = &g->by_number.slots[i];

		if (slot->value == e)
			map_remove(&g->by_number, slot->number);
	}
}

static void forget_series(struct registry *g, int64_t cutoff_ms,
			  uint32_t *moved, struct lasts *lasts)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->series_count; i++) {
		struct series_state *s = &g->series[i];

		moved[i] = NO_LINE;
		if (registry_forgettable(s->entry, cutoff_ms))
			continue;
		moved[i] = s->entry->line_of[s->column] = (uint32_t)kept;
		lasts->values[kept] = g->lasts->values[i];
		g->series[kept++] = *s;
	}
	g->series_count = lasts->count = kept;
}

int registry_forget(struct registry *g, int64_t cutoff_ms, uint32_t *moved)
{
	struct lasts *lasts = lasts_new(g->series_count + 16);
	size_t kept = 0;

	if (!lasts)
		return -ENOMEM;
	forget_series(g, cutoff_ms, moved, lasts);
	lasts_unref(g->lasts);
	g->lasts = lasts;
	for (size_t i = 0; i < g->entry_count; i++) {
		struct entry *e = g->entries[i];

		if (registry_forgettable(e, cutoff_ms)) {
			unmap(g, e);
			entry_free(e);
		} else {
			g->entries[kept++] = e;
		}
	}
	g->entry_count = kept;
	changed(g);
	return 0;
}
