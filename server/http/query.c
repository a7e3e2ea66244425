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

int handle_query(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(query_request_fini) struct query_request request = { 0 };
	own(frames_fini) struct frames frames = { 0 };
	int r;

	if ((r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = query_request_parse(&request, body, clock_now().wall_ms, p)) ||
	    (r = run_all(&frames, &request, q->site, p)))
		return r;
	if (request.frames)
		encode_json_frames(&a->body, frames.items, frames.count);
	else
		encode_json_classic(&a->body, frames.items, frames.count);
	return 0;
}
