#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/version.h"

/* ---- rows of a table ---- */

static int add_text(struct frame *f, size_t column, const char *text)
{
	struct cells *c = f->fields[column].cells;

	return text && *text ? cells_add_string(c, text) : cells_add_null(c);
}

/* Does the question want what has these labels? Attributes stand behind. */
static bool wanted(const struct query *q, const struct labels *labels,
		   const struct labels *attributes)
{
	for (size_t i = 0; i < q->matcher_count; i++) {
		const struct matcher *m = &q->matchers[i];
		bool own = !attributes || labels_get(labels, m->name);

		if (!matcher_matches(m, own ? labels : attributes))
			return false;
	}
	return true;
}

/* ---- targets ---- */

struct row {
	const struct census_target *target;
	struct labels labels; /* with the plant's, and those one may ask for */
};

struct rows {
	struct row *items; /* owned */
	size_t count;
};

static void rows_fini(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		labels_fini(&rows->items[i].labels);
	free(rows->items);
}

static const char *yes_no(bool value)
{
	return value ? "yes" : "no";
}

/* Asked for like labels; they have columns of their own. */
static int set_conditions(struct labels *l, const struct census_target *t)
{
	int r = labels_set(l, "state", state_word(t->state));

	if (!r)
		r = labels_set(l, "silenced", yes_no(t->silenced));
	return r ? r : labels_set(l, "watched", yes_no(t->watched));
}

static int add_row(struct rows *rows, const struct query *q,
		   const struct site *s, const struct census_target *t)
{
	struct row *row = &rows->items[rows->count];
	int r = labels_copy(&row->labels, &t->entity.labels);

	row->target = t;
	if (!r)
		r = store_join_plant(s->store, &row->labels);
	if (!r)
		r = set_conditions(&row->labels, t);
	if (!r && wanted(q, &row->labels, &t->entity.attributes))
		rows->count++;
	else
		labels_fini(&row->labels);
	return r == -ENOSPC ? 0 : r;
}

