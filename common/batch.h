#pragma once
/*
 * batch.h - all that is collected in one tick, on its way to the store.
 *
 * The narrow waist between every source and the store. A batch is built by
 * the collector thread alone, moved through the queue, and freed by whoever
 * takes it out. All its samples share one time.
 *
 * Appends never fail at the call: for want of memory the batch remembers the
 * error (batch_error) and stays consistent.
 */
#include <stdint.h>

#include "clock.h"
#include "column.h"
#include "entity.h"
#include "event.h"
#include "gap.h"

struct sample {
	uint32_t entity; /* number */
	uint16_t column; /* enum column */
	double value;    /* finite; in the column's base unit */
};

/* A series without a value from now on, and why; sent when the reason
 * changes, not each second. GAP_NONE: the value is back. */
struct batch_gap {
	uint32_t entity;
	uint16_t column;
	uint8_t reason; /* enum gap */
};

/* The end of an entity: its series have no last value any more. */
struct batch_close {
	uint32_t entity;
	int64_t boot_ns;
	char *reason; /* owned; "exited", "replaced by exec", "excluded" */
};

/* A small text that outlives a run of heapwatch. */
struct batch_fact {
	const char *key; /* static */
	char *value;     /* owned */
};

struct batch {
	struct now now; /* of the tick; boot time and its wall time */

	/* new ones, and known ones (same number) with new attributes; owned */
	struct entity *entities;
	size_t entity_count, entity_cap;
	struct batch_close *closed; /* owned */
	size_t closed_count, closed_cap;
	struct sample *samples; /* owned */
	size_t sample_count, sample_cap;
	struct batch_gap *gaps; /* owned */
	size_t gap_count, gap_cap;
	struct event *events; /* owned */
	size_t event_count, event_cap;
	size_t collection_count; /* of the events */
	struct batch_fact *facts; /* owned; written without delay */
	size_t fact_count, fact_cap;

	int error; /* sticky: 0 or -ENOMEM */
};

int batch_new(struct batch **out, struct now now);
void batch_free(struct batch *b);
OWN_DEFINE(struct batch *, batch_free)

/* Copies the entity. */
void batch_add_entity(struct batch *b, const struct entity *e);

/* Copies the reason. */
void batch_add_close(struct batch *b, uint32_t entity, int64_t boot_ns,
		     const char *reason);

/* A value that is not finite is left out: no number is ever made up. */
void batch_add_sample(struct batch *b, uint32_t entity, enum column column,
		      double value);
void batch_add_gap(struct batch *b, uint32_t entity, enum column column,
		   enum gap reason);
void batch_add_event(struct batch *b, enum event_kind kind, uint32_t entity,
		     int64_t boot_ns, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Something that lasted from begin_ns to end_ns. */
void batch_add_span(struct batch *b, enum event_kind kind, uint32_t entity,
		    int64_t begin_ns, int64_t end_ns, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Copies the value. */
void batch_add_fact(struct batch *b, const char *key, const char *value);

void batch_drop_samples(struct batch *b);

/*
 * What cannot be told again of b, which is newer, joins into: who came and
 * went, gaps as they are now, events, the newest facts. Not its samples.
 * Beyond most entities those that came and went leave no trace, beyond most
 * events the newest are lost: returns how many. Takes b; keeps the time of
 * into.
 */
size_t batch_merge(struct batch *into, struct batch *b, size_t most);

static inline int batch_error(const struct batch *b)
{
	return b->error;
}
