/*
 * Data/QueryData and QueryChunkedData. The server's answer is the finished
 * message; it is looked through only to see that every question has one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

#include "data.h"
#include "rpc.h"

#define FRAMES "application/vnd.heapwatch.frames"

/* Field numbers of QueryDataResponse, its entries, DataResponse. */
enum { RESPONSES = 1 };
enum { FRAME = 1, ERROR = 2, STATUS = 4, ERROR_SOURCE = 5, FORMAT = 6 };

/* Of QueryChunkedDataResponse. */
enum {
	CHUNK_REF_ID = 1,
	CHUNK_FRAME_ID = 2,
	CHUNK_FRAME = 3,
	CHUNK_ERROR = 4,
	CHUNK_STATUS = 5,
	CHUNK_ERROR_SOURCE = 6,
	CHUNK_FORMAT = 7
};

/* A question on its way; it owns copies of the names. */
struct asked {
	struct buf ref_id;
	bool valid, answered;
};

struct job {
	struct grpc_call *call;
	struct upstream *upstream; /* NULL once it has answered */
	bool chunked;
	size_t count;
	struct asked asked[];
};

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->count; i++)
		buf_fini(&j->asked[i].ref_id);
	free(j);
}

static void put_error(struct buf *out, const struct asked *q, int status,
		      const char *text)
{
	struct buf response = BUF_INIT, entry = BUF_INIT;

	proto_put_text(&response, ERROR, text);
	proto_put_number(&response, STATUS, (uint64_t)status);
	proto_put_text(&response, ERROR_SOURCE, "downstream");
	proto_put_built(&entry, 1, &q->ref_id);
	proto_put_built(&entry, 2, &response);
	proto_put_built(out, RESPONSES, &entry);
	buf_fini(&response);
	buf_fini(&entry);
}

/* Answers for those that have none. */
static void put_errors(struct buf *out, struct job *j, int status,
		       const char *text)
{
	for (size_t i = 0; i < j->count; i++) {
		struct asked *q = &j->asked[i];

		if (!q->valid)
			put_error(out, q, 400,
				  "the query is not a JSON object");
		else if (!q->answered)
			put_error(out, q, status, text);
		q->answered = true;
	}
}

static void mark(struct job *j, struct bytes ref_id)
{
	for (size_t i = 0; i < j->count; i++) {
		const struct buf *name = &j->asked[i].ref_id;

		if (name->len == ref_id.len &&
		    (!ref_id.len ||
		     memcmp(name->data, ref_id.data, ref_id.len) == 0))
			j->asked[i].answered = true;
	}
}

/* Which questions the answer holds; false when it is no such message. */
static bool look_through(struct job *j, struct bytes message)
{
	struct proto_reader r = proto_read(message);
	struct bytes key, value;
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (f.number != RESPONSES || f.wire != PROTO_BYTES ||
		    !proto_entry(f.bytes, &key, &value))
			return false;
		mark(j, key);
	}
	return !r.bad;
}

/* ---- chunks ---- */

static void put_bytes(struct buf *out, uint32_t number, struct bytes b)
{
	proto_put_bytes(out, number, b.data, b.len);
}

struct chunk {
	struct bytes ref_id, frame, error, source;
	uint64_t status, format;
	size_t number;
};

static void send_chunk(struct grpc_call *c, const struct chunk *k)
{
	struct buf out = BUF_INIT;
	char id[32];

	snprintf(id, sizeof(id), "%zu", k->number);
	put_bytes(&out, CHUNK_REF_ID, k->ref_id);
	proto_put_text(&out, CHUNK_FRAME_ID, id);
	if (k->frame.len)
		put_bytes(&out, CHUNK_FRAME, k->frame);
	if (k->error.len)
		put_bytes(&out, CHUNK_ERROR, k->error);
	proto_put_number(&out, CHUNK_STATUS, k->status);
	if (k->source.len)
		put_bytes(&out, CHUNK_ERROR_SOURCE, k->source);
	proto_put_number(&out, CHUNK_FORMAT, k->format);
	grpc_send(c, &out);
	buf_fini(&out);
}

