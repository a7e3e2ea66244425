/*
 * Values as places: the states that thresholds make, the buckets of a
 * histogram; and how many series are in each.
 */
#include "parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/state.h"

static const char *const grades[] = { "ok", "warning", "critical" };

/* Codes of target_state, by their number: common/state.h has them. */
static const char *const codes[] = {
	[STATE_OK] = "ok",	     [STATE_UNKNOWN] = "unknown",
	[STATE_STALE] = "stale",     [STATE_WARNING] = "warning",
	[STATE_CRITICAL] = "critical",
};
_Static_assert(ARRAY_SIZE(codes) == STATE_COUNT, "every state has a word");

static bool has_codes(enum metric m)
{
	return m == METRIC_TARGET_STATE;
}

size_t query_states(enum metric m, const struct threshold *t,
		    const char *const **words)
{
	*words = has_codes(m) ? codes : grades;
	if (has_codes(m))
		return ARRAY_SIZE(codes);
	return t ? ARRAY_SIZE(grades) : 0;
}

/* The index of a state; SIZE_MAX for a value that is none. */
static size_t query_state_of(const struct query *q, double value)
{
	const char *const *words;
	size_t count = query_states(q->metric, q->threshold, &words);

	if (isnan(value) || count == 0)
		return SIZE_MAX;
	if (!has_codes(q->metric))
		return threshold_grade(q->threshold, value);
	return value >= 0 && value < (double)count && value == floor(value) ?
		       (size_t)value :
		       SIZE_MAX;
}

const char *query_state_word(const struct query *q, double value)
{
	const char *const *words;
	size_t i = query_state_of(q, value);

	query_states(q->metric, q->threshold, &words);
	return i == SIZE_MAX ? NULL : words[i];
}

static int lay_states(struct run *r)
{
	const struct query *q = r->q;
	const char *const *words;
	size_t count = query_states(q->metric, q->threshold, &words);

	if (count == 0)
		return problem_set(r->problem, PROBLEM_BAD_REQUEST,
				   "%s has no states: it has no thresholds",
				   metric_info(q->metric)->name);
	if (q->agg != AGG_STATES)
		return 0; /* words only */
	r->bucket_label = "state";
	r->bucket_count = count;
	for (size_t i = 0; i < count; i++)
		snprintf(r->bucket_names[i], BUCKET_NAME_MAX, "%s", words[i]);
	return 0;
}

static void add_bound(struct run *r, double bound)
{
	char text[NUMBER_TEXT_MAX];
	size_t i = r->bucket_count++;

	r->bucket_bounds[i] = bound;
	text[number_format(text, bound)] = '\0';
	snprintf(r->bucket_names[i], BUCKET_NAME_MAX, "%s",
		 isinf(bound) ? "+Inf" : text);
}

/* Upper bounds, the same for every answer so that panels compare: ratios by
 * twentieths, bytes by powers of two, all else 1 2 5 10. */
static void lay_histogram(struct run *r)
{
	static const double ladder[] = { 1, 2, 5 };
	const char *unit = metric_info(r->q->metric)->unit;

	r->bucket_label = "le";
	if (strcmp(unit, "percentunit") == 0 || r->q->fn >= FN_ABOVE) {
		for (int i = 1; i <= 20; i++)
			add_bound(r, i / 20.0);
	} else if (strcmp(unit, "bytes") == 0) {
		for (int i = 10; i <= 42; i++)
			add_bound(r, ldexp(1, i));
	} else {
		add_bound(r, 0);
		for (int i = 0; i < 39; i++)
			add_bound(r, number_round(ladder[i % 3] *
						  pow(10, i / 3 - 6), 10));
	}
	add_bound(r, INFINITY);
}

int buckets_lay(struct run *r)
{
	const struct query *q = r->q;

	if (q->agg == AGG_STATES || q->format == QUERY_STATES)
		return lay_states(r);
	if (q->agg == AGG_HISTOGRAM)
		lay_histogram(r);
	return 0;
}

static size_t bucket_of(const struct run *r, double value)
{
	size_t i = 0;

	if (r->q->agg == AGG_STATES)
		return query_state_of(r->q, value);
	while (i + 1 < r->bucket_count && value > r->bucket_bounds[i])
		i++;
	return i;
}

/* A step in which a group has any value has all its buckets. */
static void count_one(struct run *r, double *counts, size_t group, size_t step,
		      double value)
{
	size_t bucket = bucket_of(r, value), steps = r->rows.steps;
	double *first = counts + group * r->bucket_count * steps + step;

	if (bucket == SIZE_MAX)
		return;
	if (isnan(*first)) {
		for (size_t b = 0; b < r->bucket_count; b++)
			first[b * steps] = 0;
	}
	first[bucket * steps]++;
}

static bool row_is_zero(const double *values, size_t steps)
{
	for (size_t i = 0; i < steps; i++) {
		if (values[i] > 0)
			return false;
	}
	return true;
}

/* Buckets above and below all values are not shown. */
static void trim(struct run *r, double *counts, size_t group)
{
	size_t steps = r->rows.steps, low = 0, high = r->bucket_count;
	double *rows = counts + group * r->bucket_count * steps;

	while (low < high && row_is_zero(rows + low * steps, steps))
		low++;
	while (high > low && row_is_zero(rows + (high - 1) * steps, steps))
		high--;
	for (size_t b = 0; b < r->bucket_count; b++) {
		for (size_t i = 0; (b < low || b >= high) && i < steps; i++)
			rows[b * steps + i] = NAN;
	}
}

int buckets_count(struct run *r)
{
	size_t rows = r->group_count * r->bucket_count;
	size_t steps = r->rows.steps;
	double *counts = malloc((rows * steps + 1) * sizeof(counts[0]));

	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < rows * steps; i++)
		counts[i] = NAN;
	for (size_t s = 0; s < r->rows.count; s++) {
		for (size_t i = 0; i < steps; i++) {
			double value = r->rows.values[s * steps + i];

			if (!isnan(value))
				count_one(r, counts, r->group_of[s], i, value);
		}
	}
	for (size_t g = 0; g < r->group_count; g++) {
		if (r->q->agg == AGG_HISTOGRAM)
			trim(r, counts, g);
	}
	free(r->rows.values);
	r->rows.values = counts;
	r->rows.count = rows;
	return 0;
}
