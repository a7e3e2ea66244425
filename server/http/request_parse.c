#include "request_parse.h"

#include <errno.h>
#include <string.h>

#include "body.h"
#include "conditions.h"
#include "live.h"
#include "moment.h"
#include "options.h"
#include "scoped_vars.h"
#include "words.h"

#define HOUR_MS (60 * 60 * 1000ll)

static int set_range(struct query *q, const json_t *body, int64_t now_ms,
		     struct problem *p)
{
	const json_t *range = json_object_get(body, "range");
	const json_t *from = json_object_get(range, "from");
	const json_t *to = json_object_get(range, "to");
	int r = 0;

	if (range && !json_is_null(range) && !json_is_object(range))
		return bad_request(p,
				   "range must be an object with from and to");
	q->to_ms = now_ms;
	if (to && !json_is_null(to))
		r = time_parse(&q->to_ms, to, now_ms, "range.to", p);
	q->from_ms = q->to_ms - HOUR_MS;
	if (!r && from && !json_is_null(from))
		r = time_parse(&q->from_ms, from, now_ms, "range.from", p);
	if (!r && q->from_ms >= q->to_ms)
		return bad_request(p, "range.from must lie before range.to");
	return r;
}

/* A number or numeric text of the request; absent is 0. */
static int set_number(int64_t *out, const json_t *body, const char *key,
		      struct problem *p)
{
	const json_t *v = json_object_get(body, key);
	const char *text;
	char number[32];
	char *end;
	double value;

	if (!v || json_is_null(v))
		return 0;
	if (!scalar_text(v, number, &text))
		return bad_request(p, "%s must be a number", key);
	value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value < 1e15))
		return bad_request(p, "%s must be a number, not \"%.64s\"", key,
				   text);
	*out = (int64_t)value;
	return 0;
}

static bool wants_frames(const json_t *payload)
{
	static const char *const off[] = { "", "false", "0", "no" };
	const char *format =
		json_string_value(json_object_get(payload, "format"));
	const json_t *frame = json_object_get(payload, "frame");
	const char *text;
	char number[32];

	if (format && (!strcmp(format, "frames") || !strcmp(format, "frame")))
		return true;
	if (!frame || !scalar_text(frame, number, &text))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		if (strcmp(text, off[i]) == 0)
			return false;
	}
	return true;
}

struct target_parser {
	struct query_request *out;
	const json_t *body;
	int64_t now_ms;
	struct problem *p;
	bool full; /* the request as a whole asks for too much */
};

/* All conditions on one question; those of the request apply to each. */
static int set_matchers(struct query *q, const struct target_parser *t,
			const json_t *payload)
{
	struct matcher_list l = { .spent = t->out->spent };
	int r = matchers_add_payload(&l, payload, t->p);

	if (!r)
		r = matchers_add_filters(
			&l, json_object_get(t->body, "filters"), t->p);
	if (!r)
		r = matchers_add_filters(
			&l, json_object_get(t->body, "adhocFilters"), t->p);
	t->out->spent = l.spent;
	q->matchers = l.items;
	q->matcher_count = l.count;
	return r;
}

static bool is_events(const char *word)
{
	return strcmp(word, "events") == 0 || strcmp(word, "annotations") == 0;
}

static int query_fill(struct query *q, const struct target_parser *t,
		      const json_t *target, const json_t *payload)
{
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	struct problem *p = t->p;
	int64_t interval_ms = 0;
	int r;

	q->ref_id = strndup(ref_id ? ref_id : "", REF_ID_MAX);
	if (!q->ref_id)
		return -ENOMEM;
	if ((r = set_range(q, t->body, t->now_ms, p)) ||
	    (r = set_number(&q->max_points, t->body, "maxDataPoints", p)) ||
	    (r = set_number(&interval_ms, t->body, "intervalMs", p)) ||
	    (r = options_parse(q, target, payload, p)))
		return r;
	if (q->step_ms == 0)
		q->step_ms =
			interval_ms < SPAN_MAX_MS ? interval_ms : SPAN_MAX_MS;
	return set_matchers(q, t, payload);
}

