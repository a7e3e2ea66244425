/*
 * Prometheus text exposition 0.0.4 and OpenMetrics 1.0: the last value of
 * every field, without timestamps, each metric in one group below its HELP and
 * TYPE. OpenMetrics names the family of a counter without _total, tells units
 * that are the name's end, and escapes quotes in HELP too.
 */
#include "encode.h"

#include <math.h>
#include <string.h>

#include "common/metric.h"
#include "common/number.h"
#include "common/utf8.h"

/* What is exposed but is no metric of the table. */
static const struct {
	const char *name, *help;
} others[] = {
	{ "heapwatch_target_info",
	  "Attributes of a watched process; the value is always 1" },
};

/* Escapes backslash, newline and, inside of labels, the quote. A text that
 * is not UTF-8 would make Prometheus refuse the whole page. */
static void put_escaped(struct buf *out, const char *text, bool quoted)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t len = utf8_len(text, left);

		if (*text == '\\')
			buf_puts(out, "\\\\");
		else if (*text == '\n')
			buf_puts(out, "\\n");
		else if (*text == '"' && quoted)
			buf_puts(out, "\\\"");
		else if (len == 0)
			buf_puts(out, UTF8_REPLACEMENT);
		else
			buf_add(out, text, len);
		text += len ? len : 1;
		left -= len ? len : 1;
	}
}

static bool ends_with(const char *name, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len > end_len && !memcmp(name + len - end_len, end, end_len);
}

static const char *help_of(const char *name)
{
	enum metric m = metric_find(name);

	if (m != METRIC_COUNT)
		return metric_info(m)->help;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcmp(others[i].name, name) == 0)
			return others[i].help;
	}
	return NULL;
}

void encode_unit(struct buf *out, const char *name, size_t len)
{
	static const char *const units[] = { "bytes", "seconds", "ratio" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		char end[16] = "_";

		strcat(end, units[i]);
		if (ends_with(name, len, end))
			buf_printf(out, "# UNIT %.*s %s\n", (int)len, name,
				   units[i]);
	}
}

static const char *kind_of(const char *name)
{
	enum metric m = metric_find(name);

	return m == METRIC_COUNT ? "gauge" :
				   metric_kind_word(metric_info(m)->kind);
}

/* A counter whose name lacks _total would have to change it: no type then. */
static void put_header(struct buf *out, const char *name, bool open)
{
	const char *kind = kind_of(name), *help = help_of(name);
	size_t len = strlen(name);

	if (open && strcmp(kind, "counter") == 0) {
		if (ends_with(name, len, "_total"))
			len -= strlen("_total");
		else
			kind = "unknown";
	}
	if (help) {
		buf_printf(out, "# HELP %.*s ", (int)len, name);
		put_escaped(out, help, open);
		buf_putc(out, '\n');
	}
	buf_printf(out, "# TYPE %.*s %s\n", (int)len, name, kind);
	if (open)
		encode_unit(out, name, len);
}

static void put_labels(struct buf *out, const struct labels *l)
{
	if (l->count == 0)
		return;
	for (size_t i = 0; i < l->count; i++) {
		buf_putc(out, i ? ',' : '{');
		buf_puts(out, l->items[i].name);
		buf_puts(out, "=\"");
		put_escaped(out, l->items[i].value, true);
		buf_putc(out, '"');
	}
	buf_putc(out, '}');
}

static void put_number(struct buf *out, double value)
{
	char text[NUMBER_TEXT_MAX];

	if (isnan(value))
		buf_puts(out, "NaN");
	else if (isinf(value))
		buf_puts(out, value > 0 ? "+Inf" : "-Inf");
	else
		buf_add(out, text, number_format(text, value));
}

/* The last cell as a number; false where there is none. */
static bool last_value(const struct cells *c, double *out)
{
	size_t last = c->count - 1;

	if (c->count == 0 || !cells_valid(c, last))
		return false;
	if (c->type == FIELD_F64)
		*out = c->f64[last];
	else if (c->type == FIELD_I64)
		*out = (double)c->i64[last];
	else if (c->type == FIELD_BOOL)
		*out = c->boolean[last];
	else
		return false;
	return true;
}

static void put_samples(struct buf *out, const struct frame *f)
{
	for (size_t i = 0; i < f->field_count; i++) {
		const struct field *field = &f->fields[i];
		double value;

		if (!last_value(field->cells, &value))
			continue;
		buf_puts(out, f->name);
		put_labels(out, &field->labels);
		buf_putc(out, ' ');
		put_number(out, value);
		buf_putc(out, '\n');
	}
}

static bool has_samples(const struct frame *f)
{
	double value;

	for (size_t i = 0; i < f->field_count; i++) {
		if (last_value(f->fields[i].cells, &value))
			return true;
	}
	return false;
}

/* Whether a frame before this one wrote the group of its name. */
static bool written(struct frame *const *frames, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(frames[k]->name, frames[i]->name) == 0 &&
		    has_samples(frames[k]))
			return true;
	}
	return false;
}

static void encode(struct buf *out, struct frame *const *frames, size_t count,
		   bool open)
{
	for (size_t i = 0; i < count; i++) {
		if (!has_samples(frames[i]) || written(frames, i))
			continue;
		put_header(out, frames[i]->name, open);
		for (size_t k = i; k < count; k++) {
			if (strcmp(frames[k]->name, frames[i]->name) == 0)
				put_samples(out, frames[k]);
		}
	}
}

void encode_prometheus(struct buf *out, struct frame *const *frames,
		       size_t count)
{
	encode(out, frames, count, false);
}

void encode_openmetrics(struct buf *out, struct frame *const *frames,
			size_t count)
{
	encode(out, frames, count, true);
}
