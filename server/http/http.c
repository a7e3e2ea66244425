/*
 * The glue to libmicrohttpd: sockets, limits, bodies, headers.
 *
 * Strict towards clients, for loose parsing is how requests get smuggled;
 * neither its post processor nor its digest authentication is used, for both
 * had memory errors.
 */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/query/cache.h"

#include "door.h"
#include "listen.h"
#include "route.h"

#define PATH_MAX_LEN 1024
#define HEADERS_MAX  (16 * 1024)	/* bytes, and of a line */
#define DRAIN_MAX    (16 * 1024 * 1024) /* read of a body that is too large */
#define IDLE_S	     30
#define BODY_NS	     (30 * 1000000000ll) /* for all of a body to arrive */
#define PARAMS_MAX   100
#define GZIP_FROM    1024 /* bytes; smaller ones gain nothing */
#define ID_LEN	     65

/* Bytes of large answers that their clients have not read yet: who asks and
 * does not read must not take all memory. Small ones are bounded by the number
 * of connections. */
#define UNREAD_MAX (64 * 1024 * 1024)
#define LARGE	   (256 * 1024)

/* Longer than most panels wait between two refreshes. */
#define CACHE_HOLD_MS 75000

struct http {
	struct MHD_Daemon *daemon; /* owned */
	struct site site;
	struct cache *cache; /* owned */
	uint64_t started_ms; /* makes request ids of two runs differ */
	atomic_ulong ids;
	atomic_size_t unread; /* bytes of answers on their way */
};

/* One request on its way in; a connection has one after the other. */
struct exchange {
	struct buf body;
	bool too_large;
	uint64_t received;  /* bytes of the body */
	int64_t started_ns; /* CLOCK_MONOTONIC */
	const char *method, *url; /* borrowed from the connection */
	bool answered;
	size_t unread; /* bytes of the answer */
	struct param params[PARAMS_MAX]; /* borrowed from the connection */
	size_t param_count;
	char id[ID_LEN];
};

/* ---- one request ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

struct header_count {
	const char *name;
	int count;
};

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind,
				    const char *key, const char *value)
{
	struct header_count *h = arg;

	(void)kind;
	(void)value;
	h->count += strcasecmp(key, h->name) == 0;
	return MHD_YES;
}

static int headers_named(struct MHD_Connection *c, const char *name)
{
	struct header_count h = { name, 0 };

	MHD_get_connection_values(c, MHD_HEADER_KIND, count_header, &h);
	return h.count;
}

/* Two ways to tell where a body ends are how requests are smuggled. */
static bool framing_is_ambiguous(struct MHD_Connection *c)
{
	const char *encoding = header(c, "Transfer-Encoding");
	int lengths = headers_named(c, "Content-Length");

	return lengths > 1 || (encoding && lengths > 0) ||
	       (encoding && strcasecmp(encoding, "chunked") != 0);
}

static void add_id(struct http *h, struct MHD_Connection *c,
		   struct exchange *e)
{
	const char *given = header(c, "X-Request-Id");

	if (request_id_valid(given))
		snprintf(e->id, sizeof(e->id), "%s", given);
	else
		snprintf(e->id, sizeof(e->id), "%llx-%lx",
			 (unsigned long long)h->started_ms,
			 atomic_fetch_add(&h->ids, 1) + 1);
}

static bool has_origins(const struct http *h)
{
	const char *list = h->site.options.cors_origins;

	return list && *list;
}

/* A page of a listed origin may read this, errors too; browsers refuse "*"
 * where credentials are sent, so the origin itself is named. */
static void add_cors(struct http *h, struct MHD_Connection *c,
		     struct MHD_Response *response)
{
	const char *list = h->site.options.cors_origins;
	const char *origin = header(c, "Origin");
	const char *wanted = header(c, "Access-Control-Request-Headers");

	if (!has_origins(h) || !origin_allowed(origin, list))
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Origin",
				origin);
	MHD_add_response_header(response, "Access-Control-Allow-Credentials",
				"true");
	MHD_add_response_header(response, "Access-Control-Expose-Headers",
				"X-Next-Cursor, X-Request-Id");
	if (!header(c, "Access-Control-Request-Method"))
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Methods",
				"GET, HEAD, POST, DELETE, OPTIONS");
	MHD_add_response_header(response, "Access-Control-Allow-Headers",
				wanted && strlen(wanted) < 1024 ?
					wanted :
					"content-type, accept, authorization");
	MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}

