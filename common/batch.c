#include "batch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "map.h"

int batch_new(struct batch **out, struct now now)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->now = now;
	*out = b;
	return 0;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->entity_count; i++)
		entity_fini(&b->entities[i]);
	for (size_t i = 0; i < b->closed_count; i++)
		free(b->closed[i].reason);
	for (size_t i = 0; i < b->event_count; i++)
		free(b->events[i].text);
	for (size_t i = 0; i < b->fact_count; i++)
		free(b->facts[i].value);
	free(b->facts);
	free(b->entities);
	free(b->closed);
	free(b->samples);
	free(b->gaps);
	free(b->events);
	free(b);
}

void batch_drop_samples(struct batch *b)
{
	free(b->samples);
	b->samples = NULL;
	b->sample_count = b->sample_cap = 0;
}

/* Room for one more item of the array; false once memory is short. */
#define ROOM(b, what, prefix)                                                  \
	((b)->error == 0 &&                                                    \
	 ((b)->error = array_room(&(b)->what, (b)->prefix##_count,             \
				  &(b)->prefix##_cap)) == 0)

void batch_add_entity(struct batch *b, const struct entity *e)
{
	if (!ROOM(b, entities, entity))
		return;
	if (entity_copy(&b->entities[b->entity_count], e))
		b->error = -ENOMEM;
	else
		b->entity_count++;
}

void batch_add_close(struct batch *b, uint32_t entity, int64_t boot_ns,
		     const char *reason)
{
	char *copy;

	if (!ROOM(b, closed, closed))
		return;
	copy = strdup(reason);
	if (!copy) {
		b->error = -ENOMEM;
		return;
	}
	b->closed[b->closed_count++] =
		(struct batch_close){ entity, boot_ns, copy };
}

void batch_add_sample(struct batch *b, uint32_t entity, enum column column,
		      double value)
{
	if (!isfinite(value) || !ROOM(b, samples, sample))
		return;
	b->samples[b->sample_count++] =
		(struct sample){ entity, (uint16_t)column, value };
}

void batch_add_gap(struct batch *b, uint32_t entity, enum column column,
		   enum gap reason)
{
	if (!ROOM(b, gaps, gap))
		return;
	b->gaps[b->gap_count++] = (struct batch_gap){
		entity, (uint16_t)column, (uint8_t)reason
	};
}

__attribute__((format(printf, 3, 0))) static void
add_event(struct batch *b, struct event e, const char *format, va_list args)
{
	if (!ROOM(b, events, event))
		return;
	if (vasprintf(&e.text, format, args) < 0) {
		b->error = -ENOMEM;
		return;
	}
	b->events[b->event_count++] = e;
}

void batch_add_event(struct batch *b, enum event_kind kind, uint32_t entity,
		     int64_t boot_ns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_event(b, (struct event){ kind, entity, boot_ns, 0, NULL }, format,
		  args);
	va_end(args);
}

void batch_add_span(struct batch *b, enum event_kind kind, uint32_t entity,
		    int64_t begin_ns, int64_t end_ns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_event(b, (struct event){ kind, entity, begin_ns, end_ns, NULL },
		  format, args);
	va_end(args);
}

void batch_add_fact(struct batch *b, const char *key, const char *value)
{
	char *copy;

	if (!ROOM(b, facts, fact))
		return;
	copy = strdup(value);
	if (!copy) {
		b->error = -ENOMEM;
		return;
	}
	b->facts[b->fact_count++] = (struct batch_fact){ key, copy };
}

/* ---- two as one ---- */

#define GAPS_MAX 100000 /* of a merged batch */

static struct entity *entity_in(const struct batch *b, uint32_t number)
{
	for (size_t i = 0; i < b->entity_count; i++) {
		if (b->entities[i].number == number)
			return &b->entities[i];
	}
	return NULL;
}

/* With what was told of it. */
static void remove_entity(struct batch *b, struct entity *e)
{
	struct entity *end = b->entities + --b->entity_count;
	size_t kept = 0;

	for (size_t i = 0; i < b->gap_count; i++) {
		if (b->gaps[i].entity != e->number)
			b->gaps[kept++] = b->gaps[i];
	}
	b->gap_count = kept;
	entity_fini(e);
	memmove(e, e + 1, (size_t)(end - e) * sizeof(*e));
}

/* Newer attributes take the place of older ones. */
static void merge_entities(struct batch *into, struct batch *b)
{
	for (size_t i = 0; i < b->entity_count; i++) {
		struct entity *e = entity_in(into, b->entities[i].number);
		struct entity swap;

		if (!e && ROOM(into, entities, entity)) {
			e = &into->entities[into->entity_count++];
			*e = (struct entity){ 0 };
		}
		if (!e)
			return;
		swap = *e;
		*e = b->entities[i];
		b->entities[i] = swap;
	}
}

static void merge_closes(struct batch *into, struct batch *b, size_t most)
{
	for (size_t i = 0; i < b->closed_count; i++) {
		struct batch_close *c = &b->closed[i];
		struct entity *e = entity_in(into, c->entity);

		if (e && into->entity_count > most) {
			remove_entity(into, e);
		} else if (ROOM(into, closed, closed)) {
			into->closed[into->closed_count++] = *c;
			c->reason = NULL;
		}
	}
}

static uint64_t series_of(const struct batch_gap *g)
{
	return (uint64_t)g->entity << 16 | g->column;
}

/* How it is now counts. A process may have a gap in every column and there
 * may be many, so each is looked up, not searched. */
static void merge_gaps(struct batch *into, struct batch *b)
{
	own(map_fini) struct map newer = MAP_INIT;
	struct batch_gap *g;

	for (size_t i = 0; i < b->gap_count && into->error == 0; i++) {
		g = &b->gaps[i];
		into->error = map_set(&newer, series_of(g), g);
	}
	for (size_t i = 0; i < into->gap_count; i++) {
		g = map_remove(&newer, series_of(&into->gaps[i]));
		if (g)
			into->gaps[i] = *g;
	}
	for (size_t i = 0; i < b->gap_count; i++) {
		g = map_remove(&newer, series_of(&b->gaps[i]));
		if (g && into->gap_count < GAPS_MAX && ROOM(into, gaps, gap))
			into->gaps[into->gap_count++] = *g;
	}
}

static size_t merge_events(struct batch *into, struct batch *b, size_t most)
{
	size_t lost = 0;

	for (size_t i = 0; i < b->event_count; i++) {
		if (into->event_count < most && ROOM(into, events, event)) {
			into->events[into->event_count++] = b->events[i];
			b->events[i].text = NULL;
		} else {
			lost++;
		}
	}
	return lost;
}

static struct batch_fact *fact_in(const struct batch *b, const char *key)
{
	for (size_t i = 0; i < b->fact_count; i++) {
		if (strcmp(b->facts[i].key, key) == 0)
			return &b->facts[i];
	}
	return NULL;
}

static void merge_facts(struct batch *into, struct batch *b)
{
	for (size_t i = 0; i < b->fact_count; i++) {
		struct batch_fact *f = fact_in(into, b->facts[i].key);

		if (!f && ROOM(into, facts, fact)) {
			f = &into->facts[into->fact_count++];
			*f = (struct batch_fact){ 0 };
		}
		if (!f)
			return;
		free(f->value);
		*f = b->facts[i];
		b->facts[i].value = NULL;
	}
}

size_t batch_merge(struct batch *into, struct batch *b, size_t most)
{
	size_t lost;

	merge_entities(into, b);
	merge_gaps(into, b);
	merge_closes(into, b, most);
	lost = merge_events(into, b, most);
	merge_facts(into, b);
	batch_free(b);
	return lost;
}
