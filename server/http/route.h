#pragma once
/*
 * route.h - requests and replies as handlers see them, and all endpoints.
 *
 * A handler knows neither libmicrohttpd nor sockets: it gets a request with
 * its whole body and fills a reply, or a problem and returns -errno. A new
 * endpoint is one function and one line in the table of routes.c.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "common/buf.h"
#include "common/json.h"

#include "http.h"

/* What all handlers may use; owned by struct http. */
struct site {
	struct http_options options;
	struct store *store;
	struct census_board *board;
	struct queue *queue;
	struct cache *cache; /* of the query; NULL: none */
	int64_t started_ns; /* CLOCK_MONOTONIC */

	pthread_mutex_t lock;
	struct reload_status reload; /* under lock */

	/* counted by any thread: */
	atomic_ulong requests, refused; /* answered with 4xx or 5xx */
};

/* The limits of a metric as configured now; false: it has none. */
bool site_threshold(const struct site *s, enum metric m, struct threshold *out);

struct param {
	const char *name, *value;
};

/* What an answer took, for the access log. */
struct cost {
	size_t targets;
	int64_t scanned, reused; /* stored points, values of the cache */
	int64_t cells;           /* of all frames answered */
	char query[200];         /* what was asked, in short */
};

struct request {
	struct site *site;
	const char *method;
	const char *path;   /* without query and duplicate slashes */
	const char *accept; /* the header, or "" */
	const char *origin; /* the page that asks across origins, or NULL */
	const struct param *params; /* of the query string, decoded */
	size_t param_count;
	const char *body;   /* body_len bytes, not NUL-terminated */
	size_t body_len;
};

struct reply {
	int status;
	const char *type; /* content type; static */
	const char *allow; /* methods, for 405 and OPTIONS, or NULL; static */
	bool slow; /* changes rarely: worth an ETag */
	char next[96]; /* cursor of the rest of the rows, or "" */
	struct cost cost;
	struct buf body;
};

typedef int (*handler_fn)(const struct request *q, struct reply *a,
			  struct problem *p);

struct route {
	const char *method; /* GET answers HEAD too */
	const char *path;
	handler_fn handle;
	bool slow; /* the answer changes rarely */
	const char *help; /* a sentence, for GET / */
};

const struct route *routes_all(size_t *count);

/*
 * Answer the request: find the route, call it, turn a problem into its body.
 * Never fails: without memory the reply is an empty 500.
 */
void routes_answer(const struct request *q, struct reply *a);

/* {"message": ..., "error": {"code": ..., "message": ...}} */
void reply_problem(struct reply *a, const struct problem *p);

/* The first argument of that name, or NULL. */
const char *request_arg(const struct request *q, const char *name);

/* "//query/" -> "/query"; out has room for len bytes. -ENAMETOOLONG. */
int path_clean(char *out, size_t len, const char *path);

struct matcher_list;

/* The values of one label over series that match, as an array of what put()
 * writes for each. */
int put_label_values(struct json *j, const struct request *q,
		     const char *label, const struct matcher_list *l,
		     void (*put)(struct json *j, const char *value),
		     struct problem *p);

/* One file each. */
int handle_root(const struct request *q, struct reply *a, struct problem *p);
int handle_query(const struct request *q, struct reply *a, struct problem *p);
int handle_metric_list(const struct request *q, struct reply *a,
		       struct problem *p);
int handle_metric_options(const struct request *q, struct reply *a,
			  struct problem *p);
int handle_prometheus(const struct request *q, struct reply *a,
		      struct problem *p);
int handle_variable(const struct request *q, struct reply *a,
		    struct problem *p);
int handle_tag_keys(const struct request *q, struct reply *a,
		    struct problem *p);
int handle_tag_values(const struct request *q, struct reply *a,
		      struct problem *p);
int handle_targets(const struct request *q, struct reply *a,
		   struct problem *p);
int handle_status(const struct request *q, struct reply *a, struct problem *p);
int handle_maintenance(const struct request *q, struct reply *a,
		       struct problem *p);
int handle_maintenance_start(const struct request *q, struct reply *a,
			     struct problem *p);
int handle_maintenance_end(const struct request *q, struct reply *a,
			   struct problem *p);
int handle_search(const struct request *q, struct reply *a, struct problem *p);
int handle_annotations(const struct request *q, struct reply *a,
		       struct problem *p);
int handle_series(const struct request *q, struct reply *a, struct problem *p);
int handle_latest(const struct request *q, struct reply *a, struct problem *p);
int handle_events(const struct request *q, struct reply *a, struct problem *p);
int handle_labels(const struct request *q, struct reply *a, struct problem *p);
int handle_healthy(const struct request *q, struct reply *a,
		   struct problem *p);
int handle_ready(const struct request *q, struct reply *a, struct problem *p);

/* A view for one answer; -EBUSY and others fill the problem. */
int site_view(struct view **out, const struct site *s, struct problem *p);
