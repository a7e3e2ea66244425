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

/* The same, after a window that may well be the one before. */
static size_t next_step(const struct axis *a, const struct window *w,
			int64_t time_ms)
{
	if (w->any && w->index != NO_STEP && time_ms > w->end_ms &&
	    time_ms <= w->end_ms + a->step_ms)
		return w->index + 1 < a->steps ? w->index + 1 : NO_STEP;
	return step_of(a, time_ms);
}

/* Steps since the point before, which was in step last, belong to this one,
 * if it stands for them. */
static size_t first_step(const struct windows *all, const struct window *w,
			 size_t last, int64_t span_ms, int64_t time_ms)
{
	if (!w->any || time_ms - w->last_ms > span_ms ||
	    all->fn == FN_INCREASE || all->fn == FN_DELTA)
		return w->index;
	if (last == NO_STEP)
		return 0;
	return last < w->index ? last + 1 : w->index;
}

static void window_open(const struct windows *all, struct window *w,
			int64_t resolution_ms, int64_t span_ms, int64_t time_ms)
{
	const struct axis *a = all->axis;
	size_t last = w->index;

	w->points = 0;
	w->value = 0;
	w->weight = 0;
	w->index = next_step(a, w, time_ms);
	if (w->index == NO_STEP) {
		bool before = time_ms <= a->begin_ms;

		w->begin_ms = before ? INT64_MIN : axis_end(a);
		w->end_ms = before ? a->begin_ms : INT64_MAX;
		return;
	}
	w->begin_ms = a->begin_ms + (int64_t)w->index * a->step_ms;
	w->end_ms = w->begin_ms + a->step_ms;
	w->first = first_step(all, w, last, span_ms, time_ms);
	w->based = w->any && w->begin_ms - w->last_ms <=
			     window_look_back(a->step_ms, resolution_ms);
	w->base = w->last;
	w->base_ms = w->last_ms;
}

static void add_differences(struct window *w, const int64_t *times_ms,
			    const double *values, size_t count)
{
	double last = w->last;
	size_t i = 0;

	if (w->points == 0 && !w->based) {
		w->base = last = values[0];
		w->base_ms = times_ms[0];
		i = 1;
	}
	for (; i < count; i++) {
		double rise = values[i] - last;

		w->value += rise >= 0 ? rise : values[i];
		last = values[i];
	}
}

/* The time of each point within the window, and whether it counts. */
static void add_shares(const struct windows *all, struct window *w,
		       int64_t resolution_ms, const int64_t *times_ms,
		       const double *values, size_t count)
{
	bool any = w->any;
	int64_t last_ms = w->last_ms;

	for (size_t i = 0; i < count; i++) {
		int64_t begin = times_ms[i] - resolution_ms;
		bool counts = all->fn == FN_ABOVE ? values[i] > all->limit :
						    values[i] < all->limit;

		if (any && last_ms > begin)
			begin = last_ms;
		if (w->begin_ms > begin)
			begin = w->begin_ms;
		w->weight += (double)(times_ms[i] - begin);
		w->value += counts ? (double)(times_ms[i] - begin) : 0;
		last_ms = times_ms[i];
		any = true;
	}
}

static double greatest(double so_far, const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		so_far = values[i] > so_far ? values[i] : so_far;
	return so_far;
}

static double least(double so_far, const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		so_far = values[i] < so_far ? values[i] : so_far;
	return so_far;
}

static double add_up(double so_far, const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		so_far += values[i];
	return so_far;
}

/* Points that all lie in the open window. */
static void fold(const struct windows *all, struct window *w,
		 int64_t resolution_ms, const int64_t *times_ms,
		 const double *values, size_t count)
{
	double before = w->points == 0 ? values[0] : w->value;

	switch (all->fn) {
	case FN_MAX:
		w->value = greatest(before, values, count);
		break;
	case FN_MIN:
		w->value = least(before, values, count);
		break;
	case FN_AVG:
		w->value = add_up(w->value, values, count);
		break;
	case FN_RATE:
	case FN_INCREASE:
	case FN_DELTA:
		add_differences(w, times_ms, values, count);
		break;
	case FN_ABOVE:
	case FN_BELOW:
		add_shares(all, w, resolution_ms, times_ms, values, count);
		break;
	default:
		w->value = all->sum ? add_up(w->value, values, count)
				    : values[count - 1];
	}
	w->points += (uint32_t)count;
	w->last = values[count - 1];
	w->last_ms = times_ms[count - 1];
	w->any = true;
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

/* How many of the points, from the first on, lie in the open window. */
static size_t count_within(const struct window *w, const int64_t *times_ms,
			   size_t count)
{
	size_t n = 0;

	while (n < count && times_ms[n] > w->begin_ms &&
	       times_ms[n] <= w->end_ms)
		n++;
	return n;
}

void window_add(const struct windows *all, struct window *w, size_t series,
		size_t row, int64_t resolution_ms, const struct stretch *p)
{
	int64_t span_ms = p->span_ms ? p->span_ms : resolution_ms;
	size_t n;

	if (w->any && p->epoch != w->epoch) {
		/* Times start over: no difference across that is a rate. */
		window_close(all, w, series, row);
		*w = (struct window){ 0 };
	}
	w->epoch = p->epoch;
	for (size_t i = 0; i < p->count; i += n) {
		n = w->any ? count_within(w, p->times_ms + i, p->count - i) : 0;
		if (n == 0) {
			window_close(all, w, series, row);
			window_open(all, w, resolution_ms, span_ms,
				    p->times_ms[i]);
			n = count_within(w, p->times_ms + i, p->count - i);
		}
		fold(all, w, resolution_ms, p->times_ms + i, p->values + i, n);
	}
}
