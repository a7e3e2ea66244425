#include "threshold.h"

#include <stddef.h>

static const struct threshold defaults[] = {
	{ METRIC_HEAP_UTIL_RATE, 0.75, 0.90, 1 },
	{ METRIC_HEAP_LIVE_RATE, 0.75, 0.90, 1 },
	{ METRIC_GC_PRESSURE, 5, 20, 1 },
	{ METRIC_FRAG_RATIO, 0.30, 0.10, -1 },
};

const struct threshold *threshold_default(enum metric m)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (defaults[i].metric == m)
			return &defaults[i];
	}
	return NULL;
}

enum grade threshold_grade(const struct threshold *t, double value)
{
	double beyond_warning = (value - t->warning) * t->direction;
	double beyond_critical = (value - t->critical) * t->direction;

	/* The limit itself is healthy: "<= 0.75" and ">= 0.3". */
	if (beyond_critical > 0)
		return GRADE_CRITICAL;
	return beyond_warning > 0 ? GRADE_WARNING : GRADE_OK;
}
