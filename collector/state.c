#include <stdio.h>
#include <string.h>

#include "internal.h"

/* The graded SLIs; spare is the column of the other basis. */
static const struct {
	enum metric metric;
	enum column column, spare;
} slis[STATE_SLIS] = {
	{ METRIC_HEAP_LIVE_RATE, COL_HEAP_LIVE_RATE, COL_HEAP_LIVE_RATE_FLOOR },
	{ METRIC_GC_PRESSURE, COL_GC_PRESSURE, COL_COUNT },
	{ METRIC_FRAG_RATIO, COL_FRAG_RATIO, COL_FRAG_RATIO_BYTES },
};

/* ---- one SLI ---- */

static bool worsen(struct grading *g, enum grade seen, int64_t now_ns,
		   int64_t wait_ns)
{
	if (seen <= g->grade) {
		g->worse_ns = 0;
		return false;
	}
	g->better_ns = 0; /* "without a break" ends here */
	if (g->worse_ns == 0) {
		g->worse_ns = now_ns;
		g->worse_least = seen;
	}
	if (seen < g->worse_least)
		g->worse_least = seen;
	if (now_ns - g->worse_ns < wait_ns)
		return false;
	if (g->grade == GRADE_OK)
		g->beyond_ns = g->worse_ns;
	g->grade = g->worse_least;
	g->worse_ns = 0;
	return true;
}

static bool improve(struct grading *g, enum grade seen, int64_t now_ns,
		    int64_t wait_ns)
{
	if (seen >= g->grade) {
		g->better_ns = 0;
		return false;
	}
	if (g->better_ns == 0) {
		g->better_ns = now_ns;
		g->better_most = seen;
	}
	if (seen > g->better_most)
		g->better_most = seen;
	if (now_ns - g->better_ns < wait_ns)
		return false;
	g->grade = g->better_most;
	g->better_ns = 0;
	return true;
}

bool grading_add(struct grading *g, const struct threshold *t, double value,
		 int64_t now_ns, const struct state_times *times)
{
	return worsen(g, threshold_grade(t, value), now_ns, times->worsen_ns) ||
	       improve(g, threshold_grade_strict(t, value), now_ns,
		       times->improve_ns);
}

/* ---- the SLIs of a target ---- */

static void find_limits(const struct collector *c, struct target *t)
{
	const struct thresholds *all = &c->settings->thresholds;

	for (int i = 0; i < STATE_SLIS; i++) {
		const struct threshold *found =
			thresholds_find(all, target_service(t),
					slis[i].metric);

		t->grade.limits[i] =
			found ? *found : *threshold_default(slis[i].metric);
	}
	t->grade.of_service_count = thresholds_of_service(
		t->grade.of_service, all, target_service(t));
	t->grade.has_limits = true;
}

/* The value of this tick; false: absent. */
static bool value_of(const struct target *t, int i, double *out)
{
	const enum column columns[] = { slis[i].column, slis[i].spare };

	for (int j = 0; j < 2 && columns[j] != COL_COUNT; j++) {
		if (t->told[columns[j]] && t->gaps[columns[j]] == GAP_NONE) {
			*out = t->last[columns[j]];
			return true;
		}
	}
	return false;
}

static double limit_of(const struct threshold *l, enum grade g)
{
	return g == GRADE_CRITICAL ? l->critical : l->warning;
}

/* A count in full, for who reads it on a wall; a share by three digits. */
static void value_text(char *out, size_t len, enum metric m, double value)
{
	snprintf(out, len, m == METRIC_GC_PRESSURE ? "%.0f" : "%.3g", value);
}

static void describe_breach(const struct target *t, int i, double value,
			    char *out, size_t len)
{
	const struct threshold *l = &t->grade.limits[i];
	enum grade grade = t->grade.slis[i].grade;
	double limit = limit_of(l, grade);
	bool beyond = (value - limit) * l->direction > 0;
	char told[32];

	value_text(told, sizeof(told), l->metric, value);
	snprintf(out, len, "%s %s %s %g (%s)", metric_info(l->metric)->name,
		 told,
		 !beyond ? "is back within" :
		 l->direction > 0 ? "is above" : "is below",
		 limit, grade == GRADE_CRITICAL ? "critical" : "warning");
}

static void describe_recalled(int i, enum grade grade, char *out, size_t len)
{
	snprintf(out, len, "%s was %s when heapwatch stopped, and is not known "
		 "yet", metric_info(slis[i].metric)->name,
		 grade == GRADE_CRITICAL ? "critical" : "warning");
}

static void tell_back(struct collector *c, const struct target *t, int i,
		      struct now now, const char *why)
{
	const struct labels *l = &t->entity.labels;

	batch_add_span(c->batch, EVENT_SLI_BACK, t->entity.number,
		       t->grade.slis[i].beyond_ns, now.boot_ns,
		       "%s/%s: %s %s", target_service(t),
		       labels_get(l, "instance"),
		       metric_info(slis[i].metric)->name, why);
}

