#pragma once
/*
 * governor.h - probes that cost too much go, and may come back later.
 *
 * What a link costs is CPU time of the processes that hit it: hits times the
 * cost of one, calibrated on this machine. It is judged before it is
 * attached, by what the runtime's own counters let expect, and once a window
 * while it is there.
 *
 * A link belongs to a file and hits in every process that runs it. The map of
 * watched processes would keep one quiet, but not spare it the trap: so a
 * link that is too dear for one of its processes goes for all of them.
 *
 * Pure: no clock, no thread, no I/O. Shares are of one CPU, 0.005 is 0.5 %.
 */
#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_WINDOW_NS	1000000000ll
#define GOVERNOR_FAR		4 /* times the budget: one window is enough */
#define GOVERNOR_PATIENCE_NS	(10 * 1000000000ll)
#define GOVERNOR_BACKOFF_MAX_NS (3600 * 1000000000ll)

enum probe_state {
	PROBE_NONE,	   /* no probe in this file */
	PROBE_WAITING,	   /* for the counters to tell what to expect */
	PROBE_ATTACHING,   /* the job thread is at it */
	PROBE_ATTACHED,
	PROBE_BACKING_OFF, /* costs or would cost too much; until_ns */
	PROBE_REFUSED,	   /* by the kernel, or nowhere to put it: for good */
	PROBE_STATE_COUNT
};

/* "attached", "backing_off", ... */
const char *probe_state_word(enum probe_state s);

struct governor_budget {
	double target_share; /* of one process */
	double total_share;  /* of all links together */
	int64_t backoff_ns;  /* the first one; doubles to the maximum */
};

/* What a link costs, or would. */
struct governor_use {
	double worst_share; /* in the process that pays most */
	double hits_per_s;  /* there */
	double total_share; /* of all links, this one included */
	bool dearest;	    /* no other link costs as much */
};

/* One link. Zero is PROBE_NONE; words are for people. */
struct governor {
	enum probe_state state;
	int64_t since_ns;   /* in this state */
	int64_t until_ns;   /* PROBE_BACKING_OFF: when to try again; and
			     * PROBE_WAITING, where it was postponed */
	int64_t backoff_ns; /* the last one; 0: none yet */
	unsigned over;	    /* windows above the budget in a row */
	char why[160];	    /* "" while attached */
};

/* Enter a state; why may be "". */
void governor_enter(struct governor *g, enum probe_state s, int64_t now_ns,
		    const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* It could not be attached, for a reason that may pass: later. */
void governor_postpone(struct governor *g, const struct governor_budget *b,
		       int64_t now_ns, const char *why);

/* Was an attached link above the budget in the last window? */
bool governor_is_over(const struct governor *g);

/* Is it time to ask governor_admit()? */
bool governor_is_due(const struct governor *g, int64_t now_ns);

/*
 * Is it still worth waiting for processes that were just found to tell what
 * to expect? Where new ones come all the time, one of them always is.
 */
bool governor_is_patient(const struct governor *g, int64_t now_ns);

/* May it be attached, at this expected use? If not it backs off. */
bool governor_admit(struct governor *g, const struct governor_budget *b,
		    const struct governor_use *expected, int64_t now_ns);

/* One window of an attached link. False: it backs off, detach it. */
bool governor_keep(struct governor *g, const struct governor_budget *b,
		   const struct governor_use *measured, int64_t now_ns);
