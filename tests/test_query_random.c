/*
 * Random points and questions; each answer is compared with one made the
 * slow way, window by window, straight from the words of query.h.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/number.h"
#include "server/query/query.h"

#include "server/query/cache.h"

#include "fake_view.c"

#define T0     1700000040000ll
#define ROUNDS 300
#define SERIES 5

static const struct query_limits generous = { 1000, 1000000, 1000000 };

/* xorshift64*: the same questions in every run. */
static uint64_t random_state = 0x2545f4914f6cdd1du;

static int64_t below(int64_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (int64_t)((random_state * 0x9e3779b97f4a7c15u) >> 33) % limit;
}

/* Points some seconds apart, now and then a gap of minutes, small values so
 * that counters fall back often. Those of every other series lie where the
 * store puts them, which is often on the very edge of a window. */
static void random_series(struct view *v, enum column column)
{
	int64_t time = T0 - 200000 + below(50000), grid;
	char labels[32];
	struct fake_series *s;

	snprintf(labels, sizeof(labels), "service=s%zu", v->count);
	s = fake_add(v, column, labels);
	s->series.resolution_ms = 1000 * (1 + below(12));
	grid = v->count % 2 ? s->series.resolution_ms : 1;
	for (int64_t i = below(200); i > 0; i--) {
		time = (time + grid - 1) / grid * grid;
		fake_point(s, time, (double)below(50), 0);
		time += below(15) ? 1 + below(15000) : 1 + below(200000);
	}
}

/* ---- the slow way ---- */

struct slow {
	const struct fake_series *s;
	int64_t begin, end; /* the window */
	int64_t look_back;
	size_t first, count; /* points inside */
};

static struct slow slow_window(const struct fake_series *s, int64_t end,
			       int64_t step)
{
	int64_t three = 3 * s->series.resolution_ms;
	struct slow w = { s, end - step, end, step > three ? step : three,
			  0, 0 };

	for (size_t i = 0; i < s->count; i++) {
		if (s->points[i].time_ms <= w.begin)
			w.first = i + 1;
		else if (s->points[i].time_ms <= end)
			w.count++;
	}
	return w;
}

/* From the point before the window, or else the first in it. */
static double slow_difference(const struct slow *w, enum fn fn)
{
	const struct point *p = w->s->points;
	size_t from = w->first, last = w->first + w->count - 1;
	double rise = 0, seconds;

	if (from > 0 && w->begin - p[from - 1].time_ms <= w->look_back)
		from--;
	if (from == last)
		return NAN;
	for (size_t i = from + 1; i <= last; i++)
		rise += p[i].value >= p[i - 1].value ?
				p[i].value - p[i - 1].value : p[i].value;
	seconds = (double)(p[last].time_ms - p[from].time_ms) / 1000;
	if (fn == FN_DELTA)
		return p[last].value - p[from].value;
	return fn == FN_RATE ? rise / seconds : rise;
}

static double slow_fold(const struct slow *w, enum fn fn)
{
	const struct point *p = w->s->points + w->first;
	double most = p[0].value, least = p[0].value, sum = 0;

	for (size_t i = 0; i < w->count; i++) {
		most = fmax(most, p[i].value);
		least = fmin(least, p[i].value);
		sum += p[i].value;
	}
	if (fn == FN_MAX)
		return most;
	if (fn == FN_MIN)
		return least;
	return fn == FN_AVG ? sum / (double)w->count : p[w->count - 1].value;
}

static double slow_value(const struct fake_series *s, int64_t end,
			 int64_t step, enum fn fn)
{
	struct slow w = slow_window(s, end, step);
	bool difference = fn == FN_RATE || fn == FN_INCREASE || fn == FN_DELTA;

	if (w.count > 0)
		return difference ? slow_difference(&w, fn) :
				    slow_fold(&w, fn);
	/* the next point stands for its resolution, if the one before it is
	 * no farther away than that */
	if (fn == FN_INCREASE || fn == FN_DELTA || w.first == 0 ||
	    w.first == s->count ||
	    s->points[w.first].time_ms - s->points[w.first - 1].time_ms >
		    s->series.resolution_ms)
		return NAN;
	while (end < s->points[w.first].time_ms)
		end += step;
	return slow_value(s, end, step, fn);
}

static double slow_agg(const double *values, size_t count, enum agg agg)
{
	double sum = 0, most = values[0], least = values[0];

	for (size_t i = 0; i < count; i++) {
		sum += values[i];
		most = fmax(most, values[i]);
		least = fmin(least, values[i]);
	}
	switch (agg) {
	case AGG_AVG:
		return sum / (double)count;
	case AGG_MAX:
		return most;
	case AGG_MIN:
		return least;
	case AGG_COUNT:
		return (double)count;
	default:
		return sum;
	}
}

