/*
 * Resource/CallResource: what variables, ad-hoc filters and editors ask, handed
 * to the server. Only what is listed here is: whoever may look at a dashboard
 * can call it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/own.h"

#include "rpc.h"

enum { REQUEST_PATH = 2, REQUEST_METHOD = 3, REQUEST_URL = 4, REQUEST_BODY = 6 };
enum { CODE = 1, HEADERS = 2, BODY = 3 };

static const struct {
	const char *method;
	const char *path; /* one that ends in / stands for all below it */
} allowed[] = {
	{ "POST", "/metrics" },	      { "POST", "/metric-payload-options" },
	{ "POST", "/variable" },      { "POST", "/tag-keys" },
	{ "POST", "/tag-values" },    { "GET", "/api/v1/" },
};

struct job {
	struct grpc_call *call;
	struct upstream *upstream;
};

static void put_type(struct buf *out, const char *type)
{
	struct buf list = BUF_INIT, entry = BUF_INIT;

	proto_put_text(&list, 1, type);
	proto_put_text(&entry, 1, "Content-Type");
	proto_put_built(&entry, 2, &list);
	proto_put_built(out, HEADERS, &entry);
	buf_fini(&list);
	buf_fini(&entry);
}

static void answer(struct grpc_call *c, int status, const char *type,
		   struct bytes body)
{
	struct buf out = BUF_INIT;

	proto_put_number(&out, CODE, (uint64_t)status);
	put_type(&out, type);
	proto_put_bytes(&out, BODY, body.data, body.len);
	grpc_send(c, &out);
	grpc_finish(c, GRPC_OK, NULL);
	buf_fini(&out);
}

static void answer_problem(struct grpc_call *c, int status, const char *text)
{
	struct buf body = BUF_INIT;
	struct json j = json_writer(&body);

	json_begin_object(&j);
	json_put_string(&j, "message", text);
	json_end(&j);
	answer(c, status, "application/json",
	       (struct bytes){ body.data, body.len });
	buf_fini(&body);
}

static void on_answer(void *arg, const struct upstream_answer *a)
{
	struct job *j = arg;

	if (a->body)
		answer(j->call, a->status, a->type,
		       (struct bytes){ a->body->data, a->body->len });
	else
		answer_problem(j->call, a->status, a->problem);
	free(j);
}

static void on_gone(void *arg)
{
	struct job *j = arg;

	upstream_cancel(j->upstream);
	free(j);
}

/* No way up, no escapes that mean one: what is compared is what is asked. */
static bool path_safe(const char *path)
{
	return !strstr(path, "..") && !strstr(path, "//") &&
	       strspn(path, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
		       strlen(path);
}

static bool is_allowed(const char *method, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		size_t len = strlen(allowed[i].path);
		bool below = allowed[i].path[len - 1] == '/';

		if (strcmp(method, allowed[i].method) == 0 &&
		    strncmp(path, allowed[i].path, len) == 0 &&
		    (below ? path[len] : !path[len]))
			return path_safe(path);
	}
	return false;
}

/* The path, then the question behind the URL, as it is. */
static bool target_of(struct bytes message, char *path, size_t path_len,
		      char *question, size_t len)
{
	struct bytes from = rpc_field(message, REQUEST_PATH);
	struct bytes url = rpc_field(message, REQUEST_URL);
	const char *mark = url.len ? memchr(url.data, '?', url.len) : NULL;

	while (from.len && *from.data == '/')
		from = (struct bytes){ from.data + 1, from.len - 1 };
	*path = '/';
	*question = '\0';
	if (!rpc_text(from, path + 1, path_len - 1))
		return false;
	if (mark && !rpc_text((struct bytes){ mark,
					      (size_t)(url.data + url.len -
						       mark) },
			      question, len))
		return false;
	for (const char *c = question; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == '#')
			return false;
	}
	return true;
}

static void ask(struct grpc_call *c, struct bytes message, const char *method,
		const char *target)
{
	struct bytes from = rpc_field(message, REQUEST_BODY);
	struct buf body = BUF_INIT;
	struct settings settings;
	char problem[320];
	struct upstream_request q = {
		.method = method,
		.path = target,
		.accept = "application/json",
		.time_left_ns = grpc_time_left_ns(c),
	};
	struct job *j;

	if (settings_parse(&settings, rpc_field(message, REQUEST_CONTEXT),
			   problem, sizeof(problem))) {
		answer_problem(c, 400, problem);
		return;
	}
	buf_add(&body, from.data, from.len);
	if (strcmp(method, "POST") == 0) {
		q.type = "application/json";
		q.body = &body;
	}
	j = calloc(1, sizeof(*j));
	if (!j || buf_error(&body)) {
		settings_fini(&settings);
		free(j);
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		buf_fini(&body);
		return;
	}
	j->call = c;
	grpc_on_gone(c, on_gone, j);
	if (upstream_start(&j->upstream, grpc_base(c), &settings, &q,
			   on_answer, j)) {
		answer_problem(c, 503, "too many questions at once");
		free(j);
	}
	buf_fini(&body);
}

void rpc_resource(struct grpc_call *c, struct bytes message)
{
	char method[8], path[512], question[4096], target[4700];

	rpc_text(rpc_field(message, REQUEST_METHOD), method, sizeof(method));
	if (!target_of(message, path, sizeof(path), question,
		       sizeof(question))) {
		answer_problem(c, 400, "the path is malformed or too long");
		return;
	}
	if (!is_allowed(method, path)) {
		answer_problem(c, 404, "this plugin has no such resource");
		return;
	}
	snprintf(target, sizeof(target), "%s%s", path, question);
	ask(c, message, method, target);
}
