/*
 * agg across series: values of several series in one step become one.
 */
#include "parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/number.h"

/* Derived figures beyond this are noise, and cost bytes on the wire. */
#define DERIVED_DIGITS 10

bool agg_adds_up(enum agg a)
{
	return a == AGG_AVG || a == AGG_SUM || a == AGG_COUNT;
}

int rows_init(struct rows *r, size_t series_count, bool repeats)
{
	size_t cells = r->count * r->steps;

	r->values = malloc((cells ? cells : 1) * sizeof(r->values[0]));
	if (!r->values)
		return -ENOMEM;
	for (size_t i = 0; i < cells; i++)
		r->values[i] = NAN;
	if (r->agg == AGG_AVG || r->agg == AGG_COUNT) {
		r->counts = calloc(cells ? cells : 1, sizeof(r->counts[0]));
		if (!r->counts)
			return -ENOMEM;
	}
	if (repeats && agg_adds_up(r->agg)) {
		r->seen = calloc(series_count * r->steps / 8 + 1, 1);
		if (!r->seen)
			return -ENOMEM;
	}
	return 0;
}

void rows_fini(struct rows *r)
{
	free(r->values);
	free(r->counts);
	free(r->seen);
}

/* Whether the series brought this step before, in an earlier epoch. */
static bool brought(struct rows *r, size_t series, size_t step)
{
	size_t bit = series * r->steps + step;
	uint8_t mask = (uint8_t)(1u << (bit % 8));
	bool before = r->seen[bit / 8] & mask;

	r->seen[bit / 8] |= mask;
	return before;
}

/* A series' own cell: a second value is of a later epoch. */
static double again(const struct rows *r, double old, double value)
{
	bool folds = r->fn == FN_FOLD;

	if (r->fn == FN_MAX || (folds && r->fold == FOLD_MAX))
		return fmax(old, value);
	if (r->fn == FN_MIN || (folds && r->fold == FOLD_MIN))
		return fmin(old, value);
	return value;
}

void rows_put(struct rows *r, size_t series, size_t row, size_t step,
	      double value)
{
	double *cell = &r->values[row * r->steps + step];

	if (r->seen && brought(r, series, step))
		return;
	if (r->counts)
		r->counts[row * r->steps + step]++;
	if (isnan(*cell))
		*cell = value;
	else if (agg_adds_up(r->agg))
		*cell += value;
	else if (r->agg == AGG_MAX)
		*cell = fmax(*cell, value);
	else if (r->agg == AGG_MIN)
		*cell = fmin(*cell, value);
	else
		*cell = again(r, *cell, value);
}

static void swap(double *a, double *b)
{
	double value = *a;

	*a = *b;
	*b = value;
}

/* Move values around until the one at rank k is that of a sorted array, none
 * before it is higher and none behind it lower. The middle one as the pivot
 * is a good one where values are sorted already. */
static void select_rank(double *values, size_t count, size_t k)
{
	size_t low = 0, high = count - 1;

	while (low < high) {
		double pivot = values[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (values[i] < pivot)
				i++;
			while (values[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&values[i++], &values[j--]);
		}
		/* low..j is at most the pivot, j + 1..high at least */
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
}

static double least_of(const double *values, size_t count)
{
	double least = values[0];

	for (size_t i = 1; i < count; i++)
		least = values[i] < least ? values[i] : least;
	return least;
}

/* Linear between the two nearest ranks, as Prometheus and numpy do. */
static double quantile(double *values, size_t count, double q)
{
	double rank = q * (double)(count - 1), next;
	size_t low = (size_t)rank;

	select_rank(values, count, low);
	next = low + 1 < count ? least_of(values + low + 1, count - low - 1)
			       : values[low];
	return values[low] + (next - values[low]) * (rank - (double)low);
}

static double quantile_of(enum agg a)
{
	return a == AGG_P50 ? 0.50 : a == AGG_P95 ? 0.95 : 0.99;
}

/* Series ordered by group: start[g] .. start[g + 1] of members. */
static void sort_members(const uint32_t *group_of, size_t series,
			 size_t groups, uint32_t *start, uint32_t *members)
{
	for (size_t i = 0; i < series; i++)
		start[group_of[i] + 1]++;
	for (size_t g = 0; g < groups; g++)
		start[g + 1] += start[g];
	for (size_t i = series; i-- > 0;)
		members[--start[group_of[i] + 1]] = (uint32_t)i;
	/* each start[g + 1] now stands where group g begins */
	memmove(start, start + 1, groups * sizeof(start[0]));
	start[groups] = (uint32_t)series;
}

static double gather(const struct rows *r, const uint32_t *members,
		     size_t count, size_t step, double *scratch)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		double value = r->values[members[i] * r->steps + step];

		if (!isnan(value))
			scratch[found++] = value;
	}
	return found ? quantile(scratch, found, quantile_of(r->agg)) : NAN;
}

