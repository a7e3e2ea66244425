/*
 * The name of a row as people see it: from a template, or from the labels
 * that tell the rows apart.
 */
#include "parts.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"

const char *row_label(const struct run *r, size_t row, const char *name)
{
	size_t buckets = r->bucket_count ? r->bucket_count : 1;

	if (r->bucket_count && strcmp(name, r->bucket_label) == 0)
		return r->bucket_names[row % buckets];
	return labels_get(&r->series[r->member[row / buckets]].labels, name);
}

/* A value for {{name}}; a group has only the labels it was made by. */
static const char *lookup(const struct run *r, size_t row, const char *name)
{
	const struct series *s;
	const char *value;

	if (strcmp(name, "metric") == 0)
		return metric_info(r->q->metric)->name;
	if (r->q->agg != AGG_NONE)
		return names_has(&r->names, name) ? row_label(r, row, name) :
						    NULL;
	s = &r->series[r->member[row]];
	value = labels_get(&s->labels, name);
	if (!value && s->attributes)
		value = labels_get(s->attributes, name);
	return value;
}

/* Writes the value of "{{ name }}" and returns what follows it. */
static const char *expand(struct buf *out, const struct run *r, size_t row,
			  const char *open, const char *close)
{
	const char *begin = open + 2 + strspn(open + 2, " ");
	char name[LABEL_NAME_MAX + 1] = "";
	size_t len = strcspn(begin, " }");
	const char *value;

	if (len < sizeof(name))
		memcpy(name, begin, len);
	value = lookup(r, row, name);
	buf_puts(out, value ? value : "");
	return close + 2;
}

static void from_template(struct buf *out, const struct run *r, size_t row)
{
	const char *at = r->q->legend;

	while (*at) {
		const char *open = strstr(at, "{{");
		const char *close = open ? strstr(open, "}}") : NULL;

		if (!close) {
			buf_puts(out, at);
			return;
		}
		buf_add(out, at, (size_t)(open - at));
		at = expand(out, r, row, open, close);
	}
}

/* What differs, in the order of the names; the metric where nothing does. */
static void from_labels(struct buf *out, const struct run *r, size_t row)
{
	const struct names *n =
		r->distinct.count ? &r->distinct : &r->names;

	for (size_t i = 0; i < n->count; i++) {
		const char *value = row_label(r, row, n->items[i]);

		if (!value)
			continue;
		if (out->len)
			buf_putc(out, '/');
		buf_puts(out, value);
	}
	if (out->len == 0)
		buf_puts(out, metric_info(r->q->metric)->name);
}

int legend_text(char **out, struct run *r, size_t row)
{
	struct buf text = BUF_INIT;
	int err;

	if (r->q->legend && *r->q->legend)
		from_template(&text, r, row);
	else
		from_labels(&text, r, row);
	buf_cstr(&text);
	err = buf_error(&text);
	if (err) {
		buf_fini(&text);
		return err;
	}
	*out = text.data;
	return 0;
}

const char *legend_who(const struct series *s, char *out, size_t len)
{
	const char *service = labels_get(&s->labels, "service");
	const char *instance = labels_get(&s->labels, "instance");
	const char *node = labels_get(&s->labels, "node");

	if (service)
		snprintf(out, len, "%.80s/%.20s", service,
			 instance ? instance : "?");
	else
		snprintf(out, len, "%.80s", node ? node : "this node");
	return out;
}
