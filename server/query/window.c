/*
 * fn over time: points of one series become one value per step.
 *
 * One pass, constant memory per series. A value is given away as soon as a
 * point of another window comes, or at the end.
 */
#include "parts.h"

#include <math.h>

#define NO_STEP SIZE_MAX

int64_t window_look_back(int64_t step_ms, int64_t resolution_ms)
{
	int64_t three = 3 * resolution_ms;

	return step_ms > three ? step_ms : three;
}

/* The step a time falls into; NO_STEP outside of the answer. */
static size_t step_of(const struct axis *a, int64_t time_ms)
{
	if (time_ms <= a->begin_ms || time_ms > axis_end(a))
		return NO_STEP;
	return (size_t)((time_ms - a->begin_ms - 1) / a->step_ms);
}

/* Steps since the point before belong to this one, if it stands for them. */
static size_t first_step(const struct windows *all, const struct window *w,
			 int64_t span_ms, int64_t time_ms)
{
	size_t last;

	if (!w->any || time_ms - w->last_ms > span_ms ||
	    all->fn == FN_INCREASE || all->fn == FN_DELTA)
		return w->index;
	last = step_of(all->axis, w->last_ms);
	if (last == NO_STEP)
		return 0;
	return last < w->index ? last + 1 : w->index;
}

static void window_open(const struct windows *all, struct window *w,
			int64_t resolution_ms, const struct point *p)
{
	const struct axis *a = all->axis;
	int64_t span_ms = p->span_ms ? p->span_ms : resolution_ms;
	int64_t time_ms = p->time_ms;

	w->points = 0;
	w->value = 0;
	w->weight = 0;
	w->index = step_of(a, time_ms);
	if (w->index == NO_STEP) {
		bool before = time_ms <= a->begin_ms;

		w->begin_ms = before ? INT64_MIN : axis_end(a);
		w->end_ms = before ? a->begin_ms : INT64_MAX;
		return;
	}
	w->begin_ms = a->begin_ms + (int64_t)w->index * a->step_ms;
	w->end_ms = w->begin_ms + a->step_ms;
	w->first = first_step(all, w, span_ms, time_ms);
	w->based = w->any && w->begin_ms - w->last_ms <=
			     window_look_back(a->step_ms, resolution_ms);
	w->base = w->last;
	w->base_ms = w->last_ms;
}

static void add_difference(struct window *w, struct point p)
{
	if (w->points > 0 || w->based) {
		double rise = p.value - w->last;

		w->value += rise >= 0 ? rise : p.value;
		return;
	}
	w->base = p.value;
	w->base_ms = p.time_ms;
}

/* The point's time within the window, and whether it counts. */
static void add_share(const struct windows *all, struct window *w,
		      int64_t resolution_ms, struct point p)
{
	int64_t begin = p.time_ms - resolution_ms;
	bool counts = all->fn == FN_ABOVE ? p.value > all->limit :
					    p.value < all->limit;

	if (w->any && w->last_ms > begin)
		begin = w->last_ms;
	if (w->begin_ms > begin)
		begin = w->begin_ms;
	w->weight += (double)(p.time_ms - begin);
	w->value += counts ? (double)(p.time_ms - begin) : 0;
}

static void fold(const struct windows *all, struct window *w,
		 int64_t resolution_ms, struct point p)
{
	bool first = w->points == 0;

	switch (all->fn) {
	case FN_MAX:
		w->value = first || p.value > w->value ? p.value : w->value;
		break;
	case FN_MIN:
		w->value = first || p.value < w->value ? p.value : w->value;
		break;
	case FN_AVG:
		w->value += p.value;
		break;
	case FN_RATE:
	case FN_INCREASE:
	case FN_DELTA:
		add_difference(w, p);
		break;
	case FN_ABOVE:
	case FN_BELOW:
		add_share(all, w, resolution_ms, p);
		break;
	default:
		w->value = all->sum ? w->value + p.value : p.value;
	}
}

/* NAN where the points do not allow a value. */
static double result(const struct windows *all, const struct window *w)
{
	int64_t span = w->last_ms - w->base_ms;

	switch (all->fn) {
	case FN_AVG:
		return w->value / w->points;
	case FN_RATE:
		return span > 0 ? w->value * 1000 / (double)span : NAN;
	case FN_INCREASE:
		return span > 0 ? w->value : NAN;
	case FN_ABOVE:
	case FN_BELOW:
		return w->weight > 0 ? w->value / w->weight : NAN;
	case FN_DELTA:
		return span > 0 ? w->last - w->base : NAN;
	default:
		return w->value;
	}
}

void window_close(const struct windows *all, struct window *w, size_t series,
		  size_t row)
{
	double value;

	if (w->points == 0 || w->index == NO_STEP)
		return;
	value = result(all, w);
	for (size_t i = w->first; isfinite(value) && i <= w->index; i++) {
		size_t step = all->offset + i;

		rows_put(all->rows, series, row, step, value);
		if (all->kept)
			all->kept[series * all->rows->steps + step] = value;
	}
	w->points = 0;
}

void window_add(const struct windows *all, struct window *w, size_t series,
		size_t row, int64_t resolution_ms, struct point p)
{
	if (w->any && p.epoch != w->epoch) {
		/* Times start over: no difference across that is a rate. */
		window_close(all, w, series, row);
		*w = (struct window){ 0 };
	}
	if (!w->any || p.time_ms > w->end_ms || p.time_ms <= w->begin_ms) {
		window_close(all, w, series, row);
		window_open(all, w, resolution_ms, &p);
	}
	fold(all, w, resolution_ms, p);
	w->points++;
	w->last = p.value;
	w->last_ms = p.time_ms;
	w->epoch = p.epoch;
	w->any = true;
}
