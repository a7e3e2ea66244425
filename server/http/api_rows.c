/*
 * GET /api/v1/series, latest, events, labels: a question in the URL, rows as
 * the answer. Parameters are those of a payload, as tolerant as there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/utf8.h"
#include "server/encode/encode.h"

#include "ask.h"
#include "conditions.h"
#include "live.h"
#include "rows.h"

#define LIMIT_DEFAULT 10000
#define LIMIT_MAX     1000000

enum shape { SHAPE_JSON, SHAPE_CSV, SHAPE_NDJSON };

/* What is not part of the question itself. */
struct wanted {
	enum shape shape;
	bool wide;
	struct row_page page;
	int64_t from_ms, to_ms; /* of a cursor; to_ms 0: none was given */
};

static int bad(struct problem *p, const char *name, const char *wants,
	       const char *got)
{
	return problem_set(p, PROBLEM_BAD_REQUEST, "%s must be %s, not \"%.64s\"",
			   name, wants, got);
}

/* ---- parameters ---- */

static bool is_utf8(const char *text)
{
	size_t left = strlen(text), len = 1;

	for (; left && len; text += len, left -= len)
		len = utf8_len(text, left);
	return left == 0;
}

/* All parameters as an object; one that comes twice becomes a list. */
static int params_object(json_t **out, const struct request *q,
			 struct problem *p)
{
	own(json_decrefp) json_t *all = json_object();

	for (size_t i = 0; all && i < q->param_count; i++) {
		const struct param *at = &q->params[i];
		json_t *value, *old;

		if (!is_utf8(at->name) || !is_utf8(at->value))
			return problem_set(p, PROBLEM_BAD_REQUEST,
					   "parameter %zu is no UTF-8", i + 1);
		value = json_string(at->value);
		old = json_object_get(all, at->name);
		if (json_is_string(old)) {
			old = json_pack("[O]", old);
			if (json_object_set_new(all, at->name, old))
				return -ENOMEM;
		}
		if (old ? json_array_append_new(old, value) :
			  json_object_set_new(all, at->name, value))
			return -ENOMEM;
	}
	*out = take(all);
	return *out ? 0 : -ENOMEM;
}

/* Takes the parameter out of the object; "" when it is not given. */
static json_t *pop(json_t *params, const char *name)
{
	json_t *value = json_incref(json_object_get(params, name));

	json_object_del(params, name);
	return value;
}

/* The last one given. *out lives as long as *keep. */
static const char *pop_text(json_t *params, const char *name, json_t **keep)
{
	const json_t *value;

	json_decref(*keep);
	value = *keep = pop(params, name);
	if (json_is_array(value))
		value = json_array_get(value, json_array_size(value) - 1);
	return json_string_value(value) ? json_string_value(value) : "";
}

static int read_count(size_t *out, const char *name, const char *text,
		      size_t least, struct problem *p)
{
	char *end;
	unsigned long long n;

	if (!*text)
		return 0;
	n = strtoull(text, &end, 10);
	if (*end || strchr("-+ ", *text) || n < least ||
	    (least && n > LIMIT_MAX))
		return bad(p, name, least ? "from 1 to 1000000" :
					    "a whole number", text);
	*out = (size_t)n;
	return 0;
}

/* "FROM-TO-OFFSET": the next page is of the same range, whatever the time. */
static int read_cursor(struct wanted *w, const char *text, struct problem *p)
{
	int end = 0;

	if (!*text)
		return 0;
	if (sscanf(text, "%15lld-%15lld-%12zu%n", (long long *)&w->from_ms,
		   (long long *)&w->to_ms, &w->page.offset, &end) != 3 ||
	    text[end] || w->to_ms <= w->from_ms || w->from_ms < 0)
		return bad(p, "cursor", "what next of an answer was", text);
	return 0;
}

static int read_shape(struct wanted *w, const char *format, const char *accept,
		      struct problem *p)
{
	static const char *const words[] = { "json", "csv", "ndjson" };

	if (strstr(accept, "text/csv"))
		w->shape = SHAPE_CSV;
	else if (strstr(accept, "ndjson") || strstr(accept, "jsonl"))
		w->shape = SHAPE_NDJSON;
	for (int i = 0; i < 3 && *format; i++) {
		if (strcmp(words[i], format) == 0) {
			w->shape = (enum shape)i;
			return 0;
		}
	}
	return *format ? bad(p, "format", "json, csv or ndjson", format) : 0;
}

static int read_word(bool *out, const char *name, const char *text,
		     const char *no, const char *yes, struct problem *p)
{
	char wants[48];

	snprintf(wants, sizeof(wants), "%s or %s", no, yes);
	if (*text && strcmp(text, no) && strcmp(text, yes))
		return bad(p, name, wants, text);
	*out = strcmp(text, yes) == 0;
	return 0;
}