/* Before a browser asks across origins it asks whether it may; on any path,
 * for the answer that nothing is there should be readable too. */
static bool is_preflight(struct http *h, struct MHD_Connection *c,
			 const char *method)
{
	return strcmp(method, "OPTIONS") == 0 &&
	       header(c, "Access-Control-Request-Method") &&
	       origin_allowed(header(c, "Origin"),
			      h->site.options.cors_origins ?
				      h->site.options.cors_origins :
				      "");
}

static void add_headers(struct MHD_Response *response, const struct reply *a)
{
	if (*a->next)
		MHD_add_response_header(response, "X-Next-Cursor", a->next);
	if (a->type)
		MHD_add_response_header(response, "Content-Type", a->type);
	if (a->allow)
		MHD_add_response_header(response, "Allow", a->allow);
	if (a->type && strncmp(a->type, "text/html", 9) == 0)
		MHD_add_response_header(
			response, "Content-Security-Policy",
			"default-src 'none'; frame-ancestors 'none'");
	MHD_add_response_header(response, "Cache-Control",
				a->slow ? "no-cache" : "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

/* Answers that change rarely are not sent again to who has them. */
static void shorten(struct MHD_Connection *c, struct reply *a,
		    char etag[ETAG_LEN], bool *gzipped)
{
	const char *encoding = header(c, "Accept-Encoding");

	etag[0] = '\0';
	if (a->slow && a->status == 200) {
		etag_of(etag, &a->body);
		if (etag_matches(header(c, "If-None-Match"), etag)) {
			a->status = 304;
			buf_fini(&a->body);
		}
	}
	*gzipped = a->body.len >= GZIP_FROM && accepts_gzip(encoding) &&
		   gzip_body(&a->body);
}

/* Until the request is completed. */
static void count_unread(struct http *h, struct exchange *e, size_t bytes)
{
	e->unread += bytes;
	atomic_fetch_add(&h->unread, bytes);
}

static void bound_unread(struct http *h, struct reply *a)
{
	size_t unread = atomic_load(&h->unread), len = a->body.len;
	struct problem p = { 0 };

	if (len <= LARGE || unread == 0 || unread + len <= UNREAD_MAX)
		return;
	buf_fini(&a->body);
	problem_set(&p, PROBLEM_BUSY,
		    "clients have %zu MiB of answers still to read; ask again, "
		    "or for less than %zu MiB", unread >> 20, (len >> 20) + 1);
	reply_problem(a, &p);
}

/* Takes the body of the reply. */
static enum MHD_Result send_reply(struct http *h, struct MHD_Connection *c,
				  struct exchange *e, struct reply *a, bool end)
{
	struct MHD_Response *response;
	enum MHD_Result sent;
	char etag[ETAG_LEN];
	bool gzipped, empty;

	shorten(c, a, etag, &gzipped);
	empty = a->body.len == 0;
	count_unread(h, e, a->body.len);

	response = MHD_create_response_from_buffer(
		a->body.len, empty ? (void *)"" : a->body.data,
		empty ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
	if (empty || !response)
		buf_fini(&a->body);
	if (!response)
		return MHD_NO;
	add_headers(response, a);
	add_cors(h, c, response);
	MHD_add_response_header(response, "Vary",
				has_origins(h) ?
					"Origin, Accept, Accept-Encoding" :
					"Accept, Accept-Encoding");
	MHD_add_response_header(response, "X-Request-Id", e->id);
	if (*etag)
		MHD_add_response_header(response, "ETag", etag);
	if (gzipped)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	if (end)
		MHD_add_response_header(response, "Connection", "close");
	sent = MHD_queue_response(c, (unsigned)a->status, response);
	MHD_destroy_response(response);
	return sent;
}

/* A word in a log line: what would end it or look like another key is gone. */
static void plain(char *out, size_t room, const char *text)
{
	size_t len = 0;

	for (; *text && len + 1 < room; text++)
		out[len++] = *text > ' ' && *text < 127 && *text != '"' &&
					     *text != '\\' ?
				     *text :
				     '?';
	out[len] = '\0';
}

static void log_access(struct http *h, const struct exchange *e,
		       const char *method, const char *path,
		       const struct reply *a)
{
	double ms = (double)(clock_monotonic_ns() - e->started_ns) / 1e6;
	char word[16], where[256];

	plain(word, sizeof(word), method);
	plain(where, sizeof(where), path);
	log_write(h->site.options.access_log ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
		  "access id=%s method=%s path=%s status=%d bytes=%zu ms=%.3f "
		  "targets=%zu scanned=%lld reused=%lld query=\"%s\"",
		  e->id, word, where, a->status, a->body.len, ms,
		  a->cost.targets, (long long)a->cost.scanned,
		  (long long)a->cost.reused, a->cost.query);
}

/* Count, log and send it. */
static enum MHD_Result finish(struct http *h, struct MHD_Connection *c,
			      struct exchange *e, const char *method,
			      const char *path, struct reply *a, bool end)
{
	atomic_fetch_add(&h->site.requests, 1);
	if (a->status >= 400)
		atomic_fetch_add(&h->site.refused, 1);
	log_access(h, e, method, path, a);
	return send_reply(h, c, e, a, end);
}

static enum MHD_Result send_problem(struct http *h, struct MHD_Connection *c,
				    struct exchange *e,
				    const struct problem *p)
{
	struct reply a = { 0 };

	reply_problem(&a, p);
	return finish(h, c, e, e->method, e->url, &a, true);
}

static enum MHD_Result too_large(struct http *h, struct MHD_Connection *c,
				 struct exchange *e)
{
	struct problem p = { 0 };

	problem_set(&p, PROBLEM_TOO_LARGE,
		    "the body is larger than %lld bytes (http.body_max)",
		    (long long)h->site.options.body_max);
	return send_problem(h, c, e, &p);
}

static enum MHD_Result add_param(void *arg, enum MHD_ValueKind kind,
				 const char *key, const char *value)
{
	struct exchange *e = arg;

	(void)kind;
	if (e->param_count == PARAMS_MAX)
		return MHD_NO;
	e->params[e->param_count++] =
		(struct param){ key, value ? value : "" };
	return MHD_YES;
}

/* What must not reach a handler. */
static int refuse(struct http *h, struct MHD_Connection *c,
		  const struct exchange *e, struct problem *p)
{
	const char *hosts = h->site.options.hosts;
	const char *host = header(c, "Host");

	if (buf_error(&e->body))
		return problem_set(p, PROBLEM_INTERNAL, "out of memory");
	if (headers_named(c, "Host") > 1)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "more than one Host");
	if (!host_allowed(host, hosts ? hosts : ""))
		return problem_set(p, PROBLEM_NOT_PERMITTED,
				   "this server is not asked by the name "
				   "%.64s; http.hosts lists names",
				   host);
	if (e->param_count == PARAMS_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "the query string has %d parameters or more",
				   PARAMS_MAX);
	return 0;
}

/* The cleaned path below the base path; the bare one is answered too, for
 * who asks past the proxy. */
static int find_path(struct http *h, char out[PATH_MAX_LEN],
		     const char **path, const char *url, struct problem *p)
{
	const char *base = h->site.options.base_path;

	if (path_clean(out, PATH_MAX_LEN, url))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "the path is longer than %d bytes",
				   PATH_MAX_LEN);
	*path = below_base(out, base ? base : "");
	if (!*path)
		*path = out;
	return 0;
}

static enum MHD_Result answer(struct http *h, struct MHD_Connection *c,
			      struct exchange *e)
{
	const char *accept = header(c, "Accept");
	struct reply a = { 0 };
	struct problem p = { 0 };
	char path[PATH_MAX_LEN];
	struct request q = {
		.site = &h->site,
		.method = e->method,
		.accept = accept ? accept : "",
		.origin = header(c, "Origin"),
		.params = e->params,
		.body = e->body.data,
		.body_len = e->body.len,
	};

	if (e->too_large)
		return too_large(h, c, e);
	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_param, e);
	q.param_count = e->param_count;
	if (refuse(h, c, e, &p) || find_path(h, path, &q.path, e->url, &p))
		return send_problem(h, c, e, &p);
	if (is_preflight(h, c, e->method))
		a.status = 204;
	else
		routes_answer(&q, &a);
	bound_unread(h, &a);
	return finish(h, c, e, e->method, q.path, &a, false);
}

