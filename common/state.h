#pragma once
/*
 * state.h - one word per process: what hangs on a wall.
 *
 * The codes of the metric target_state rise with urgency, so that the
 * largest over time and over processes is the worst: 0 ok, 1 unknown,
 * 2 stale, 3 warning, 4 critical.
 */
enum process_state {
	STATE_OK,
	STATE_UNKNOWN,  /* not one graded SLI can be had */
	STATE_STALE,    /* reads fail: what was seen is old */
	STATE_WARNING,
	STATE_CRITICAL,
	STATE_COUNT
};

/* "ok", "unknown", "stale", "warning", "critical". */
const char *state_word(enum process_state s);
