#pragma once
/*
 * options.h - what a payload says of its question beside conditions.
 */
#include <jansson.h>

#include "common/problem.h"
#include "common/units.h"
#include "server/query/query.h"

#define SPAN_MAX_MS (3660 * UNIT_DAY) /* the longest step, the farthest shift  \
				       */

/* format, agg, fn, by, step, shift, top, threshold and legend; a format may
 * stand beside the target as "type", too. */
int options_parse(struct query *q, const json_t *target, const json_t *payload,
		  struct problem *p);