/* Headers are here, the body is not. */
static enum MHD_Result begin(struct http *h, struct MHD_Connection *c,
			     const char *method, const char *url, void **state)
{
	struct exchange *e = calloc(1, sizeof(*e));
	const char *length = header(c, "Content-Length");
	struct problem p = { 0 };

	if (!e)
		return MHD_NO;
	e->started_ns = clock_monotonic_ns();
	e->method = method;
	e->url = url;
	*state = e;
	add_id(h, c, e);
	if (framing_is_ambiguous(c)) {
		problem_set(&p, PROBLEM_BAD_REQUEST,
			    "Content-Length and Transfer-Encoding contradict "
			    "each other");
		e->answered = true;
		return send_problem(h, c, e, &p);
	}
	if (length && strtoull(length, NULL, 10) > DRAIN_MAX) {
		e->answered = true;
		return too_large(h, c, e);
	}
	return MHD_YES;
}

/* A body that is too large is read to its end, so that the client gets to
 * read the answer; one without end, or that trickles in, ends the
 * connection. */
static enum MHD_Result receive(struct http *h, struct exchange *e,
			       const char *data, size_t *len)
{
	e->received += *len;
	if (e->received > (uint64_t)h->site.options.body_max)
		e->too_large = true;
	if (e->too_large)
		buf_fini(&e->body);
	else
		buf_add(&e->body, data, *len);
	*len = 0;
	if (e->received > DRAIN_MAX ||
	    clock_monotonic_ns() - e->started_ns > BODY_NS)
		return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *len, void **state)
{
	struct http *h = arg;
	struct exchange *e = *state;

	(void)version;
	if (!e)
		return begin(h, c, method, url, state);
	if (*len)
		return receive(h, e, data, len);
	if (e->answered)
		return MHD_YES;
	e->answered = true;
	return answer(h, c, e);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct http *h = arg;
	struct exchange *e = *state;

	(void)c;
	(void)code;
	if (!e)
		return;
	atomic_fetch_sub(&h->unread, e->unread);
	buf_fini(&e->body);
	free(e);
	*state = NULL;
}

