#pragma once
/*
 * http_answer.h - an HTTP/1.1 answer as it arrives: status, type, body by
 * length, by chunks, or up to the end of the connection.
 *
 * evhttp would do this, but it cannot speak over a unix socket and wants a
 * resolver. Strict: what frames the body in two ways is refused.
 */
#include <event2/buffer.h>

#include "common/buf.h"

#include <stdbool.h>

#define HTTP_LINE_MAX 8192 /* and of a chunk's head */
#define HTTP_HEAD_MAX (32 * 1024)

enum http_state {
	HTTP_STATUS, HTTP_HEADERS, HTTP_BODY, HTTP_CHUNK, HTTP_CHUNK_DATA,
	HTTP_CHUNK_END, HTTP_TRAILER, HTTP_UNTIL_CLOSE, HTTP_DONE
};

struct http_answer {
	enum http_state state;
	int status;
	char type[128]; /* content type, or "" */
	struct buf body;
	bool keep_alive;

	size_t head_len; /* bytes of headers so far */
	bool has_length, chunked;
	uint64_t left;   /* of the body or chunk */
};

/* Take what has arrived; 0, -EPROTO, or the body's error. */
int http_answer_feed(struct http_answer *a, struct evbuffer *in);

/* The connection ended: is the answer whole? */
bool http_answer_closed(struct http_answer *a);
