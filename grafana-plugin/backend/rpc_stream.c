/*
 * Stream: one finished step of one question, over and over. The question is
 * the data that Grafana's subscription carries: {"target","payload",
 * "intervalMs"}; its path is "query/" and whatever tells channels apart.
 *
 * A packet is a data frame as JSON with one row: the newest whole step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_span.h"

#include "live_frame.h"
#include "log.h"
#include "rpc.h"

enum { REQUEST_PATH = 2, REQUEST_DATA = 3 };
enum { STATUS = 1 };
enum { STATUS_OK = 0, STATUS_NOT_FOUND = 1, STATUS_DENIED = 2 };

#define STEP_MIN_MS 1000
#define STEP_MAX_MS 60000	/* that a panel may ask for */
#define STEP_TOP_MS 86400000	/* that the server may make of it */
#define SETTLE_MS   300 /* for the last tick of a step to arrive */
#define DATA_MAX    (64 * 1024)
#define PACKET_MAX  (2 * 1024 * 1024)

/* Grafana has one connection, and a stream takes one of its 256 calls for as
 * long as a panel is looked at: half of them are for those that end. */
#define LIVE_MAX    128
#define CONTEXT_MAX (1024 * 1024)

struct live {
	struct grpc_call *call;
	struct upstream *upstream; /* a question on its way, or NULL */
	struct event *timer;
	struct buf context, data; /* the request, kept for each question */
	int64_t step_ms;
	int64_t asked_ms; /* the end of the step that was asked last */
	bool told;	  /* why nothing comes */
};

static size_t live_count;

static bool names_query(struct bytes message)
{
	struct bytes path = rpc_field(message, REQUEST_PATH);
	struct bytes data = rpc_field(message, REQUEST_DATA);
	struct bytes target;

	return path.len > 6 && memcmp(path.data, "query/", 6) == 0 &&
	       data.len <= DATA_MAX && json_span_check(data) &&
	       json_span_member(data, "target", &target);
}

static void answer_status(struct grpc_call *c, int status)
{
	struct buf out = BUF_INIT;

	proto_put_number(&out, STATUS, (uint64_t)status);
	grpc_send(c, &out);
	grpc_finish(c, GRPC_OK, NULL);
	buf_fini(&out);
}

void rpc_subscribe(struct grpc_call *c, struct bytes message)
{
	answer_status(c, names_query(message) ? STATUS_OK : STATUS_NOT_FOUND);
}

/* Nobody writes through us. */
void rpc_publish(struct grpc_call *c, struct bytes message)
{
	(void)message;
	answer_status(c, STATUS_DENIED);
}

static void live_free(struct live *l)
{
	upstream_cancel(l->upstream);
	if (l->timer)
		event_free(l->timer);
	if (l->context.data)
		explicit_bzero(l->context.data, l->context.len);
	buf_fini(&l->context);
	buf_fini(&l->data);
	free(l);
	live_count--;
}

static void on_gone(void *arg)
{
	live_free(arg);
}

/* At the end of the next step. */
static void wait_step(struct live *l)
{
	int64_t now = clock_now().wall_ms;
	int64_t next = now - (now - SETTLE_MS) % l->step_ms + l->step_ms;
	struct timeval wait = { (next - now) / 1000,
				(next - now) % 1000 * 1000 };

	evtimer_add(l->timer, &wait);
}

/* The server takes longer steps, for the payload says so or a step is not of
 * a readable width: what was asked is no whole one. */
static bool widen(struct live *l, int64_t step_ms)
{
	if (step_ms <= l->step_ms || step_ms > STEP_TOP_MS)
		return false;
	l->step_ms = step_ms;
	return true;
}

/* false: the call is finished. */
static bool send_frame(struct live *l, struct bytes frames)
{
	struct buf packet = BUF_INIT, out = BUF_INIT;
	struct bytes frame;
	bool sent;

	if (!json_span_check(frames) || !json_span_next(&frames, &frame) ||
	    widen(l, live_interval_ms(frame)))
		return true;
	live_frame_put(&out, frame);
	proto_put_built(&packet, 1, &out);
	sent = grpc_send(l->call, &packet);
	buf_fini(&out);
	buf_fini(&packet);
	return sent;
}

/* Once, and not each second. */
static void tell(struct live *l, const char *problem)
{
	if (!l->told)
		plugin_log(LEVEL_WARN, "stream: %s", problem);
	l->told = true;
}

static void on_answer(void *arg, const struct upstream_answer *a)
{
	struct live *l = arg;
	char problem[400];

	l->upstream = NULL;
	if (a->status == 200 && a->body) {
		l->told = false;
		if (!send_frame(
			    l, (struct bytes){ a->body->data, a->body->len })) {
			live_free(l);
			return;
		}
	} else {
		rpc_problem(a, problem, sizeof(problem));
		tell(l, problem);
	}
	wait_step(l);
}

