/*
 * Any bytes as what reaches the plugin from outside, by the first of them:
 *   0  HTTP/2 from Grafana, after the preface
 *   1  a message to one of the methods, and the server's answer to it
 *   2  an HTTP/1.1 answer from a server, in pieces
 * All but the network towards servers is the plugin's own code; Grafana's side
 * is nghttp2's client, which must find no fault with what it is answered.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/own.h"
#include "grafana-plugin/backend/http_answer.h"
#include "grafana-plugin/backend/log.h"
#include "grafana-plugin/backend/rpc.h"
#include "grafana-plugin/backend/upstream.h"

#define ROUNDS 64 /* of the loop, until all is at rest */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct grpc_method methods[] = {
	RPC_METHODS,
	{ 0 },
};

void plugin_log(enum plugin_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

/* ---- the server: what the input says, in the next round ---- */

struct upstream {
	struct event *timer;
	upstream_done done;
	void *arg;
};

static struct bytes server_says;
static size_t questions;

const struct upstream_counts *upstream_counts(void)
{
	static const struct upstream_counts none;

	return &none;
}

void upstream_cancel(struct upstream *u)
{
	if (!u)
		return;
	event_free(u->timer);
	free(u);
	questions--;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	static const int codes[] = { 200, 400, 503, 200 };
	struct upstream *u = arg;
	struct buf body = BUF_INIT;
	struct upstream_answer a = { .type = "application/"
					     "vnd.heapwatch.frames" };

	(void)fd;
	(void)what;
	buf_add(&body, server_says.data, server_says.len);
	a.status = server_says.len ? codes[*server_says.data & 3] : 502;
	a.body = server_says.len ? &body : NULL;
	u->done(u->arg, &a);
	buf_fini(&body);
	upstream_cancel(u);
}

int upstream_start(struct upstream **out, struct event_base *base,
		   struct settings *s, const struct upstream_request *q,
		   upstream_done done, void *arg)
{
	struct upstream *u = calloc(1, sizeof(*u));

	settings_fini(s);
	/* what is asked is one line of HTTP */
	assert(u && !strpbrk(q->path, "\r\n"));
	u->timer = evtimer_new(base, on_answer, u);
	u->done = done;
	u->arg = arg;
	event_active(u->timer, EV_TIMEOUT, 0);
	questions++;
	*out = u;
	return 0;
}

/* ---- Grafana's side ---- */

static struct event_base *loop;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len = sizeof(sa_family_t);

/* On a name that the kernel chooses. */
static void serve(void)
{
	struct grpc_server *server;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	loop = event_base_new();
	assert(!bind(fd, (struct sockaddr *)&address, address_len));
	address_len = sizeof(address);
	assert(!getsockname(fd, (struct sockaddr *)&address, &address_len));
	assert(!listen(fd, 8));
	assert(!grpc_server_new(&server, loop, fd, methods));
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert(!connect(fd, (struct sockaddr *)&address, address_len));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void turn(void)
{
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

/* Every call is forgotten, and nobody waits for a server. */
static void hang_up(int fd)
{
	close(fd);
	for (int i = 0; i < ROUNDS; i++)
		turn();
	assert(grpc_counts()->open == 0);
	assert(questions == 0);
}

static void try_bytes(struct bytes in)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				      "\0\0\0\4\0\0\0\0\0";
	char out[4096];
	int fd = dial();

	assert(write(fd, preface, sizeof(preface) - 1) > 0);
	if (in.len)
		(void)!write(fd, in.data, in.len);
	for (int i = 0; i < 8; i++) {
		turn();
		while (read(fd, out, sizeof(out)) > 0)
			;
	}
	hang_up(fd);
}

/* ---- one well-formed call ---- */

static ssize_t read_message(nghttp2_session *session, int32_t id, uint8_t *into,
			    size_t len, uint32_t *flags,
			    nghttp2_data_source *source, void *arg)
{
	struct buf *message = source->ptr;
	size_t count = message->len < len ? message->len : len;

	(void)session;
	(void)id;
	(void)arg;
	if (count)
		memcpy(into, message->data, count);
	memmove(message->data, message->data + count, message->len - count);
	message->len -= count;
	if (!message->len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)count;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame,
		      int code, void *arg)
{
	(void)session;
	(void)frame;
	(void)code;
	(void)arg;
	abort(); /* our answer is not HTTP/2 */
}

static nghttp2_session *client_new(void)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session;

	assert(!nghttp2_session_callbacks_new(&callbacks));
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		callbacks, on_invalid);
	assert(!nghttp2_session_client_new(&session, callbacks, NULL));
	nghttp2_session_callbacks_del(callbacks);
	assert(!nghttp2_submit_settings(session, 0, NULL, 0));
	return session;
}

