#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/wait.h"

#include "schema.h"
#include "store_priv.h"

/* ---- open and close ---- */

/* A free connection, waiting a little for one. Under lock. */
static struct reader *get_reader(struct store *s)
{
	struct timespec until = wait_until(VIEW_WAIT_MS);

	for (;;) {
		for (size_t i = 0; i < READERS_MAX; i++) {
			if (!s->readers[i].busy) {
				s->readers[i].busy = true;
				return &s->readers[i];
			}
		}
		if (pthread_cond_timedwait(&s->reader_free, &s->lock, &until))
			return NULL;
	}
}

/* What is not yet in the database. Under lock. */
static int copy_pending(struct view *v, const struct store *s)
{
	v->pending = malloc((s->pending_count + 1) * sizeof(v->pending[0]));
	v->events = malloc((s->event_count + 1) * sizeof(v->events[0]));
	if (!v->pending || !v->events)
		return -ENOMEM;
	for (size_t i = 0; i < s->pending_count; i++)
		v->pending[v->pending_count++] = tick_ref(s->pending[i]);
	for (size_t i = 0; i < s->event_count; i++)
		v->events[v->event_count++] = event_item_ref(s->events[i]);
	v->event_end = s->event_count ? s->events[0]->id : s->next_event;
	return 0;
}

/* Under lock. */
static int copy_moment(struct view *v, struct store *s)
{
	int r = registry_catalog(&s->registry, &v->catalog);

	if (r == 0)
		r = memory_copy(&v->memory, &s->memory);
	if (r == 0)
		r = copy_pending(v, s);
	if (r)
		return r;
	v->lasts = lasts_ref(s->registry.lasts);
	v->history = history_ref(s->history);
	v->step = s->step;
	v->step.touched = NULL;
	v->plants = plants_ref(s->plants);
	return 0;
}

int view_open(struct view **out, struct store *s)
{
	own(view_closep) struct view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->store = s;
	pthread_mutex_lock(&s->lock);
	v->reader = get_reader(s);
	r = v->reader ? copy_moment(v, s) : -EBUSY;
	pthread_mutex_unlock(&s->lock);
	if (r)
		return r;
	v->joined = calloc(v->catalog->member_count + 1, sizeof(v->joined[0]));
	v->joined_by = calloc(v->catalog->member_count + 1,
			      sizeof(v->joined_by[0]));
	if (!v->joined || !v->joined_by)
		return -ENOMEM;
	*out = take(v);
	return 0;
}

static void give_back(struct store *s, struct reader *reader)
{
	if (!reader)
		return;
	pthread_mutex_lock(&s->lock);
	reader->busy = false;
	pthread_cond_signal(&s->reader_free);
	pthread_mutex_unlock(&s->lock);
}

void view_close(struct view *v)
{
	if (!v)
		return;
	give_back(v->store, v->reader);
	for (size_t i = 0; v->joined && i < v->catalog->member_count; i++)
		labels_fini(&v->joined[i]);
	for (size_t i = 0; i < v->pending_count; i++)
		tick_unref(v->pending[i]);
	for (size_t i = 0; i < v->event_count; i++)
		event_item_unref(v->events[i]);
	catalog_unref(v->catalog);
	lasts_unref(v->lasts);
	history_unref(v->history);
	plants_unref(v->plants);
	memory_fini(&v->memory);
	free(v->pending);
	free(v->events);
	free(v->joined);
	free(v->joined_by);
	free(v);
}

int view_db(struct view *v, sqlite3 **out)
{
	int r = 0;

	if (!v->reader->db)
		r = schema_open_reader(&v->reader->db, v->store->path);
	if (r == 0)
		*out = v->reader->db;
	return r;
}

const struct labels *view_labels(struct view *v, uint32_t member,
				 int64_t as_of_ms)
{
	const struct labels *own_labels =
		&v->catalog->members[member].labels->labels;
	const struct shared_plant *plant = plants_at(v->plants, as_of_ms);
	struct labels joined;

	if (!plant)
		return own_labels;
	if (v->joined_by[member] == plant)
		return &v->joined[member];
	if (labels_copy(&joined, own_labels))
		return NULL;
	if (plant_join(plant->plant, &joined)) {
		labels_fini(&joined);
		return NULL;
	}
	labels_fini(&v->joined[member]);
	v->joined[member] = joined;
	v->joined_by[member] = plant;
	return &v->joined[member];
}