static void put_member(struct buf *out, const struct buf *data,
		       const char *name)
{
	struct bytes value;

	if (!json_span_member((struct bytes){ data->data, data->len }, name,
			      &value))
		return;
	buf_printf(out, ",\"%s\":", name);
	buf_add(out, value.data, value.len);
}

/* The payload as it is, but asking for data frames. */
static void put_payload(struct buf *out, const struct buf *data)
{
	struct bytes payload, found;
	const char *rest;

	if (!json_span_member((struct bytes){ data->data, data->len },
			      "payload", &payload) ||
	    *payload.data != '{') {
		buf_puts(out, ",\"payload\":{\"frame\":true}");
		return;
	}
	/* Who says what shape it wants gets that; nothing of it is dropped. */
	if (json_span_member(payload, "frame", &found)) {
		buf_puts(out, ",\"payload\":");
		buf_add(out, payload.data, payload.len);
		return;
	}
	buf_puts(out, ",\"payload\":{\"frame\":true");
	rest = payload.data + 1;
	while (strchr(" \t\r\n", *rest))
		rest++;
	if (*rest != '}')
		buf_putc(out, ',');
	buf_add(out, rest, (size_t)(payload.data + payload.len - rest));
}

/* The step (end - step, end], of which one row comes. */
static void write_body(struct buf *out, const struct live *l, int64_t end)
{
	buf_printf(out,
		   "{\"intervalMs\":%lld,\"range\":{\"from\":%lld,\"to\":%lld},"
		   "\"targets\":[{\"refId\":\"A\"",
		   (long long)l->step_ms, (long long)(end - l->step_ms),
		   (long long)end);
	put_member(out, &l->data, "target");
	put_payload(out, &l->data);
	put_member(out, &l->data, "filters");
	buf_puts(out, "}]}");
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;
	struct buf body = BUF_INIT;
	struct settings settings;
	char problem[320];
	struct upstream_request q = {
		.method = "POST",
		.path = "/query",
		.accept = "application/json",
		.type = "application/json",
		.body = &body,
		.time_left_ns = INT64_MAX,
		.answer_max = PACKET_MAX,
		.quiet = true,
	};
	int64_t now = clock_now().wall_ms - SETTLE_MS / 2;
	int64_t end = now - now % l->step_ms;

	(void)fd;
	(void)what;
	/* The timer came a moment early; or the reader does not keep up: it
	 * misses steps, and at most one is kept for it. */
	if (end == l->asked_ms || grpc_unsent(l->call) > 0) {
		wait_step(l);
		return;
	}
	l->asked_ms = end;
	write_body(&body, l, end);
	if (settings_parse(&settings,
			   (struct bytes){ l->context.data, l->context.len },
			   problem, sizeof(problem))) {
		tell(l, problem);
		wait_step(l);
	} else if (upstream_start(&l->upstream, grpc_base(l->call), &settings,
				  &q, on_answer, l)) {
		wait_step(l);
	}
	buf_fini(&body);
}

static int64_t step_of(struct bytes data)
{
	int64_t ms = live_number(data, "intervalMs");

	if (ms < STEP_MIN_MS)
		return STEP_MIN_MS;
	return ms > STEP_MAX_MS ? STEP_MAX_MS : ms - ms % 1000;
}

static struct live *live_new(struct grpc_call *c, struct bytes context,
			     struct bytes data)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	live_count++;
	l->call = c;
	l->step_ms = step_of(data);
	l->timer = evtimer_new(grpc_base(c), on_step, l);
	buf_add(&l->context, context.data, context.len);
	buf_add(&l->data, data.data, data.len);
	if (l->timer && !buf_error(&l->context) && !buf_error(&l->data))
		return l;
	live_free(l);
	return NULL;
}

void rpc_run_stream(struct grpc_call *c, struct bytes message)
{
	struct bytes context = rpc_field(message, REQUEST_CONTEXT);
	struct live *l;

	if (!names_query(message) || context.len > CONTEXT_MAX) {
		grpc_finish(c, GRPC_INVALID_ARGUMENT,
			    "the stream names no query, or is too large");
		return;
	}
	if (live_count >= LIVE_MAX) {
		plugin_log(LEVEL_WARN, "too many live panels at once");
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED,
			    "too many live panels at once");
		return;
	}
	l = live_new(c, context, rpc_field(message, REQUEST_DATA));
	if (!l) {
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	grpc_on_gone(c, on_gone, l);
	grpc_begin(c);
	wait_step(l);
}
