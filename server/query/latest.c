/*
 * What is true now: the newest values, without a time axis.
 */
#include "parts.h"

#include <errno.h>
#include <string.h>

#include "common/map.h"

static int bad_store(struct problem *p)
{
	return problem_set(p, PROBLEM_UNAVAILABLE,
			   "the store cannot be read");
}

int latest_values(struct run *r)
{
	own(freep) struct point *points =
		calloc(r->series_count + 1, sizeof(points[0]));
	own(freep) bool *found = calloc(r->series_count + 1, sizeof(found[0]));

	if (!points || !found)
		return -ENOMEM;
	if (view_last(r->view, r->series, r->series_count, points, found))
		return bad_store(r->problem);
	for (size_t i = 0; i < r->series_count; i++) {
		if (!found[i])
			continue;
		rows_put(&r->rows, i,
			 agg_wants_series(r->q->agg) ? i : r->group_of[i], 0,
			 points[i].value);
		r->windows[i].last_ms = INT64_MAX; /* it has one: no gap */
	}
	return 0;
}

/* ---- everything ---- */

struct everything {
	struct frame *frames[METRIC_COUNT]; /* owned; NULL: no value yet */
	struct frame *info;                 /* owned */
	struct map entities;                /* told in info */
};

static void everything_fini(struct everything *e)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		frame_free(e->frames[i]);
	frame_free(e->info);
	map_fini(&e->entities);
}

static int add_value(struct frame *f, const struct labels *labels,
		     const char *unit, double value)
{
	struct field *field;
	int r = frame_add_field(f, &field, f->name, FIELD_F64, NULL);

	if (r == 0)
		r = labels_copy(&field->labels, labels);
	if (r == 0 && unit) {
		field->unit = strdup(unit);
		r = field->unit ? 0 : -ENOMEM;
	}
	return r ? r : cells_add_f64(field->cells, value);
}

static int add_series(struct everything *e, const struct series *s,
		      double value)
{
	enum metric m = column_info(s->column)->metric;
	const struct metric_info *info = metric_info(m);
	struct labels labels = { 0 };
	int r = 0;

	if (!e->frames[m])
		r = frame_new(&e->frames[m], "", info->name, FRAME_NUMERIC);
	if (r == 0)
		r = labels_copy(&labels, &s->labels);
	if (r == 0)
		r = labels_set(&labels, "pid", "");
	if (r == 0)
		r = add_value(e->frames[m], &labels, info->unit, value);
	labels_fini(&labels);
	return r;
}

/* Who a process is, with pid and attributes but without the dimension. */
static int info_labels(struct labels *out, const struct series *s)
{
	const char *dim = column_info(s->column)->dim;
	int r = labels_copy(out, &s->labels);

	if (r == 0 && dim)
		r = labels_set(out, dim, "");
	for (size_t i = 0; s->attributes && i < s->attributes->count; i++) {
		const struct label *a = &s->attributes->items[i];

		if (r == 0 && !labels_get(out, a->name))
			r = labels_set(out, a->name, a->value);
		if (r == -ENOSPC) /* more labels than a set holds: enough */
			r = 0;
	}
	return r;
}

static int add_info(struct everything *e, const struct series *s)
{
	struct labels labels = { 0 };
	int r;

	if (!labels_get(&s->labels, "pid") ||
	    map_get(&e->entities, s->entity))
		return 0;
	r = map_set(&e->entities, s->entity, e);
	if (r == 0 && !e->info)
		r = frame_new(&e->info, "", "heapwatch_target_info",
			      FRAME_NUMERIC);
	if (r == 0)
		r = info_labels(&labels, s);
	if (r == 0)
		r = add_value(e->info, &labels, NULL, 1);
	labels_fini(&labels);
	return r;
}

static int hand_over(struct everything *e, struct frame ***out, size_t *count)
{
	struct frame **frames = calloc(METRIC_COUNT + 1, sizeof(frames[0]));
	size_t n = 0;

	if (!frames)
		return -ENOMEM;
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (e->frames[i])
			frames[n++] = take(e->frames[i]);
	}
	if (e->info)
		frames[n++] = take(e->info);
	*out = frames;
	*count = n;
	return 0;
}

static int tell(struct everything *e, struct view *v,
		const struct series *series, size_t count, struct problem *p)
{
	own(freep) struct point *points = calloc(count + 1, sizeof(points[0]));
	own(freep) bool *found = calloc(count + 1, sizeof(found[0]));
	int r = 0;

	if (!points || !found)
		return -ENOMEM;
	if (view_last(v, series, count, points, found))
		return bad_store(p);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (!found[i])
			continue;
		r = add_series(e, &series[i], points[i].value);
		if (r == 0)
			r = add_info(e, &series[i]);
	}
	return r;
}

int query_latest_all(struct frame ***out, size_t *count, struct view *v,
		     const struct matcher *m, size_t matcher_count,
		     struct problem *p)
{
	struct everything e = { .entities = MAP_INIT };
	struct series *series = NULL;
	size_t series_count = 0;
	int r;

	/* One that ended shows nothing now, and there may be many of them. */
	if (view_select(v, METRIC_COUNT, m, matcher_count, INT64_MAX - 1,
			INT64_MAX, &series, &series_count))
		return bad_store(p);
	r = tell(&e, v, series, series_count, p);
	if (r == 0)
		r = hand_over(&e, out, count);
	everything_fini(&e);
	series_free(series, series_count);
	return r == -ENOMEM ? problem_set(p, PROBLEM_UNAVAILABLE,
					  "out of memory") : r;
}

void frames_free(struct frame **frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		frame_free(frames[i]);
	free(frames);
}
