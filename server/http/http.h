#pragma once
/*
 * http.h - the server's door: libmicrohttpd, limits, endpoints from a table.
 *
 * Handlers run on the pool's threads; each opens a view of the store or takes
 * a census, answers, and keeps nothing.
 */
#include "common/census.h"
#include "common/order.h"
#include "common/problem.h"
#include "common/queue.h"
#include "common/threshold.h"
#include "server/query/query.h"
#include "server/store/store.h"

struct http_options {
	const char *listen;      /* "127.0.0.1:9817", "[::1]:9817"; port 0: any */
	int threads;             /* of the pool */
	int connections_max;
	int64_t body_max;        /* bytes of a request */
	struct query_limits limits;
	int64_t cache_bytes;     /* of values kept between questions; 0: none */
	const char *hosts;       /* names this server may be asked by */
	const char *cors_origins; /* pages that may read answers; "*": any */
	const char *base_path;   /* "/heapwatch" behind a proxy, or "" */
	bool access_log;         /* a line a request; else at level debug */
	int64_t stale_ms;        /* without a round for so long: not healthy */
	const char *node;
	struct order_book *book; /* borrowed; NULL: nothing can be asked of
				    the collector */
};

/* How the last reload of the configuration went. */
struct reload_status {
	int64_t wall_ms; /* 0: there was none */
	bool ok;
	char text[400];  /* the problem; or keys that want a restart */
};

struct http;

/*
 * Refuses an address that is not loopback. On success *url_out (if not NULL)
 * is the real address, "http://127.0.0.1:9817"; the caller's.
 */
int http_start(struct http **out, const struct http_options *o,
	       struct store *store, struct census_board *board,
	       struct queue *queue, char **url_out, struct problem *p);
/* Told by /api/v1/status from now on. Any thread. */
void http_tell_reload(struct http *h, const struct reload_status *r);

void http_stop(struct http *h);
OWN_DEFINE(struct http *, http_stop)
