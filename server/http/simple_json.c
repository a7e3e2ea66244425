/* POST /search and /annotations of Grafana's older simple JSON data source. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"

#include "ask.h"
#include "body.h"

/* All names, or those that have the text in them, while a person types. */
int handle_search(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	struct json j = json_writer(&a->body);
	const char *text;
	int r = body_parse(&body, q->body, q->body_len, p);

	if (r)
		return r;
	text = json_string_value(json_object_get(body, "target"));
	json_begin_array(&j);
	for (int m = 0; m < METRIC_COUNT; m++) {
		const char *name = metric_info((enum metric)m)->name;

		if (!text || strstr(name, text))
			json_add_string(&j, name);
	}
	json_end(&j);
	return 0;
}

/* The body of /query that asks the same: annotation.query holds conditions
 * as text, or nothing. */
static int as_query(json_t **out, const json_t *body, struct problem *p)
{
	const json_t *annotation = json_object_get(body, "annotation");
	const json_t *range = json_object_get(body, "range");
	const json_t *text = json_object_get(annotation, "query");

	if (text && !json_is_null(text) && !json_is_string(text))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "annotation.query must be text");
	*out = json_pack("{s:O?, s:[{s:s, s:s, s:{s:s?}}]}", "range", range,
			 "targets", "refId", "A", "target", "events",
			 "payload", "matchers",
			 json_string_value(text));
	return *out ? 0 : -ENOMEM;
}

static const struct cells *column(const struct frame *f, const char *name)
{
	for (size_t i = 0; i < f->field_count; i++) {
		if (strcmp(f->fields[i].name, name) == 0)
			return f->fields[i].cells;
	}
	return NULL;
}

static const char *text_at(const struct frame *f, const char *name, size_t row)
{
	const struct cells *c = column(f, name);

	return c && cells_valid(c, row) ? c->string[row] : "";
}

static void put_tags(struct json *j, const char *tags)
{
	json_key(j, "tags");
	json_begin_array(j);
	while (*tags) {
		size_t len = strcspn(tags, ",");

		json_string_len(j, tags, len);
		tags += len + (tags[len] == ',');
	}
	json_end(j);
}

static void put_event(struct json *j, const struct frame *f, size_t row)
{
	const struct cells *begin = column(f, "time");
	const struct cells *end = column(f, "timeEnd");
	bool region = cells_valid(end, row);

	json_begin_object(j);
	json_put_int(j, "time", begin->i64[row]);
	json_put_int(j, "timeEnd", region ? end->i64[row] : begin->i64[row]);
	json_put_bool(j, "isRegion", region);
	json_put_string(j, "title", text_at(f, "title", row));
	json_put_string(j, "text", text_at(f, "text", row));
	put_tags(j, text_at(f, "tags", row));
	json_put_string(j, "id", text_at(f, "id", row));
	json_end(j);
}

int handle_annotations(const struct request *q, struct reply *a,
		       struct problem *p)
{
	own(query_request_fini) struct query_request request = { 0 };
	own(answers_fini) struct answers answers = { 0 };
	own(json_decrefp) json_t *body = NULL;
	own(json_decrefp) json_t *query = NULL;
	struct json j = json_writer(&a->body);
	int r;

	if ((r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = as_query(&query, body, p)) ||
	    (r = query_request_parse(&request, query, clock_now().wall_ms,
				     p)) ||
	    (r = ask(&answers, &request, q, a, p)))
		return r;
	json_begin_array(&j);
	for (size_t row = 0; row < frame_rows(answers.items[0]); row++)
		put_event(&j, answers.items[0], row);
	json_end(&j);
	return 0;
}
