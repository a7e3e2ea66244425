#include "grpc.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/own.h"

#define CALLS_MAX     256		  /* at once on a connection */
#define IN_MAX	      (64 * 1024 * 1024)  /* requests still arriving, all */
#define OUT_MAX	      (256 * 1024 * 1024) /* answers not yet taken, all */
#define OUT_MARK      (256 * 1024)	  /* handed to the socket at once */
#define STREAM_WINDOW (1024 * 1024)
#define CONN_WINDOW   (4 * 1024 * 1024)
#define PREFIX	      5 /* compressed or not, length */

struct grpc_call {
	struct connection *conn;
	struct grpc_call *next, *prev;	  /* of the connection */
	const struct grpc_method *method; /* NULL: there is none */
	int32_t id;
	struct buf in, out;
	size_t sent; /* bytes of out that are gone */
	bool begun, finished, called, deferred;
	int code;
	char *text;	     /* owned; for grpc-message, or NULL */
	int64_t deadline_ns; /* CLOCK_MONOTONIC; INT64_MAX: none */
	struct event *timer;
	void (*gone)(void *arg);
	void *gone_arg;
};

struct connection {
	struct grpc_server *server;
	struct connection *next, *prev;
	struct bufferevent *bev;
	nghttp2_session *session;
	struct grpc_call *calls;
	struct event *wake; /* send from the loop what was answered */
	bool doomed;	    /* to be freed, from the loop */
};

struct grpc_server {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct grpc_method *methods;
	nghttp2_session_callbacks *callbacks;
	struct connection *connections;
	size_t in_total;
	void (*drained)(void *);
	void *drained_arg;
};

static struct grpc_counts counts;

const struct grpc_counts *grpc_counts(void)
{
	return &counts;
}

/* ---- sending ---- */

static void connection_free(struct connection *c);

/* What nghttp2 has for the socket, as long as the socket takes it. */
static int pump(struct connection *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	while (evbuffer_get_length(out) < OUT_MARK) {
		const uint8_t *data;
		ssize_t len = nghttp2_session_mem_send(c->session, &data);

		if (len < 0 || evbuffer_add(out, data, (size_t)len))
			return -EPROTO;
		if (len == 0)
			return 0;
	}
	return 0;
}

static bool all_drained(const struct grpc_server *s)
{
	for (const struct connection *c = s->connections; c; c = c->next) {
		if (nghttp2_session_want_write(c->session) ||
		    evbuffer_get_length(bufferevent_get_output(c->bev)))
			return false;
	}
	return true;
}

static void check_drained(struct grpc_server *s)
{
	if (s->drained && all_drained(s))
		s->drained(s->drained_arg);
}

/* Only from the loop: sending may end streams, and with them calls that
 * whoever answers still holds. */
