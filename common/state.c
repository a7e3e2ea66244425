#include "state.h"

const char *state_word(enum process_state s)
{
	static const char *const words[STATE_COUNT] = {
		[STATE_OK] = "ok",
		[STATE_UNKNOWN] = "unknown",
		[STATE_STALE] = "stale",
		[STATE_WARNING] = "warning",
		[STATE_CRITICAL] = "critical",
	};

	return words[s];
}
