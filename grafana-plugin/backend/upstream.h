#pragma once
/*
 * upstream.h - questions to the heapwatch server, over HTTP, HTTPS or a unix
 * socket; on the event loop, many at once, connections kept for the next one.
 *
 * An answer, or the reason why there is none, is told exactly once, unless
 * the question was cancelled. Bounded: so many at once, the rest waits; so
 * many bytes of an answer, and of all. Of the bytes, and of the places on the
 * wire and in the queue, one server gets a part only, so that a dead one does
 * not keep the others.
 */
#include <event2/event.h>

#include "settings.h"

#define UPSTREAM_ANSWER_MAX (64 * 1024 * 1024)

struct upstream_request {
	const char *method, *path; /* after the settings' path */
	const char *accept;
	const char *type;	/* of the body, or NULL */
	const struct buf *body; /* or NULL */
	int64_t time_left_ns;	/* that the caller has */
	size_t answer_max;	/* bytes; 0: UPSTREAM_ANSWER_MAX */
	bool quiet;		/* who asks logs a failure itself */
};

struct upstream_answer {
	int status; /* HTTP; what stands for the failure when there is none */
	char problem[320]; /* "" when the server answered at all */
	const char *type;
	const struct buf *body; /* to be read within the call only */
};

struct upstream;
typedef void (*upstream_done)(void *arg, const struct upstream_answer *a);

/* Takes the settings in every case. -errno: done is not called. */
int upstream_start(struct upstream **out, struct event_base *base,
		   struct settings *s, const struct upstream_request *q,
		   upstream_done done, void *arg);

/* done is not called any more. */
void upstream_cancel(struct upstream *u);

/* Connections at rest are closed. */
void upstream_forget(void);

struct upstream_counts {
	unsigned long asked, failed, retried;
	size_t active, waiting;
};

const struct upstream_counts *upstream_counts(void);
