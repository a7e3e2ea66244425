#include "upstream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"
#include "common/version.h"

#include "http_answer.h"
#include "log.h"
#include "lookup.h"
#include "tls.h"

#define ACTIVE_MAX 128
#define WAIT_MAX   2048
#define PART_MAX   8 /* so many servers may be slow at the same time */
#define IDLE_MAX   8
#define IDLE_S	   20 /* the server gives up after 30 */
#define READ_MARK  (256 * 1024)
#define HELD_MAX   (192 * 1024 * 1024) /* bytes of all answers on their way */
#define HELD_PART  (128 * 1024 * 1024) /* and of those of one server */

/* Whom connections reach, and as whom. Lives as long as it has users:
 * questions and connections. */
struct server {
	char *identity; /* owned */
	size_t users, active, waiting;
	size_t held; /* bytes of its answers so far */
	struct server *next;
};

/* One connection; used, or at rest. */
struct link {
	struct bufferevent *bev;
	struct server *server; /* a reference */
	struct link *next;     /* while at rest */
	bool used_before;
};

struct upstream {
	struct event_base *base;
	struct settings settings;
	struct buf request;
	struct http_answer answer;
	struct server *server; /* a reference */
	struct link *link;     /* NULL while it waits for its turn */
	struct lookup *lookup; /* of the link's address, or NULL */
	struct evutil_addrinfo *found; /* owned; what it found, or NULL */
	struct evutil_addrinfo *rest;  /* those not tried yet */
	struct event *timer;
	struct upstream *next; /* in the queue */
	bool connected;
	bool heard;	       /* a byte came on this connection */
	bool quiet;
	upstream_done done;
	void *arg;
};

static struct upstream_counts counts;
static size_t held;
static struct server *servers;
static struct link *idle;
static struct upstream *queue, **queue_end = &queue;

const struct upstream_counts *upstream_counts(void)
{
	return &counts;
}

/* ---- servers ---- */

static void put_hex(struct buf *out, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", bytes[i]);
	buf_putc(out, '\n');
}

/* Equal for two that may share a connection. Credentials in headers do not
 * matter: they go with each request. */
static char *identity_of(const struct settings *s)
{
	unsigned char tls[TLS_IDENTITY_LEN];
	struct buf out = BUF_INIT;

	put_hex(&out, &s->address, s->address_len);
	if (s->lookup)
		buf_printf(&out, "%s:%u\n", s->lookup, s->port);
	if (s->tls && !tls_identity(tls, s)) {
		buf_fini(&out);
		return NULL;
	}
	if (s->tls) {
		buf_printf(&out, "%s\n", s->name);
		put_hex(&out, tls, sizeof(tls));
	}
	buf_putc(&out, '\0');
	if (buf_error(&out))
		buf_fini(&out);
	return out.data;
}

static struct server *server_ref(struct server *s)
{
	s->users++;
	return s;
}

static void server_unref(struct server *s)
{
	struct server **at = &servers;

	if (!s || --s->users)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s->identity);
	free(s);
}

static struct server *server_of(const struct settings *settings)
{
	own(freep) char *identity = identity_of(settings);
	struct server *s = servers;

	while (s && identity && strcmp(s->identity, identity) != 0)
		s = s->next;
	if (s && identity)
		return server_ref(s);
	s = identity ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	s->identity = take(identity);
	s->next = servers;
	servers = s;
	return server_ref(s);
}

/* ---- connections ---- */

static void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->bev)
		bufferevent_free(l->bev);
	server_unref(l->server);
	free(l);
}

static void unlink_idle(struct link *l)
{
	for (struct link **at = &idle; *at; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			return;
		}
	}
}

/* The server closed it, spoke out of turn, or nobody wanted it for long. */
static void on_idle_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	unlink_idle(arg);
	link_free(arg);
}

static void on_idle_read(struct bufferevent *bev, void *arg)
{
	on_idle_event(bev, 0, arg);
}