static void on_log(void *arg, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void on_log(void *arg, const char *format, va_list args)
{
	char line[512];

	(void)arg;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\r\n")] = '\0';
	log_debug("http library message=\"%s\"", line);
}

/* ---- life ---- */

static struct MHD_Daemon *daemon_start(struct http *h, int fd)
{
	const struct http_options *o = &h->site.options;

	return MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER,
		on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_THREAD_POOL_SIZE, (unsigned)o->threads,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, h, MHD_OPTION_END);
}

int http_start(struct http **out, const struct http_options *o,
	       struct store *store, struct census_board *board,
	       struct queue *queue, char **url_out, struct problem *p)
{
	own(freep) struct http *h = calloc(1, sizeof(*h));
	own(freep) char *url = NULL;
	own(cache_freep) struct cache *cache = NULL;
	own(fd_closep) int fd = -1;
	int r = 0;

	if (!h)
		return -ENOMEM;
	h->site = (struct site){ .options = *o,
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .store = store,
				 .board = board,
				 .queue = queue,
				 .started_ns = clock_monotonic_ns() };
	h->started_ms = (uint64_t)clock_now().wall_ms;
	if (o->cache_bytes)
		r = cache_new(&cache, (size_t)o->cache_bytes, CACHE_HOLD_MS);
	if (r)
		return r;
	h->site.cache = cache;
	fd = listen_open(o->listen, &url, p);
	if (fd < 0)
		return fd;
	h->daemon = daemon_start(h, fd);
	if (!h->daemon)
		return problem_set(p, PROBLEM_INTERNAL,
				   "cannot start the HTTP threads");
	(void)take_fd(fd); /* the daemon's */
	h->cache = take(cache);
	if (url_out)
		*url_out = take(url);
	*out = take(h);
	return 0;
}

void http_tell_reload(struct http *h, const struct reload_status *r)
{
	pthread_mutex_lock(&h->site.lock);
	h->site.reload = *r;
	pthread_mutex_unlock(&h->site.lock);
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);
	cache_free(h->cache);
	free(h);
}
