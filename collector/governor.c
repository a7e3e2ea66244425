#include "governor.h"

#include <stdarg.h>
#include <stdio.h>

const char *probe_state_word(enum probe_state s)
{
	static const char *const words[PROBE_STATE_COUNT] = {
		[PROBE_NONE] = "none",
		[PROBE_WAITING] = "waiting",
		[PROBE_ATTACHING] = "attaching",
		[PROBE_ATTACHED] = "attached",
		[PROBE_BACKING_OFF] = "backing_off",
		[PROBE_REFUSED] = "refused",
	};

	return words[s];
}

void governor_enter(struct governor *g, enum probe_state s, int64_t now_ns,
		    const char *format, ...)
{
	va_list args;

	g->state = s;
	g->since_ns = now_ns;
	g->until_ns = 0;
	g->over = 0;
	va_start(args, format);
	vsnprintf(g->why, sizeof(g->why), format, args);
	va_end(args);
}

bool governor_is_due(const struct governor *g, int64_t now_ns)
{
	return (g->state == PROBE_WAITING || g->state == PROBE_BACKING_OFF) &&
	       now_ns >= g->until_ns;
}

bool governor_is_patient(const struct governor *g, int64_t now_ns)
{
	int64_t due_ns = g->until_ns ? g->until_ns : g->since_ns;

	return now_ns - due_ns < GOVERNOR_PATIENCE_NS;
}

void governor_postpone(struct governor *g, const struct governor_budget *b,
		       int64_t now_ns, const char *why)
{
	governor_enter(g, PROBE_WAITING, now_ns, "%s", why);
	g->until_ns = now_ns + b->backoff_ns;
}

bool governor_is_over(const struct governor *g)
{
	return g->state == PROBE_ATTACHED && g->over > 0;
}

/* Twice as long as the last time, unless it then went well for that long. */
static int64_t next_backoff(const struct governor *g,
			    const struct governor_budget *b, int64_t now_ns)
{
	bool went_well = g->state == PROBE_ATTACHED &&
			 now_ns - g->since_ns >= g->backoff_ns;

	if (g->backoff_ns == 0 || went_well)
		return b->backoff_ns;
	if (g->backoff_ns >= GOVERNOR_BACKOFF_MAX_NS / 2)
		return GOVERNOR_BACKOFF_MAX_NS;
	return 2 * g->backoff_ns;
}

static bool dear_for_one(const struct governor_budget *b,
			 const struct governor_use *u)
{
	return u->worst_share > b->target_share;
}

static void back_off(struct governor *g, const struct governor_budget *b,
		     const struct governor_use *u, int64_t now_ns,
		     const char *verb)
{
	int64_t wait_ns = next_backoff(g, b, now_ns);

	if (dear_for_one(b, u))
		governor_enter(g, PROBE_BACKING_OFF, now_ns,
			       "%s %.3g %% of a CPU in one process (%.0f hits "
			       "a second); the budget is %.3g %%", verb,
			       100 * u->worst_share, u->hits_per_s,
			       100 * b->target_share);
	else
		governor_enter(g, PROBE_BACKING_OFF, now_ns,
			       "%s %.3g %% of a CPU in one process, and all "
			       "probes together %.3g %%; the budget for all is "
			       "%.3g %%", verb, 100 * u->worst_share,
			       100 * u->total_share, 100 * b->total_share);
	g->backoff_ns = wait_ns;
	g->until_ns = now_ns + wait_ns;
}

bool governor_admit(struct governor *g, const struct governor_budget *b,
		    const struct governor_use *expected, int64_t now_ns)
{
	if (!dear_for_one(b, expected) &&
	    expected->total_share <= b->total_share)
		return true;
	back_off(g, b, expected, now_ns, "would cost");
	return false;
}

/* How many times the budget; of the total only the dearest link answers for. */
static double excess(const struct governor_budget *b,
		     const struct governor_use *u)
{
	double one = u->worst_share > 0 ? u->worst_share / b->target_share : 0;
	double all = u->dearest && u->total_share > 0 ?
			     u->total_share / b->total_share :
			     0;

	return one > all ? one : all;
}

bool governor_keep(struct governor *g, const struct governor_budget *b,
		   const struct governor_use *measured, int64_t now_ns)
{
	double times = excess(b, measured);

	g->over = times > 1 ? g->over + 1 : 0;
	if (g->over < 2 && !(times > GOVERNOR_FAR))
		return true;
	back_off(g, b, measured, now_ns, "cost");
	return false;
}
