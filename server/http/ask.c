#include "ask.h"
#include "live.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void answers_fini(struct answers *a)
{
	for (size_t i = 0; i < a->count; i++)
		frame_free(a->items[i]);
	free(a->items);
	*a = (struct answers){ 0 };
}

/* The questions of one request share what one answer may cost. */
static struct query_limits limits_left(const struct query_limits *whole,
				       const struct cost *spent)
{
	struct query_limits left = *whole;

	left.points_max -= spent->cells;
	left.scan_max -= spent->scanned;
	if (left.points_max < 1)
		left.points_max = 1;
	if (left.scan_max < 0)
		left.scan_max = 0;
	return left;
}

/* The limit that a question ran into may be what others left of it. */
static void explain_limit(struct problem *p, const struct cost *spent)
{
	size_t len = strlen(p->text);

	if (p->code == PROBLEM_TOO_MUCH && (spent->cells || spent->scanned))
		snprintf(p->text + len, sizeof(p->text) - len,
			 " (the targets before it in this request took %lld "
			 "values and %lld stored points)",
			 (long long)spent->cells, (long long)spent->scanned);
}

static const char *target_name(const struct query *q)
{
	const char *live = live_name(q->format);

	if (live)
		return live;
	return q->format == QUERY_EVENTS ? "events" :
					   metric_info(q->metric)->name;
}

/* A problem of the server, not of one target. */
static bool concerns_all(enum problem_code code)
{
	return code == PROBLEM_NONE || code == PROBLEM_BUSY ||
	       code == PROBLEM_UNAVAILABLE || code == PROBLEM_INTERNAL;
}

struct asking {
	struct answers *out;
	const struct site *site;
	struct view *view;
	struct cost *cost; /* of the request so far */
	struct effort effort;
	struct problem first; /* of the targets that failed */
	size_t good;
};

static int add_failed(struct asking *x, const char *ref_id, const char *target,
		      const struct problem *why)
{
	struct frame *f;
	int r = frame_new(&f, ref_id, *target ? target : "error",
			  FRAME_TIMESERIES);

	if (r)
		return r;
	if (x->first.code == PROBLEM_NONE)
		x->first = *why;
	x->out->items[x->out->count++] = f;
	return frame_notice(f, NOTICE_ERROR, "%s", why->text);
}

/* "A:heap_util_rate B:events"; refIds are the client's, so only their plain
 * letters. */
static void note(struct cost *cost, const struct query *q)
{
	size_t used = strlen(cost->query);
	char ref_id[9] = "";

	for (size_t i = 0; q->ref_id[i] && i < sizeof(ref_id) - 1; i++)
		ref_id[i] = isalnum((unsigned char)q->ref_id[i]) ?
				    q->ref_id[i] :
				    '?';
	snprintf(cost->query + used, sizeof(cost->query) - used, "%s%s%s%s",
		 used ? " " : "", ref_id, *ref_id ? ":" : "", target_name(q));
}

bool site_threshold(const struct site *s, enum metric m, struct threshold *out)
{
	own(census_unrefp) struct census *c = census_get(s->board);
	const struct threshold *t = threshold_default(m);

	for (size_t i = 0; c && i < c->threshold_count; i++) {
		if (c->thresholds[i].metric == m)
			t = &c->thresholds[i];
	}
	if (t)
		*out = *t;
	return t != NULL;
}

/* With what the others left, and with what only this server knows. */
static int run_one(struct frame **out, struct asking *x, struct query *q,
		   struct problem *why)
{
	struct query_limits left =
		limits_left(&x->site->options.limits, x->cost);
	struct effort effort = x->effort;
	struct threshold limits;
	int r;

	q->effort = &effort;
	q->stale_ms = x->site->options.stale_ms;
	q->threshold = site_threshold(x->site, q->metric, &limits) ? &limits :
								     NULL;
	r = live_name(q->format) ? live_frame(out, q, x->site) :
				   query_run(out, q, x->view, &left, why);
	q->threshold = NULL;
	q->effort = NULL;
	if (r)
		explain_limit(why, x->cost);
	x->cost->scanned += effort.scanned;
	x->cost->reused += effort.reused;
	return r;
}

static int ask_one(struct asking *x, struct query *q, struct problem *p)
{
	struct problem why = { 0 };
	struct frame *f;
	int r = run_one(&f, x, q, &why);

	if (r == 0 && q->hint) /* without memory it goes unsaid */
		(void)frame_notice(f, NOTICE_INFO, "%s", q->hint);
	if (r && concerns_all(why.code)) {
		*p = why;
		return r;
	}
	if (r) {
		problem_of_query(&why, q->ref_id, target_name(q));
		return add_failed(x, q->ref_id, target_name(q), &why);
	}
	x->cost->cells += (int64_t)(frame_rows(f) * f->field_count);
	x->out->items[x->out->count++] = f;
	x->good++;
	return 0;
}

static int ask_all(struct asking *x, struct query_request *request,
		   struct problem *p)
{
	size_t failed = 0;
	int r = 0;

	for (size_t i = 0; i <= request->count && r == 0; i++) {
		while (r == 0 && failed < request->failure_count &&
		       request->failures[failed].before == i) {
			struct failure *f = &request->failures[failed++];

			r = add_failed(x, f->ref_id, f->target, &f->problem);
		}
		if (r == 0 && i < request->count)
			r = ask_one(x, &request->queries[i], p);
	}
	return r;
}

int ask(struct answers *out, struct query_request *request,
	const struct request *q, struct reply *a, struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	struct asking x = { .out = out,
			    .site = q->site,
			    .cost = &a->cost };
	int r;

	/* before the view: what is flushed by now, the view sees */
	x.effort = (struct effort){ .cache = q->site->cache,
				    .settled = store_settled(q->site->store) };
	r = site_view(&view, q->site, p);
	if (r)
		return r;
	x.view = view;
	out->items = calloc(request->count + request->failure_count + 1,
			    sizeof(*out->items));
	r = out->items ? ask_all(&x, request, p) : -ENOMEM;
	a->cost.targets += request->count + request->failure_count;
	for (size_t i = 0; i < request->count; i++)
		note(&a->cost, &request->queries[i]);
	if (r)
		return r;
	if (x.good == 0 && x.first.code != PROBLEM_NONE) {
		*p = x.first;
		return -EINVAL;
	}
	return 0;
}
