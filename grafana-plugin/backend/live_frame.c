#include "live_frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_span.h"

static void add(struct buf *out, const char *from, const char *end)
{
	buf_add(out, from, (size_t)(end - from));
}

/* A field, its labels put into its name. */
static void put_field(struct buf *out, struct bytes field)
{
	const char *end = field.data + field.len;
	struct json j = json_writer(out);
	struct buf own_name = BUF_INIT;
	struct bytes name, labels;

	if (!json_span_member(field, "name", &name) || name.len < 2 ||
	    !json_span_member(field, "labels", &labels)) {
		add(out, field.data, end);
		return;
	}
	add(out, field.data, name.data);
	buf_add(&own_name, name.data + 1, name.len - 2);
	buf_putc(&own_name, ' ');
	buf_add(&own_name, labels.data, labels.len);
	json_string_len(&j, own_name.data, own_name.len);
	add(out, name.data + name.len, end);
	if (buf_error(&own_name))
		out->error = buf_error(&own_name);
	buf_fini(&own_name);
}

void live_frame_put(struct buf *out, struct bytes frame)
{
	const char *end = frame.data + frame.len;
	struct bytes schema, rest, field;
	char sign = '[';

	if (!json_span_member(frame, "schema", &schema) ||
	    !json_span_member(schema, "fields", &rest) || *rest.data != '[') {
		add(out, frame.data, end);
		return;
	}
	add(out, frame.data, rest.data);
	while (json_span_next(&rest, &field)) {
		buf_putc(out, sign);
		put_field(out, field);
		sign = ',';
	}
	add(out, rest.data, end);
}

int64_t live_number(struct bytes object, const char *key)
{
	char text[24] = "";
	struct bytes value;

	if (!json_span_member(object, key, &value) || value.len >= sizeof(text))
		return 0;
	memcpy(text, value.data, value.len);
	return strtoll(text, NULL, 10);
}

int64_t live_interval_ms(struct bytes frame)
{
	struct bytes schema, fields, time, config;

	if (json_span_member(frame, "schema", &schema) &&
	    json_span_member(schema, "fields", &fields) &&
	    json_span_next(&fields, &time) &&
	    json_span_member(time, "config", &config))
		return live_number(config, "interval");
	return 0;
}
