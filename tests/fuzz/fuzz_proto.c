/*
 * Any bytes as a protobuf message of messages, and as JSON text: what the
 * plugin's executable gets from Grafana and from a server.
 */
#include <stdlib.h>

#include "common/json_span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned long sum;

static void touch(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		sum += (unsigned char)b.data[i];
}

static void walk(struct bytes message, int depth)
{
	struct proto_reader r = proto_read(message);
	struct bytes key, value;
	struct proto_field f;

	while (proto_next(&r, &f)) {
		touch(f.bytes);
		if (proto_entry(f.bytes, &key, &value))
			touch(value);
		if (depth < 3 && f.wire == PROTO_BYTES)
			walk(f.bytes, depth + 1);
	}
}

static void read_json(struct bytes text)
{
	struct bytes value;
	char out[24];

	sum += json_span_check(text);
	if (json_span_member(text, "url", &value)) {
		touch(value);
		if (json_span_text(value, out, sizeof(out)))
			sum += (unsigned char)*out;
		sum += json_span_true(value);
	}
	while (json_span_next(&text, &value)) {
		if (value.len == 0)
			abort(); /* every value has at least one sign */
		touch(value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes all = { (const char *)data, len };

	walk(all, 0);
	read_json(all);
	return 0;
}