static void link_rest(struct link *l)
{
	static const struct timeval wait = { IDLE_S, 0 };
	size_t count = 0;

	for (const struct link *i = idle; i; i = i->next)
		count++;
	if (count >= IDLE_MAX ||
	    evbuffer_get_length(bufferevent_get_input(l->bev)) > 0) {
		link_free(l);
		return;
	}
	l->used_before = true;
	l->next = idle;
	idle = l;
	bufferevent_setcb(l->bev, on_idle_read, NULL, on_idle_event, l);
	bufferevent_set_timeouts(l->bev, &wait, NULL);
	bufferevent_enable(l->bev, EV_READ);
}

void upstream_forget(void)
{
	while (idle) {
		struct link *l = idle;

		idle = l->next;
		link_free(l);
	}
	lookup_forget();
	tls_forget();
}

static struct link *link_reuse(const struct server *server)
{
	for (struct link *l = idle; l; l = l->next) {
		if (l->server == server) {
			unlink_idle(l);
			bufferevent_set_timeouts(l->bev, NULL, NULL);
			return l;
		}
	}
	return NULL;
}

static struct bufferevent *dial(struct upstream *u, char *problem, size_t len)
{
	const int flags = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct settings *s = &u->settings;
	struct bufferevent *bev;
	SSL *ssl;

	if (!s->tls) {
		bev = bufferevent_socket_new(u->base, -1, flags);
	} else {
		ssl = tls_new(s, problem, len);
		if (!ssl)
			return NULL;
		bev = bufferevent_openssl_socket_new(
			u->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, flags);
		if (!bev)
			SSL_free(ssl);
		else
			bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	}
	snprintf(problem, len, "cannot connect");
	if (bev && s->address_len &&
	    bufferevent_socket_connect(bev, (struct sockaddr *)&s->address,
				       (int)s->address_len)) {
		snprintf(problem, len, "%s", strerror(errno));
		bufferevent_free(bev);
		return NULL;
	}
	return bev;
}

/* ---- the end of a question ---- */

static void start_waiting(void);

static void hold(struct upstream *u, ptrdiff_t bytes)
{
	held += (size_t)bytes;
	if (u->server)
		u->server->held += (size_t)bytes;
}

static void upstream_free(struct upstream *u)
{
	if (u->timer)
		event_free(u->timer);
	settings_fini(&u->settings);
	if (u->request.data)
		explicit_bzero(u->request.data, u->request.len);
	buf_fini(&u->request);
	hold(u, -(ptrdiff_t)u->answer.body.len);
	buf_fini(&u->answer.body);
	if (u->found)
		evutil_freeaddrinfo(u->found);
	server_unref(u->server);
	free(u);
}

static void queue_put(struct upstream *u)
{
	*queue_end = u;
	queue_end = &u->next;
	counts.waiting++;
	u->server->waiting++;
}

static struct upstream *queue_take(struct upstream **at)
{
	struct upstream *u = *at;

	*at = u->next;
	if (!*at)
		queue_end = at;
	u->next = NULL;
	counts.waiting--;
	u->server->waiting--;
	return u;
}

/* Off the wire, or out of the queue. */
static void detach(struct upstream *u, bool keep)
{
	struct link *l = take(u->link);

	lookup_cancel(take(u->lookup));
	if (l) {
		counts.active--;
		u->server->active--;
		keep ? link_rest(l) : link_free(l);
		return;
	}
	for (struct upstream **at = &queue; *at; at = &(*at)->next) {
		if (*at == u) {
			queue_take(at);
			return;
		}
	}
}

static void complete(struct upstream *u, const struct upstream_answer *a,
		     bool keep)
{
	detach(u, keep);
	u->done(u->arg, a);
	upstream_free(u);
	start_waiting();
}

static void fail(struct upstream *u, int status, const char *text)
{
	struct upstream_answer a = { .status = status, .type = "" };

	counts.failed++;
	snprintf(a.problem, sizeof(a.problem), "heapwatch at %.160s: %s",
		 u->settings.url, text);
	if (!u->quiet)
		plugin_log(LEVEL_WARN, "%s", a.problem);
	complete(u, &a, false);
}

void upstream_cancel(struct upstream *u)
{
	if (!u)
		return;
	detach(u, false);
	upstream_free(u);
	start_waiting();
}

/* ---- its course ---- */

static int begin(struct upstream *u, bool fresh, char *problem, size_t len);
static bool next_address(struct upstream *u);

