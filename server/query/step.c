/*
 * How wide a step is: widths that people read easily on an axis.
 */
#include "query.h"

#include "common/own.h"

#define POINTS_DEFAULT 1000
#define SECOND         1000ll
#define MINUTE         (60 * SECOND)
#define HOUR           (60 * MINUTE)
#define DAY            (24 * HOUR)

static const int64_t widths[] = {
	1 * SECOND,  2 * SECOND,  5 * SECOND,  10 * SECOND, 15 * SECOND,
	30 * SECOND, 1 * MINUTE,  2 * MINUTE,  5 * MINUTE,  10 * MINUTE,
	15 * MINUTE, 30 * MINUTE, 1 * HOUR,    2 * HOUR,    3 * HOUR,
	6 * HOUR,    12 * HOUR,   1 * DAY,
};

static int64_t round_up(int64_t ms)
{
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		if (widths[i] >= ms)
			return widths[i];
	}
	return ms > INT64_MAX - DAY ? ms : (ms + DAY - 1) / DAY * DAY;
}

int64_t query_step(const struct query *q)
{
	int64_t points = q->max_points > 0 ? q->max_points : POINTS_DEFAULT;
	int64_t range = q->to_ms - q->from_ms;
	/* rounded up, so that there are never more than asked for */
	int64_t step = range / points + (range % points > 0);

	return round_up(step > q->step_ms ? step : q->step_ms);
}
