#include "data.h"

#include <errno.h>

#include "common/json.h"
#include "common/json_span.h"
#include "common/own.h"

/* Field numbers of QueryDataRequest, DataQuery, TimeRange. */
enum { CONTEXT = 1, QUERIES = 3, FORMAT = 4 };
enum { REF_ID = 1, MAX_POINTS = 2, INTERVAL = 3, RANGE = 4, JSON = 5 };
enum { FROM = 1, TO = 2 };
enum { FORMAT_JSON = 1 };

static bool parse_range(struct data_query *q, struct bytes message)
{
	struct proto_reader r = proto_read(message);
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (f.number == FROM)
			q->from_ms = (int64_t)f.value;
		else if (f.number == TO)
			q->to_ms = (int64_t)f.value;
	}
	return !r.bad;
}

static bool parse_query(struct data_query *q, struct bytes message)
{
	struct proto_reader r = proto_read(message);
	struct proto_field f;
	bool good = true;

	*q = (struct data_query){ .ref_id = { "", 0 }, .json = { "", 0 } };
	while (proto_next(&r, &f) && good) {
		if (f.number == REF_ID)
			q->ref_id = f.bytes;
		else if (f.number == MAX_POINTS)
			q->max_points = (int64_t)f.value;
		else if (f.number == INTERVAL)
			q->interval_ms = (int64_t)f.value;
		else if (f.number == RANGE)
			good = parse_range(q, f.bytes);
		else if (f.number == JSON)
			q->json = f.bytes;
	}
	return good && !r.bad;
}

int data_request_parse(struct data_request *out, struct bytes message)
{
	struct proto_reader r = proto_read(message);
	struct proto_field f;

	out->context = (struct bytes){ "", 0 };
	out->count = 0;
	out->json = false;
	while (proto_next(&r, &f)) {
		if (f.number == CONTEXT) {
			out->context = f.bytes;
		} else if (f.number == FORMAT) {
			out->json = f.value == FORMAT_JSON;
		} else if (f.number == QUERIES) {
			if (out->count == QUERIES_MAX)
				return -E2BIG;
			if (!parse_query(&out->queries[out->count++], f.bytes))
				return -EINVAL;
		}
	}
	return r.bad ? -EINVAL : 0;
}

bool data_query_valid(const struct data_query *q)
{
	return json_span_check(q->json) && *q->json.data == '{';
}

/* A member as it is. */
static void put_raw(struct buf *out, const char *key, struct bytes value)
{
	buf_printf(out, ",\"%s\":", key);
	buf_add(out, value.data, value.len);
}

static void put_target(struct buf *out, const struct data_query *q)
{
	static const char *const members[] = {
		"target", "payload", "data", "type", "filters", "adhocFilters",
	};
	struct json j = json_writer(out);
	struct bytes value;

	buf_puts(out, "{\"refId\":");
	json_string_len(&j, q->ref_id.data, q->ref_id.len);
	if (q->to_ms > 0)
		buf_printf(out, ",\"range\":{\"from\":%lld,\"to\":%lld}",
			   (long long)q->from_ms, (long long)q->to_ms);
	if (q->interval_ms > 0)
		buf_printf(out, ",\"intervalMs\":%lld",
			   (long long)q->interval_ms);
	if (q->max_points > 0)
		buf_printf(out, ",\"maxDataPoints\":%lld",
			   (long long)q->max_points);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (json_span_member(q->json, members[i], &value))
			put_raw(out, members[i], value);
	}
	buf_putc(out, '}');
}

void data_request_write(struct buf *out, const struct data_request *r)
{
	bool comma = false;

	buf_puts(out, "{\"targets\":[");
	for (size_t i = 0; i < r->count; i++) {
		if (!data_query_valid(&r->queries[i]))
			continue;
		if (comma)
			buf_putc(out, ',');
		comma = true;
		put_target(out, &r->queries[i]);
	}
	buf_puts(out, "]}");
}
