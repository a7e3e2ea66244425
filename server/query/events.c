/*
 * What happened, as a frame whose first columns Grafana maps to annotations.
 */
#include "parts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	E_TIME, E_TIME_END, E_TITLE, E_TEXT, E_TAGS, E_ID, E_KIND, E_NODE,
	E_SERVICE, E_INSTANCE, E_COLUMNS
};

static const struct {
	const char *name;
	enum field_type type;
} columns[E_COLUMNS] = {
	[E_TIME] = { "time", FIELD_TIME_MS },
	[E_TIME_END] = { "timeEnd", FIELD_TIME_MS },
	[E_TITLE] = { "title", FIELD_STRING },
	[E_TEXT] = { "text", FIELD_STRING },
	[E_TAGS] = { "tags", FIELD_STRING },
	[E_ID] = { "id", FIELD_STRING },
	[E_KIND] = { "kind", FIELD_STRING },
	[E_NODE] = { "node", FIELD_STRING },
	[E_SERVICE] = { "service", FIELD_STRING },
	[E_INSTANCE] = { "instance", FIELD_STRING },
};

struct events {
	struct frame *frame;
	const struct query *q;
	size_t most;
	size_t rows;
	bool more;
};

static const char *label(const struct stored_event *e, const char *name)
{
	return labels_get(e->labels, name);
}

/* "target_started" -> "Target started: scada/0" */
static void title_of(const struct stored_event *e, char *out, size_t len)
{
	const char *service = label(e, "service");
	const char *instance = label(e, "instance");
	size_t used;

	snprintf(out, len, "%s", e->kind);
	for (char *c = out; *c; c++)
		*c = *c == '_' ? ' ' : *c;
	*out = (char)toupper((unsigned char)*out);
	used = strlen(out);
	if (service)
		snprintf(out + used, len - used, ": %s/%s", service,
			 instance ? instance : "?");
}

/* Core splits at commas, so a value with one would become two tags. */
static void tags_of(const struct stored_event *e, char *out, size_t len)
{
	static const char *const names[] = { "node", "service" };
	size_t used = (size_t)snprintf(out, len, "%s", e->kind);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = label(e, names[i]);

		if (value && !strchr(value, ',') && used < len)
			used += (size_t)snprintf(out + used, len - used, ",%s",
						 value);
	}
}

static int add_text(struct events *x, int column, const char *text)
{
	struct cells *c = x->frame->fields[column].cells;

	return text ? cells_add_string(c, text) : cells_add_null(c);
}

static int add_time(struct events *x, int column, int64_t ms)
{
	struct cells *c = x->frame->fields[column].cells;

	return ms ? cells_add_i64(c, ms) : cells_add_null(c);
}

static int add_event(struct events *x, const struct stored_event *e)
{
	int64_t shift_ms = x->q->shift_ms;
	char title[600], tags[600], id[24];
	int r;

	title_of(e, title, sizeof(title));
	tags_of(e, tags, sizeof(tags));
	snprintf(id, sizeof(id), "%lld", (long long)e->id);
	r = add_time(x, E_TIME, e->time_ms + shift_ms);
	if (!r)
		r = add_time(x, E_TIME_END,
			     e->end_ms ? e->end_ms + shift_ms : 0);
	if (r || (r = add_text(x, E_TITLE, title)) ||
	    (r = add_text(x, E_TEXT, e->text)) ||
	    (r = add_text(x, E_TAGS, tags)) || (r = add_text(x, E_ID, id)) ||
	    (r = add_text(x, E_KIND, e->kind)) ||
	    (r = add_text(x, E_NODE, label(e, "node"))) ||
	    (r = add_text(x, E_SERVICE, label(e, "service"))))
		return r;
	return add_text(x, E_INSTANCE, label(e, "instance"));
}

/* "kind" is no label of the store, but one may ask for it like one. */
static bool kind_matches(const struct query *q, const char *kind)
{
	struct label item = { (char *)"kind", (char *)kind };
	struct labels l = { &item, 1 };

	for (size_t i = 0; i < q->matcher_count; i++) {
		if (strcmp(q->matchers[i].name, "kind") == 0 &&
		    !matcher_matches(&q->matchers[i], &l))
			return false;
	}
	return true;
}

static int on_event(void *arg, const struct stored_event *e)
{
	struct events *x = arg;

	if (!kind_matches(x->q, e->kind))
		return 0;
	if (x->rows == x->most) {
		x->more = true;
		return 1;
	}
	x->rows++;
	return add_event(x, e);
}

static int make_columns(struct frame *f)
{
	int r = 0;

	for (size_t i = 0; i < E_COLUMNS && r == 0; i++) {
		struct field *field;

		r = frame_add_field(f, &field, columns[i].name,
				    columns[i].type, NULL);
	}
	return r;
}

/* The matchers that the store can judge. */
static size_t without_kind(struct matcher *out, const struct query *q)
{
	size_t count = 0;

	for (size_t i = 0; i < q->matcher_count; i++) {
		if (strcmp(q->matchers[i].name, "kind") != 0)
			out[count++] = q->matchers[i]; /* borrowed */
	}
	return count;
}

static int gather(struct events *x, struct view *v, struct problem *p)
{
	const struct query *q = x->q;
	own(freep) struct matcher *known =
		calloc(q->matcher_count + 1, sizeof(known[0]));
	int r;

	if (!known)
		return -ENOMEM;
	r = view_events(v, known, without_kind(known, q),
			q->from_ms - q->shift_ms, q->to_ms - q->shift_ms,
			on_event, x);
	if (r == -ENOMEM || r >= 0)
		return r < 0 ? r : 0;
	return problem_set(p, PROBLEM_UNAVAILABLE, "the store cannot be read");
}

int events_frame(struct frame **out, const struct query *q, struct view *v,
		 const struct query_limits *limits, struct problem *p)
{
	own(frame_freep) struct frame *f = NULL;
	struct events x = { .q = q,
			    .most = (size_t)limits->points_max / E_COLUMNS };
	int r = frame_new(&f, q->ref_id ? q->ref_id : "", "events",
			  FRAME_TABLE);

	x.frame = f;
	if (r == 0)
		r = make_columns(f);
	if (r == 0)
		r = gather(&x, v, p);
	if (r == 0 && x.more)
		r = frame_notice(f, NOTICE_WARNING,
				 "truncated: only the first %zu events of this "
				 "range are here; ask for a shorter one",
				 x.rows);
	if (r == 0 && x.rows == 0)
		r = frame_notice(f, NOTICE_INFO,
				 "no event matches in this range");
	if (r == 0)
		*out = take(f);
	return r;
}