static int read_wanted(struct wanted *w, json_t *params,
		       const struct request *q, struct problem *p)
{
	json_t *keep = NULL;
	int r;

	w->page.limit = LIMIT_DEFAULT;
	r = read_shape(w, pop_text(params, "format", &keep), q->accept, p);
	if (!r)
		r = read_count(&w->page.limit, "limit",
			       pop_text(params, "limit", &keep), 1, p);
	if (!r)
		r = read_count(&w->page.offset, "offset",
			       pop_text(params, "offset", &keep), 0, p);
	if (!r)
		r = read_cursor(w, pop_text(params, "cursor", &keep), p);
	if (!r)
		r = read_word(&w->wide, "layout",
			      pop_text(params, "layout", &keep), "long",
			      "wide", p);
	if (!r)
		r = read_word(&w->page.epoch, "times",
			      pop_text(params, "times", &keep), "iso", "ms", p);
	json_decref(keep);
	return r;
}

/* ---- the question ---- */

/* A body of POST /query of what is left of the parameters. */
static int make_body(json_t **out, json_t *params, const char *format)
{
	json_t *range = json_object(), *target = json_object();
	json_t *metric = pop(params, "metric"), *points;

	if (!metric)
		metric = pop(params, "target");
	*out = json_object();
	if (json_object_get(params, "from"))
		json_object_set_new(range, "from", pop(params, "from"));
	if (json_object_get(params, "to"))
		json_object_set_new(range, "to", pop(params, "to"));
	points = pop(params, "maxDataPoints");
	if (points)
		json_object_set_new(*out, "maxDataPoints", points);
	json_object_set_new(params, "format", json_string(format));
	json_object_set_new(target, "target",
			    metric ? metric : json_string(""));
	json_object_set(target, "payload", params);
	json_object_set_new(*out, "range", range);
	json_object_set_new(*out, "targets", json_pack("[o]", target));
	return json_array_size(json_object_get(*out, "targets")) ? 0 : -ENOMEM;
}

static int make_request(struct query_request *out, struct wanted *w,
			const json_t *body, struct problem *p)
{
	int r = query_request_parse(out, body, clock_now().wall_ms, p);

	for (size_t i = 0; i < out->count && r == 0; i++) {
		struct query *q = &out->queries[i];

		if (w->to_ms) {
			q->from_ms = w->from_ms;
			q->to_ms = w->to_ms;
		}
	}
	if (r == 0 && out->count) {
		w->from_ms = out->queries[0].from_ms;
		w->to_ms = out->queries[0].to_ms;
	}
	return r;
}

/* Their columns are of other types than those of values. */
static int refuse_events(const struct query_request *request,
			 const char *format, struct problem *p)
{
	for (size_t i = 0; i < request->count; i++) {
		if (live_name(request->queries[i].format))
			return problem_set(p, PROBLEM_BAD_REQUEST,
					   "metric: %s are at /api/v1/targets "
					   "and /api/v1/status",
					   live_name(request->queries[i].format));
		if (request->queries[i].format == QUERY_EVENTS &&
		    strcmp(format, "events"))
			return problem_set(p, PROBLEM_BAD_REQUEST,
					   "metric: events are at "
					   "/api/v1/events");
	}
	return 0;
}

static void put_reply(struct reply *a, struct frame *f, const struct wanted *w)
{
	struct json j = json_writer(&a->body);

	if (w->page.more) {
		snprintf(a->next, sizeof(a->next), "%lld-%lld-%zu",
			 (long long)w->from_ms, (long long)w->to_ms,
			 w->page.offset + w->page.limit);
		frame_notice(f, NOTICE_INFO,
			     "truncated: %zu rows are here, and more follow; "
			     "next is the cursor that asks for them",
			     w->page.limit);
	}
	if (w->shape != SHAPE_JSON) {
		const struct encoder *e = encoder_find(
			w->shape == SHAPE_CSV ? "csv" : "ndjson");

		a->type = e->content_type;
		e->encode(&a->body, &f, 1);
		return;
	}
	json_begin_object(&j);
	encode_rows(&j, f);
	json_put_string(&j, "next", a->next);
	encode_notices(&j, f);
	json_end(&j);
}

typedef int (*shape_fn)(struct frame **out, struct frame *const *frames,
			size_t count, struct row_page *page);

static int cut_first(struct frame **out, struct frame *const *frames,
		     size_t count, struct row_page *page)
{
	(void)count; /* events are one frame */
	return rows_cut(out, frames[0], page);
}