/* One DataResponse: what holds for all of it first, then each frame. */
static void send_response(struct grpc_call *c, struct bytes ref_id,
			  struct bytes response)
{
	struct proto_reader r = proto_read(response);
	struct chunk k = { .ref_id = ref_id };
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (f.number == ERROR)
			k.error = f.bytes;
		else if (f.number == ERROR_SOURCE)
			k.source = f.bytes;
		else if (f.number == STATUS)
			k.status = f.value;
		else if (f.number == FORMAT)
			k.format = f.value;
	}
	r = proto_read(response);
	while (proto_next(&r, &f)) {
		if (f.number != FRAME)
			continue;
		k.frame = f.bytes;
		send_chunk(c, &k);
		k.number++;
	}
	if (k.number == 0)
		send_chunk(c, &k);
}

static void send_chunks(struct grpc_call *c, const struct buf *message)
{
	struct proto_reader r =
		proto_read((struct bytes){ message->data, message->len });
	struct bytes key, value;
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (proto_entry(f.bytes, &key, &value))
			send_response(c, key, value);
	}
}

/* ---- the course of a question ---- */

static void finish(struct job *j, const struct buf *message)
{
	struct grpc_call *c = j->call;

	if (buf_error(message))
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	else if (j->chunked)
		send_chunks(c, message);
	else
		grpc_send(c, message);
	grpc_finish(c, GRPC_OK, NULL);
	job_free(j);
}

static void on_answer(void *arg, const struct upstream_answer *a)
{
	struct job *j = arg;
	struct buf out = BUF_INIT;
	int status = a->status < 400 ? 502 : a->status;
	char problem[400];

	rpc_problem(a, problem, sizeof(problem));
	if (a->status == 200 && a->body) {
		status = 502;
		snprintf(problem, sizeof(problem),
			 "the server's answer is not what this plugin expects; "
			 "is the URL that of a heapwatch of the same version?");
		if (strcmp(a->type, FRAMES) == 0 &&
		    look_through(j, (struct bytes){ a->body->data,
						    a->body->len }))
			buf_add(&out, a->body->data, a->body->len);
		else
			for (size_t i = 0; i < j->count; i++)
				j->asked[i].answered = false;
	}
	put_errors(&out, j, status, problem);
	finish(j, &out);
	buf_fini(&out);
}

static void on_gone(void *arg)
{
	struct job *j = arg;

	upstream_cancel(j->upstream);
	job_free(j);
}

static struct job *job_new(struct grpc_call *c, const struct data_request *r)
{
	struct job *j = calloc(1, sizeof(*j) + r->count * sizeof(j->asked[0]));

	if (!j)
		return NULL;
	j->call = c;
	j->count = r->count;
	for (size_t i = 0; i < r->count; i++) {
		buf_add(&j->asked[i].ref_id, r->queries[i].ref_id.data,
			r->queries[i].ref_id.len);
		j->asked[i].valid = data_query_valid(&r->queries[i]);
	}
	return j;
}

static void answer_all(struct job *j, int status, const char *text)
{
	struct buf out = BUF_INIT;

	put_errors(&out, j, status, text);
	finish(j, &out);
	buf_fini(&out);
}

/* Takes the job. */
static void ask(struct job *j, const struct data_request *r)
{
	struct settings settings;
	struct buf body = BUF_INIT;
	char problem[320];
	struct upstream_request q = {
		.method = "POST",
		.path = "/query",
		.accept = r->json ? FRAMES ";format=json" : FRAMES,
		.type = "application/json",
		.body = &body,
		.time_left_ns = grpc_time_left_ns(j->call),
	};

	if (settings_parse(&settings, r->context, problem, sizeof(problem))) {
		answer_all(j, 400, problem);
		return;
	}
	data_request_write(&body, r);
	grpc_on_gone(j->call, on_gone, j);
	if (upstream_start(&j->upstream, grpc_base(j->call), &settings, &q,
			   on_answer, j))
		answer_all(j, 503, "too many questions at once");
	buf_fini(&body);
}

static void query(struct grpc_call *c, struct bytes message, bool chunked)
{
	own(freep) struct data_request *r = malloc(sizeof(*r));
	int error = r ? data_request_parse(r, message) : -ENOMEM;
	struct job *j = error ? NULL : job_new(c, r);

	if (error == -E2BIG)
		grpc_finish(c, GRPC_INVALID_ARGUMENT,
			    "more than 200 queries in one request");
	else if (error == -EINVAL)
		grpc_finish(c, GRPC_INVALID_ARGUMENT,
			    "the request is malformed");
	else if (!j)
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	if (!j)
		return;
	j->chunked = chunked;
	ask(j, r);
}

void rpc_query(struct grpc_call *c, struct bytes message)
{
	query(c, message, false);
}

void rpc_query_chunked(struct grpc_call *c, struct bytes message)
{
	query(c, message, true);
}
