/*
 * From stored points to values of steps: only those are read that the cache
 * does not know from before.
 */
#include "parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cache.h"

int64_t coarsest(const struct run *r)
{
	int64_t most = 0;

	for (size_t i = 0; i < r->series_count; i++) {
		if (r->series[i].resolution_ms > most)
			most = r->series[i].resolution_ms;
	}
	return most;
}

static double limit_of(const struct query *q)
{
	if (q->limit == LIMIT_NUMBER || !q->threshold)
		return q->limit_value;
	return q->limit == LIMIT_CRITICAL ? q->threshold->critical :
					    q->threshold->warning;
}

/* What FN_FOLD and FN_BEYOND mean for this metric. */
static struct windows windows_of(struct run *r)
{
	static const enum fn folds[] = {
		[FOLD_LAST] = FN_LAST,
		[FOLD_MAX] = FN_MAX,
		[FOLD_MIN] = FN_MIN,
		[FOLD_SUM] = FN_LAST,
	};
	const struct threshold *t = r->q->threshold;
	struct windows all = { .axis = &r->axis,
			       .rows = &r->rows,
			       .fn = r->q->fn };

	if (all.fn == FN_BEYOND)
		all.fn = t && t->direction < 0 ? FN_BELOW : FN_ABOVE;
	if (all.fn == FN_ABOVE || all.fn == FN_BELOW)
		all.limit = limit_of(r->q);

	if (all.fn == FN_FOLD) {
		all.fn = folds[r->rows.fold];
		all.sum = r->rows.fold == FOLD_SUM;
	}
	return all;
}

struct scan {
	struct run *run;
	struct windows all;
	bool own_rows;
	const uint32_t *index; /* of a series in the question; NULL: the same */
};

static size_t row_of(const struct scan *s, size_t series)
{
	return s->own_rows ? series : s->run->group_of[series];
}

static int on_points(void *arg, size_t i, const struct stretch *p)
{
	struct scan *s = arg;
	struct run *r = s->run;

	if (s->index)
		i = s->index[i];
	r->scanned += (int64_t)p->count;
	if (r->scanned > r->limits->scan_max)
		return -E2BIG;
	window_add(&s->all, &r->windows[i], i, row_of(s, i),
		   r->series[i].resolution_ms, p);
	return 0;
}

static int scan_failed(const struct run *r, int err)
{
	if (err == -ENOMEM)
		return err;
	if (err != -E2BIG)
		return problem_set(r->problem, PROBLEM_UNAVAILABLE,
				   "the store cannot be read");
	return problem_set(r->problem, PROBLEM_TOO_MUCH,
			   "more than %lld stored points lie in this question, "
			   "which is the limit: ask for a shorter range or "
			   "fewer series",
			   (long long)r->limits->scan_max);
}

/* How much before the first window the points matter: to start a rate from,
 * where the farthest one counts that a scan, open on the left, would not
 * tell; and to tell a gap from a resolution. */
static int64_t look_back(const struct run *r, enum fn fn)
{
	int64_t step = r->axis.step_ms, most = coarsest(r);

	if (fn == FN_RATE || fn == FN_INCREASE || fn == FN_DELTA)
		return window_look_back(step, most) + 1;
	return most > step ? most : 0;
}

/* Scan these series over the axis of s->all and close their windows. */
static int scan_some(struct scan *s, const struct series *series, size_t count)
{
	struct run *r = s->run;
	const struct axis *a = s->all.axis;
	int err = view_scan(r->view, series, count,
			    a->begin_ms - look_back(r, s->all.fn), axis_end(a),
			    a->step_ms, on_points, s);

	if (err)
		return scan_failed(r, err);
	for (size_t i = 0; i < count; i++) {
		size_t k = s->index ? s->index[i] : i;

		window_close(&s->all, &r->windows[k], k, row_of(s, k));
	}
	return 0;
}

/* ---- with what is known from before ---- */

struct reuse {
	double *values;	 /* owned; series x steps */
	uint32_t *index; /* owned; series: warm ones first, cold ones after */
	struct series *series; /* owned array in that order; items borrowed */
	size_t warm; /* series of which the first known steps are known */
	size_t known;
	size_t settled; /* steps that change no more */
};

static void reuse_fini(struct reuse *u)
{
	free(u->values);
	free(u->index);
	free(u->series);
}

/*
 * How many steps from the first on can be kept. Only whole steps of stored
 * points: finer ones come from memory for a while. A clock that stepped back
 * makes times occur twice, which steps cannot tell apart.
 */