#define NV(name, value)                                                        \
	{                                                                      \
		(uint8_t *)(name), (uint8_t *)(value), strlen(name),           \
			strlen(value), 0                                       \
	}

static void submit(nghttp2_session *session, const char *path,
		   struct buf *message)
{
	const nghttp2_nv headers[] = {
		NV(":method", "POST"),
		NV(":scheme", "http"),
		NV(":path", path),
		NV(":authority", "plugin"),
		NV("content-type", "application/grpc"),
		NV("te", "trailers"),
		NV("grpc-timeout", "20S"),
	};
	nghttp2_data_provider body = { { .ptr = message }, read_message };

	assert(nghttp2_submit_request(session, NULL, headers,
				      ARRAY_SIZE(headers),
				      &body, NULL) > 0);
}

static void exchange(nghttp2_session *session, int fd)
{
	const uint8_t *out;
	uint8_t in[65536];
	ssize_t len;

	while ((len = nghttp2_session_mem_send(session, &out)) > 0)
		assert(write(fd, out, (size_t)len) == len);
	turn();
	while ((len = read(fd, in, sizeof(in))) > 0)
		assert(nghttp2_session_mem_recv(session, in, (size_t)len) ==
		       len);
}

/* Two bytes tell where the message ends and the server's answer begins. */
static void try_call(struct bytes in)
{
	struct buf message = BUF_INIT;
	nghttp2_session *session;
	const uint8_t *head = (const uint8_t *)in.data;
	uint8_t prefix[5] = { 0 };
	size_t len;
	int fd;

	if (in.len < 3 || in.len > 32 * 1024)
		return;
	len = ((size_t)head[1] << 8 | head[2]) % (in.len - 2);
	prefix[3] = (uint8_t)(len >> 8);
	prefix[4] = (uint8_t)len;
	server_says = (struct bytes){ in.data + 3 + len, in.len - 3 - len };
	buf_add(&message, prefix, sizeof(prefix));
	buf_add(&message, in.data + 3, len);
	fd = dial();
	session = client_new();
	submit(session,
	       methods[head[0] % (ARRAY_SIZE(methods) - 1)].path,
	       &message);
	for (int i = 0; i < 8; i++)
		exchange(session, fd);
	nghttp2_session_del(session);
	buf_fini(&message);
	hang_up(fd);
}

/* ---- a server's bytes ---- */

static void try_answer(struct bytes in)
{
	struct http_answer answer = { .body = { .limit = 64 * 1024 } };
	struct evbuffer *wire = evbuffer_new();
	size_t step = in.len ? (uint8_t)in.data[0] % 32 + 1 : 1;
	int r = 0;

	for (size_t at = 1; at < in.len && !r; at += step) {
		size_t len = in.len - at < step ? in.len - at : step;

		evbuffer_add(wire, in.data + at, len);
		r = http_answer_feed(&answer, wire);
	}
	if (!r)
		http_answer_closed(&answer);
	assert(answer.body.len <= 64 * 1024);
	evbuffer_free(wire);
	buf_fini(&answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const tries[])(struct bytes) = { try_bytes, try_call,
						       try_answer };

	if (!loop)
		serve();
	if (len)
		tries[data[0] % 3](
			(struct bytes){ (const char *)data + 1, len - 1 });
	return 0;
}