static int add_query(struct target_parser *t, const json_t *target,
		     const json_t *payload, enum metric metric)
{
	struct query_request *out = t->out;
	struct query *queries;
	int r;

	t->full |= out->count == TARGETS_MAX;
	if (t->full)
		return bad_request(t->p,
				   "more than %d questions in one request",
				   TARGETS_MAX);
	queries = realloc(out->queries, (out->count + 1) * sizeof(*queries));
	if (!queries)
		return -ENOMEM;
	out->queries = queries;
	queries[out->count] = (struct query){ .metric = metric };
	r = query_fill(&queries[out->count++], t, target, payload);
	if (metric == METRIC_COUNT) /* whatever the format asks for */
		queries[out->count - 1].format = QUERY_EVENTS;
	return r;
}

static int unknown_metric(struct problem *p, const char *word)
{
	char close[160];

	query_suggest(word, close, sizeof(close));
	return problem_set(p, PROBLEM_UNKNOWN_METRIC,
			   "no metric is named \"%.64s\"%s%s", word,
			   *close ? "; close to it: " : "", close);
}

/* A pattern asks for every metric whose name it matches. */
static int add_matching(struct target_parser *t, const json_t *target,
			const json_t *payload, const char *text)
{
	own(pattern_freep) struct pattern *pattern = NULL;
	bool found = false;
	int r = pattern_compile(&pattern, text, t->p);

	for (int m = 0; m < METRIC_COUNT && !r; m++) {
		if (!pattern_matches(pattern,
				     metric_info((enum metric)m)->name))
			continue;
		found = true;
		r = add_query(t, target, payload, (enum metric)m);
	}
	return !r && !found ? unknown_metric(t->p, text) : r;
}

static int add_word(struct target_parser *t, const json_t *target,
		    const json_t *payload, const struct word *w)
{
	enum metric m = metric_find(w->text);

	if (w->pattern)
		return add_matching(t, target, payload, w->text);
	if (m == METRIC_COUNT)
		return unknown_metric(t->p, w->text);
	return add_query(t, target, payload, m);
}

/* Events are asked for by their name, or by the type of an annotation. */
static bool wants_events(const json_t *payload, const json_t *name)
{
	const char *type = json_string_value(json_object_get(payload, "type"));
	const char *word = json_string_value(name);

	if (!type)
		type = json_string_value(json_object_get(payload, "format"));
	return (word && is_events(word)) || (type && is_events(type));
}

/* "targets" and the like, whatever the format asks for. */
static int add_live(struct target_parser *t, const json_t *target,
		    const json_t *payload, enum query_format format)
{
	int r = add_query(t, target, payload, METRIC_COUNT);

	if (!r)
		t->out->queries[t->out->count - 1].format = format;
	return r;
}

static int add_metrics(struct target_parser *t, const json_t *target,
		       const json_t *payload, const json_t *name)
{
	enum query_format live;
	struct words w = { 0 };
	int r;

	if (json_is_string(name) && live_format(&live, json_string_value(name)))
		return add_live(t, target, payload, live);
	if (wants_events(payload, name))
		return add_query(t, target, payload, METRIC_COUNT);
	r = words_parse(&w, name, "target", t->p);
	if (!r && w.all)
		r = add_matching(t, target, payload, ".*");
	else if (!r && w.count == 0)
		r = problem_set(t->p, PROBLEM_EMPTY_TARGET,
				"target is empty: name a metric");
	for (size_t i = 0; i < w.count && !r && !w.all; i++)
		r = add_word(t, target, payload, &w.items[i]);
	words_fini(&w);
	return r;
}

void problem_of_query(struct problem *p, const char *ref_id, const char *target)
{
	char text[sizeof(p->text)];

	memcpy(text, p->text, sizeof(text));
	problem_set(p, p->code, "refId %.16s%s%.48s: %s",
		    *ref_id ? ref_id : "-", *target ? ", target " : "", target,
		    text);
}

/* What a target of several metrics had before it failed goes with it. */
static int add_failure(struct target_parser *t, const char *ref_id,
		       const char *target, size_t before)
{
	struct query_request *out = t->out;
	struct failure *f;

	while (out->count > before)
		query_fini(&out->queries[--out->count]);
	f = realloc(out->failures, (out->failure_count + 1) * sizeof(*f));
	if (!f)
		return -ENOMEM;
	out->failures = f;
	f += out->failure_count++;
	*f = (struct failure){ .ref_id = strndup(ref_id ? ref_id : "", 64),
			       .target = strndup(target ? target : "", 64),
			       .before = before,
			       .problem = *t->p };
	*t->p = (struct problem){ 0 };
	return f->ref_id && f->target ? 0 : -ENOMEM;
}

