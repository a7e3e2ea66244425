#include "target.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void tell_gap(struct target *t, enum column c, enum gap why)
{
	t->told[c] = true;
	if (t->gaps[c] == why)
		return;
	t->gaps[c] = (uint8_t)why;
	batch_add_gap(t->batch, t->entity.number, c, why);
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
