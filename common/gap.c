#include "gap.h"

static const struct {
	const char *word, *text;
} gaps[GAP_COUNT] = {
	[GAP_NONE] = { "none", "there" },
	[GAP_STARTING] = { "starting", "the runtime has not set it up yet" },
	[GAP_WINDOW_FILLING] = { "window_filling",
				 "watched for less than the 60 s it needs" },
	[GAP_NOT_YET] = { "not_yet", "waits for the first collection" },
	[GAP_UNLIMITED] = { "unlimited", "no limit is set" },
	[GAP_NOT_PERMITTED] = { "not_permitted", "a right is missing" },
	[GAP_UNREADABLE] = { "unreadable", "reading it failed" },
	[GAP_IMPLAUSIBLE] = { "implausible",
			      "what was read contradicts itself" },
	[GAP_UNSUPPORTED] = { "unsupported",
			      "this version or build does not tell it" },
	[GAP_NOT_SHARED] = { "not_shared",
			     "the JVM does not share its performance data" },
	[GAP_OTHER_BASIS] = { "other_basis", "told on another basis instead" },
	[GAP_ATTACHING] = { "attaching", "its probes are not attached yet" },
	[GAP_OVER_BUDGET] = { "over_budget", "its probes cost too much" },
	[GAP_EXITED] = { "exited", "the process ended" },
};

const char *gap_word(enum gap g)
{
	return gaps[g].word;
}

const char *gap_text(enum gap g)
{
	return gaps[g].text;
}
