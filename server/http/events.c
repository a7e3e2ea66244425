/* GET /api/v1/events: what happened, a row each, oldest first. */
#include "request_parse.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

#include "route.h"

#define EVENTS_DEFAULT 1000
#define EVENTS_LIMIT   10000

struct asked {
	int64_t from_ms, to_ms, limit;
	const char *kind; /* NULL: any */
	struct matcher_list matchers;
};

static int time_arg(int64_t *out, const struct request *q, const char *name,
		    const char *fallback, int64_t now_ms, struct problem *p)
{
	const char *text = request_arg(q, name);
	own(json_decrefp) json_t *value = json_string(text ? text : fallback);

	if (!value)
		return problem_set(p, PROBLEM_BAD_REQUEST, "%s is no text",
				   name);
	return time_parse(out, value, now_ms, name, p);
}

static int limit_arg(int64_t *out, const struct request *q, struct problem *p)
{
	const char *text = request_arg(q, "limit");
	char *end;

	*out = EVENTS_DEFAULT;
	if (!text)
		return 0;
	*out = strtoll(text, &end, 10);
	if (end == text || *end || *out < 1 || *out > EVENTS_LIMIT)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "limit must be a number from 1 to %d",
				   EVENTS_LIMIT);
	return 0;
}

static bool is_option(const char *name)
{
	static const char *const names[] = { "from", "to", "limit", "kind" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Every other argument is a label to match. */
static int label_args(struct asked *k, const struct request *q,
		      struct problem *p)
{
	int r = 0;

	for (size_t i = 0; i < q->arg_count && !r; i++) {
		own(json_decrefp) json_t *value = NULL;

		if (is_option(q->args[i].name))
			continue;
		value = json_string(q->args[i].value);
		r = value ? matchers_add_value(&k->matchers, q->args[i].name,
					       value, p) :
			    problem_set(p, PROBLEM_BAD_REQUEST,
					"%.64s is no UTF-8 text",
					q->args[i].name);
	}
	return r;
}

static int asked_parse(struct asked *k, const struct request *q,
		       struct problem *p)
{
	int64_t now_ms = clock_now().wall_ms;
	int r;

	k->kind = request_arg(q, "kind");
	if ((r = time_arg(&k->from_ms, q, "from", "now-1h", now_ms, p)) ||
	    (r = time_arg(&k->to_ms, q, "to", "now", now_ms, p)) ||
	    (r = limit_arg(&k->limit, q, p)))
		return r;
	return label_args(k, q, p);
}

/* ---- rows ---- */

struct walk {
	const struct asked *asked;
	struct json *json;
	int64_t count; /* those of that kind */
	int64_t skip;  /* the oldest, beyond the limit */
};

static bool is_asked(const struct walk *w, const struct stored_event *e)
{
	return !w->asked->kind || strcmp(w->asked->kind, e->kind) == 0;
}

static int count_event(void *arg, const struct stored_event *e)
{
	struct walk *w = arg;

	w->count += is_asked(w, e);
	return 0;
}

/* "target_exited" -> "target exited" */
static void put_title(struct json *j, const char *kind)
{
	char title[64];
	size_t i = 0;

	for (; kind[i] && i + 1 < sizeof(title); i++)
		title[i] = kind[i] == '_' ? ' ' : kind[i];
	title[i] = '\0';
	json_put_string(j, "title", title);
}

static void put_tags(struct json *j, const struct stored_event *e)
{
	const char *service = labels_get(e->labels, "service");

	json_key(j, "tags");
	json_begin_array(j);
	json_add_string(j, e->kind);
	if (service)
		json_add_string(j, service);
	json_end(j);
}

static int put_event(void *arg, const struct stored_event *e)
{
	struct walk *w = arg;
	struct json *j = w->json;

	if (!is_asked(w, e) || w->skip-- > 0)
		return 0;
	json_begin_object(j);
	json_put_int(j, "time", e->time_ms);
	json_put_int(j, "timeEnd", e->end_ms ? e->end_ms : e->time_ms);
	put_title(j, e->kind);
	json_put_string(j, "text", e->text);
	put_tags(j, e);
	json_put_string(j, "kind", e->kind);
	for (size_t i = 0; i < e->labels->count; i++)
		json_put_string(j, e->labels->items[i].name,
				e->labels->items[i].value);
	json_end(j);
	return 0;
}

static int put_events(struct json *j, struct view *v, const struct asked *k)
{
	struct walk w = { .asked = k, .json = j };
	int r = view_events(v, k->matchers.items, k->matchers.count,
			    k->from_ms, k->to_ms, count_event, &w);

	w.skip = w.count > k->limit ? w.count - k->limit : 0;
	json_begin_array(j);
	if (!r)
		r = view_events(v, k->matchers.items, k->matchers.count,
				k->from_ms, k->to_ms, put_event, &w);
	json_end(j);
	return r;
}

int handle_events(const struct request *q, struct reply *a, struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	struct json j = json_writer(&a->body);
	struct asked k = { 0 };
	int r = asked_parse(&k, q, p);

	if (!r)
		r = site_view(&view, q->site, p);
	if (!r)
		r = put_events(&j, view, &k);
	matcher_list_fini(&k.matchers);
	return r;
}