/* ---- comparison ---- */

static bool near(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return fabs(a - b) <= 1e-8 * fmax(1, fabs(b));
}

static double cell(const struct field *field, size_t i)
{
	return cells_valid(field->cells, i) ? field->cells->f64[i] : NAN;
}

static const struct fake_series *series_of(const struct view *v,
					   const struct field *field)
{
	size_t i = (size_t)atoi(labels_get(&field->labels, "service") + 1);

	return &v->items[i];
}

static void check_series(const struct view *v, const struct query *q,
			 const struct frame *f, int64_t step)
{
	for (size_t k = 1; k < f->field_count; k++) {
		const struct fake_series *s = series_of(v, &f->fields[k]);

		for (size_t i = 0; i < frame_rows(f); i++) {
			int64_t end = f->fields[0].cells->i64[i];
			double want = slow_value(s, end, step, q->fn);

			if (!near(cell(&f->fields[k], i), want))
				ck_abort_msg("%s at %lld: %.12g, not %.12g",
					     fn_word(q->fn),
					     (long long)(end - T0),
					     cell(&f->fields[k], i), want);
		}
	}
}

static void check_group(const struct view *v, const struct query *q,
			const struct frame *f, int64_t step)
{
	for (size_t i = 0; f->field_count > 1 && i < frame_rows(f); i++) {
		int64_t end = f->fields[0].cells->i64[i];
		double values[SERIES], want = NAN;
		size_t count = 0;

		for (size_t k = 0; k < v->count; k++) {
			values[count] = slow_value(&v->items[k], end, step,
						   q->fn);
			count += !isnan(values[count]);
		}
		if (count)
			want = slow_agg(values, count, q->agg);
		if (!near(cell(&f->fields[1], i), want))
			ck_abort_msg("%s of %s at %lld: %.12g, not %.12g",
				     agg_word(q->agg), fn_word(q->fn),
				     (long long)(end - T0),
				     cell(&f->fields[1], i), want);
	}
}

static void check_times(const struct query *q, const struct frame *f,
			int64_t step)
{
	const struct cells *times = f->fields[0].cells;

	for (size_t i = 0; i < times->count; i++) {
		ck_assert_int_eq(times->i64[i] % step, 0);
		if (i)
			ck_assert_int_eq(times->i64[i] - times->i64[i - 1],
					 step);
	}
	if (times->count == 0)
		return;
	ck_assert_int_gt(times->i64[0], q->from_ms);
	ck_assert_int_le(times->i64[0] - step, q->from_ms);
	ck_assert_int_ge(times->i64[times->count - 1], q->to_ms);
	ck_assert_int_lt(times->i64[times->count - 1] - step, q->to_ms);
}

static size_t one_round(void)
{
	static const enum agg aggs[] = { AGG_NONE, AGG_SUM, AGG_AVG,
					 AGG_MIN,  AGG_MAX, AGG_COUNT };
	struct view v = { 0 };
	struct problem p = { 0 };
	struct frame *f = NULL;
	struct query q = {
		.metric = METRIC_HEAP_ALLOCATED_BYTES_TOTAL,
		.from_ms = T0 + below(300000),
		.step_ms = 1000 * (1 + below(60)),
		.fn = (enum fn)below(FN_ABOVE),
		.agg = aggs[below(6)],
	};
	size_t cells;
	int64_t step;

	q.to_ms = q.from_ms + 1 + below(900000);
	for (int i = 0; i < SERIES; i++)
		random_series(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL);
	step = query_step(&q);
	ck_ok(query_run(&f, &q, &v, &generous, &p));
	check_times(&q, f, step);
	if (q.agg == AGG_NONE)
		check_series(&v, &q, f, step);
	else
		check_group(&v, &q, f, step);
	cells = frame_rows(f) * (f->field_count - 1);
	frame_free(f);
	fake_view_fini(&v);
	return cells;
}

START_TEST(random_questions_are_answered_as_the_slow_way_does)
{
	size_t cells = 0;

	for (int i = 0; i < ROUNDS; i++)
		cells += one_round();
	ck_assert_uint_gt(cells, 10000);
}
END_TEST

/* ---- with values kept from earlier questions ---- */

static void same_cells(const struct cells *a, const struct cells *b)
{
	ck_assert_uint_eq(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		ck_assert_int_eq(cells_valid(a, i), cells_valid(b, i));
		if (cells_valid(a, i))
			ck_assert_msg(a->i64[i] == b->i64[i],
				      "step %zu: %.17g, not %.17g", i,
				      a->f64[i], b->f64[i]);
	}
}

