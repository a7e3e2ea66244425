/*
 * What happened, as a frame whose first columns Grafana maps to annotations.
 * Collections come only when a condition on kind names them, and then with
 * their numbers in columns of their own.
 */
#include "parts.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/collection.h"

enum {
	E_TIME, E_TIME_END, E_TITLE, E_TEXT, E_TAGS, E_ID, E_KIND, E_NODE,
	E_SERVICE, E_INSTANCE, E_COLUMNS,
	/* of collections */
	E_COLLECTION = E_COLUMNS, E_COLLECTOR, E_CAUSE, E_DURATION, E_PAUSED,
	E_BEFORE, E_AFTER, E_LEFT_OUT, E_ALL_COLUMNS
};

static const struct {
	const char *name;
	enum field_type type;
	const char *unit;
} columns[E_ALL_COLUMNS] = {
	[E_TIME] = { "time", FIELD_TIME_MS, NULL },
	[E_TIME_END] = { "timeEnd", FIELD_TIME_MS, NULL },
	[E_TITLE] = { "title", FIELD_STRING, NULL },
	[E_TEXT] = { "text", FIELD_STRING, NULL },
	[E_TAGS] = { "tags", FIELD_STRING, NULL },
	[E_ID] = { "id", FIELD_STRING, NULL },
	[E_KIND] = { "kind", FIELD_STRING, NULL },
	[E_NODE] = { "node", FIELD_STRING, NULL },
	[E_SERVICE] = { "service", FIELD_STRING, NULL },
	[E_INSTANCE] = { "instance", FIELD_STRING, NULL },
	[E_COLLECTION] = { "collection", FIELD_STRING, NULL },
	[E_COLLECTOR] = { "collector", FIELD_STRING, NULL },
	[E_CAUSE] = { "cause", FIELD_STRING, NULL },
	[E_DURATION] = { "duration_seconds", FIELD_F64, "s" },
	[E_PAUSED] = { "paused", FIELD_BOOL, NULL },
	[E_BEFORE] = { "before_bytes", FIELD_F64, "bytes" },
	[E_AFTER] = { "after_bytes", FIELD_F64, "bytes" },
	[E_LEFT_OUT] = { "left_out", FIELD_I64, NULL },
};

struct events {
	struct frame *frame;
	const struct query *q;
	enum event_choice choice;
	size_t columns;
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

static int add_number(struct events *x, int column, double value)
{
	struct cells *c = x->frame->fields[column].cells;

	return isnan(value) ? cells_add_null(c) : cells_add_f64(c, value);
}

static int add_nulls(struct events *x)
{
	int r = 0;

	for (size_t i = E_COLUMNS; i < x->columns && r == 0; i++)
		r = cells_add_null(x->frame->fields[i].cells);
	return r;
}

static int add_collection(struct events *x, const struct stored_event *e)
{
	struct field *f = x->frame->fields;
	struct collection c;
	int r;

	if (strcmp(e->kind, "collection") != 0 || !collection_read(&c, e->text))
		return add_nulls(x);
	if ((r = add_text(x, E_COLLECTION, c.kind)) ||
	    (r = add_text(x, E_COLLECTOR, c.collector)) ||
	    (r = add_text(x, E_CAUSE, *c.cause ? c.cause : NULL)) ||
	    (r = add_number(x, E_DURATION,
			    c.length_us < 0 ? NAN :
					      (double)c.length_us / 1e6)) ||
	    (r = cells_add_bool(f[E_PAUSED].cells, c.paused)) ||
	    (r = add_number(x, E_BEFORE, c.before_bytes)) ||
	    (r = add_number(x, E_AFTER, c.after_bytes)))
		return r;
	return cells_add_i64(f[E_LEFT_OUT].cells, (int64_t)c.left_out);
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
	r = add_text(x, E_INSTANCE, label(e, "instance"));
	return r || x->columns == E_COLUMNS ? r : add_collection(x, e);
}

/* "kind" is no label of the store, but one may ask for it like one. */
static bool kind_matches(const struct query *q, const char *kind)
{
	return matchers_allow(q->matchers, q->matcher_count, "kind", kind);
}

/* "kind != x" leaves out, so it does not ask for collections. */
static bool names_kinds(const struct query *q)
{
	for (size_t i = 0; i < q->matcher_count; i++) {
		const struct matcher *m = &q->matchers[i];

		if (strcmp(m->name, "kind") == 0 &&
		    (m->op == MATCH_EQUAL || m->op == MATCH_REGEX ||
		     m->op == MATCH_ONE_OF))
			return true;
	}
	return false;
}

static enum event_choice choose(const struct query *q)
{
	if (!names_kinds(q) ||
	    !kind_matches(q, event_word(EVENT_COLLECTION)))
		return EVENTS_NOTABLE;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		if (i != EVENT_COLLECTION &&
		    kind_matches(q, event_word((enum event_kind)i)))
			return EVENTS_ALL;
	}
	return EVENTS_COLLECTIONS;
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

static int make_columns(struct frame *f, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = frame_add_column(f, columns[i].name, columns[i].type,
				     columns[i].unit);
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
	r = view_events(v, x->choice, known, without_kind(known, q),
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
	struct events x = { .q = q, .choice = choose(q) };
	int r = frame_new(&f, q->ref_id ? q->ref_id : "", "events",
			  FRAME_TABLE);

	x.columns = x.choice == EVENTS_NOTABLE ? E_COLUMNS : E_ALL_COLUMNS;
	x.most = (size_t)limits->points_max / x.columns;
	x.frame = f;
	if (r == 0)
		r = make_columns(f, x.columns);
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
