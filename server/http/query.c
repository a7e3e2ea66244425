#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "server/encode/encode.h"

#include "request_parse.h"
#include "route.h"

/* All frames of one answer. */
struct frames {
	struct frame **items; /* owned */
	size_t count;
};

static void frames_fini(struct frames *f)
{
	for (size_t i = 0; i < f->count; i++)
		frame_free(f->items[i]);
	free(f->items);
}

static bool name_is_in(const char *name, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* A misspelt option looks like a label that no series has: say so. */
static int explain_empty(struct frame *f, const struct query *q,
			 struct view *view)
{
	char **names = NULL;
	size_t count = 0;
	int r;

	if ((frame_rows(f) > 0 && f->field_count > 1) || q->matcher_count == 0)
		return 0;
	r = view_label_names(view, NULL, 0, &names, &count);
	for (size_t i = 0; i < q->matcher_count && !r; i++) {
		const char *name = q->matchers[i].name;

		if (!name_is_in(name, names, count))
			r = frame_notice(f, NOTICE_WARNING,
					 "no series has a label \"%s\"", name);
	}
	strings_free(names, count);
	return r;
}

/* The questions of one request share the points of one answer. */
static void spend_points(struct query_limits *limits, const struct frame *f)
{
	int64_t cells = (int64_t)(frame_rows(f) * f->field_count);

	limits->points_max -= cells;
	if (limits->points_max < 1)
		limits->points_max = 1;
}

/* The limit that a question ran into may be what others left of it. */
static void explain_limit(struct problem *p, const struct query_limits *left,
			  const struct query_limits *whole)
{
	size_t len = strlen(p->text);

	if (p->code == PROBLEM_TOO_MUCH && left->points_max < whole->points_max)
		snprintf(p->text + len, sizeof(p->text) - len,
			 " (that is what the targets before it left of %lld)",
			 (long long)whole->points_max);
}

/*
 * The first question that fails is the answer: Grafana's data source shows
 * errors of whole requests only, and a panel that silently lacks one of its
 * series misleads.
 */
static int run_all(struct frames *out, const struct query_request *request,
		   const struct site *s, struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	struct query_limits limits = s->options.limits;
	int r = site_view(&view, s, p);

	if (r)
		return r;
	out->items = calloc(request->count + 1, sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	for (size_t i = 0; i < request->count; i++) {
		const struct query *q = &request->queries[i];

		r = query_run(&out->items[out->count], q, view, &limits, p);
		if (r) {
			explain_limit(p, &limits, &s->options.limits);
			if (p->code != PROBLEM_NONE)
				problem_of_query(p, q->ref_id,
						 metric_info(q->metric)->name);
			return r;
		}
		spend_points(&limits, out->items[out->count]);
		r = explain_empty(out->items[out->count++], q, view);
		if (r)
			return r;
	}
	return 0;
}

/* ---- for our own plugin: every question has an answer of its own ---- */

/*
 * The request with this one target. Its range, width and filters may be its
 * own, as alert rules have them; Grafana hides what it needs no drawing of,
 * yet an expression may stand on it.
 */
static json_t *single(const json_t *body, const json_t *target)
{
	static const char *const own_keys[] = {
		"range", "intervalMs", "maxDataPoints", "filters",
	};
	json_t *one = json_copy((json_t *)body);
	json_t *copy = json_is_object(target) ? json_copy((json_t *)target) :
						json_incref((json_t *)target);

	if (json_is_object(copy))
		json_object_del(copy, "hide");
	for (size_t i = 0; i < ARRAY_SIZE(own_keys); i++) {
		json_t *value = json_object_get(target, own_keys[i]);

		if (value)
			json_object_set(one, own_keys[i], value);
	}
	if (json_object_set_new(one, "targets", json_pack("[o]", copy))) {
		json_decref(one);
		return NULL;
	}
	return one;
}

/* What failed is the answer to this question, not to its neighbours. */
static int answer_target(struct buf *out, const struct request *q,
			 const json_t *body, const json_t *target, bool json)
{
	own(json_decrefp) json_t *one = single(body, target);
	own(query_request_fini) struct query_request request = { 0 };
	own(frames_fini) struct frames frames = { 0 };
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	struct problem p = { 0 };
	int r;

	if (!one)
		return -ENOMEM;
	if (ref_id && strlen(ref_id) > REF_ID_MAX)
		r = problem_set(&p, PROBLEM_BAD_REQUEST,
				"refId is longer than %d bytes", REF_ID_MAX);
	else
		r = query_request_parse(&request, one, clock_now().wall_ms, &p);
	if (!r)
		r = run_all(&frames, &request, q->site, &p);
	if (r && p.code == PROBLEM_NONE)
		problem_set(&p, PROBLEM_INTERNAL, "%s", strerror(-r));
	if (r)
		encode_frames_pb_error(out, ref_id ? ref_id : "",
				       problem_http_status(p.code), p.text);
	else if (json)
		encode_frames_pb_json(out, frames.items, frames.count);
	else
		encode_frames_pb(out, frames.items, frames.count);
	return 0;
}

static int answer_frames(const struct request *q, struct reply *a,
			 const json_t *body, struct problem *p)
{
	const json_t *targets = json_object_get(body, "targets");
	bool json = strstr(q->accept, "format=json") != NULL;
	const json_t *target;
	size_t i;
	int r;

	if (!json_is_array(targets) || json_array_size(targets) > TARGETS_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "targets must be a list of at most %d",
				   TARGETS_MAX);
	a->type = FRAMES_PB_TYPE;
	json_array_foreach(targets, i, target)
	{
		r = answer_target(&a->body, q, body, target, json);
		if (r)
			return r;
	}
	return 0;
}

int handle_query(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(query_request_fini) struct query_request request = { 0 };
	own(frames_fini) struct frames frames = { 0 };
	int r;

	r = body_parse(&body, q->body, q->body_len, p);
	if (r)
		return r;
	if (strstr(q->accept, FRAMES_PB_TYPE))
		return answer_frames(q, a, body, p);
	if ((r = query_request_parse(&request, body, clock_now().wall_ms, p)) ||
	    (r = run_all(&frames, &request, q->site, p)))
		return r;
	if (request.frames)
		encode_json_frames(&a->body, frames.items, frames.count);
	else
		encode_json_classic(&a->body, frames.items, frames.count);
	return 0;
}
