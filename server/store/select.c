#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "store_priv.h"

/* Labels of a series made of borrowed texts: its member's and its dimension,
 * which takes the place of a label of that name. */
struct overlay {
	struct label items[LABELS_MAX + 1];
	struct labels labels;
};

static void overlay_set(struct overlay *o, const struct labels *member,
			const struct column_info *info)
{
	size_t n = 0, i = 0;

	while (i < member->count && info->dim &&
	       strcmp(member->items[i].name, info->dim) < 0)
		o->items[n++] = member->items[i++];
	if (info->dim) {
		o->items[n++] =
			(struct label){(char *)info->dim, (char *)info->value};
		if (i < member->count &&
		    strcmp(member->items[i].name, info->dim) == 0)
			i++;
	}
	while (i < member->count)
		o->items[n++] = member->items[i++];
	o->labels = (struct labels){o->items, n < LABELS_MAX ? n : LABELS_MAX};
}

/* Walks series of the metric that match and lived in (from, to]. */
struct walk {
	struct view *view;
	enum metric metric;
	const struct matcher *matchers;
	size_t matcher_count;
	int64_t from_ms, to_ms;
	int (*found)(void *arg, const struct line *line,
		     const struct labels *labels);
	void *arg;
};

static bool lived(const struct member *m, const struct walk *w)
{
	return m->from_ms <= w->to_ms && m->to_ms > w->from_ms;
}

static int walk_series(const struct walk *w)
{
	const struct catalog *c = w->view->catalog;
	struct overlay o;
	int r = 0;

	for (size_t i = 0; i < c->line_count && r == 0; i++) {
		const struct line *line = &c->lines[i];
		const struct column_info *info = column_info(line->column);
		const struct labels *labels;

		if ((w->metric != METRIC_COUNT && info->metric != w->metric) ||
		    !lived(&c->members[line->member], w))
			continue;
		labels = view_labels(w->view, line->member, w->to_ms);
		if (!labels)
			return -ENOMEM;
		overlay_set(&o, labels, info);
		if (matchers_match(w->matchers, w->matcher_count, &o.labels))
			r = w->found(w->arg, line, &o.labels);
	}
	return r;
}

/* ---- select ---- */

struct selection {
	struct view *view;
	struct series *items; /* owned */
	size_t count, cap;
};

static int add_series(void *arg, const struct line *line,
		      const struct labels *labels)
{
	struct selection *s = arg;
	const struct member *m = &s->view->catalog->members[line->member];
	struct series *item;

	if (array_room(&s->items, s->count, &s->cap))
		return -ENOMEM;
	item = &s->items[s->count];
	*item = (struct series){
		.id = line->id,
		.column = line->column,
		.entity = m->id,
		.attributes = &m->attributes->labels,
		.open = m->open,
		.resolution_ms = s->view->store->options.resolution_ms,
	};
	if (labels_copy(&item->labels, labels))
		return -ENOMEM;
	s->count++;
	return 0;
}

static int compare_series(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	int c = labels_compare(&x->labels, &y->labels);

	if (c)
		return c;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

void series_free(struct series *array, size_t count)
{
	for (size_t i = 0; i < count; i++)
		labels_fini(&array[i].labels);
	free(array);
}

int view_select(struct view *v, enum metric metric, const struct matcher *m,
		size_t matcher_count, int64_t from_ms, int64_t to_ms,
		struct series **out, size_t *count)
{
	struct selection s = {.view = v};
	struct walk w = {v,	  metric, m,	      matcher_count,
			 from_ms, to_ms,  add_series, &s};
	int r = walk_series(&w);

	if (r) {
		series_free(s.items, s.count);
		return r;
	}
	if (s.count > 0)
		qsort(s.items, s.count, sizeof(s.items[0]), compare_series);
	*out = s.items;
	*count = s.count;
	return 0;
}

/* ---- names and values of labels ---- */

struct strings {
	struct map seen;
	char **items; /* owned */
	size_t count, cap;
	const char *name; /* of the label whose values are wanted */
};

static int add_string(struct strings *s, const char *text)
{
	int r;

	if (map_get_str(&s->seen, text))
		return 0;
	r = array_room(&s->items, s->count, &s->cap);
	if (r)
		return r;
	s->items[s->count] = strdup(text);
	if (!s->items[s->count])
		return -ENOMEM;
	s->count++;
	return map_set_str(&s->seen, text, s);
}

static int add_names(void *arg, const struct line *line,
		     const struct labels *labels)
{
	int r = 0;

	(void)line;
	for (size_t i = 0; i < labels->count && r == 0; i++)
		r = add_string(arg, labels->items[i].name);
	return r;
}

static int add_value(void *arg, const struct line *line,
		     const struct labels *labels)
{
	struct strings *s = arg;
	const char *value = labels_get(labels, s->name);

	(void)line;
	return value ? add_string(s, value) : 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_free(char **strings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(strings[i]);
	free(strings);
}

static int walk_strings(struct walk *w, struct strings *s, char ***out,
			size_t *count)
{
	int r;

	w->metric = METRIC_COUNT;
	w->from_ms = INT64_MIN;
	w->to_ms = INT64_MAX;
	w->arg = s;
	r = walk_series(w);
	map_fini(&s->seen);
	if (r) {
		strings_free(s->items, s->count);
		return r;
	}
	if (s->count > 0)
		qsort(s->items, s->count, sizeof(s->items[0]), compare_strings);
	*out = s->items;
	*count = s->count;
	return 0;
}

int view_label_names(struct view *v, const struct matcher *m,
		     size_t matcher_count, char ***out, size_t *count)
{
	struct strings s = {0};
	struct walk w = {.view = v,
			 .matchers = m,
			 .matcher_count = matcher_count,
			 .found = add_names};

	return walk_strings(&w, &s, out, count);
}

int view_label_values(struct view *v, const char *name, const struct matcher *m,
		      size_t matcher_count, char ***out, size_t *count)
{
	struct strings s = {.name = name};
	struct walk w = {.view = v,
			 .matchers = m,
			 .matcher_count = matcher_count,
			 .found = add_value};

	return walk_strings(&w, &s, out, count);
}

int view_metrics(struct view *v, bool *present)
{
	const struct catalog *c = v->catalog;

	memset(present, 0, METRIC_COUNT * sizeof(present[0]));
	for (size_t i = 0; i < c->line_count; i++)
		present[column_info(c->lines[i].column)->metric] = true;
	return 0;
}
