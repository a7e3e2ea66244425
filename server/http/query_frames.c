/* POST /query for our own plugin: every question has an answer of its own. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "server/encode/encode.h"

#include "ask.h"

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
static int answer_target(struct reply *a, const struct request *q,
			 const json_t *body, const json_t *target, bool json)
{
	own(json_decrefp) json_t *one = single(body, target);
	own(query_request_fini) struct query_request request = { 0 };
	own(answers_fini) struct answers frames = { 0 };
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	struct problem p = { 0 };
	struct buf *out = &a->body;
	int r;

	if (!one)
		return -ENOMEM;
	if (ref_id && strlen(ref_id) > REF_ID_MAX)
		r = problem_set(&p, PROBLEM_BAD_REQUEST,
				"refId is longer than %d bytes", REF_ID_MAX);
	else
		r = query_request_parse(&request, one, clock_now().wall_ms, &p);
	if (!r)
		r = ask(&frames, &request, q, a, &p);
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

int query_frames(const struct request *q, struct reply *a, const json_t *body,
		 struct problem *p)
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
		r = answer_target(a, q, body, target, json);
		if (r)
			return r;
	}
	return 0;
}
