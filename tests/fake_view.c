/*
 * fake_view.c - a store of arrays, for tests of what stands on the store.
 *
 * Included by a test. It answers as store.h says, simply and slowly; what no
 * test asks is not here.
 * Matchers are the real ones.
 */
#include <errno.h>

#include "server/store/store.h"

#define FAKE_SERIES_MAX 64

struct fake_series {
	struct series series;
	struct labels attributes;
	struct point *points;
	size_t count;
	enum gap gap;
};

struct view {
	struct fake_series items[FAKE_SERIES_MAX];
	size_t count;
	uint32_t steps_back;
	const struct stored_event *events; /* oldest first */
	size_t event_count;
	int error;                /* what every question answers, or 0 */
	int64_t scanned_from_ms, scanned_to_ms;
	size_t scans, handed_out; /* scans begun, points given */
};

/* "service=scada,instance=0" */
static void fake_labels(struct labels *out, const char *text)
{
	char copy[512], *rest = copy, *pair;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((pair = strsep(&rest, ","))) {
		char *value = strchr(pair, '=');

		if (!value)
			continue;
		*value++ = '\0';
		ck_ok(labels_set(out, pair, value));
	}
}

/* A series without points; labels of the dimension are added. */
static struct fake_series *fake_add(struct view *v, enum column column,
				    const char *labels)
{
	struct fake_series *f = &v->items[v->count];
	const struct column_info *info = column_info(column);

	ck_assert_uint_lt(v->count, FAKE_SERIES_MAX);
	fake_labels(&f->series.labels, labels);
	if (info->dim)
		ck_ok(labels_set(&f->series.labels, info->dim, info->value));
	f->series.id = f->series.entity = (uint32_t)++v->count;
	f->series.column = column;
	f->series.open = true;
	f->series.resolution_ms = 10000;
	f->series.attributes = &f->attributes;
	return f;
}

static void fake_point(struct fake_series *f, int64_t time_ms, double value,
		       uint32_t epoch)
{
	f->points = realloc(f->points, (f->count + 1) * sizeof(f->points[0]));
	ck_assert_ptr_nonnull(f->points);
	f->points[f->count++] = (struct point){ time_ms, value, epoch, 0 };
}

/* Points at begin, begin + every, ... */
static inline void fake_points(struct fake_series *f, int64_t begin_ms,
			int64_t every_ms, size_t count, const double *values)
{
	for (size_t i = 0; i < count; i++)
		fake_point(f, begin_ms + (int64_t)i * every_ms, values[i], 1);
}

static void fake_view_fini(struct view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		labels_fini(&v->items[i].series.labels);
		labels_fini(&v->items[i].attributes);
		free(v->items[i].points);
	}
}

void series_free(struct series *array, size_t count)
{
	for (size_t i = 0; i < count; i++)
		labels_fini(&array[i].labels);
	free(array);
}

static int fake_order(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	int c = labels_compare(&x->labels, &y->labels);

	return c ? c : (x->column > y->column) - (x->column < y->column);
}

static bool fake_may_have(const struct fake_series *f, int64_t from_ms,
			  int64_t to_ms)
{
	/* One that lives will have points at any time to come. */
	bool any = f->count == 0 || (f->series.open && to_ms == INT64_MAX);

	for (size_t i = 0; i < f->count; i++)
		any |= f->points[i].time_ms > from_ms &&
		       f->points[i].time_ms <= to_ms;
	return any;
}

int view_select(struct view *v, enum metric metric, const struct matcher *m,
		size_t matcher_count, int64_t from_ms, int64_t to_ms,
		struct series **out, size_t *count)
{
	struct series *array = calloc(v->count + 1, sizeof(array[0]));
	size_t found = 0;