static void tell_sli(struct collector *c, const struct target *t, int i,
		     double value, enum grade before, struct now now)
{
	const struct grading *g = &t->grade.slis[i];
	char text[120];

	if (g->grade == GRADE_OK) {
		tell_back(c, t, i, now, "is within its limits again");
	} else if (g->grade > before) {
		describe_breach(t, i, value, text, sizeof(text));
		batch_add_event(c->batch, EVENT_SLI_OUT, t->entity.number,
				now.boot_ns, "%s/%s: %s", target_service(t),
				labels_get(&t->entity.labels, "instance"),
				text);
	}
}

/* Grade what there is. The worst grade, its words in reason; false when not
 * one SLI can be had. */
static bool grade_slis(struct collector *c, struct target *t, struct now now,
		       enum grade *worst, char *reason, size_t len)
{
	const struct state_times times = { c->settings->worsen_ms * 1000000,
					   c->settings->improve_ms * 1000000 };
	bool any = false;

	*worst = GRADE_OK;
	for (int i = 0; i < STATE_SLIS; i++) {
		struct grading *g = &t->grade.slis[i];
		enum grade before = g->grade;
		double value;

		if (!value_of(t, i, &value)) {
			/* "without a break" ends here */
			g->worse_ns = g->better_ns = 0;
			if (g->recalled && g->grade > *worst) {
				*worst = g->grade;
				describe_recalled(i, g->grade, reason, len);
			}
			continue;
		}
		any = true;
		g->recalled = false;
		if (grading_add(g, &t->grade.limits[i], value, now.boot_ns,
				&times)) {
			c->states_changed = true;
			tell_sli(c, t, i, value, before, now);
		}
		if (g->grade > *worst) {
			*worst = g->grade;
			describe_breach(t, i, value, reason, len);
		}
	}
	return any;
}

/* ---- the word ---- */

static bool is_stale(const struct collector *c, const struct target *t,
		     struct now now)
{
	int64_t wait_ns = 3 * c->options.tick_ms * 1000000;
	int64_t read_ns = t->last_read_boot_ns ? t->last_read_boot_ns :
						 t->found_boot_ns;

	if (wait_ns < STATE_STALE_NS)
		wait_ns = STATE_STALE_NS;
	return now.boot_ns - read_ns >= wait_ns;
}

static void tell_stale(struct collector *c, struct target *t, bool stale,
		       struct now now)
{
	struct target_state *s = &t->grade;
	const char *instance = labels_get(&t->entity.labels, "instance");

	if (stale == (s->stale_ns != 0))
		return;
	if (stale)
		batch_add_event(c->batch, EVENT_TARGET_STALE, t->entity.number,
				now.boot_ns, "%s/%s cannot be read any more",
				target_service(t), instance);
	else
		batch_add_span(c->batch, EVENT_TARGET_READABLE,
			       t->entity.number, s->stale_ns, now.boot_ns,
			       "%s/%s is read again", target_service(t),
			       instance);
	s->stale_ns = stale ? now.boot_ns : 0;
}

static enum process_state judge(struct collector *c, struct target *t, struct now now,
			char *reason, size_t len)
{
	static const enum process_state states[] = {
		[GRADE_OK] = STATE_OK,
		[GRADE_WARNING] = STATE_WARNING,
		[GRADE_CRITICAL] = STATE_CRITICAL,
	};
	bool fresh = t->last_read_boot_ns == now.boot_ns;
	bool stale = is_stale(c, t, now);
	enum grade worst;

	tell_stale(c, t, stale, now);
	if (stale) {
		snprintf(reason, len, "no read succeeded for %lld s",
			 (long long)((now.boot_ns - (t->last_read_boot_ns ?
							     t->last_read_boot_ns :
							     t->found_boot_ns)) /
				     1000000000));
		return STATE_STALE;
	}
	if (!fresh && t->grade.since_ns) {
		/* One failed read is not yet a change. */
		snprintf(reason, len, "%s", t->grade.reason);
		return t->grade.state;
	}
	snprintf(reason, len, "all within limits");
	if (grade_slis(c, t, now, &worst, reason, len))
		return states[worst];
	snprintf(reason, len, "no graded SLI can be had yet");
	return STATE_UNKNOWN;
}

static void silence(struct collector *c, struct target *t)
{
	struct target_state *s = &t->grade;

	if (s->windows_version != c->windows_version) {
		s->silenced = windows_find(&c->windows, target_service(t)) !=
			      NULL;
		s->windows_version = c->windows_version;
	}
	target_put(t, COL_TARGET_SILENCED, s->silenced);
}

void state_update(struct collector *c, struct target *t, struct now now)
{
	struct target_state *s = &t->grade;
	char reason[sizeof(s->reason)];
	enum process_state state;

	if (!s->has_limits)
		find_limits(c, t);
	state = judge(c, t, now, reason, sizeof(reason));
	if (state != s->state || s->since_ns == 0) {
		s->state = state;
		s->since_ns = now.boot_ns;
		c->states_changed = true;
	}
	memcpy(s->reason, reason, sizeof(reason));
	target_put(t, COL_TARGET_STATE, (double)s->state);
	silence(c, t);
}

void state_end(struct collector *c, struct target *t, struct now now)
{
	for (int i = 0; i < STATE_SLIS; i++) {
		if (t->grade.slis[i].grade != GRADE_OK)
			tell_back(c, t, i, now,
				  "was out of bounds until the end");
	}
}