static size_t settled_steps(const struct run *r)
{
	const struct effort *e = r->q->effort;
	int64_t end_ms;

	if (!e || !e->cache || r->q->format == QUERY_LATEST || r->steps_back ||
	    r->axis.step_ms < coarsest(r) ||
	    r->series_count * r->axis.steps >
		    cache_share(e->cache) / sizeof(double))
		return 0;
	end_ms = e->settled.ms - 2 * coarsest(r);
	if (end_ms <= r->axis.begin_ms)
		return 0;
	end_ms = (end_ms - r->axis.begin_ms) / r->axis.step_ms;
	return (size_t)end_ms < r->axis.steps ? (size_t)end_ms : r->axis.steps;
}

static int binary_digits(size_t n)
{
	int digits = 0;

	for (; n; n >>= 1)
		digits++;
	return digits;
}

static struct cache_key key_of(const struct run *r, const struct windows *all,
			       size_t series)
{
	return (struct cache_key){
		.series = r->series[series].id,
		.epoch = r->q->effort->settled.epoch,
		.fn = (int)all->fn,
		.sum = all->sum,
		.limit = all->limit,
		.step_ms = r->axis.step_ms,
		.phase_ms = r->axis.begin_ms % r->axis.step_ms,
		.shift_ms = r->q->shift_ms,
		.length = binary_digits(r->axis.steps),
	};
}

static int reuse_init(struct reuse *u, const struct run *r)
{
	size_t count = r->series_count, cells = count * r->axis.steps;

	u->values = malloc((cells + 1) * sizeof(u->values[0]));
	u->index = calloc(count + 1, sizeof(u->index[0]));
	u->series = calloc(count + 1, sizeof(u->series[0]));
	if (!u->values || !u->index || !u->series)
		return -ENOMEM;
	for (size_t i = 0; i < cells; i++)
		u->values[i] = NAN;
	return 0;
}

/* Series of which at least half is known are warm; all are then known for as
 * many steps, so that one scan brings the rest. */
static void look_up(struct reuse *u, const struct run *r,
		    const struct windows *all)
{
	size_t cold = r->series_count;

	u->known = u->settled;
	for (size_t i = 0; i < r->series_count; i++) {
		struct cache_key key = key_of(r, all, i);
		size_t known =
			cache_get(r->q->effort->cache, &key, r->axis.begin_ms,
				  u->values + i * r->axis.steps, u->settled);
		size_t at = known > u->settled / 2 ? u->warm++ : --cold;

		u->index[at] = (uint32_t)i;
		u->series[at] = r->series[i];
		if (at < u->warm && known < u->known)
			u->known = known;
	}
}

static void put_known(struct reuse *u, struct scan *s)
{
	struct run *r = s->run;

	for (size_t w = 0; w < r->series_count; w++) {
		size_t i = u->index[w], known = w < u->warm ? u->known : 0;
		double *values = u->values + i * r->axis.steps;

		r->windows[i].kept = known > 0;
		for (size_t k = 0; k < known; k++) {
			if (isnan(values[k]))
				continue;
			rows_put(&r->rows, i, row_of(s, i), k, values[k]);
			r->windows[i].known_ms =
				r->axis.begin_ms +
				(int64_t)(k + 1) * r->axis.step_ms;
		}
		for (size_t k = known; k < r->axis.steps; k++)
			values[k] = NAN;
		r->q->effort->reused += (int64_t)known;
	}
}

static void keep_settled(const struct reuse *u, const struct run *r,
			 const struct windows *all)
{
	/* of the warm ones perhaps all was known already */
	for (size_t w = u->known == u->settled ? u->warm : 0;
	     w < r->series_count; w++) {
		size_t i = u->index[w];
		struct cache_key key = key_of(r, all, i);

		cache_put(r->q->effort->cache, &key, r->axis.begin_ms,
			  u->values + i * r->axis.steps, u->settled);
	}
}

/* The known part is put as it is; only what follows it is read. */
static int scan_rest(struct reuse *u, struct scan *s)
{
	struct run *r = s->run;
	struct axis rest = r->axis;
	int err = 0;

	s->all.kept = u->values;
	s->index = u->index + u->warm;
	if (u->warm < r->series_count)
		err = scan_some(s, u->series + u->warm,
				r->series_count - u->warm);
	rest.begin_ms += (int64_t)u->known * rest.step_ms;
	rest.steps -= u->known;
	s->all.axis = &rest;
	s->all.offset = u->known;
	s->index = u->index;
	if (!err && u->warm && rest.steps)
		err = scan_some(s, u->series, u->warm);
	return err;
}

int scan_values(struct run *r)
{
	struct scan s = { .run = r,
			  .all = windows_of(r),
			  .own_rows = agg_wants_series(r->q->agg) };
	own(reuse_fini) struct reuse u = { .settled = settled_steps(r) };
	int err;

	if (u.settled == 0)
		return scan_some(&s, r->series, r->series_count);
	err = reuse_init(&u, r);
	if (err)
		return err;
	look_up(&u, r, &s.all);
	put_known(&u, &s);
	err = scan_rest(&u, &s);
	if (!err)
		keep_settled(&u, r, &s.all);
	return err;
}
