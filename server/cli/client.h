#pragma once
/*
 * client.h - asking a running server over HTTP, by libcurl.
 *
 * libcurl and the 30 libraries it brings are loaded when the first client is
 * made, so that "serve" on a gateway neither needs them nor pays for them
 * (3 MB of resident memory). One thread.
 */
#include "common/buf.h"
#include "common/own.h"
#include "common/problem.h"

#define CLIENT_URL "http://127.0.0.1:9817"
#define CLIENT_BODY_MAX (32 << 20) /* bytes of one answer */

struct client;

/* url: "http://127.0.0.1:9817", copied; NULL: $HEAPWATCH_URL, else
 * CLIENT_URL. PROBLEM_UNAVAILABLE: no libcurl. */
int client_new(struct client **out, const char *url, struct problem *p);
void client_free(struct client *c);
OWN_DEFINE(struct client *, client_free)

/* The server's address without a slash at its end. */
const char *client_url(const struct client *c);

/*
 * The body of the answer replaces what out holds, its status goes into
 * *status. Waits 5 s at most; follows no redirect and no proxy. body: JSON,
 * or NULL. PROBLEM_UNAVAILABLE when nobody answers.
 */
int client_call(struct client *c, const char *method, const char *path,
		const char *body, long *status, struct buf *out,
		struct problem *p);

/* The same for GET (body NULL) or POST; another status than 200 is a problem
 * too, in the server's own words. */
int client_ask(struct client *c, const char *path, const char *body,
	       struct buf *out, struct problem *p);

/* A text as a value of a query string. */
void client_escape(struct buf *out, const char *text);
