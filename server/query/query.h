#pragma once
/*
 * query.h - the one model of a question, whatever protocol it came by.
 *
 * Time is cut into steps aligned to multiples of step_ms; the value at t
 * stands for (t - step, t]: half-open on the left. fn makes one value of the
 * points of a series in a step, agg one value of several series.
 */
#include "common/frame.h"
#include "common/metric.h"
#include "common/problem.h"
#include "server/store/store.h"

enum agg {
	AGG_NONE, AGG_AVG, AGG_MIN, AGG_MAX, AGG_SUM, AGG_COUNT,
	AGG_P50, AGG_P95, AGG_P99, AGG_WORD_COUNT
};

enum fn {
	FN_FOLD, /* the metric's own; also what "" means */
	FN_LAST, FN_RATE, FN_INCREASE, FN_DELTA, FN_AVG, FN_MAX, FN_MIN,
	FN_WORD_COUNT
};

enum query_format { QUERY_TIMESERIES, QUERY_TABLE, QUERY_LATEST };

struct query {
	char *ref_id;              /* owned; "" when none */
	enum metric metric;
	struct matcher *matchers;  /* owned */
	size_t matcher_count;
	char **by;                 /* owned; labels that agg keeps */
	size_t by_count;
	enum agg agg;
	enum fn fn;
	int64_t from_ms, to_ms;
	int64_t step_ms;           /* 0: from the range and max_points */
	int64_t max_points;        /* per series; 0: a default */
	int top;                   /* best n series; negative: worst n; 0 all */
	int64_t shift_ms;          /* ask for that much earlier */
	char *legend;              /* owned; "{{service}}", or NULL */
	enum query_format format;
};

void query_fini(struct query *q);

/* "p95" and the like; -EINVAL for another word. */
int agg_parse(enum agg *out, const char *word);
int fn_parse(enum fn *out, const char *word);
const char *agg_word(enum agg a);
const char *fn_word(enum fn f);

struct query_limits {
	int64_t series_max;  /* matched by one question */
	int64_t points_max;  /* steps x series of one answer */
	int64_t scan_max;    /* stored points read for one answer */
};

/*
 * Answer: one frame. A question beyond the limits fills the problem and says
 * which limit and what to change; so does an unreadable store.
 */
int query_run(struct frame **out, const struct query *q, struct view *v,
	      const struct query_limits *limits, struct problem *p);

/* The step that would be used: max(step, range / max_points), rounded up to
 * 1 2 5 10 15 30 s, 1 2 5 10 15 30 min, 1 2 3 6 12 h, 1 d, and its multiples,
 * never below the store's finest. */
int64_t query_step(const struct query *q);

/* Names close to a word that is no metric, for an error text: "heap_used,
 * heap_util_rate". Returns out. */
const char *query_suggest(const char *word, char *out, size_t len);
