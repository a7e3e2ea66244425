/*
 * What all calls share, and those of go-plugin's host itself.
 */
#include "rpc.h"

#include <stdio.h>
#include <string.h>

#include "common/json_span.h"

struct bytes rpc_field(struct bytes message, uint32_t number)
{
	struct proto_reader r = proto_read(message);
	struct bytes found = { "", 0 };
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (f.number == number && f.wire == PROTO_BYTES)
			found = f.bytes;
	}
	return found;
}

bool rpc_text(struct bytes from, char *out, size_t len)
{
	bool fits = from.len < len && !memchr(from.data, '\0', from.len);
	size_t count = from.len < len ? from.len : len - 1;

	memcpy(out, from.data, count);
	out[count] = '\0';
	return fits;
}

void rpc_problem(const struct upstream_answer *a, char *out, size_t len)
{
	struct bytes text;

	if (!a->body) {
		snprintf(out, len, "%s", a->problem);
		return;
	}
	if (a->status / 100 == 3) {
		snprintf(out, len,
			 "what is at this URL sends elsewhere (HTTP %d), and "
			 "is not followed: give the URL where it ends",
			 a->status);
		return;
	}
	text = (struct bytes){ a->body->data, a->body->len };
	if (!json_span_check(text) ||
	    !json_span_member(text, "message", &text) ||
	    !json_span_text(text, out, len) || !*out)
		snprintf(out, len, "heapwatch answered with HTTP %d",
			 a->status);
}

/* grpc.health.v1.Health/Check: serving. */
void rpc_health(struct grpc_call *c, struct bytes message)
{
	struct buf answer = BUF_INIT;

	(void)message;
	proto_put_number(&answer, 1, 1);
	grpc_send(c, &answer);
	grpc_finish(c, GRPC_OK, NULL);
	buf_fini(&answer);
}

/* Streams that the host opens and we have no words for: they stay open, for
 * an end would make it complain. */
void rpc_hold(struct grpc_call *c, struct bytes message)
{
	(void)message;
	grpc_begin(c);
}
