#pragma once
/*
 * live.h - what is so now, asked for like a metric: "targets", "status",
 * "lacks". Data sources that can only POST /query show these in tables; GET
 * /api/v1/targets and /api/v1/status tell more.
 *
 * targets: every process of a known runtime, worst first, longest first:
 * state, since, reason, its labels with the plant's, some attributes. Besides
 * labels one may ask for state, silenced and watched ("yes", "no").
 * status: one row of heapwatch's own numbers.
 * lacks: what a missing right or kernel would give.
 */
#include "server/query/query.h"

#include "route.h"

/* Is it one of the names above? */
bool live_format(enum query_format *out, const char *word);

/* The name of such a format; NULL for others. */
const char *live_name(enum query_format format);

/* Of the question only refId and matchers play a part. -ENOMEM. */
int live_frame(struct frame **out, const struct query *q, const struct site *s);