static void on_read(struct bufferevent *bev, void *arg)
{
	struct upstream *u = arg;
	size_t before = u->answer.body.len;
	struct upstream_answer a;
	int r;

	u->heard = true;
	r = http_answer_feed(&u->answer, bufferevent_get_input(bev));
	hold(u, (ptrdiff_t)(u->answer.body.len - before));
	if (!r && (held > HELD_MAX || u->server->held > HELD_PART))
		r = -EFBIG;
	if (r) {
		fail(u, 502,
		     r == -EFBIG  ? "the answer is too large" :
		     r == -ENOMEM ? "out of memory" :
				    "the answer is not HTTP");
		return;
	}
	if (u->answer.state != HTTP_DONE)
		return;
	a = (struct upstream_answer){ .status = u->answer.status,
				      .type = u->answer.type,
				      .body = &u->answer.body };
	complete(u, &a, u->answer.keep_alive);
}

/* Why the connection ended. */
static void reason_of(const struct upstream *u, short what, char *out,
		      size_t len)
{
	struct bufferevent *bev = u->link->bev;
	SSL *ssl = u->settings.tls ? bufferevent_openssl_get_ssl(bev) : NULL;
	long verified = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	unsigned long code = ssl ? bufferevent_get_openssl_error(bev) : 0;
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	int error = EVUTIL_SOCKET_ERROR();

	if (!u->settings.skip_verify && verified != X509_V_OK)
		snprintf(out, len, "TLS: %s",
			 X509_verify_cert_error_string(verified));
	else if (text)
		snprintf(out, len, "TLS: %s", text);
	else if ((what & BEV_EVENT_ERROR) && error)
		snprintf(out, len, "%s", strerror(error));
	else
		snprintf(out, len, "the server closed the connection %s",
			 u->heard ? "in the midst of its answer" :
				    "without an answer");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct upstream *u = arg;
	char reason[200];

	if (what & BEV_EVENT_CONNECTED) {
		u->connected = true;
		return;
	}
	reason_of(u, what, reason, sizeof(reason));
	if (!u->heard && u->link->used_before) {
		/* It was closed while at rest, and nothing was lost. */
		counts.retried++;
		detach(u, false);
		if (begin(u, true, reason, sizeof(reason)))
			fail(u, 502, reason);
		return;
	}
	if ((what & BEV_EVENT_EOF) && http_answer_closed(&u->answer)) {
		on_read(bev, u);
		return;
	}
	if (!next_address(u))
		fail(u, 502, reason);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg, 504, "no answer in time");
}

static void no_address(const struct upstream *u, const char *why, char *out,
		       size_t len)
{
	snprintf(out, len, "no address for %.100s: %s", u->settings.lookup,
		 why);
}

static void on_address(void *arg, struct evutil_addrinfo *list,
		       const char *problem)
{
	struct upstream *u = arg;
	char reason[200] = "cannot connect";

	u->lookup = NULL;
	u->found = u->rest = list;
	if (problem)
		no_address(u, problem, reason, sizeof(reason));
	if (!next_address(u))
		fail(u, 502, reason);
}

static struct link *link_new(struct upstream *u, char *problem, size_t len)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->bev = dial(u, problem, len);
	if (!l->bev) {
		free(l);
		return NULL;
	}
	l->server = server_ref(u->server);
	return l;
}

static struct link *link_dial(struct upstream *u, char *problem, size_t len)
{
	struct link *l = link_new(u, problem, len);

	if (!l || !u->settings.lookup)
		return l;
	u->lookup = lookup_start(u->base, u->settings.lookup, u->settings.port,
				 on_address, u);
	if (u->lookup)
		return l;
	no_address(u, "it cannot be looked up", problem, len);
	link_free(l);
	return NULL;
}

/* Say it over this one. */
static void use(struct upstream *u, struct link *l)
{
	u->link = l;
	u->heard = u->connected = false;
	bufferevent_setcb(l->bev, on_read, NULL, on_event, u);
	bufferevent_setwatermark(l->bev, EV_READ, 0, READ_MARK);
	bufferevent_enable(l->bev, EV_READ | EV_WRITE);
	bufferevent_write(l->bev, u->request.data, u->request.len);
}