static int answer(const struct request *q, struct reply *a, json_t *params,
		  struct wanted *w, const char *format, shape_fn shape,
		  struct problem *p)
{
	own(query_request_fini) struct query_request request = { 0 };
	own(answers_fini) struct answers answers = { 0 };
	own(json_decrefp) json_t *body = NULL;
	own(frame_freep) struct frame *table = NULL;
	int r;

	if ((r = make_body(&body, params, format)) ||
	    (r = make_request(&request, w, body, p)) ||
	    (r = refuse_events(&request, format, p)) ||
	    (r = ask(&answers, &request, q, a, p)) ||
	    (r = shape(&table, answers.items, answers.count, &w->page)))
		return r;
	put_reply(a, table, w);
	return 0;
}

static int begin(json_t **params, struct wanted *w, const struct request *q,
		 struct problem *p)
{
	int r = params_object(params, q, p);

	return r ? r : read_wanted(w, *params, q, p);
}

int handle_series(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *params = NULL;
	struct wanted w = { 0 };
	int r = begin(&params, &w, q, p);

	return r ? r : answer(q, a, params, &w,
			      w.wide ? "timeseries" : "table",
			      w.wide ? rows_wide : rows_long, p);
}

int handle_latest(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *params = NULL;
	struct wanted w = { 0 };
	int r = begin(&params, &w, q, p);

	if (r == 0 && w.wide)
		r = problem_set(p, PROBLEM_BAD_REQUEST,
				"layout must be long: latest has one row per "
				"series");
	return r ? r : answer(q, a, params, &w, "latest", rows_long, p);
}

int handle_events(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *params = NULL;
	struct wanted w = { 0 };
	int r = begin(&params, &w, q, p);

	if (r == 0 && json_object_get(params, "metric"))
		r = problem_set(p, PROBLEM_BAD_REQUEST,
				"metric: events have none; kind, service and "
				"other labels choose among them");
	return r ? r : answer(q, a, params, &w, "events", cut_first, p);
}

/* ---- labels ---- */

/* Many clients add these to every URL; labels are of all times. */
static void drop_range(json_t *params)
{
	json_object_del(params, "from");
	json_object_del(params, "to");
	json_object_del(params, "maxDataPoints");
}

static int add_values(struct frame *f, struct view *v, const char *label,
		      const struct matcher_list *l)
{
	char **values = NULL;
	size_t count = 0;
	int r = query_label_values(v, label, l->items, l->count, &values,
				   &count);

	for (size_t i = 0; i < count && r == 0; i++) {
		r = cells_add_string(f->fields[0].cells, label);
		if (r == 0)
			r = cells_add_string(f->fields[1].cells, values[i]);
	}
	strings_free(values, count);
	return r;
}

static int all_values(struct frame *f, struct view *v, const char *label,
		      const struct matcher_list *l)
{
	char **names = NULL;
	size_t count = 0;
	int r;

	if (*label)
		return add_values(f, v, label, l);
	r = query_label_names(v, l->items, l->count, &names, &count);
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_values(f, v, names[i], l);
	strings_free(names, count);
	return r;
}

static int label_table(struct frame **out, const struct request *q,
		       const char *label, const struct matcher_list *l,
		       struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	int r = site_view(&view, q->site, p);

	if (r == 0)
		r = frame_new(out, "", "labels", FRAME_TABLE);
	if (r == 0)
		r = frame_add_column(*out, "label", FIELD_STRING, NULL);
	if (r == 0)
		r = frame_add_column(*out, "value", FIELD_STRING, NULL);
	if (r == 0)
		r = all_values(*out, view, label, l);
	if (r == 0 && frame_rows(*out) == 0)
		r = frame_notice(*out, NOTICE_INFO, "no label matches");
	return r;
}

int handle_labels(const struct request *q, struct reply *a, struct problem *p)
{
	own(matcher_list_fini) struct matcher_list matchers = { 0 };
	own(json_decrefp) json_t *params = NULL;
	own(json_decrefp) json_t *keep = NULL;
	own(frame_freep) struct frame *all = NULL;
	own(frame_freep) struct frame *cut = NULL;
	struct wanted w = { .to_ms = 1 }; /* labels have no range */
	const char *label;
	int r = begin(&params, &w, q, p);

	if (r)
		return r;
	label = pop_text(params, "label", &keep);
	if (*label && !label_name_valid(label))
		return bad(p, "label", "the name of a label", label);
	drop_range(params);
	if ((r = matchers_add_payload(&matchers, params, p)) ||
	    (r = label_table(&all, q, label, &matchers, p)) ||
	    (r = rows_cut(&cut, all, &w.page)))
		return r;
	put_reply(a, cut, &w);
	return 0;
}
