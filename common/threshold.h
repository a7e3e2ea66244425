#pragma once
/*
 * threshold.h - where an SLI stops being healthy.
 *
 * The defaults of the design; the configuration may set others. Dashboards
 * and alert rules take the same numbers.
 */
#include "metric.h"

enum grade { GRADE_OK, GRADE_WARNING, GRADE_CRITICAL };

struct threshold {
	enum metric metric;
	double warning, critical;
	int direction; /* 1: too much is bad; -1: too little is bad */
};

/* The default limits of a metric, or NULL when it has none. */
const struct threshold *threshold_default(enum metric m);

enum grade threshold_grade(const struct threshold *t, double value);