static bool has_values(const json_t *vars)
{
	const char *name;
	json_t *var;

	json_object_foreach((json_t *)vars, name, var)
	{
		if (strncmp(name, "__", 2) &&
		    json_array_size(json_object_get(var, "value")) > 1)
			return true;
	}
	return false;
}

/* A payload written as JSON with "$node" in quotes is none any more once node
 * has several values; the client then sends an empty one in silence. */
static const char *hint_of(const struct target_parser *t, const json_t *target,
			   const json_t *payload)
{
	const char *mode =
		json_string_value(json_object_get(target, "editorMode"));

	if (!mode || strcmp(mode, "code") || json_object_size(payload) ||
	    !has_values(json_object_get(t->body, "scopedVars")))
		return NULL;
	return "the payload came empty, so nothing restricts this query: a "
	       "variable of several values in quotes makes it no JSON, and "
	       "Grafana drops it; write $node, not \"$node\"";
}

static int parse_filled(struct target_parser *t, const json_t *target)
{
	size_t before = t->out->count;
	own(json_decrefp) json_t *none = json_object();
	const json_t *payload = json_object_get(target, "payload");
	const json_t *name = json_object_get(target, "target");
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	int r;

	if (!none)
		return -ENOMEM;
	if (!json_is_object(target))
		return bad_request(t->p, "targets must be a list of objects");
	if (json_is_true(json_object_get(target, "hide")))
		return 0;
	if (!payload) /* its name before version 0.4 of the plugin */
		payload = json_object_get(target, "data");
	if (!payload || json_is_null(payload) ||
	    (json_string_length(payload) == 0 && json_is_string(payload)))
		payload = none;
	if (!name)
		name = json_object_get(payload, "metric");
	if (!json_is_object(payload))
		r = bad_request(t->p, "payload must be an object");
	else
		r = add_metrics(t, target, payload, name);
	for (size_t i = before; !r && i < t->out->count; i++)
		t->out->queries[i].hint = hint_of(t, target, payload);
	t->out->frames |= !r && wants_frames(payload);
	if (r != -EINVAL)
		return r;
	problem_of_query(t->p, ref_id ? ref_id : "",
			 json_is_string(name) ? json_string_value(name) : "");
	if (t->full || t->p->code == PROBLEM_TOO_MUCH)
		return r;
	return add_failure(t, ref_id, json_string_value(name), before);
}

/* With the variables that its client left in it. */
static int parse_target(struct target_parser *t, const json_t *target)
{
	const json_t *vars = json_object_get(t->body, "scopedVars");
	own(json_decrefp) json_t *filled = NULL;
	int r;

	if (!json_is_object(vars) || !json_is_object(target))
		return parse_filled(t, target);
	filled = json_deep_copy(target);
	if (!filled)
		return -ENOMEM;
	r = scoped_vars_fill(filled, vars);
	return r ? r : parse_filled(t, filled);
}

int query_request_parse(struct query_request *out, const json_t *body,
			int64_t now_ms, struct problem *p)
{
	struct query_request request = { 0 };
	struct target_parser t = {
		.out = &request, .body = body, .now_ms = now_ms, .p = p
	};
	const json_t *targets = json_object_get(body, "targets");
	json_t *target;
	size_t i;
	int r = 0;

	if (!json_is_array(targets))
		return bad_request(p, "targets must be a list");
	json_array_foreach(targets, i, target)
	{
		r = i < TARGETS_MAX ?
			    parse_target(&t, target) :
			    bad_request(p, "more than %d targets", TARGETS_MAX);
		if (r)
			break;
	}
	if (r == 0 && request.count == 0 && request.failure_count) {
		*p = request.failures[0].problem;
		r = -EINVAL;
	}
	if (r)
		query_request_fini(&request);
	else
		*out = request;
	return r;
}

void query_request_fini(struct query_request *r)
{
	for (size_t i = 0; i < r->count; i++)
		query_fini(&r->queries[i]);
	for (size_t i = 0; i < r->failure_count; i++) {
		free(r->failures[i].ref_id);
		free(r->failures[i].target);
	}
	free(r->queries);
	free(r->failures);
	*r = (struct query_request){ 0 };
}
