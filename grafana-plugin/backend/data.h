#pragma once
/*
 * data.h - a QueryDataRequest as the body of the server's POST /query.
 */
#include "common/proto.h"

#define QUERIES_MAX 200 /* as many as the server takes */

/* One question; borrowed from the message. */
struct data_query {
	struct bytes ref_id, json;
	int64_t from_ms, to_ms, interval_ms, max_points;
};

struct data_request {
	struct bytes context;
	struct data_query queries[QUERIES_MAX];
	size_t count;
	bool json; /* frames are wanted as JSON, not Arrow */
};

/* -EINVAL for what is malformed, -E2BIG for too many questions. */
int data_request_parse(struct data_request *out, struct bytes message);

/*
 * {"targets":[...]} of all questions whose JSON is well-formed; the others
 * stay out, and are answered by whoever calls. Only members that the server
 * knows as a target's are handed on.
 */
void data_request_write(struct buf *out, const struct data_request *r);

/* Is its JSON one well-formed object? */
bool data_query_valid(const struct data_query *q);
