#include "threshold.h"

#include <stdlib.h>

#include "json.h"
#include "own.h"

static const struct threshold defaults[THRESHOLD_METRICS] = {
	{ METRIC_HEAP_UTIL_RATE, 0.75, 0.90, 1 },
	{ METRIC_HEAP_LIVE_RATE, 0.75, 0.90, 1 },
	{ METRIC_GC_PRESSURE, 5, 20, 1 },
	{ METRIC_FRAG_RATIO, 0.30, 0.10, -1 },
};

const struct threshold *threshold_default(enum metric m)
{
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
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

enum grade threshold_grade_strict(const struct threshold *t, double value)
{
	struct threshold strict = *t;

	strict.warning *= 1 - THRESHOLD_MARGIN * t->direction;
	strict.critical *= 1 - THRESHOLD_MARGIN * t->direction;
	return threshold_grade(&strict, value);
}

void threshold_rules_free(struct threshold_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pattern_free(rules[i].service);
		free(rules[i].items);
	}
	free(rules);
}

void thresholds_fini(struct thresholds *t)
{
	free(t->items);
	threshold_rules_free(t->rules, t->rule_count);
	*t = (struct thresholds){ 0 };
}

static const struct threshold *find(const struct threshold *items,
				    size_t count, enum metric m)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].metric == m)
			return &items[i];
	}
	return NULL;
}

const struct threshold *thresholds_find(const struct thresholds *t,
					const char *service, enum metric m)
{
	for (size_t i = t->rule_count; i-- > 0;) {
		const struct threshold_rule *r = &t->rules[i];
		const struct threshold *found = find(r->items, r->count, m);

		if (found && pattern_matches(r->service, service))
			return found;
	}
	return find(t->items, t->count, m);
}

size_t thresholds_of_service(struct threshold out[THRESHOLD_METRICS],
			     const struct thresholds *t, const char *service)
{
	size_t count = 0;

	for (size_t i = 0; i < THRESHOLD_METRICS && t->rule_count; i++) {
		enum metric m = defaults[i].metric;
		const struct threshold *found = thresholds_find(t, service, m);

		if (found && found != find(t->items, t->count, m))
			out[count++] = *found;
	}
	return count;
}

void thresholds_put(struct json *j, const struct threshold *items, size_t count)
{
	json_key(j, "thresholds");
	json_object(j);
	for (size_t i = 0; i < count; i++) {
		const struct threshold *t = &items[i];

		json_key(j, metric_info(t->metric)->name);
		json_object(j);
		json_put_double(j, "warning", t->warning);
		json_put_double(j, "critical", t->critical);
		json_put_string(j, "bad", t->direction > 0 ? "above" : "below");
		json_end(j);
	}
	json_end(j);
}