/* Worst first; of two that are equally ill, the one that is so for longer. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->target->state != y->target->state)
		return x->target->state > y->target->state ? -1 : 1;
	if (x->target->state_since_boot_ns != y->target->state_since_boot_ns)
		return x->target->state_since_boot_ns <
				       y->target->state_since_boot_ns ?
			       -1 :
			       1;
	return labels_compare(&x->labels, &y->labels);
}

enum {
	T_STATE,
	T_SINCE,
	T_REASON,
	T_SILENCED,
	T_STARTED,
	T_PID,
	T_SERVICE,
	T_INSTANCE,
	T_NODE,
	T_RUNTIME,
	T_VERSION,
	T_BUILD_ID,
	T_BOUND,
	T_COLUMNS
};

static const struct {
	const char *name;
	enum field_type type;
} target_columns[T_COLUMNS] = {
	[T_STATE] = { "state", FIELD_STRING },
	[T_SINCE] = { "since", FIELD_TIME_MS },
	[T_REASON] = { "reason", FIELD_STRING },
	[T_SILENCED] = { "maintenance", FIELD_STRING },
	[T_STARTED] = { "started", FIELD_TIME_MS },
	[T_PID] = { "pid", FIELD_I64 },
	[T_SERVICE] = { "service", FIELD_STRING },
	[T_INSTANCE] = { "instance", FIELD_STRING },
	[T_NODE] = { "node", FIELD_STRING },
	[T_RUNTIME] = { "runtime", FIELD_STRING },
	[T_VERSION] = { "version", FIELD_STRING },
	[T_BUILD_ID] = { "build_id", FIELD_STRING },
	[T_BOUND] = { "bound", FIELD_STRING },
};

/* The plant's labels follow the fixed columns. */
static bool has_column(const struct frame *f, const char *name)
{
	static const char *const conditions[] = { "silenced", "watched" };

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		if (strcmp(name, conditions[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < f->field_count; i++) {
		if (strcmp(name, f->fields[i].name) == 0)
			return true;
	}
	return false;
}

static int add_target_columns(struct frame *f, const struct rows *rows)
{
	int r = 0;

	for (size_t i = 0; i < T_COLUMNS && !r; i++)
		r = frame_add_column(f, target_columns[i].name,
			       target_columns[i].type, NULL);
	for (size_t i = 0; i < rows->count && !r; i++) {
		const struct labels *l = &rows->items[i].labels;

		for (size_t k = 0; k < l->count && !r; k++) {
			if (!has_column(f, l->items[k].name))
				r = frame_add_column(f, l->items[k].name,
					       FIELD_STRING, NULL);
		}
	}
	return r;
}

/* A state never lasts from before the process. */
static int put_times(struct frame *f, const struct census_target *t,
		     struct now now)
{
	struct cells *since = f->fields[T_SINCE].cells;
	struct cells *started = f->fields[T_STARTED].cells;
	int64_t since_ms = clock_wall_of(now, t->state_since_boot_ns);
	int r = cells_add_i64(since, since_ms);

	return r ? r : cells_add_i64(started, t->entity.start_wall_ms);
}

static int put_target(struct frame *f, const struct row *row, struct now now)
{
	const struct census_target *t = row->target;
	int r = put_times(f, t, now);

	if (!r)
		r = add_text(f, T_STATE, state_word(t->state));
	if (!r)
		r = add_text(f, T_REASON,
			     t->watched ? t->state_reason : t->reason);
	if (!r)
		r = add_text(f, T_SILENCED,
			     t->silenced ? t->silence_reason : NULL);
	if (!r)
		r = cells_add_i64(f->fields[T_PID].cells, t->entity.key.pid);
	for (size_t i = T_SERVICE; i < f->field_count && !r; i++) {
		const char *name = f->fields[i].name;
		const char *value = labels_get(&row->labels, name);

		if (!value)
			value = labels_get(&t->entity.attributes, name);
		r = add_text(f, i, value);
	}
	return r;
}

static int fill_targets(struct frame *f, const struct query *q,
			const struct site *s, const struct census *c)
{
	struct rows rows = { 0 };
	int r = 0;

	rows.items = calloc(c->target_count + 1, sizeof(rows.items[0]));
	if (!rows.items)
		return -ENOMEM;
	for (size_t i = 0; i < c->target_count && !r; i++)
		r = add_row(&rows, q, s, &c->targets[i]);
	if (!r) {
		qsort(rows.items, rows.count, sizeof(rows.items[0]), compare);
		r = add_target_columns(f, &rows);
	}
	for (size_t i = 0; i < rows.count && !r; i++)
		r = put_target(f, &rows.items[i], c->now);
	rows_fini(&rows);
	return r;
}

/* ---- status ---- */

struct figure {
	const char *name, *unit;
	double value;
};

static int put_figures(struct frame *f, const struct figure *figures,
		       size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		r = frame_add_column(f, figures[i].name, FIELD_F64,
				     figures[i].unit);
		if (!r)
			r = cells_add_f64(f->fields[f->field_count - 1].cells,
					  figures[i].value);
	}
	return r;
}

static size_t count_watched(const struct census *c)
{
	size_t watched = 0;

	for (size_t i = 0; i < c->target_count; i++)
		watched += c->targets[i].watched;
	return watched;
}

static int put_collector(struct frame *f, const struct site *s,
			 const struct census *c)
{
	double up_ns = (double)(clock_monotonic_ns() - s->started_ns);
	double watched = (double)count_watched(c);
	const struct figure figures[] = {
		{ "uptime", "s", up_ns / 1e9 },
		{ "watched", "short", watched },
		{ "not_watched", "short", (double)c->target_count - watched },
		{ "lacks", "short", (double)c->lack_count },
		{ "late_ticks", "short", (double)c->late_ticks },
		{ "ring_lost", "short", (double)c->ring_lost },
		{ "batches_dropped", "short", (double)queue_dropped(s->queue) },
		{ "queue_depth", "short", (double)queue_depth(s->queue) },
	};

	return put_figures(f, figures, ARRAY_SIZE(figures));
}

static struct store_stats stats_of(struct store *store)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats;
}