/* A name has several addresses, and one may be of a network that we are not
 * in. false: there is none left to try, or we had come through. */
static bool next_address(struct upstream *u)
{
	while (u->rest && !u->connected) {
		struct evutil_addrinfo *a = u->rest;
		char problem[200];
		struct link *l = link_new(u, problem, sizeof(problem));

		if (!l)
			return false;
		u->rest = a->ai_next;
		link_free(u->link);
		use(u, l);
		if (!bufferevent_socket_connect(l->bev, a->ai_addr,
						(int)a->ai_addrlen))
			return true;
	}
	return false;
}

/* Over a connection at rest, or a new one. */
static int begin(struct upstream *u, bool fresh, char *problem, size_t len)
{
	struct link *l = fresh ? NULL : link_reuse(u->server);

	if (!l)
		l = link_dial(u, problem, len);
	if (!l)
		return -ECONNREFUSED;
	counts.active++;
	u->server->active++;
	use(u, l);
	return 0;
}

/* The first whose server has a place left; NULL: none may begin. */
static struct upstream *next_waiting(void)
{
	if (counts.active >= ACTIVE_MAX)
		return NULL;
	for (struct upstream **at = &queue; *at; at = &(*at)->next) {
		if ((*at)->server->active < ACTIVE_MAX / PART_MAX)
			return queue_take(at);
	}
	return NULL;
}

static void start_waiting(void)
{
	struct upstream *u;

	while ((u = next_waiting())) {
		char problem[200] = "out of memory";

		if (begin(u, false, problem, sizeof(problem)))
			fail(u, 502, problem);
	}
}

/* Not before our caller has heard of it: it may fail at once. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	start_waiting();
}

static void request_write(struct buf *out, const struct settings *s,
			  const struct upstream_request *q)
{
	buf_printf(out, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", q->method, s->path,
		   q->path, s->host);
	buf_printf(out, "User-Agent: heapwatch-plugin/%s\r\nAccept: %s\r\n",
		   heapwatch_version(), q->accept);
	if (q->type)
		buf_printf(out, "Content-Type: %s\r\n", q->type);
	if (q->body || strcmp(q->method, "GET") != 0)
		buf_printf(out, "Content-Length: %zu\r\n",
			   q->body ? q->body->len : (size_t)0);
	buf_add(out, s->headers.data, s->headers.len);
	buf_puts(out, "\r\n");
	if (q->body)
		buf_add(out, q->body->data, q->body->len);
}

static int64_t time_ms(const struct settings *s,
		       const struct upstream_request *q)
{
	int64_t left = q->time_left_ns / 1000000;

	return left < s->timeout_ms ? left : s->timeout_ms;
}

int upstream_start(struct upstream **out, struct event_base *base,
		   struct settings *s, const struct upstream_request *q,
		   upstream_done done, void *arg)
{
	struct upstream *u = calloc(1, sizeof(*u));
	int64_t ms = time_ms(s, q);
	struct timeval wait = { ms / 1000, ms % 1000 * 1000 };
	struct settings copy = *s;

	*s = (struct settings){ 0 };
	if (!u) {
		settings_fini(&copy);
		return -ENOMEM;
	}
	u->settings = copy;
	u->timer = evtimer_new(base, on_timeout, u);
	u->server = server_of(&copy);
	if (!u->timer || !u->server || counts.waiting >= WAIT_MAX ||
	    u->server->waiting >= WAIT_MAX / PART_MAX) {
		upstream_free(u);
		return -EBUSY;
	}
	u->base = base;
	u->quiet = q->quiet;
	u->done = done;
	u->arg = arg;
	u->answer.body.limit =
		q->answer_max ? q->answer_max : UPSTREAM_ANSWER_MAX;
	request_write(&u->request, &copy, q);
	if (buf_error(&u->request) || evtimer_add(u->timer, &wait)) {
		upstream_free(u);
		return -ENOMEM;
	}
	queue_put(u);
	counts.asked++;
	*out = u;
	event_base_once(base, -1, EV_TIMEOUT, on_turn, NULL,
			&(struct timeval){ 0, 0 });
	return 0;
}
