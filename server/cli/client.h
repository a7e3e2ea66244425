#pragma once
/*
 * client.h - one question over HTTP to a heapwatch that runs.
 */
#include "common/buf.h"
#include "common/problem.h"

#define CLIENT_URL "http://127.0.0.1:9817"

/* --url, else $HEAPWATCH_URL, else CLIENT_URL. */
const char *client_url(const char *flag);

/*
 * Send the request and read its answer, within 10 s. body may be NULL. The
 * body of the answer goes into out, its status into *status. -EINVAL with the
 * problem when nothing answers there.
 */
int client_ask(const char *url, const char *method, const char *path,
	       const char *body, int *status, struct buf *out,
	       struct problem *p);

/* A text as a value of a query string. */
void client_escape(struct buf *out, const char *text);