	ck_assert_ptr_nonnull(array);
	if (v->error) {
		free(array);
		return v->error;
	}
	for (size_t i = 0; i < v->count; i++) {
		const struct series *s = &v->items[i].series;

		if ((metric != METRIC_COUNT &&
		     column_info(s->column)->metric != metric) ||
		    !matchers_match(m, matcher_count, &s->labels) ||
		    !fake_may_have(&v->items[i], from_ms, to_ms))
			continue;
		array[found] = *s;
		ck_ok(labels_copy(&array[found++].labels, &s->labels));
	}
	qsort(array, found, sizeof(array[0]), fake_order);
	*out = array;
	*count = found;
	return 0;
}

static const struct fake_series *fake_of(struct view *v,
					 const struct series *s)
{
	return &v->items[s->id - 1];
}

/* Interleaved: the k-th point of each series, then the next. */
int view_scan(struct view *v, const struct series *series, size_t count,
	      int64_t from_ms, int64_t to_ms, int64_t step_ms, scan_fn fn,
	      void *arg)
{
	bool more = true;

	(void)step_ms;
	v->scans++;
	v->scanned_from_ms = from_ms;
	v->scanned_to_ms = to_ms;
	for (size_t k = 0; more; k++) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			const struct fake_series *f = fake_of(v, &series[i]);
			int r;

			if (k >= f->count)
				continue;
			more = true;
			if (f->points[k].time_ms <= from_ms ||
			    f->points[k].time_ms > to_ms)
				continue;
			v->handed_out++;
			r = fn(arg, i, f->points[k]);
			if (r)
				return r;
		}
	}
	return v->error;
}

int view_last(struct view *v, const struct series *series, size_t count,
	      struct point *out, bool *found)
{
	for (size_t i = 0; i < count; i++) {
		const struct fake_series *f = fake_of(v, &series[i]);

		found[i] = f->series.open && f->gap == GAP_NONE && f->count;
		if (found[i])
			out[i] = f->points[f->count - 1];
	}
	return v->error;
}

enum gap view_gap(struct view *v, const struct series *s)
{
	return fake_of(v, s)->gap;
}

/* Of the first series only. */
int view_label_names(struct view *v, const struct matcher *m,
		     size_t matcher_count, char ***out, size_t *count)
{
	const struct labels *l = &v->items[0].series.labels;

	(void)m;
	(void)matcher_count;
	*out = calloc(l->count + 1, sizeof(**out));
	ck_assert_ptr_nonnull(*out);
	for (*count = 0; *count < l->count; (*count)++)
		(*out)[*count] = strdup(l->items[*count].name);
	return v->error;
}

void strings_free(char **strings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(strings[i]);
	free(strings);
}

uint32_t view_epochs(struct view *v, int64_t from_ms, int64_t to_ms)
{
	(void)from_ms;
	(void)to_ms;
	return v->steps_back;
}

int view_label_values(struct view *v, const char *name,
		      const struct matcher *m, size_t matcher_count,
		      char ***out, size_t *count)
{
	*out = calloc(v->count + 1, sizeof(**out));
	ck_assert_ptr_nonnull(*out);
	*count = 0;
	for (size_t i = 0; i < v->count; i++) {
		const struct labels *l = &v->items[i].series.labels;

		if (labels_get(l, name) && matchers_match(m, matcher_count, l))
			(*out)[(*count)++] = strdup(labels_get(l, name));
	}
	return v->error;
}

int view_events(struct view *v, enum event_choice choice,
		const struct matcher *m, size_t matcher_count,
		int64_t from_ms, int64_t to_ms,
		int (*fn)(void *arg, const struct stored_event *e), void *arg)
{
	for (size_t i = 0; i < v->event_count; i++) {
		const struct stored_event *e = &v->events[i];
		int r;

		if ((choice == EVENTS_COLLECTIONS) !=
			    (strcmp(e->kind, "collection") == 0) &&
		    choice != EVENTS_ALL)
			continue;
		if (e->time_ms > to_ms ||
		    (e->end_ms ? e->end_ms : e->time_ms) <= from_ms ||
		    !matchers_match(m, matcher_count, e->labels))
			continue;
		r = fn(arg, e);
		if (r)
			return r;
	}
	return v->error;
}
