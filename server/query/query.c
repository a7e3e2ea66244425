/*
 * From a question to a frame.
 */
#include "query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

#define LATEST_STEP_MS 60000
#define LEGEND_MAX     256 /* bytes; each row gets its own expansion */

void query_fini(struct query *q)
{
	for (size_t i = 0; i < q->matcher_count; i++)
		matcher_fini(&q->matchers[i]);
	for (size_t i = 0; i < q->by_count; i++)
		free(q->by[i]);
	free(q->matchers);
	free(q->by);
	free(q->ref_id);
	free(q->legend);
	*q = (struct query){ 0 };
}

static void run_fini(struct run *r)
{
	series_free(r->series, r->series_total);
	free(r->group_of);
	free(r->member);
	names_fini(&r->names);
	names_fini(&r->distinct);
	rows_fini(&r->rows);
	free(r->windows);
	free(r->order);
}

/* The newest value itself is asked for, not one over time. */
static bool wants_last(const struct query *q)
{
	return q->format == QUERY_LATEST &&
	       (q->fn == FN_FOLD || q->fn == FN_LAST);
}

/* What costs time or memory per row is short. */
static int check_lengths(const struct query *q, struct problem *p)
{
	if (q->by_count > LABELS_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "by: %zu labels, there may be %d",
				   q->by_count, LABELS_MAX);
	if (q->legend && strlen(q->legend) > LEGEND_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "legend: longer than %d bytes", LEGEND_MAX);
	return 0;
}

static int check_times(const struct query *q, struct problem *p)
{
	if (q->format != QUERY_LATEST && q->from_ms >= q->to_ms)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "range: from must lie before to");
	if (q->from_ms < 0 || q->to_ms < 0 || q->step_ms < 0 ||
	    q->to_ms > INT64_MAX / 4 || q->step_ms > INT64_MAX / 4 ||
	    q->shift_ms > INT64_MAX / 4 || q->shift_ms < -INT64_MAX / 4)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "range: times are Unix milliseconds, steps "
				   "and shifts milliseconds");
	return 0;
}

/* Words that only make sense together. */
static int check_words(const struct query *q, struct problem *p)
{
	const char *name = metric_info(q->metric)->name;

	if (q->format == QUERY_HEATMAP && q->agg != AGG_HISTOGRAM)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "format heatmap wants agg histogram");
	if (q->format == QUERY_STATES && agg_wants_series(q->agg) &&
	    !agg_is_quantile(q->agg))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "format states shows values as words; agg "
				   "%s makes numbers of series of them",
				   agg_word(q->agg));
	if (q->fn >= FN_ABOVE && !q->threshold &&
	    (q->fn == FN_BEYOND || q->limit != LIMIT_NUMBER))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "%s has no thresholds: %s", name,
				   q->fn == FN_BEYOND ?
					   "use fn above or below" :
					   "give threshold as a number");
	return 0;
}

static int check(const struct query *q, struct problem *p)
{
	const struct metric_info *m;

	if (q->format == QUERY_EVENTS)
		return check_times(q, p);
	if (q->metric >= METRIC_COUNT)
		return problem_set(p, PROBLEM_UNKNOWN_METRIC,
				   "no such metric");
	m = metric_info(q->metric);
	if ((q->fn == FN_RATE || q->fn == FN_INCREASE) &&
	    m->kind != METRIC_COUNTER)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "fn: %s needs a counter and %s is a gauge; "
				   "use delta", fn_word(q->fn), m->name);
	if (check_times(q, p) || check_words(q, p))
		return -EINVAL;
	return check_lengths(q, p);
}

static int64_t floor_to(int64_t ms, int64_t step)
{
	int64_t rest = ms % step;

	return ms - (rest < 0 ? rest + step : rest);
}

/*
 * Windows are aligned in the time people see; a shift moves them to where
 * the points lie. The windows of "latest" end at to itself.
 */
static void lay_axis(struct run *r)
{
	const struct query *q = r->q;
	struct axis *a = &r->axis;

	if (q->format == QUERY_LATEST) {
		a->step_ms = q->step_ms ? q->step_ms : LATEST_STEP_MS;
		a->begin_ms = q->to_ms - a->step_ms;
		a->steps = 1;
	} else {
		int64_t end;

		a->step_ms = query_step(q);
		a->begin_ms = floor_to(q->from_ms, a->step_ms);
		end = floor_to(q->to_ms - 1, a->step_ms) + a->step_ms;
		a->steps = (size_t)((end - a->begin_ms) / a->step_ms);
	}
	a->begin_ms -= q->shift_ms;
}

/* What has ended has no latest value. */
static void drop_closed(struct run *r)
{
	size_t open = 0;

	for (size_t i = 0; i < r->series_count; i++) {
		struct series s = r->series[i];

		if (!s.open)
			continue;
		r->series[i] = r->series[open];
		r->series[open++] = s;
	}
	r->series_count = open;
}

