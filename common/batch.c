#include "batch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
	free(b->entities);
	free(b->closed);
	free(b->samples);
	free(b->gaps);
	free(b->events);
	free(b);
}

/* Room for one more item of the array; false once memory is short. */
static bool room(struct batch *b, void *array, size_t count, size_t *cap,
		 size_t size)
{
	size_t more = *cap ? *cap * 2 : 16;
	void *grown;

	if (b->error)
		return false;
	if (count < *cap)
		return true;
	grown = realloc(*(void **)array, more * size);
	if (!grown) {
		b->error = -ENOMEM;
		return false;
	}
	*(void **)array = grown;
	*cap = more;
	return true;
}

#define ROOM(b, what, prefix)                                                  \
	room(b, &(b)->what, (b)->prefix##_count, &(b)->prefix##_cap,           \
	     sizeof((b)->what[0]))

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

void batch_add_event(struct batch *b, enum event_kind kind, uint32_t entity,
		     int64_t boot_ns, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	if (!ROOM(b, events, event))
		return;
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		b->error = -ENOMEM;
		return;
	}
	b->events[b->event_count++] = (struct event){
		.kind = kind,
		.entity = entity,
		.boot_ns = boot_ns,
		.text = text,
	};
}