static void flush(struct connection *c)
{
	c->doomed |= pump(c) != 0;
	if (!nghttp2_session_want_read(c->session) &&
	    !nghttp2_session_want_write(c->session) &&
	    evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		c->doomed = true;
	if (c->doomed)
		bufferevent_trigger_event(c->bev, BEV_EVENT_EOF,
					  BEV_TRIG_DEFER_CALLBACKS);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void flush_soon(struct connection *c)
{
	event_active(c->wake, EV_TIMEOUT, 0);
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *into,
			   size_t len, uint32_t *flags,
			   nghttp2_data_source *source, void *arg)
{
	struct grpc_call *c = source->ptr;
	size_t left = c->out.len - c->sent;
	size_t count = left < len ? left : len;
	char code[16];
	const char *text = c->text ? c->text : "";
	nghttp2_nv trailer[] = {
		{ (uint8_t *)"grpc-status", (uint8_t *)code, 11, 0, 0 },
		{ (uint8_t *)"grpc-message", (uint8_t *)text, 12, strlen(text),
		  0 },
	};

	(void)arg;
	if (count == 0 && !c->finished) {
		c->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (count)
		memcpy(into, c->out.data + c->sent, count);
	c->sent += count;
	if (c->sent == c->out.len) {
		c->sent = 0;
		buf_reset(&c->out);
	}
	if (c->finished && c->out.len == 0) {
		trailer[0].valuelen =
			(size_t)snprintf(code, sizeof(code), "%d", c->code);
		*flags |=
			NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, trailer, c->text ? 2 : 1);
	}
	return (ssize_t)count;
}

void grpc_begin(struct grpc_call *c)
{
	static const nghttp2_nv headers[] = {
		{ (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 },
		{ (uint8_t *)"content-type", (uint8_t *)"application/grpc", 12,
		  16, 0 },
	};
	nghttp2_data_provider provider = { { .ptr = c }, read_answer };

	if (c->begun)
		return;
	c->begun = true;
	nghttp2_submit_response(c->conn->session, c->id, headers, 2, &provider);
	flush_soon(c->conn);
}

static void resume(struct grpc_call *c)
{
	if (c->deferred) {
		c->deferred = false;
		nghttp2_session_resume_data(c->conn->session, c->id);
	}
	flush_soon(c->conn);
}

/* Of all calls: those that do not read what they asked for. */
static size_t unsent_total(const struct grpc_server *s)
{
	size_t total = 0;

	for (const struct connection *c = s->connections; c; c = c->next) {
		for (const struct grpc_call *k = c->calls; k; k = k->next)
			total += grpc_unsent(k);
	}
	return total;
}

bool grpc_send(struct grpc_call *c, const struct buf *message)
{
	uint8_t prefix[PREFIX] = { 0, (uint8_t)(message->len >> 24),
				   (uint8_t)(message->len >> 16),
				   (uint8_t)(message->len >> 8),
				   (uint8_t)message->len };

	if (c->finished)
		return false;
	if (unsent_total(c->conn->server) + message->len > OUT_MAX) {
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED,
			    "too many answers are waiting to be read");
		return false;
	}
	buf_add(&c->out, prefix, sizeof(prefix));
	buf_add(&c->out, message->data, message->len);
	if (buf_error(message) || buf_error(&c->out)) {
		buf_reset(&c->out);
		c->sent = 0;
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return false;
	}
	grpc_begin(c);
	resume(c);
	return true;
}

/* Percent-encoded, as the header wants it. */
static char *message_encode(const char *text)
{
	struct buf out = { .limit = 1024 };

	for (; *text; text++) {
		if (*text >= ' ' && *text <= '~' && *text != '%')
			buf_putc(&out, *text);
		else
			buf_printf(&out, "%%%02X", (unsigned char)*text);
	}
	buf_putc(&out, '\0');
	if (buf_error(&out))
		buf_fini(&out);
	return out.data;
}

/* Nobody waits for the call any more. */
static void forget(struct grpc_call *c)
{
	if (c->timer)
		event_free(take(c->timer));
	c->gone = NULL;
}

static void drop_request(struct grpc_call *c)
{
	c->conn->server->in_total -= c->in.len;
	buf_fini(&c->in);
}

void grpc_finish(struct grpc_call *c, enum grpc_code code, const char *text)
{
	if (c->finished)
		return;
	c->finished = true;
	c->code = (int)code;
	c->text = text ? message_encode(text) : NULL;
	counts.failed += code != GRPC_OK;
	forget(c);
	grpc_begin(c);
	resume(c);
}

void grpc_on_gone(struct grpc_call *c, void (*gone)(void *arg), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}

size_t grpc_unsent(const struct grpc_call *c)
{
	return c->out.len - c->sent;
}

struct event_base *grpc_base(const struct grpc_call *c)
{
	return c->conn->server->base;
}

int64_t grpc_time_left_ns(const struct grpc_call *c)
{
	int64_t now = clock_monotonic_ns();

	if (c->deadline_ns == INT64_MAX)
		return INT64_MAX;
	return c->deadline_ns > now ? c->deadline_ns - now : 0;
}

/* ---- calls ---- */

static void tell_gone(struct grpc_call *c)
{
	void (*gone)(void *arg) = take(c->gone);

	if (gone) {
		counts.cancelled++;
		gone(c->gone_arg);
	}
}

static void call_free(struct grpc_call *c)
{
	struct connection *conn = c->conn;

	tell_gone(c);
	drop_request(c);
	forget(c);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		conn->calls = c->next;
	counts.open--;
	buf_fini(&c->out);
	free(c->text);
	free(c);
}

static struct grpc_call *call_new(struct connection *conn, int32_t id)
{
	struct grpc_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conn = conn;
	c->id = id;
	c->deadline_ns = INT64_MAX;
	c->in.limit = GRPC_MESSAGE_MAX + PREFIX;
	c->next = conn->calls;
	if (c->next)
		c->next->prev = c;
	conn->calls = c;
	counts.calls++;
	counts.open++;
	return c;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct grpc_call *c = arg;

	(void)fd;
	(void)what;
	tell_gone(c);
	grpc_finish(c, GRPC_DEADLINE_EXCEEDED, "the caller's time is up");
}

/* "250m": up to eight digits and a unit. */
static void set_deadline(struct grpc_call *c, const char *text, size_t len)
{
	static const struct {
		char unit;
		int64_t ns;
	} units[] = {
		{ 'H', 3600000000000 }, { 'M', 60000000000 },
		{ 'S', 1000000000 },	{ 'm', 1000000 },
		{ 'u', 1000 },		{ 'n', 1 },
	};
	struct timeval wait;
	int64_t value = 0;

	if (len < 2 || len > 9)
		return;
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return;
		value = value * 10 + (text[i] - '0');
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		/* a week is for ever, and keeps the product in bounds */
		if (units[i].unit != text[len - 1] ||
		    value > 604800000000000 / units[i].ns)
			continue;
		value *= units[i].ns;
		c->deadline_ns = clock_monotonic_ns() + value;
		wait = (struct timeval){ value / 1000000000,
					 value % 1000000000 / 1000 };
		c->timer = evtimer_new(grpc_base(c), on_deadline, c);
		if (c->timer)
			evtimer_add(c->timer, &wait);
		return;
	}
}

/* The one message of a request; refuses what is none. */
static bool message_of(struct grpc_call *c, struct bytes *out)
{
	const uint8_t *in = (const uint8_t *)c->in.data;
	size_t len;

	if (c->in.len < PREFIX || in[0] != 0)
		return false;
	len = (size_t)in[1] << 24 | (size_t)in[2] << 16 | (size_t)in[3] << 8 |
	      in[4];
	*out = (struct bytes){ c->in.data + PREFIX, len };
	return len == c->in.len - PREFIX;
}

/* The request is whole. */
static void dispatch(struct grpc_call *c)
{
	struct bytes message;

	if (c->called || c->finished)
		return;
	c->called = true;
	if (!c->method)
		grpc_finish(c, GRPC_UNIMPLEMENTED, "no such method");
	else if (c->method->at_headers)
		c->method->handle(c, (struct bytes){ "", 0 });
	else if (!message_of(c, &message))
		grpc_finish(c, GRPC_INTERNAL, "the message is malformed");
	else
		c->method->handle(c, message);
}

/* ---- nghttp2's side ---- */

static struct grpc_call *call_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_headers(nghttp2_session *session,
			    const nghttp2_frame *frame, void *arg)
{
	struct grpc_call *c;

	if (frame->hd.type != NGHTTP2_HEADERS ||
	    frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	c = call_new(arg, frame->hd.stream_id);
	if (!c)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, c);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
		     const uint8_t *name, size_t name_len, const uint8_t *value,
		     size_t len, uint8_t flags, void *arg)
{
	struct connection *conn = arg;
	struct grpc_call *c = call_of(session, frame->hd.stream_id);
	const struct grpc_method *m = conn->server->methods;

	(void)flags;
	if (!c)
		return 0;
	if (name_len == 5 && memcmp(name, ":path", 5) == 0) {
		for (; m->path; m++) {
			if (strlen(m->path) == len &&
			    memcmp(m->path, value, len) == 0)
				c->method = m;
		}
	} else if (name_len == 12 && memcmp(name, "grpc-timeout", 12) == 0 &&
		   !c->timer) {
		set_deadline(c, (const char *)value, len);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
		   const uint8_t *data, size_t len, void *arg)
{
	struct connection *conn = arg;
	struct grpc_call *c = call_of(session, id);
	size_t *total = &conn->server->in_total;

	(void)flags;
	if (!c || c->called || c->finished)
		return 0;
	if (*total + len <= IN_MAX)
		buf_add(&c->in, data, len);
	if (*total + len <= IN_MAX && !buf_error(&c->in)) {
		*total += len;
		return 0;
	}
	drop_request(c);
	grpc_finish(c, GRPC_RESOURCE_EXHAUSTED,
		    "the request is larger than 16 MiB, or all are together");
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
		    void *arg)
{
	struct grpc_call *c = call_of(session, frame->hd.stream_id);
	bool headers = frame->hd.type == NGHTTP2_HEADERS;

	(void)arg;
	if (!c || (!headers && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    !(headers && c->method && c->method->at_headers))
		return 0;
	dispatch(c);
	drop_request(c); /* the handler copied what it wants */
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
			   void *arg)
{
	struct grpc_call *c = call_of(session, id);

	(void)code;
	(void)arg;
	if (c)
		call_free(c);
	return 0;
}

/* ---- connections ---- */

static void connection_free(struct connection *c)
{
	struct grpc_server *s = c->server;

	while (c->calls)
		call_free(c->calls);
	event_free(c->wake);
	nghttp2_session_del(c->session);
	bufferevent_free(c->bev);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		s->connections = c->next;
	free(c);
	check_drained(s);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct connection *c = arg;

	while (evbuffer_get_length(in) > 0 && !c->doomed) {
		size_t len = evbuffer_get_contiguous_space(in);
		ssize_t used;

		used = nghttp2_session_mem_recv(
			c->session, evbuffer_pullup(in, (ev_ssize_t)len), len);
		c->doomed |= used < 0;
		evbuffer_drain(in, used < 0 ? len : (size_t)used);
	}
	flush(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;

	(void)bev;
	flush(c);
	check_drained(c->server);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	connection_free(arg);
}

static int session_start(struct connection *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CALLS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 * 1024 },
	};

	if (nghttp2_session_server_new(&c->session, c->server->callbacks, c) ||
	    nghttp2_submit_settings(c->session, 0, settings,
				    ARRAY_SIZE(settings)) ||
	    nghttp2_session_set_local_window_size(c->session, 0, 0,
						  CONN_WINDOW))
		return -ENOMEM;
	return 0;
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd,
		      struct sockaddr *from, int len, void *arg)
{
	struct grpc_server *s = arg;
	struct connection *c = calloc(1, sizeof(*c));

	(void)l;
	(void)from;
	(void)len;
	if (!c) {
		close(fd);
		return;
	}
	c->server = s;
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->wake = event_new(s->base, -1, 0, on_wake, c);
	if (!c->bev || !c->wake || session_start(c)) {
		nghttp2_session_del(c->session);
		if (c->wake)
			event_free(c->wake);
		c->bev ? bufferevent_free(c->bev) : (void)close(fd);
		free(c);
		return;
	}
	c->next = s->connections;
	if (c->next)
		c->next->prev = c;
	s->connections = c;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, OUT_MARK);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	flush(c);
}

static int callbacks_new(nghttp2_session_callbacks **out)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(
		cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb,
							       on_stream_close);
	*out = cb;
	return 0;
}

int grpc_server_new(struct grpc_server **out, struct event_base *base, int fd,
		    const struct grpc_method *methods)
{
	struct grpc_server *s = calloc(1, sizeof(*s));

	if (!s || callbacks_new(&s->callbacks)) {
		free(s);
		return -ENOMEM;
	}
	s->base = base;
	s->methods = methods;
	s->listener = evconnlistener_new(
		base, on_accept, s,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!s->listener) {
		grpc_server_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void grpc_server_free(struct grpc_server *s)
{
	if (!s)
		return;
	s->drained = NULL;
	while (s->connections)
		connection_free(s->connections);
	if (s->listener)
		evconnlistener_free(s->listener);
	nghttp2_session_callbacks_del(s->callbacks);
	free(s);
}

void grpc_server_drain(struct grpc_server *s, void (*done)(void *), void *arg)
{
	s->drained = done;
	s->drained_arg = arg;
}
