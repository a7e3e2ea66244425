#pragma once
/*
 * parts.h - what the files of the query share among themselves.
 *
 * A question runs through: select (query.c) -> group (group.c) -> scan (scan.c),
 * where window.c makes one value per series and step and rows.c one per group
 * and step -> top n (rows.c) -> frame (answer.c).
 */
#include "query.h"

/* Open series have points this recent; for the latest value, older history
 * is not gone through. */
#define RECENT_MS (5 * 60 * 1000ll)

/* The steps of an answer: the i-th stands for the window
 * (begin_ms + i * step_ms, begin_ms + (i + 1) * step_ms]. */
struct axis {
	int64_t begin_ms, step_ms;
	size_t steps;
};

static inline int64_t axis_end(const struct axis *a)
{
	return a->begin_ms + (int64_t)a->steps * a->step_ms;
}

/* Values of an answer, rows x steps; NAN where there is none. */
struct rows {
	enum agg agg;
	enum fn fn;
	enum fold fold;       /* of the metric, for FN_FOLD */
	size_t count, steps;
	size_t shown;         /* the first so many steps are answered */
	double *values;       /* owned */
	uint32_t *counts;     /* owned; values in a cell; for avg and count */
	uint8_t *seen;        /* owned; a bit per series and step, or NULL */
};

/* Cells for that many rows; repeats: the clock stepped back, so a series may
 * bring a step twice; series_count is needed then. -ENOMEM. */
int rows_init(struct rows *r, size_t series_count, bool repeats);
void rows_fini(struct rows *r);

/* One value of a series; row is its group's, or its own for a quantile. */
void rows_put(struct rows *r, size_t series, size_t row, size_t step,
	      double value);

/* Make averages, counts and quantiles of what was put. For a quantile the
 * rows of the series become those of their groups. -ENOMEM. */
int rows_finish(struct rows *r, const uint32_t *group_of, size_t groups);

/* order tells the rows that have a value, *found of them, or those of them
 * that top wants: these by rank, which is that of their mean. Returns how
 * many are told. -ENOMEM. */
int rows_top(const struct rows *r, int top, uint32_t *order, size_t *found);

/* Series count twice when they bring a step twice, after a step back. */
bool agg_adds_up(enum agg a);

static inline bool agg_is_quantile(enum agg a)
{
	return a == AGG_P50 || a == AGG_P95 || a == AGG_P99;
}

/* Every series needs cells of its own first. */
static inline bool agg_wants_series(enum agg a)
{
	return agg_is_quantile(a) || a == AGG_STATES || a == AGG_HISTOGRAM;
}

/* What is known of one series while its points go by. */
struct window {
	int64_t begin_ms, end_ms;  /* the open one: (begin, end] */
	size_t first, index;       /* its value is for these steps */
	uint32_t points;           /* in it */
	double value;              /* folded so far */
	double weight;             /* of the time in it, for shares */
	double base;               /* counters and deltas start from here */
	int64_t base_ms;
	bool based;                /* base lies before the window */
	double last;               /* the newest point, any window */
	int64_t last_ms;
	uint32_t epoch;
	bool any;                  /* there was one in this epoch */
	bool kept;                 /* part of its values is of the cache */
	int64_t known_ms;          /* end of the newest step of those; 0: none
				    * of them has a value */
};

/* The same for all series of a question. */
struct windows {
	const struct axis *axis;
	struct rows *rows;
	enum fn fn;      /* never FN_FOLD: see fn_resolve */
	bool sum;        /* FOLD_SUM stands behind FN_FOLD */
	double limit;    /* of FN_ABOVE and FN_BELOW; never FN_BEYOND */
	size_t offset;   /* of the first step of axis among those of rows */
	double *kept;    /* owned by scan.c; value of each series and step, for
			  * the cache; NULL: none */
};

/* How far before a window the point that a rate starts from may lie: one
 * step, or three points of the resolution (two were missed). */
int64_t window_look_back(int64_t step_ms, int64_t resolution_ms);

void window_add(const struct windows *all, struct window *w, size_t series,
		size_t row, int64_t resolution_ms, const struct stretch *p);
/* No more points of this series. */
void window_close(const struct windows *all, struct window *w, size_t series,
		  size_t row);

/* Names of the labels that an answer shows. */
struct names {
	const char **items; /* owned array of borrowed texts */
	size_t count, cap;
};

void names_fini(struct names *n);
int names_add(struct names *n, const char *name); /* once each; -ENOMEM */
bool names_has(const struct names *n, const char *name);

#define BUCKETS_MAX     64
#define BUCKET_NAME_MAX 32

/* One question on its way; see query.c. */
struct run {
	const struct query *q;
	struct view *view;
	const struct query_limits *limits;
	struct problem *problem;

	struct series *series;    /* owned; series_total of them */
	size_t series_count;      /* the first so many are in question */
	size_t series_total;
	uint32_t *group_of;       /* owned; series -> group */
	uint32_t *member;         /* owned; group -> one of its series */
	size_t group_count;
	struct names names;       /* labels the answer shows */
	struct names distinct;    /* those of them that tell rows apart */

	/* agg states and histogram: each group has a row per bucket */
	size_t bucket_count;      /* 0: each group is a row */
	const char *bucket_label; /* "state" or "le" */
	char bucket_names[BUCKETS_MAX][BUCKET_NAME_MAX];
	double bucket_bounds[BUCKETS_MAX]; /* upper, histogram */

	struct axis axis;         /* in the time of the store, not shifted */
	struct rows rows;
	struct window *windows;   /* owned; one per series */
	uint32_t *order;          /* owned; the rows that are answered */
	size_t answered;          /* so many of them */
	size_t found;             /* rows that have a value */
	int64_t scanned;
	uint32_t steps_back;      /* of the wall clock, in the range */
};

/* attributes.c: view_select with attributes beside labels; those asked for
 * become labels. series_count are in question of series_total. */
int select_attributed(struct run *r, int64_t from_ms, int64_t to_ms);

/* buckets.c: lay out the buckets that agg wants, if any; the problem tells
 * which metrics have states. */
int buckets_lay(struct run *r);
/* Rows of the series become counts, a row per group and bucket. -ENOMEM. */
int buckets_count(struct run *r);
/* The word of a value, or NULL. */
const char *query_state_word(const struct query *q, double value);

/* Does the question name that label in by or the legend? */
bool query_asks(const struct query *q, const char *name);

/* events.c: QUERY_EVENTS as a frame. */
int events_frame(struct frame **out, const struct query *q, struct view *v,
		 const struct query_limits *limits, struct problem *p);

/* group.c: fill group_of, member, group_count, names. -ENOMEM. */
int group_series(struct run *r);

/* answer.c: the frame of what was found. -ENOMEM. */
int answer_frame(struct frame **out, struct run *r);
int answer_notices(struct frame *f, struct run *r);

/* scan.c: the coarsest resolution of all series, milliseconds. */
int64_t coarsest(const struct run *r);
/* Values of all steps from the store and the cache into the rows. */
int scan_values(struct run *r);

/* legend.c: the value of a label that a row shows, or NULL. */
const char *row_label(const struct run *r, size_t row, const char *name);
/* The name people see; the caller's. -ENOMEM. */
int legend_text(char **out, struct run *r, size_t row);
/* "scada/0": who a series belongs to, for notices. Returns out. */
const char *legend_who(const struct series *s, char *out, size_t len);

/* latest.c: the newest value of each series into the only step. */
int latest_values(struct run *r);
