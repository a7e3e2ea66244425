#pragma once
/*
 * grpc.h - a gRPC server on one listening socket: HTTP/2 without TLS, as
 * go-plugin's hosts speak it. One thread, one event loop.
 *
 * A call is answered by grpc_send() (none or more messages) and grpc_finish().
 * Until then it may sit and wait for something; when the caller cancels, its
 * time is up, or the connection breaks, the call's "gone" function is told and
 * the call must not be touched any more.
 */
#include <event2/event.h>

#include "common/proto.h"

#define GRPC_MESSAGE_MAX (16 * 1024 * 1024) /* as Grafana's own plugins */

/* Of google.rpc.Code. */
enum grpc_code {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
};

struct grpc_call;
struct grpc_server;

struct grpc_method {
	const char *path; /* "/pluginv2.Data/QueryData" */
	void (*handle)(struct grpc_call *c, struct bytes message);
	bool at_headers; /* the caller never ends its side: handle at once,
			  * without a message */
};

/* Serves what the table says; takes the socket. Paths ending in NULL. */
int grpc_server_new(struct grpc_server **out, struct event_base *base, int fd,
		    const struct grpc_method *methods);

/* All calls go, all connections are closed. */
void grpc_server_free(struct grpc_server *s);

/* Call done(arg) once all that was answered so far is on its way. */
void grpc_server_drain(struct grpc_server *s, void (*done)(void *), void *arg);

/* Answers begin: the caller gets headers before the first message. */
void grpc_begin(struct grpc_call *c);

/* false: it cannot be sent, and the call is finished for that. */
bool grpc_send(struct grpc_call *c, const struct buf *message);

/* The end; the call is freed some time after. text may be NULL. */
void grpc_finish(struct grpc_call *c, enum grpc_code code, const char *text);

/* Who waits on behalf of the call; told once, unless it finished before. */
void grpc_on_gone(struct grpc_call *c, void (*gone)(void *arg), void *arg);

/* Bytes answered that the caller has not taken yet. */
size_t grpc_unsent(const struct grpc_call *c);

struct event_base *grpc_base(const struct grpc_call *c);

/* Nanoseconds that the caller gave, INT64_MAX: no limit. */
int64_t grpc_time_left_ns(const struct grpc_call *c);

/* Since the start, for CollectMetrics. */
struct grpc_counts {
	unsigned long calls, failed, cancelled;
	size_t open;
};

const struct grpc_counts *grpc_counts(void);
