#pragma once
/*
 * ask.h - the questions of one request, asked in one moment of the store.
 */
#include "request_parse.h"
#include "route.h"

/* All frames of one answer, in the order of the targets. */
struct answers {
	struct frame **items; /* owned */
	size_t count;
};

void answers_fini(struct answers *a);

/*
 * A target that fails gets a frame without fields but with an error among its
 * notices, so that it does not take the others down; when none succeeds, the
 * first problem is the request's. So is a store that cannot answer. What it
 * cost is added to the reply.
 */
int ask(struct answers *out, struct query_request *request,
	const struct request *q, struct reply *a, struct problem *p);

/*
 * The same for our own plugin (Accept: FRAMES_PB_TYPE): one message in which
 * each target has its frames, or its error and status.
 */
int query_frames(const struct request *q, struct reply *a, const json_t *body,
		 struct problem *p);
