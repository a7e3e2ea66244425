#include "batch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"

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