static int to_quantiles(struct rows *r, const uint32_t *group_of,
			size_t groups)
{
	own(freep) uint32_t *start = calloc(groups + 1, sizeof(start[0]));
	own(freep) uint32_t *members = calloc(r->count + 1, sizeof(start[0]));
	own(freep) double *scratch = calloc(r->count + 1, sizeof(double));
	double *values = calloc(groups * r->steps + 1, sizeof(double));

	if (!start || !members || !scratch || !values) {
		free(values);
		return -ENOMEM;
	}
	sort_members(group_of, r->count, groups, start, members);
	for (size_t g = 0; g < groups; g++) {
		for (size_t s = 0; s < r->steps; s++)
			values[g * r->steps + s] =
				gather(r, members + start[g],
				       start[g + 1] - start[g], s, scratch);
	}
	free(r->values);
	r->values = values;
	r->count = groups;
	return 0;
}

static bool derived(const struct rows *r)
{
	return r->agg == AGG_AVG || agg_is_quantile(r->agg) ||
	       r->fn == FN_AVG || r->fn == FN_RATE || r->fn >= FN_ABOVE;
}

int rows_finish(struct rows *r, const uint32_t *group_of, size_t groups)
{
	int err = agg_is_quantile(r->agg) ?
			  to_quantiles(r, group_of, groups) : 0;

	if (err)
		return err;
	for (size_t i = 0; i < r->count * r->steps; i++) {
		if (isnan(r->values[i]))
			continue;
		if (r->agg == AGG_AVG)
			r->values[i] /= r->counts[i];
		else if (r->agg == AGG_COUNT)
			r->values[i] = r->counts[i];
		if (derived(r))
			r->values[i] = number_round(r->values[i],
						    DERIVED_DIGITS);
	}
	return 0;
}

struct ranked {
	double mean;
	size_t row;
};

/* The highest first; equal ones in the order of their labels. */
static int by_mean(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->mean != y->mean)
		return x->mean < y->mean ? 1 : -1;
	return (x->row > y->row) - (x->row < y->row);
}

static double mean_of(const double *values, size_t count)
{
	double sum = 0;
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!isnan(values[i])) {
			sum += values[i];
			found++;
		}
	}
	return found ? sum / (double)found : NAN;
}

int rows_top(const struct rows *r, int top, uint32_t *order, size_t *found)
{
	own(freep) struct ranked *ranks = calloc(r->count + 1, sizeof(*ranks));
	size_t most = top < 0 ? -(size_t)top : (size_t)top;

	if (!ranks)
		return -ENOMEM;
	*found = 0;
	for (size_t i = 0; i < r->count; i++) {
		double mean = mean_of(r->values + i * r->steps, r->shown);

		if (!isnan(mean))
			ranks[(*found)++] = (struct ranked){
				top < 0 ? -mean : mean, i
			};
	}
	if (top)
		qsort(ranks, *found, sizeof(ranks[0]), by_mean);
	if (top == 0 || most > *found)
		most = *found;
	for (size_t i = 0; i < most; i++)
		order[i] = (uint32_t)ranks[i].row;
	return (int)most;
}
