/* /api/v1/maintenance: planned work, for which states are silenced. */
#include "body.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/maintenance.h"
#include "common/units.h"

#include "door.h"
#include "route.h"

static void put_window(struct json *j, const struct window *w)
{
	json_begin_object(j);
	json_put_string(j, "service", w->service);
	json_put_string(j, "reason", w->reason);
	json_put_int(j, "from_ms", w->from_ms);
	json_put_int(j, "until_ms", w->until_ms);
	json_end(j);
}

int handle_maintenance(const struct request *q, struct reply *a,
		       struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	struct json j = json_writer(&a->body);

	(void)p;
	json_begin_object(&j);
	json_key(&j, "maintenance");
	json_begin_array(&j);
	for (size_t i = 0; c && i < c->windows.count; i++)
		put_window(&j, &c->windows.items[i]);
	json_end(&j);
	json_end(&j);
	return 0;
}

/* ---- start and end ---- */

static int text_field(const char **out, const json_t *body, const char *name,
		      struct problem *p)
{
	*out = json_string_value(json_object_get(body, name));
	if (*out && **out)
		return 0;
	return problem_set(p, PROBLEM_BAD_REQUEST, "%s must be text", name);
}

static int window_parse(struct window **out, const json_t *body,
			struct problem *p)
{
	const char *service, *reason, *length;
	int64_t length_ms = 0;
	int r;

	if ((r = text_field(&service, body, "service", p)) ||
	    (r = text_field(&reason, body, "reason", p)) ||
	    (r = text_field(&length, body, "for", p)))
		return r;
	if (duration_parse(&length_ms, length) || length_ms <= 0 ||
	    length_ms > WINDOW_MS_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "for must be a duration like 30m or 2h, at "
				   "most 30d");
	if (strpbrk(service, "\r\n") || strpbrk(reason, "\r\n"))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "service and reason are one line each");
	if (strlen(reason) > WINDOW_REASON_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "reason may have %d bytes",
				   WINDOW_REASON_MAX);
	r = window_new(out, service, reason, p);
	if (r)
		return r;
	(*out)->from_ms = clock_now().wall_ms;
	(*out)->until_ms = (*out)->from_ms + length_ms;
	return 0;
}

/* Takes what on success. */
static int submit(const struct site *s, enum order_kind kind, void *what,
		  void (*drop)(void *), struct problem *p)
{
	struct order o = { .kind = kind, .what = what, .drop = drop };
	int r = s->options.book ? order_submit(s->options.book, &o) : -EPIPE;

	if (r)
		problem_set(p, PROBLEM_BUSY,
			    "the collector takes no orders now; try again");
	return r;
}

static void drop_window(void *what)
{
	window_free(what);
}

static bool is_full(const struct census *c, const char *service)
{
	for (size_t i = 0; i < c->windows.count; i++) {
		if (strcmp(c->windows.items[i].service, service) == 0)
			return false;
	}
	return c->windows.count >= WINDOWS_MAX;
}

/* A browser sends the page's origin along: no stranger's page may silence. */
static int check_origin(const struct request *q, struct problem *p)
{
	const char *list = q->site->options.cors_origins;

	if (!q->origin || origin_allowed(q->origin, list ? list : ""))
		return 0;
	return problem_set(p, PROBLEM_NOT_PERMITTED,
			   "pages of %.100s may not change anything; "
			   "http.cors_origins lists those that may", q->origin);
}

int handle_maintenance_start(const struct request *q, struct reply *a,
			     struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	own(json_decrefp) json_t *body = NULL;
	own(window_freep) struct window *w = NULL;
	struct json j = json_writer(&a->body);
	int r;

	if ((r = check_origin(q, p)) ||
	    (r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = window_parse(&w, body, p)))
		return r;
	if (c && is_full(c, w->service))
		return problem_set(p, PROBLEM_TOO_MUCH,
				   "there are %d windows of maintenance; end "
				   "one first", WINDOWS_MAX);
	put_window(&j, w);
	r = submit(q->site, ORDER_MAINTENANCE_START, w, drop_window, p);
	if (r)
		return r;
	(void)take(w);
	a->status = 202;
	return 0;
}

int handle_maintenance_end(const struct request *q, struct reply *a,
			   struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	const char *service = request_arg(q, "service");
	own(freep) char *copy = NULL;
	struct json j = json_writer(&a->body);
	bool found = false;
	int r = check_origin(q, p);

	if (r)
		return r;
	if (!service)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "service is missing: ?service=PATTERN");
	for (size_t i = 0; c && i < c->windows.count; i++)
		found |= strcmp(c->windows.items[i].service, service) == 0;
	if (!found)
		return problem_set(p, PROBLEM_UNKNOWN_MAINTENANCE,
				   "there is no maintenance of %.100s",
				   service);
	copy = strdup(service);
	if (!copy)
		return -ENOMEM;
	json_begin_object(&j);
	json_put_string(&j, "service", service);
	json_end(&j);
	r = submit(q->site, ORDER_MAINTENANCE_END, copy, free, p);
	if (r)
		return r;
	(void)take(copy);
	a->status = 202;
	return 0;
}
