#pragma once
/*
 * threshold.h - where an SLI stops being healthy.
 *
 * The defaults of the design; the configuration may set others, for all or
 * for some services. Dashboards and alert rules take the same numbers.
 */
#include "metric.h"
#include "pattern.h"

#define THRESHOLD_METRICS 4 /* that have limits */

struct json;

enum grade { GRADE_OK, GRADE_WARNING, GRADE_CRITICAL };

struct threshold {
	enum metric metric;
	double warning, critical;
	int direction; /* 1: too much is bad; -1: too little is bad */
};

/* The default limits of a metric, or NULL when it has none. */
const struct threshold *threshold_default(enum metric m);

enum grade threshold_grade(const struct threshold *t, double value);

/*
 * The grade with each limit moved to the healthy side by THRESHOLD_MARGIN of
 * itself: what a value must reach to count as better again.
 */
#define THRESHOLD_MARGIN 0.05
enum grade threshold_grade_strict(const struct threshold *t, double value);

/* Other limits for the services that the pattern matches. */
struct threshold_rule {
	struct pattern *service;  /* owned */
	struct threshold *items;  /* owned */
	size_t count;
};

/* All limits: the general ones, and rules, of which the last that matches
 * and names the metric wins. */
struct thresholds {
	struct threshold *items; /* owned */
	size_t count;
	struct threshold_rule *rules; /* owned */
	size_t rule_count;
};

void threshold_rules_free(struct threshold_rule *rules, size_t count);
void thresholds_fini(struct thresholds *t);

/* Those that rules set for a service, unlike all others': their number. */
size_t thresholds_of_service(struct threshold out[THRESHOLD_METRICS],
			     const struct thresholds *t, const char *service);

/* As the member "thresholds" of an object. */
void thresholds_put(struct json *j, const struct threshold *items,
		    size_t count);

/* The limits of a metric for a service; NULL when it has none. */
const struct threshold *thresholds_find(const struct thresholds *t,
					const char *service, enum metric m);
