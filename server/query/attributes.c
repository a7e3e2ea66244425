/*
 * Attributes where labels are meant: version, build_id, bound, ... belong to
 * a process but do not name its series, so the store does not match them.
 */
#include "parts.h"

#include <errno.h>
#include <string.h>

/* What the store can judge by itself in its catalog. */
static bool names_series(enum metric metric, const char *name)
{
	static const char *const always[] = { "node", "service", "instance",
					      "runtime", "pid" };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		if (strcmp(always[i], name) == 0)
			return true;
	}
	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);

		if ((metric == METRIC_COUNT || info->metric == metric) &&
		    info->dim && strcmp(info->dim, name) == 0)
			return true;
	}
	return false;
}

static bool attributes_match(const struct series *s, const struct query *q)
{
	for (size_t i = 0; i < q->matcher_count; i++) {
		const struct matcher *m = &q->matchers[i];
		const struct labels *l = &s->labels;

		if (!labels_get(l, m->name) && s->attributes)
			l = s->attributes;
		if (!matcher_matches(m, l))
			return false;
	}
	return true;
}

static int promote(struct series *s, const struct query *q)
{
	const struct labels *a = s->attributes;
	int r = 0;

	for (size_t i = 0; a && i < a->count && r == 0; i++) {
		if (query_asks(q, a->items[i].name) &&
		    !labels_get(&s->labels, a->items[i].name))
			r = labels_set(&s->labels, a->items[i].name,
				       a->items[i].value);
		if (r == -ENOSPC) /* more labels than a set holds: enough */
			r = 0;
	}
	return r;
}

/* Those that match come first; the others stay to be freed. */
static int keep_matching(struct run *r)
{
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < r->series_total && err == 0; i++) {
		struct series s = r->series[i];

		if (!attributes_match(&s, r->q))
			continue;
		r->series[i] = r->series[kept];
		r->series[kept] = s;
		err = promote(&r->series[kept++], r->q);
	}
	r->series_count = kept;
	return err;
}

int select_attributed(struct run *r, int64_t from_ms, int64_t to_ms)
{
	const struct query *q = r->q;
	own(freep) struct matcher *known =
		calloc(q->matcher_count + 1, sizeof(known[0]));
	size_t count = 0;

	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < q->matcher_count; i++) {
		if (names_series(q->metric, q->matchers[i].name))
			known[count++] = q->matchers[i]; /* borrowed */
	}
	if (view_select(r->view, q->metric, known, count, from_ms, to_ms,
			&r->series, &r->series_total))
		return problem_set(r->problem, PROBLEM_UNAVAILABLE,
				   "the store cannot be read");
	return keep_matching(r);
}

/* ---- for editors and variables ---- */

struct strings {
	char **items; /* owned, each too */
	size_t count;
};

static void strings_fini(struct strings *s)
{
	strings_free(s->items, s->count);
}

static int strings_add(struct strings *s, const char *text)
{
	char **items = realloc(s->items, (s->count + 1) * sizeof(items[0]));

	if (!items)
		return -ENOMEM;
	s->items = items;
	items[s->count] = strdup(text);
	return items[s->count++] ? 0 : -ENOMEM;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void strings_unique(struct strings *s)
{
	size_t unique = 0;

	if (s->count)
		qsort(s->items, s->count, sizeof(s->items[0]), by_text);
	for (size_t i = 0; i < s->count; i++) {
		if (unique &&
		    strcmp(s->items[unique - 1], s->items[i]) == 0)
			free(s->items[i]);
		else
			s->items[unique++] = s->items[i];
	}
	s->count = unique;
}

/* Names, or with one given its values, of the attributes of one process. */
static int add_attributes(struct strings *out, const struct labels *a,
			  const char *name)
{
	const char *value = a && name ? labels_get(a, name) : NULL;
	int r = 0;

	if (name)
		return value ? strings_add(out, value) : 0;
	for (size_t i = 0; a && i < a->count && r == 0; i++)
		r = strings_add(out, a->items[i].name);
	return r;
}

/* Every process has target_up, so its series are all processes. */
static int gather(struct strings *out, struct view *v, const char *name,
		  const struct matcher *m, size_t matcher_count)
{
	struct query q = { .metric = METRIC_TARGET_UP,
			   .matchers = (struct matcher *)m,
			   .matcher_count = matcher_count };
	struct problem p = { 0 };
	struct run r = { .q = &q, .view = v, .problem = &p };
	int err = select_attributed(&r, 0, INT64_MAX);

	for (size_t i = 0; i < r.series_count && err == 0; i++)
		err = add_attributes(out, r.series[i].attributes, name);
	series_free(r.series, r.series_total);
	return err;
}

static int merge(struct strings *all, struct view *v, const char *name,
		 const struct matcher *m, size_t matcher_count, char ***out,
		 size_t *count)
{
	int r = gather(all, v, name, m, matcher_count);

	if (r == 0) {
		strings_unique(all);
		*out = take(all->items);
		*count = all->count;
		all->count = 0;
	}
	return r;
}

int query_label_names(struct view *v, const struct matcher *m,
		      size_t matcher_count, char ***out, size_t *count)
{
	own(strings_fini) struct strings all = { 0 };
	int r = view_label_names(v, m, matcher_count, &all.items, &all.count);

	return r ? r : merge(&all, v, NULL, m, matcher_count, out, count);
}

int query_label_values(struct view *v, const char *name,
		       const struct matcher *m, size_t matcher_count,
		       char ***out, size_t *count)
{
	own(strings_fini) struct strings all = { 0 };
	int r = view_label_values(v, name, m, matcher_count, &all.items,
				  &all.count);

	if (r)
		return r;
	if (names_series(METRIC_COUNT, name)) {
		*out = take(all.items);
		*count = all.count;
		all.count = 0;
		return 0;
	}
	return merge(&all, v, name, m, matcher_count, out, count);
}