static int select_series(struct run *r)
{
	const struct query *q = r->q;
	bool last = wants_last(q);
	int64_t from_ms = last ? q->to_ms - RECENT_MS : r->axis.begin_ms;
	int64_t to_ms = last ? INT64_MAX : axis_end(&r->axis);

	int err = select_attributed(r, from_ms, to_ms);

	if (err)
		return err;
	if (q->format == QUERY_LATEST)
		drop_closed(r);
	if ((int64_t)r->series_count > r->limits->series_max)
		return problem_set(r->problem, PROBLEM_TOO_MUCH,
				   "%zu series of %s match, the limit is "
				   "%lld: add a filter on a label",
				   r->series_count,
				   metric_info(q->metric)->name,
				   (long long)r->limits->series_max);
	return 0;
}

/* A long table has cells for time and labels in each row too. */
static int check_points(const struct run *r, size_t rows)
{
	size_t most = (size_t)r->limits->points_max, steps = r->axis.steps;
	size_t columns = r->q->format == QUERY_TABLE ? r->names.count + 2 : 1;
	char width[40] = "";

	if (rows == 0 || steps <= most / rows / columns)
		return 0;
	if (columns > 1)
		snprintf(width, sizeof(width), " x %zu columns", columns);
	return problem_set(r->problem, PROBLEM_TOO_MUCH,
			   "%zu series x %zu steps%s are %zu values, the "
			   "limit is %zu: ask for a larger step, a shorter "
			   "range or fewer series", rows, steps, width,
			   rows * steps * columns, most);
}

/* What rows.c remembers of each series and step counts as well: a bit each,
 * 64 of them a value. */
static int check_seen(const struct run *r)
{
	size_t most = (size_t)r->limits->points_max;
	size_t width = r->series_count / 64 + 1;

	if (r->steps_back == 0 || !agg_adds_up(r->q->agg) ||
	    r->axis.steps <= most / width)
		return 0;
	return problem_set(r->problem, PROBLEM_TOO_MUCH,
			   "%zu series x %zu steps, in a range where the wall "
			   "clock stepped back, take as much memory as %zu "
			   "values, the limit is %zu: ask for a larger step, a "
			   "shorter range or fewer series", r->series_count,
			   r->axis.steps, r->axis.steps * width, most);
}

/*
 * Steps finer than the resolution take the value of the next stored point,
 * which may lie behind the range: so many more steps are worked out.
 */
static size_t extra_steps(const struct run *r)
{
	int64_t step = r->axis.step_ms, most = coarsest(r);

	return most > step ? (size_t)((most + step - 1) / step) : 0;
}

static int prepare(struct run *r)
{
	const struct query *q = r->q;
	size_t shown = r->axis.steps;
	size_t rows = agg_wants_series(q->agg) ? r->series_count :
						 r->group_count;
	size_t answered = r->group_count *
			  (r->bucket_count ? r->bucket_count : 1);
	int err = check_points(r, rows > answered ? rows : answered);

	if (err == 0)
		err = check_seen(r);
	if (err)
		return err;
	r->axis.steps += extra_steps(r);
	r->rows = (struct rows){
		.agg = q->agg,
		.fn = q->fn,
		.fold = metric_info(q->metric)->fold,
		.count = rows,
		.steps = r->axis.steps,
		.shown = shown,
	};
	r->windows = calloc(r->series_count + 1, sizeof(r->windows[0]));
	r->order = calloc(r->series_count + answered + 1, sizeof(r->order[0]));
	if (!r->windows || !r->order)
		return -ENOMEM;
	return rows_init(&r->rows, r->series_count, r->steps_back > 0);
}

/* People read tables and bars from the first row on. */
static bool in_ranks(const struct query *q)
{
	return q->format == QUERY_LATEST || q->format == QUERY_TABLE;
}

static int by_row(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int run_values(struct run *r)
{
	int err = prepare(r);

	if (err == 0 && r->series_count)
		err = wants_last(r->q) ? latest_values(r) : scan_values(r);
	if (err == 0)
		err = rows_finish(&r->rows, r->group_of, r->group_count);
	if (err == 0 && r->bucket_count)
		err = buckets_count(r);
	if (err)
		return err;
	err = rows_top(&r->rows, r->q->top, r->order, &r->found);
	if (err < 0)
		return err;
	r->answered = (size_t)err;
	/* Lines of a picture keep their places, and colours, while ranks
	 * change. */
	if (!in_ranks(r->q))
		qsort(r->order, r->answered, sizeof(r->order[0]), by_row);
	return 0;
}

static int run(struct frame **out, struct run *r)
{
	int err;

	lay_axis(r);
	err = buckets_lay(r);
	if (err == 0)
		err = select_series(r);
	if (err)
		return err;
	if (!wants_last(r->q))
		r->steps_back = view_epochs(r->view, r->axis.begin_ms,
					axis_end(&r->axis));
	err = group_series(r);
	if (err == 0)
		err = run_values(r);
	return err ? err : answer_frame(out, r);
}

int query_run(struct frame **out, const struct query *q, struct view *v,
	      const struct query_limits *limits, struct problem *p)
{
	struct run r = {
		.q = q, .view = v, .limits = limits, .problem = p,
	};
	int err = check(q, p);

	if (err)
		return err;
	err = q->format == QUERY_EVENTS ? events_frame(out, q, v, limits, p) :
					  run(out, &r);
	if (q->effort)
		q->effort->scanned += r.scanned;
	run_fini(&r);
	if (err == -ENOMEM)
		problem_set(p, PROBLEM_UNAVAILABLE, "out of memory");
	return err;
}