/* ---- scan ---- */

/* A series asked for: its id, and where it stands in the caller's array. */
struct wanted {
	uint32_t id;
	size_t index;
};

struct scan {
	struct view *view;
	uint32_t *ids;	 /* owned; strictly rising */
	size_t *indices; /* owned; by position in ids */
	const struct series *series;
	size_t count;
	int64_t from_ms, to_ms;
	/* Stored points up to here; memory has the rest. */
	bool limited;
	uint32_t limit_epoch;
	int64_t limit_ms;
	scan_fn fn;
	void *arg;
	int result; /* of fn */
	/* the step at hand, folded: */
	double *folded; /* owned */
	bool *has;	/* owned */
};

static void scan_fini(struct scan *s)
{
	free(s->ids);
	free(s->indices);
	free(s->folded);
	free(s->has);
}

/* How many points from the first on lie in (from, to], or do not. */
static size_t run_len(const struct scan *s, const struct stretch *p,
		      size_t first, int64_t to_ms, bool within)
{
	size_t i = first;

	while (i < p->count && (p->times_ms[i] > s->from_ms &&
				p->times_ms[i] <= to_ms) == within)
		i++;
	return i - first;
}

/* Those of the points that lie in (from, to]: nearly always all, else runs
 * that follow each other. */
static bool emit_span(struct scan *s, size_t which, const struct stretch *p,
		      int64_t to_ms)
{
	size_t first = 0, len = run_len(s, p, 0, to_ms, true);

	if (len == p->count) {
		s->result = s->fn(s->arg, s->indices[which], p);
		return s->result == 0;
	}
	while (s->result == 0 && first < p->count) {
		struct stretch run = {p->times_ms + first, p->values + first,
				      len, p->epoch, p->span_ms};

		if (len > 0)
			s->result = s->fn(s->arg, s->indices[which], &run);
		first += len;
		first += run_len(s, p, first, to_ms, false);
		len = run_len(s, p, first, to_ms, true);
	}
	return s->result == 0;
}

/* Points at full resolution. A tick comes a little late now and then, which
 * is no gap yet; one that is missing is. */
static bool emit_ticks(void *arg, size_t which, const int64_t *times_ms,
		       const double *values, size_t count, uint32_t epoch)
{
	struct scan *s = arg;
	struct stretch p = {times_ms, values, count, epoch,
			   s->view->store->options.tick_ms * 3 / 2};

	return emit_span(s, which, &p, s->to_ms);
}

