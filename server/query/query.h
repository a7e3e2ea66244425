#pragma once
/*
 * query.h - the one model of a question, whatever protocol it came by.
 *
 * Time is cut into steps aligned to multiples of step_ms; the value at t
 * stands for (t - step, t]: half-open on the left. fn makes one value of the
 * points of a series in a step, agg one value of several series.
 *
 * Answered are all windows that touch (from, to], each as a whole, so that a
 * value depends on t and step alone and never on the edges of the range. The
 * last window may still be filling, and its t lies up to a step after to.
 *
 * A window without a point is a null cell. A stored point stands for its
 * resolution, so steps finer than that repeat its value; only increase and
 * delta leave them empty.
 *
 * Counters: increase adds up the differences between points, from the last
 * point before the window to the last one in it; after a reset (a smaller
 * value) the new value itself is the difference, so nothing is ever negative.
 * The point before the window counts when it lies at most one step or three
 * resolutions before it; else the first point in the window is the start, and
 * a window with no other point has no value. rate is the increase divided by
 * the seconds between those two points; nothing is extrapolated. delta is the
 * difference of the same two points and may be negative.
 *
 * above, below and beyond are the share of the known time of a window, 0..1,
 * that the value spent on the wrong side of a limit: a number, or one of the
 * metric's thresholds, of which beyond also takes the wrong side. A point
 * stands for the time since the one before it, at most for its resolution.
 *
 * states and histogram turn the series of a group into one row per state or
 * bucket, holding how many series are in it; its label is state or le.
 *
 * Attributes (version, build_id, bound, ...) may stand wherever a label may:
 * in by, matchers and legends. They have the newest value of each process.
 */
#include "common/frame.h"
#include "common/metric.h"
#include "common/problem.h"
#include "common/threshold.h"
#include "server/store/store.h"

enum agg {
	AGG_NONE, AGG_AVG, AGG_MIN, AGG_MAX, AGG_SUM, AGG_COUNT,
	AGG_P50, AGG_P95, AGG_P99, AGG_STATES, AGG_HISTOGRAM, AGG_WORD_COUNT
};

enum fn {
	FN_FOLD, /* the metric's own; also what "" means */
	FN_LAST, FN_RATE, FN_INCREASE, FN_DELTA, FN_AVG, FN_MAX, FN_MIN,
	FN_ABOVE, FN_BELOW, FN_BEYOND,
	FN_WORD_COUNT
};

enum query_format {
	QUERY_TIMESERIES, QUERY_TABLE, QUERY_LATEST, QUERY_HEATMAP,
	QUERY_STATES, QUERY_EVENTS,
	/* of this moment, not of the store: server/http/live.h */
	QUERY_TARGETS, QUERY_STATUS, QUERY_LACKS
};

/* What above, below and beyond compare with. */
enum limit { LIMIT_WARNING, LIMIT_CRITICAL, LIMIT_NUMBER };

/* What an answer cost, and what may be spared; see cache.h. */
struct effort {
	struct cache *cache;  /* borrowed; NULL: none */
	struct settled settled; /* of the store, from before the view */
	int64_t scanned;      /* points read */
	int64_t reused;       /* values taken from the cache */
};

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
	int top;                   /* n rows with the highest mean; negative:
				    * with the lowest; 0: all */
	int64_t shift_ms;          /* ask for that much earlier */
	char *legend;              /* owned; "{{service}}", or NULL */
	enum query_format format;
	int64_t stale_ms;          /* so long without a reading is no chance;
				    * 0: the resolution says */
	const char *hint;          /* static; told beside the answer, or NULL */
	enum limit limit;
	double limit_value;        /* LIMIT_NUMBER */
	const struct threshold *threshold; /* borrowed; of the metric, or NULL */
	struct effort *effort;     /* borrowed; NULL: nobody asks */
};

void query_fini(struct query *q);

/* "p95" and the like; -EINVAL for another word. */
int agg_parse(enum agg *out, const char *word);
int fn_parse(enum fn *out, const char *word);
const char *agg_word(enum agg a);
const char *fn_word(enum fn f);

struct query_limits {
	int64_t series_max;  /* matched by one question */
	int64_t points_max;  /* steps x series of one answer, in a long table
			      * x columns; for quantiles series matched */
	int64_t scan_max;    /* stored points read for one answer */
};

/*
 * Answer: one frame, its series sorted by labels. A question beyond the
 * limits fills the problem and says which limit and what to change; so does
 * an unreadable store. Series and points are checked before anything is
 * read; reading stops at scan_max.
 *
 * QUERY_TIMESERIES: a time field, then one value field per row.
 * QUERY_TABLE: long rows of time, labels and value, sorted by time; windows
 * without a value have no row.
 * QUERY_HEATMAP: a time field, then one field per bucket; agg is histogram.
 * QUERY_STATES: a time field, then one field of words per row: the state that
 * the value means by the metric's thresholds, or by its own codes.
 * QUERY_EVENTS: rows of time, timeEnd, title, text, tags, id, as Grafana maps
 * annotations, then kind, node, service and instance, oldest first; as many as
 * points_max allows. The metric plays no part.
 * QUERY_LATEST: FRAME_NUMERIC, one field with one value per row: the newest
 * value of open series; with another fn than fold or last, its value in
 * (to - step, to], step 60 s unless asked. to is the present.
 *
 * Labels of a row: with agg those named in by; without, node, service,
 * instance, the column's dimension, those asked for in by and legend, and
 * those that differ between the series; pid only where nothing else tells
 * two rows apart, since alerts and colours should survive a restart.
 */
int query_run(struct frame **out, const struct query *q, struct view *v,
	      const struct query_limits *limits, struct problem *p);

/*
 * The newest value of every open series that matches, one FRAME_NUMERIC per
 * metric in the order of the metric table, one field per series with all its
 * labels but pid; then heapwatch_target_info, which carries pid and the
 * attributes with the value 1. The array is the caller's: frames_free.
 */
int query_latest_all(struct frame ***out, size_t *count, struct view *v,
		     const struct matcher *m, size_t matcher_count,
		     struct problem *p);
void frames_free(struct frame **frames, size_t count);

/* The step that would be used: max(step, range / max_points), rounded up to
 * 1 2 5 10 15 30 s, 1 2 5 10 15 30 min, 1 2 3 6 12 h, 1 d, and its multiples,
 * never below the store's finest. */
int64_t query_step(const struct query *q);

/* Words of the states of a metric by its threshold; 0 when it has none. */
size_t query_states(enum metric m, const struct threshold *t,
		    const char *const **words);

/*
 * Names and values of labels and attributes over series that match, sorted
 * and unique, for editors and variables. The array is the caller's:
 * strings_free.
 */
int query_label_names(struct view *v, const struct matcher *m,
		      size_t matcher_count, char ***out, size_t *count);
int query_label_values(struct view *v, const char *name,
		       const struct matcher *m, size_t matcher_count,
		       char ***out, size_t *count);

/* Names close to a word that is no metric, for an error text: "heap_used,
 * heap_util_rate". Returns out. */
const char *query_suggest(const char *word, char *out, size_t len);
