#pragma once
/*
 * rows.h - frames as one flat table: for scripts, spreadsheets, alert rules.
 *
 * Every row has the same columns, rows are in ascending order of time, and a
 * page is cut out of them.
 */
#include "common/frame.h"

struct row_page {
	size_t offset, limit; /* rows to pass over, and most to give */
	bool epoch;           /* times as Unix milliseconds, not RFC 3339 */
	bool more;            /* out: there are rows behind these */
};

/* time, labels, and the value under the metric's name; with several metrics
 * their name under "metric" and the value under "value". Frames of rows, or
 * numeric ones, which have no time. *out is the caller's. -ENOMEM. */
int rows_long(struct frame **out, struct frame *const *frames, size_t count,
	      struct row_page *page);

/* time, then a column per series. */
int rows_wide(struct frame **out, struct frame *const *frames, size_t count,
	      struct row_page *page);

/* A table as it is, cut to the page. */
int rows_cut(struct frame **out, const struct frame *f, struct row_page *page);