/* Stored points; not those that memory tells in full. */
static bool emit_stored(void *arg, size_t which, const int64_t *times_ms,
			const double *values, size_t count, uint32_t epoch)
{
	struct scan *s = arg;
	struct stretch p = {times_ms, values, count, epoch, 0};
	int64_t to_ms = s->to_ms;

	if (s->limited && epoch > s->limit_epoch)
		return true;
	if (s->limited && epoch == s->limit_epoch && s->limit_ms < to_ms)
		to_ms = s->limit_ms;
	return emit_span(s, which, &p, to_ms);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int sort_wanted(struct scan *s, const struct series *series,
		       size_t count)
{
	own(freep) struct wanted *wanted =
		malloc((count + 1) * sizeof(wanted[0]));

	s->ids = malloc((count + 1) * sizeof(s->ids[0]));
	s->indices = malloc((count + 1) * sizeof(s->indices[0]));
	if (!wanted || !s->ids || !s->indices)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		wanted[i] = (struct wanted){series[i].id, i};
	qsort(wanted, count, sizeof(wanted[0]), compare_wanted);
	for (size_t i = 0; i < count; i++) {
		s->ids[i] = wanted[i].id;
		s->indices[i] = wanted[i].index;
	}
	s->count = count;
	s->series = series;
	return 0;
}

static bool wants_database(const struct scan *s)
{
	const struct history *h = s->view->history;

	for (size_t i = 0; i < h->chain_count; i++) {
		const struct chain *c = &h->chains[i];

		if (c->last_ms <= s->from_ms || c->first_ms > s->to_ms)
			continue;
		if (!s->limited || c->epoch < s->limit_epoch ||
		    (c->epoch == s->limit_epoch && c->first_ms <= s->limit_ms))
			return true;
	}
	return false;
}

/* Told in chunks under the lock of the counter's owner. */
static void count_damaged(struct store *s, uint64_t damaged)
{
	if (damaged == 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->stats.damaged_rows += damaged;
	pthread_mutex_unlock(&s->lock);
}

static int scan_database(struct scan *s)
{
	uint64_t damaged = 0;
	struct head_scan scan = {
		.history = s->view->history,
		.from_ms = s->from_ms,
		.to_ms = s->to_ms,
		.damaged = &damaged,
		.want = s->ids,
		.want_count = s->count,
		.points = emit_stored,
		.arg = s,
	};
	sqlite3 *db;
	int r;

	if (!wants_database(s))
		return 0;
	r = view_db(s->view, &db);
	if (r == 0)
		r = head_scan(db, &scan);
	count_damaged(s->view->store, damaged);
	return r;
}

static int scan_pending(struct scan *s)
{
	for (size_t i = 0; i < s->view->pending_count; i++) {
		const struct tick *t = s->view->pending[i];
		size_t k = 0;

		for (size_t j = 0; j < t->count && k < s->count; j++) {
			while (k < s->count && s->ids[k] < t->ids[j])
				k++;
			if (k < s->count && s->ids[k] == t->ids[j] &&
			    !emit_stored(s, k, &t->time_ms, &t->values[j], 1,
					 t->epoch))
				return 1;
		}
	}
	return 0;
}

static int scan_memory(struct scan *s)
{
	struct memory_scan scan = {
		.want = s->ids,
		.want_count = s->count,
		.epoch = s->limit_epoch,
		.begin_ms = s->limit_ms,
		.later_epochs = true,
		.points = emit_ticks,
		.arg = s,
	};

	return memory_scan(&s->view->memory, &scan);
}

static bool fold_points(void *arg, size_t which, const int64_t *times_ms,
			const double *values, size_t count, uint32_t epoch)
{
	struct scan *s = arg;
	enum column column = s->series[s->indices[which]].column;
	enum metric metric = column_info(column)->metric;
	double *so_far = &s->folded[which];

	(void)times_ms;
	(void)epoch;
	for (size_t i = 0; i < count; i++) {
		*so_far = s->has[which] ? store_fold(metric, *so_far, values[i])
					: values[i];
		s->has[which] = true;
	}
	return true;
}

/* The step that is not over yet, thinned as it will be stored. */
static int scan_step(struct scan *s)
{
	const struct step *step = &s->view->step;
	struct memory_scan scan = {
		.want = s->ids,
		.want_count = s->count,
		.epoch = step->epoch,
		.begin_ms = step->start_ms,
		.points = fold_points,
		.arg = s,
	};
	int r;

	if (!step->open || step->end_ms <= s->from_ms ||
	    step->end_ms > s->to_ms)
		return 0;
	s->folded = calloc(s->count + 1, sizeof(s->folded[0]));
	s->has = calloc(s->count + 1, sizeof(s->has[0]));
	if (!s->folded || !s->has)
		return -ENOMEM;
	r = memory_scan(&s->view->memory, &scan);
	for (size_t i = 0; i < s->count && r == 0; i++) {
		struct stretch p = {&step->end_ms, &s->folded[i], 1,
				   step->epoch, 0};

		if (s->has[i] && !emit_span(s, i, &p, s->to_ms))
			r = 1;
	}
	return r;
}

static void set_limit(struct scan *s, int64_t step_ms)
{
	const struct memory *m = &s->view->memory;

	if (step_ms >= s->view->store->options.resolution_ms || !m->any)
		return;
	s->limited = true;
	s->limit_epoch = m->epoch;
	s->limit_ms = m->begin_ms;
}

int view_scan(struct view *v, const struct series *series, size_t count,
	      int64_t from_ms, int64_t to_ms, int64_t step_ms, scan_fn fn,
	      void *arg)
{
	own(scan_fini) struct scan s = {.view = v,
					.from_ms = from_ms,
					.to_ms = to_ms,
					.fn = fn,
					.arg = arg};
	int r = sort_wanted(&s, series, count);

	if (r || count == 0 || from_ms >= to_ms)
		return r;
	set_limit(&s, step_ms);
	r = scan_database(&s);
	if (r == 0)
		r = scan_pending(&s);
	if (r == 0)
		r = s.limited ? scan_memory(&s) : scan_step(&s);
	return r == 1 ? s.result : r;
}

/* ---- now ---- */

static int compare_line(const void *key, const void *item)
{
	uint32_t id = *(const uint32_t *)key;
	uint32_t other = ((const struct line *)item)->id;

	return (id > other) - (id < other);
}

/* What the series shows now, or NULL when the view does not know it. */
static const struct now_value *now_of(const struct view *v, uint32_t id,
				      bool *open)
{
	const struct catalog *c = v->catalog;
	const struct line *l = NULL;

	if (c->line_count > 0)
		l = bsearch(&id, c->lines, c->line_count, sizeof(c->lines[0]),
			    compare_line);
	if (!l)
		return NULL;
	*open = c->members[l->member].open;
	return &v->lasts->values[l - c->lines];
}

/* The value as of now; false when it is too old to be one. */
static bool still_true(const struct view *v, enum column column,
		       const struct now_value *now, int64_t boot_ns,
		       double *value)
{
	int64_t age_ms = (boot_ns - now->boot_ns) / 1000000;
	int64_t stale_ms = v->store->options.stale_ms;
	bool stale = stale_ms > 0 && age_ms > stale_ms;

	*value = now->value;
	if (column == COL_HEAPWATCH_UP && stale)
		*value = 0;
	else if (column == COL_TARGET_READ_AGE_SECONDS && stale_ms > 0)
		*value += (double)(age_ms > 0 ? age_ms : 0) / 1e3;
	else
		return !stale;
	return true;
}

int view_last(struct view *v, const struct series *series, size_t count,
	      struct point *out, bool *found)
{
	int64_t boot_ns = clock_now().boot_ns;

	for (size_t i = 0; i < count; i++) {
		bool open = false;
		const struct now_value *now = now_of(v, series[i].id, &open);
		double value;

		found[i] = now && open && now->found &&
			   still_true(v, series[i].column, now, boot_ns,
				      &value);
		if (found[i])
			out[i] = (struct point){now->time_ms, value, now->epoch,
						0};
	}
	return 0;
}

enum gap view_gap(struct view *v, const struct series *s)
{
	bool open = false;
	const struct now_value *now = now_of(v, s->id, &open);

	if (!now || !open)
		return GAP_EXITED;
	return (enum gap)now->gap;
}

/* Whether a point of an earlier epoch lies in (from, to]. */
static bool any_before(const struct view *v, uint32_t epoch, int64_t from_ms,
		       int64_t to_ms)
{
	const struct history *h = v->history;

	if (from_ms >= to_ms)
		return false;
	for (size_t i = 0; i < h->chain_count; i++) {
		const struct chain *c = &h->chains[i];

		if (c->epoch < epoch && c->last_ms > from_ms &&
		    c->first_ms <= to_ms)
			return true;
	}
	for (size_t i = 0; i < v->pending_count; i++) {
		const struct tick *t = v->pending[i];

		if (t->epoch < epoch && t->time_ms > from_ms &&
		    t->time_ms <= to_ms)
			return true;
	}
	return false;
}

/* A clock far ahead for a moment left nothing between then and now. */
uint32_t view_epochs(struct view *v, int64_t from_ms, int64_t to_ms)
{
	const struct history *h = v->history;
	uint32_t count = 0;

	for (size_t i = 0; i < h->epoch_count; i++) {
		const struct epoch *e = &h->epochs[i];
		int64_t begin_ms = e->begin_ms - 1;

		count += any_before(v, e->id,
				    begin_ms > from_ms ? begin_ms : from_ms,
				    e->left_ms < to_ms ? e->left_ms : to_ms);
	}
	return count;
}
