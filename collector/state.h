#pragma once
/*
 * state.h - the state of a target, from its SLIs and their limits.
 *
 * Graded are heap_live_rate (its floor where live is not known),
 * gc_pressure and frag_ratio (on bytes where there are no regions); the worst
 * of them is the state. Hysteresis, so that a wall does not flicker:
 *
 *   worse   once a value was beyond a limit for state.worsen_after (10 s)
 *           without a break;
 *   better  once it was within the limit by a margin of 5 % of it
 *           (THRESHOLD_MARGIN) for state.improve_after (60 s) without one.
 *
 * An SLI that is absent is not graded; without any the state is unknown. When
 * no read succeeded for STATE_STALE_NS, or three ticks if that is longer, the
 * state is stale; it is what it was as soon as reads work again. So it is
 * when heapwatch itself was restarted (state_keep.c).
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/clock.h"
#include "common/state.h"
#include "common/threshold.h"

#define STATE_STALE_NS (5 * 1000000000ll)
#define STATE_SLIS     3

struct collector;
struct target;

/* One SLI with its memory. */
struct grading {
	enum grade grade;
	int64_t beyond_ns;      /* when the breach that grade tells began */
	int64_t worse_ns;       /* worse than grade since; 0: it is not */
	enum grade worse_least; /* the mildest seen since */
	int64_t better_ns;
	enum grade better_most; /* the worst seen since */
	bool recalled;          /* from the last run; no value came yet */
};

struct state_times {
	int64_t worsen_ns, improve_ns;
};

/* One more value; true when the grade changed. */
bool grading_add(struct grading *g, const struct threshold *t, double value,
		 int64_t now_ns, const struct state_times *times);

struct target_state {
	enum process_state state;
	int64_t since_ns;  /* 0: not graded yet */
	int64_t stale_ns;  /* since when, while stale */
	char reason[200];
	struct grading slis[STATE_SLIS];
	struct threshold limits[STATE_SLIS];
	struct threshold of_service[THRESHOLD_METRICS]; /* told as its own */
	size_t of_service_count;
	bool has_limits;   /* false: to be looked up again */

	bool silenced;
	unsigned windows_version;

	double max_bytes;  /* the bound when last told; 0: never */
	int bound;
};

/* Grade the tick's values and put them; between two reads of a target. */
void state_update(struct collector *c, struct target *t, struct now now);

/* The target ends: breaches end with it. */
void state_end(struct collector *c, struct target *t, struct now now);