/* Bit for bit; times and numbers are both 64 bits wide. */
static void same_frames(const struct frame *a, const struct frame *b)
{
	ck_assert_uint_eq(a->field_count, b->field_count);
	for (size_t i = 0; i < a->field_count; i++) {
		ck_assert_int_eq(labels_compare(&a->fields[i].labels,
						&b->fields[i].labels), 0);
		same_cells(a->fields[i].cells, b->fields[i].cells);
	}
	ck_assert_uint_eq(a->notice_count, b->notice_count);
	for (size_t i = 0; i < a->notice_count; i++)
		ck_assert_str_eq(a->notices[i].text, b->notices[i].text);
}

static int64_t present_ms;

static struct now present(void)
{
	return (struct now){ present_ms * 1000000, present_ms };
}

static void ask_both(struct view *v, struct query *q, struct effort *effort)
{
	struct problem p = { 0 };
	struct frame *plain, *kept;

	present_ms = q->to_ms + below(60000);
	q->effort = NULL;
	ck_ok(query_run(&plain, q, v, &generous, &p));
	q->effort = effort;
	ck_ok(query_run(&kept, q, v, &generous, &p));
	same_frames(kept, plain);
	frame_free(plain);
	frame_free(kept);
}

/* A panel that moves on, jumps back, and learns of more settled points. */
static int64_t one_panel(struct cache *cache)
{
	static const enum agg aggs[] = { AGG_NONE, AGG_SUM, AGG_P95, AGG_MAX };
	struct threshold limit = { METRIC_HEAP_ALLOCATED_BYTES_TOTAL, 20, 40,
				   1 };
	struct effort effort = { .cache = cache };
	struct view v = { 0 };
	struct query q = {
		.metric = METRIC_HEAP_ALLOCATED_BYTES_TOTAL,
		.from_ms = T0 + below(300000),
		.step_ms = 1000 * (1 + below(60)),
		.fn = (enum fn)below(FN_WORD_COUNT),
		.agg = aggs[below(4)],
		.top = (int)below(4),
		.shift_ms = below(3) ? 0 : below(90000),
		.threshold = &limit,
	};

	q.to_ms = q.from_ms + 1 + below(900000);
	for (int i = 0; i < SERIES; i++)
		random_series(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL);
	for (int i = 0; i < 6; i++) {
		effort.settled.ms = q.to_ms - below(200000);
		ask_both(&v, &q, &effort);
		q.to_ms += below(60000);
		q.from_ms += below(4) ? below(60000) : -below(90000);
		if (q.from_ms >= q.to_ms)
			q.from_ms = q.to_ms - 1;
	}
	fake_view_fini(&v);
	return effort.reused;
}

START_TEST(kept_values_change_no_answer)
{
	int64_t reused = 0;

	clock_set_source(present);
	for (int i = 0; i < ROUNDS / 3; i++) {
		struct cache *cache;

		/* series of each round are others */
		ck_ok(cache_new(&cache, i % 2 ? 1 << 20 : 4096, 0));
		reused += one_panel(cache);
		cache_free(cache);
	}
	clock_set_source(NULL);
	ck_assert_int_gt(reused, 3000);
}
END_TEST

/* Points read for the same two panels once they were asked before. */
static int64_t read_again(struct view *v, const struct query panels[2])
{
	struct effort effort = { .settled = { T0 + 7200000, 0 } };
	struct problem p = { 0 };

	ck_ok(cache_new(&effort.cache, 1 << 20, 0));
	for (int i = 0; i < 4; i++) {
		struct query q = panels[i % 2];
		struct frame *f;

		if (i == 2)
			effort.scanned = 0;
		q.from_ms += i * 10000; /* the wall goes on */
		q.to_ms += i * 10000;
		q.effort = &effort;
		ck_ok(query_run(&f, &q, v, &generous, &p));
		ck_assert_uint_gt(f->field_count, 1);
		frame_free(f);
	}
	cache_free(effort.cache);
	return effort.scanned;
}

START_TEST(panels_of_other_times_keep_what_they_know)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_USED_BYTES, "node=a");
	struct query now = {
		.metric = METRIC_HEAP_USED_BYTES,
		.from_ms = T0 + 3000000,
		.to_ms = T0 + 3600000,
		.step_ms = 10000,
	}, longer = now, earlier = now;

	for (int i = 0; i < 720; i++)
		fake_point(s, T0 + i * 10000, i % 7, 0);
	longer.from_ms = T0;
	ck_assert_int_le(read_again(&v, (struct query[]){ now, longer }), 10);
	earlier.shift_ms = 1800000;
	ck_assert_int_le(read_again(&v, (struct query[]){ now, earlier }), 10);
	fake_view_fini(&v);
}
END_TEST

TEST_MAIN("query_random", random_questions_are_answered_as_the_slow_way_does,
	  kept_values_change_no_answer,
	  panels_of_other_times_keep_what_they_know)