static int put_store(struct frame *f, const struct site *s)
{
	const struct store_stats x = stats_of(s->store);
	const struct figure figures[] = {
		{ "file", "bytes", (double)x.file_bytes },
		{ "series", "short", (double)x.series },
		{ "flush", "s", (double)x.flush_ns / 1e9 },
		{ "write_errors", "short", (double)x.write_errors },
		{ "lost_samples", "short", (double)x.lost_samples },
		{ "damaged_rows", "short", (double)x.damaged_rows },
		{ "requests", "short", (double)atomic_load(&s->requests) },
		{ "refused", "short", (double)atomic_load(&s->refused) },
	};

	return put_figures(f, figures, ARRAY_SIZE(figures));
}

static int fill_status(struct frame *f, const struct query *q,
		       const struct site *s, const struct census *c)
{
	int r = frame_add_column(f, "node", FIELD_STRING, NULL);

	(void)q;
	if (!r)
		r = add_text(f, 0, s->options.node);
	if (!r)
		r = frame_add_column(f, "version", FIELD_STRING, NULL);
	if (!r)
		r = add_text(f, 1, heapwatch_version());
	if (!r)
		r = put_collector(f, s, c);
	return r ? r : put_store(f, s);
}

/* ---- lacks ---- */

static int fill_lacks(struct frame *f, const struct query *q,
		      const struct site *s, const struct census *c)
{
	static const char *const columns[] = { "node", "what", "needs",
					       "reason" };
	int r = 0;

	(void)q;
	for (size_t i = 0; i < ARRAY_SIZE(columns) && !r; i++)
		r = frame_add_column(f, columns[i], FIELD_STRING, NULL);
	for (size_t i = 0; i < c->lack_count && !r; i++) {
		if ((r = add_text(f, 0, s->options.node)) ||
		    (r = add_text(f, 1, c->lacks[i].what)) ||
		    (r = add_text(f, 2, c->lacks[i].needs)))
			break;
		r = add_text(f, 3, c->lacks[i].reason);
	}
	return r;
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	enum query_format format;
	int (*fill)(struct frame *f, const struct query *q,
		    const struct site *s, const struct census *c);
	bool of_node; /* only matchers of the node play a part */
} tables[] = {
	{ "targets", QUERY_TARGETS, fill_targets, false },
	{ "status", QUERY_STATUS, fill_status, true },
	{ "lacks", QUERY_LACKS, fill_lacks, true },
};

bool live_format(enum query_format *out, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (strcmp(tables[i].name, word) == 0) {
			*out = tables[i].format;
			return true;
		}
	}
	return false;
}

const char *live_name(enum query_format format)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (tables[i].format == format)
			return tables[i].name;
	}
	return NULL;
}

/* Filters of a dashboard concern services; here they say nothing. */
static bool node_wanted(const struct query *q, const char *node)
{
	return matchers_allow(q->matchers, q->matcher_count, "node", node);
}

int live_frame(struct frame **out, const struct query *q, const struct site *s)
{
	own(census_unrefp) struct census *c = census_get(s->board);
	own(frame_freep) struct frame *f = NULL;
	const char *name = live_name(q->format);
	int r = frame_new(&f, q->ref_id ? q->ref_id : "", name, FRAME_TABLE);

	if (!r && !c)
		r = frame_notice(f, NOTICE_INFO,
				 "the first round over all processes is not "
				 "done yet");
	for (size_t i = 0; i < ARRAY_SIZE(tables) && !r && c; i++) {
		if (tables[i].format == q->format &&
		    (!tables[i].of_node || node_wanted(q, s->options.node)))
			r = tables[i].fill(f, q, s, c);
	}
	if (!r)
		*out = take(f);
	return r;
}
