#include "catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

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

static bool same_label(const struct labels *a, const struct labels *b,
		       const char *name)
{
	const char *x = labels_get(a, name), *y = labels_get(b, name);

	return strcmp(x ? x : "", y ? y : "") == 0;
}

/* An exec keeps pid and start time; what runs may be another program. */
static bool same_program(const struct entry *e, const struct entity *from)
{
	const struct labels *l = &e->member.labels->labels;

	if (from->number && from->number == e->number)
		return true; /* new attributes */
	return same_label(l, &from->labels, "service") &&
	       same_label(l, &from->labels, "runtime");
}

int registry_entry(struct registry *g, struct entry **out,
		   const struct entity *from, uint32_t id, int64_t wall_ms)
{
	char key[128];
	struct entry *e;

	key_text(key, &from->key, from->kind);
	e = map_get_str(&g->by_key, key);
	if (e && same_program(e, from)) {
		*out = e;
		return 0;
	}
	if (array_room(&g->entries, g->entry_count, &g->entry_cap) ||
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

struct entry *registry_namesake(const struct registry *g,
				const struct entity *from)
{
	char key[128];

	key_text(key, &from->key, from->kind);
	return map_get_str(&g->by_key, key);
}

int registry_number(struct registry *g, struct entry *e, uint32_t number)
{
	int r;

	if (number == 0 || number == e->number)
		return 0;
	r = map_set(&g->by_number, number, e);
	if (r)
		return r;
	if (e->number_before)
		map_remove(&g->by_number, e->number_before);
	e->number_before = e->number;
	e->number = number;
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
	if (array_room(&g->series, g->series_count, &g->series_cap) ||
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
	return !e->member.open && !e->dirty &&
	       (e->crowded_out || e->member.to_ms < cutoff_ms);
}

/* Lives of like length, each twice that of the class before. */
static int class_of(const struct entry *e)
{
	int64_t life_s = (e->member.to_ms - e->member.from_ms) / 1000;

	return life_s > 0 ? 64 - __builtin_clzll((uint64_t)life_s) : 0;
}

static int by_worth(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;

	if (class_of(x) != class_of(y))
		return class_of(x) < class_of(y) ? -1 : 1;
	return (x->member.to_ms > y->member.to_ms) -
	       (x->member.to_ms < y->member.to_ms);
}

size_t registry_crowd(struct registry *g, size_t most)
{
	struct entry **ended = malloc((g->entry_count + 1) * sizeof(ended[0]));
	size_t count = 0, surplus = 0;

	for (size_t i = 0; ended && i < g->entry_count; i++) {
		struct entry *e = g->entries[i];

		if (!e->member.open && !e->dirty)
			ended[count++] = e;
	}
	if (count > most) {
		/* An eighth more, so that it is not done each time. */
		surplus = count - most + most / 8;
		surplus = surplus < count ? surplus : count;
		qsort(ended, count, sizeof(ended[0]), by_worth);
	}
	for (size_t i = 0; i < surplus; i++)
		ended[i]->crowded_out = true;
	free(ended);
	return surplus;
}

static bool is_empty(const struct series_state *s)
{
	return !s->valued && s->dirty && !s->entry->member.open;
}

bool registry_has_empty(const struct registry *g)
{
	for (size_t i = 0; i < g->series_count; i++) {
		if (is_empty(&g->series[i]))
			return true;
	}
	return false;
}

/* Drop it from the maps; its numbers of this run with it. */
static void unmap(struct registry *g, const struct entry *e)
{
	char key[128];

	key_text(key, &e->key, e->kind);
	if (map_get_str(&g->by_key, key) == e)
		map_remove_str(&g->by_key, key);
	if (e->number)
		map_remove(&g->by_number, e->number);
	if (e->number_before)
		map_remove(&g->by_number, e->number_before);
}

static void forget_series(struct registry *g, int64_t cutoff_ms,
			  uint32_t *moved, struct lasts *lasts)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->series_count; i++) {
		struct series_state *s = &g->series[i];

		moved[i] = NO_LINE;
		if (is_empty(s))
			s->entry->line_of[s->column] = NO_LINE;
		if (is_empty(s) || registry_forgettable(s->entry, cutoff_ms))
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
