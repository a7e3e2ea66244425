#pragma once
/*
 * gap.h - why a number is absent.
 *
 * A number that cannot be had is never zero and never guessed: it is absent,
 * and one of these says why. "Process gone", "cannot read" and "heapwatch was
 * down" stay three things.
 */
enum gap {
	GAP_NONE,           /* it is there */
	GAP_STARTING,       /* the runtime has not set it up yet */
	GAP_WINDOW_FILLING, /* watched for less than the 60 s it looks back */
	GAP_NOT_YET,        /* waits for the first collection */
	GAP_UNLIMITED,      /* there is no limit to tell */
	GAP_NOT_PERMITTED,  /* a right is missing */
	GAP_UNREADABLE,     /* a read failed */
	GAP_IMPLAUSIBLE,    /* read, but it contradicts itself; not shown */
	GAP_UNSUPPORTED,    /* this runtime version or build does not tell it */
	GAP_NOT_SHARED,     /* the JVM does not share its performance data */
	GAP_OTHER_BASIS,    /* told on another basis (label basis) instead */
	GAP_ATTACHING,      /* its probes are not there yet */
	GAP_OVER_BUDGET,    /* its probes cost too much and are gone */
	GAP_EXITED,         /* the process ended */
	GAP_COUNT
};

/* "not_permitted"; for labels and JSON. */
const char *gap_word(enum gap g);

/* "a right is missing"; for people. */
const char *gap_text(enum gap g);
