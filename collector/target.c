#include "target.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/collection.h"

static void tell_gap(struct target *t, enum column c, enum gap why)
{
	t->told[c] = true;
	if (t->gaps[c] == why)
		return;
	t->gaps[c] = (uint8_t)why;
	batch_add_gap(t->batch, t->entity.number, c, why);
}

const char *target_service(const struct target *t)
{
	const char *service = labels_get(&t->entity.labels, "service");

	return service ? service : "";
}

void target_put(struct target *t, enum column c, double value)
{
	if (!isfinite(value)) {
		tell_gap(t, c, GAP_IMPLAUSIBLE);
		return;
	}
	tell_gap(t, c, GAP_NONE);
	t->last[c] = value;
	batch_add_sample(t->batch, t->entity.number, c, value);
}

void target_miss(struct target *t, enum column c, enum gap why)
{
	tell_gap(t, c, why);
}

#define PACE_NS  500000000ll        /* one of a process so often */
#define BURST_NS (20 * PACE_NS)      /* so many at once */

/* Is there room for one more? Each moves the pace on by its share. */
static bool keeps_pace(struct target *t, int64_t now_ns)
{
	int64_t next_ns = t->collections_ns < now_ns ? now_ns :
						       t->collections_ns;

	if (next_ns - now_ns > BURST_NS ||
	    t->batch->collection_count >= TARGET_COLLECTIONS_MAX)
		return false;
	t->collections_ns = next_ns + PACE_NS;
	return true;
}

void target_collection(struct target *t, struct collection *what,
		       int64_t begin_ns, int64_t end_ns)
{
	char text[COLLECTION_TEXT_MAX];

	if (!keeps_pace(t, end_ns)) {
		t->collections_left_out++;
		return;
	}
	what->length_us = begin_ns ? (end_ns - begin_ns) / 1000 : -1;
	what->left_out = t->collections_left_out;
	t->collections_left_out = 0;
	t->batch->collection_count++;
	collection_write(text, what);
	batch_add_span(t->batch, EVENT_COLLECTION, t->entity.number,
		       begin_ns ? begin_ns : end_ns, end_ns, "%s", text);
}

void target_set_attribute(struct target *t, const char *name,
			  const char *value)
{
	const char *known = labels_get(&t->entity.attributes, name);

	if (strcmp(known ? known : "", value) == 0)
		return;
	if (labels_set(&t->entity.attributes, name, value) == 0)
		t->attributes_changed = true;
}

void target_explain(struct target *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->why, sizeof(t->why), format, args);
	va_end(args);
}
