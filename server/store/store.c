#include "store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "common/array.h"
#include "common/log.h"

#include "salvage.h"
#include "schema.h"
#include "store_priv.h"

#define RESOLUTION_MIN_MS   100
#define BYTES_MIN	    (2 << 20) /* a lower cap counts as this one */
#define HELD_SAMPLES_MAX    2000000   /* 32 MB */
#define HELD_BATCH_SAMPLES  64        /* a batch itself counts for so many */
#define PENDING_SAMPLES_MAX 2000000   /* 24 MB */
#define EVENTS_MAX	    10000     /* not yet written */
#define GAPS_MAX	    200000
#define ENDED_MAX	    1000
#define CLOCK_SLACK_MS	    1000 /* between two batches no step yet */

/* ---- open and close ---- */

/* One heapwatch at a time; the lock goes with the process. */
static int lock_file(struct store *s, struct problem *p)
{
	s->lock_fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->lock_fd < 0)
		return -errno;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	problem_set(p, PROBLEM_UNAVAILABLE,
		    "the database %s is in use by another heapwatch; stop it "
		    "or choose another file",
		    s->path);
	return -EINVAL;
}

/* What follows from the bound of all files. */
static void bound_files(struct store *s)
{
	if (s->options.retention_bytes > 0 &&
	    s->options.retention_bytes < BYTES_MIN)
		s->options.retention_bytes = BYTES_MIN;
	s->wal_pages = WAL_PAGES_MAX;
	s->ballast = BALLAST_MAX;
	if (s->options.retention_bytes > 0) {
		int64_t pages = s->options.retention_bytes / 4096 / 16;

		if (pages < s->wal_pages)
			s->wal_pages = pages < WAL_PAGES_MIN ? WAL_PAGES_MIN
							     : (int)pages;
		if (s->options.retention_bytes / 32 < s->ballast)
			s->ballast = s->options.retention_bytes / 32;
	}
}

/* Ids that a salvage found in use without the row that gives their name. */
static int raise_ids(struct store *s)
{
	struct registry *g = &s->registry;
	int64_t series = 0, entity = 0;
	int r = db_int(s->db, "SELECT CAST(value AS INTEGER) FROM meta"
			      " WHERE name = 'series_floor'",
		       &series);

	if (r == 0)
		r = db_int(s->db, "SELECT CAST(value AS INTEGER) FROM meta"
				  " WHERE name = 'entity_floor'",
			   &entity);
	if (series > g->next_series && series < UINT32_MAX)
		g->next_series = (uint32_t)series;
	if (entity > g->next_entity && entity < UINT32_MAX)
		g->next_entity = (uint32_t)entity;
	return r;
}

static void set_options(struct store *s, const struct store_options *o)
{
	s->options = *o;
	s->options.path = NULL;
	if (s->options.resolution_ms < RESOLUTION_MIN_MS)
		s->options.resolution_ms = RESOLUTION_MIN_MS;
	/* The step at hand is told from memory. */
	if (s->options.memory_ms < 2 * s->options.resolution_ms)
		s->options.memory_ms = 2 * s->options.resolution_ms;
	if (s->options.ended_max == 0)
		s->options.ended_max = ENDED_MAX;
	bound_files(s);
}

static int load_plants(struct store *s)
{
	own(freep) char *text = NULL;
	int r = store_meta_get(s, "plant", &text);

	if (r)
		return r == -ENOENT ? 0 : r;
	return plants_read(&s->plants, text);
}

static int load(struct store *s)
{
	const struct history *h;
	int64_t last = 0;
	int r;

	if ((r = persist_load(s->db, &s->registry, &s->columns)) ||
	    (r = head_load(s->db, &s->history, &s->next_row)) ||
	    (r = db_int(s->db, "SELECT max(id) FROM events", &last)))
		return r;
	r = load_plants(s);
	if (r)
		return r;
	s->next_event = last + 1;
	r = raise_ids(s);
	if (r)
		return r;
	s->stats.series = s->registry.series_count;
	s->stats.entities = s->registry.entry_count;
	h = s->history;
	if (h->epoch_count > 0)
		s->epoch = h->epochs[h->epoch_count - 1].id;
	if (h->chain_count > 0) {
		const struct chain *c = &h->chains[h->chain_count - 1];

		if (c->epoch >= s->epoch) {
			s->epoch = c->epoch;
			s->wall_ms = c->last_ms;
		}
	}
	return 0;
}

static void store_free(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < READERS_MAX; i++)
		sqlite3_close(s->readers[i].db);
	sqlite3_close(s->db);
	for (size_t i = 0; i < s->held_count; i++)
		batch_free(s->held[i]);
	for (size_t i = 0; i < s->pending_count; i++)
		tick_unref(s->pending[i]);
	for (size_t i = 0; i < s->event_count; i++)
		event_item_unref(s->events[i]);
	free(s->held);
	free(s->pending);
	free(s->events);
	free(s->gaps);
	free(s->step.touched);
	chain_state_reset(&s->chain);
	registry_fini(&s->registry);
	memory_fini(&s->memory);
	history_unref(s->history);
	for (size_t i = 0; i < s->fact_count; i++) {
		free(s->facts[i].key);
		free(s->facts[i].value);
	}
	free(s->facts);
	plants_unref(s->plants);
	plant_free(s->plant_waiting);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->reader_free);
	fd_closep(&s->lock_fd);
	free(s->path);
	free(s);
}
OWN_DEFINE(struct store *, store_free)

static int open_once(struct store *s, struct problem *p)
{
	int r = schema_open(&s->db, s->path, s->wal_pages, p);

	if (r)
		return r;
	r = load(s);
	if (r)
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "cannot read the database %s: %s; move it away, "
			    "and heapwatch starts a new one",
			    s->path, strerror(-r));
	return r;
}

/* As if nothing had been read. */
static int unload(struct store *s)
{
	sqlite3_close(take(s->db));
	registry_fini(&s->registry);
	history_unref(take(s->history));
	plants_unref(take(s->plants));
	s->columns = (struct column_ids){0};
	s->epoch = 0;
	s->wall_ms = INT64_MIN;
	return registry_init(&s->registry);
}

/* The damaged file goes aside; what can be read comes back in a new one. */
static int salvage(struct store *s, struct problem *p)
{
	struct salvage found;
	int r = unload(s);

	if (r == 0)
		r = salvage_run(&found, s->path, s->wal_pages, p);
	if (r)
		return r;
	fd_closep(&s->lock_fd);
	r = lock_file(s, p);
	if (r)
		return r;
	s->stats.salvaged_rows = found.rows;
	s->stats.salvage_holes = found.holes;
	s->stats.salvage_error = found.error;
	snprintf(s->stats.salvaged_from, sizeof(s->stats.salvaged_from),
		 "%s-damaged", s->path);
	return open_once(s, p);
}

static int open_file(struct store *s, struct problem *p)
{
	int r = salvage_unfinished(s->path) ? salvage(s, p) : open_once(s, p);

	if (r == -ENOSPC || r == -EIO) {
		/* Where the disk is full, not even the WAL can be opened. */
		retention_give_ballast(s);
		r = unload(s);
		if (r == 0)
			r = open_once(s, p);
	}
	if (r == -EBADMSG && salvage_is_ours(s->path))
		r = salvage(s, p);
	return r;
}

int store_open(struct store **out, const struct store_options *o,
	       struct problem *p)
{
	own(store_freep) struct store *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	if (r == 0) {
		s->lock_fd = -1;
		s->wall_ms = INT64_MIN;
		pthread_mutex_init(&s->lock, NULL);
		pthread_cond_init(&s->reader_free, NULL);
		set_options(s, o);
		s->path = strdup(o->path);
		if (!s->path || registry_init(&s->registry))
			r = -ENOMEM;
	}
	if (r == 0)
		r = schema_make(s->path, p);
	if (r == 0)
		r = lock_file(s, p);
	if (r == 0)
		r = open_file(s, p);
	if (r == -ENOMEM)
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "not enough memory to open the database %s",
			    o->path);
	if (r)
		return r;
	s->damaged = salvage_kept_bytes(s->path);
	retention_prepare(s);
	*out = take(s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < READERS_MAX; i++)
		assert(!s->readers[i].busy);
	if (s->held_count > 0)
		log_warn("samples without a right time are lost batches=%zu",
			 s->held_count);
	store_flush(s);
	store_free(s);
}

/* ---- steps ---- */

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Indices rise with ids. */
static void sort_touched(struct step *step)
{
	for (size_t i = 1; i < step->touched_count; i++) {
		if (step->touched[i - 1] > step->touched[i]) {
			qsort(step->touched, step->touched_count,
			      sizeof(step->touched[0]), compare_ids);
			return;
		}
	}
}

static int step_tick(struct store *s, struct tick **out, bool cut)
{
	struct step *step = &s->step;
	struct tick *t;
	int r = tick_new(&t, cut ? step->last_ms : step->end_ms, step->epoch,
			 step->touched_count);

	if (r)
		return r;
	sort_touched(step);
	for (size_t i = 0; i < t->count; i++) {
		const struct series_state *series =
			&s->registry.series[step->touched[i]];

		t->ids[i] = series->id;
		t->values[i] = series->folded;
	}
	*out = t;
	return 0;
}

/* What cannot be written for long goes, oldest first. */
static void bound_pending(struct store *s)
{
	size_t gone = 0;

	while (s->pending_samples > PENDING_SAMPLES_MAX &&
	       gone + 1 < s->pending_count) {
		s->pending_samples -= s->pending[gone]->count;
		s->stats.lost_samples += s->pending[gone]->count;
		tick_unref(s->pending[gone++]);
	}
	s->pending_count -= gone;
	memmove(s->pending, s->pending + gone,
		s->pending_count * sizeof(s->pending[0]));
}

int store_finish_step(struct store *s, bool cut)
{
	struct step *step = &s->step;
	struct tick *t = NULL;
	int r;

	if (!step->open)
		return 0;
	r = array_room(&s->pending, s->pending_count, &s->pending_cap);
	if (r == 0)
		r = step_tick(s, &t, cut);
	if (r) {
		s->stats.lost_samples += step->touched_count;
	} else {
		if (s->pending_count == 0)
			s->pending_since_ns = step->start_boot_ns;
		s->pending[s->pending_count++] = t;
		s->pending_samples += t->count;
		bound_pending(s);
	}
	/* What comes of the same step begins behind the cut. */
	step->start_ms = cut ? step->last_ms : step->end_ms;
	step->open = false;
	step->touched_count = 0;
	step->stamp++;
	return r;
}

static void open_step(struct store *s, int64_t end_ms)
{
	struct step *step = &s->step;
	int64_t start_ms = end_ms - s->options.resolution_ms;

	if (step->epoch != s->epoch || step->start_ms < start_ms)
		step->start_ms = start_ms;
	step->open = true;
	step->epoch = s->epoch;
	step->end_ms = end_ms;
	step->start_boot_ns =
		s->boot_ns - (s->wall_ms - step->start_ms) * 1000000;
	if (step->stamp == 0)
		step->stamp = 1; /* 0 marks a series without any value */
}

static int fold_sample(struct store *s, uint32_t line, double value)
{
	struct series_state *series = &s->registry.series[line];
	struct step *step = &s->step;
	enum metric metric = column_info(series->column)->metric;
	int r;

	if (series->stamp == step->stamp) {
		series->folded = store_fold(metric, series->folded, value);
		return 0;
	}
	r = array_room(&step->touched, step->touched_count, &step->touched_cap);
	if (r)
		return r;
	step->touched[step->touched_count++] = line;
	series->stamp = step->stamp;
	series->folded = value;
	series->valued = true;
	return 0;
}

/* ---- taking a batch: all under lock ---- */

static void note_other(struct store *s)
{
	if (s->other_since_ns == 0)
		s->other_since_ns = s->boot_ns;
}

static int add_gap_change(struct store *s, const struct series_state *series,
			  uint8_t reason, int64_t to_ms)
{
	if (s->gap_count == GAPS_MAX)
		return -ENOSPC;
	if (array_room(&s->gaps, s->gap_count, &s->gap_cap))
		return -ENOMEM;
	s->gaps[s->gap_count++] = (struct gap_change){
		series->entry->member.id, series->column, reason,
		series->gap_from_ms,	  to_ms,
	};
	note_other(s);
	return 0;
}

static int set_gap(struct store *s, uint32_t line, uint8_t reason)
{
	struct series_state *series = &s->registry.series[line];
	struct now_value *now = &s->registry.lasts->values[line];
	int r = 0;

	if (now->gap == reason)
		return 0;
	if (now->gap != GAP_NONE)
		r = add_gap_change(s, series, now->gap, s->wall_ms);
	now->gap = reason;
	if (reason != GAP_NONE) {
		now->found = false;
		series->gap_from_ms = s->wall_ms;
		if (r == 0)
			r = add_gap_change(s, series, reason, 0);
	}
	return r;
}

static int close_series(struct store *s, const struct entry *e)
{
	int r = registry_lasts(&s->registry);

	for (int c = 0; c < COL_COUNT && r == 0; c++) {
		uint32_t line = e->line_of[c];

		if (line == NO_LINE)
			continue;
		r = set_gap(s, line, GAP_NONE);
		s->registry.lasts->values[line].found = false;
	}
	return r;
}

/* reason: copied; may be NULL. */
static int close_entry(struct store *s, struct entry *e, int64_t end_ms,
		       const char *reason)
{
	e->member.open = false;
	e->dirty = true;
	if (s->wall_ms > e->seen_ms)
		e->seen_ms = s->wall_ms;
	/* Its last step ends after its last sample. */
	e->member.to_ms = (end_ms > e->seen_ms ? end_ms : e->seen_ms) +
			  s->options.resolution_ms;
	free(e->reason);
	e->reason = reason ? strdup(reason) : NULL;
	catalog_unref(take(s->registry.catalog));
	note_other(s);
	return close_series(s, e);
}

/* A number that the entry does not have any more is of a program that the
 * same program replaced: the entry goes on. */
static int take_close(struct store *s, const struct batch *b,
		      const struct batch_close *c)
{
	struct entry *e = map_get(&s->registry.by_number, c->entity);

	if (!e || !e->member.open || e->number != c->entity)
		return 0;
	return close_entry(s, e, clock_wall_of(b->now, c->boot_ns), c->reason);
}

static int take_entity(struct store *s, const struct entity *from)
{
	struct registry *g = &s->registry;
	struct entry *e, *before = registry_namesake(g, from);
	int r = registry_entry(g, &e, from, 0, s->wall_ms);

	/* One of the last run, which nobody will close. */
	if (r == 0 && before && before != e && before->member.open &&
	    before->number == 0)
		r = close_entry(s, before, s->wall_ms, "replaced");
	if (r == 0)
		r = registry_attributes(g, e, &from->attributes, s->wall_ms);
	if (r == 0)
		r = registry_number(g, e, from->number);
	if (r)
		return r;
	if (!e->member.open) {
		e->member.open = e->dirty = true;
		e->member.to_ms = INT64_MAX;
		free(take(e->reason));
		catalog_unref(take(g->catalog));
	}
	/* Those of earlier boots are told only to be closed. */
	if (e->kind == ENTITY_MACHINE && e->member.id > s->machine)
		s->machine = e->member.id;
	if (e->dirty || e->attributes_dirty)
		note_other(s);
	return 0;
}

static int take_gap(struct store *s, const struct batch_gap *gap)
{
	struct entry *e = map_get(&s->registry.by_number, gap->entity);
	uint32_t line;
	int r;

	if (!e || gap->column >= COL_COUNT || gap->reason >= GAP_COUNT)
		return 0;
	if (gap->reason == GAP_NONE && e->line_of[gap->column] == NO_LINE)
		return 0;
	r = registry_series(&s->registry, &line, e, gap->column, 0);
	if (r == 0)
		r = registry_lasts(&s->registry);
	return r ? r : set_gap(s, line, gap->reason);
}

struct pair {
	uint32_t id, order;
	double value;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* By id, the last one of several for the same series. */
static size_t order_pairs(struct pair *pairs, size_t count)
{
	size_t kept = 0, i = 1;

	while (i < count && pairs[i - 1].id < pairs[i].id)
		i++;
	if (i >= count)
		return count;
	qsort(pairs, count, sizeof(pairs[0]), compare_pairs);
	for (i = 0; i < count; i++) {
		if (i + 1 == count || pairs[i].id != pairs[i + 1].id)
			pairs[kept++] = pairs[i];
	}
	return kept;
}

static int remember(struct store *s, struct pair *pairs, size_t count)
{
	struct tick *t;
	int r;

	count = order_pairs(pairs, count);
	if (count == 0)
		return 0;
	r = tick_new(&t, s->wall_ms, s->epoch, count);
	if (r)
		return r;
	for (size_t i = 0; i < count; i++) {
		t->ids[i] = pairs[i].id;
		t->values[i] = pairs[i].value;
	}
	r = memory_add(&s->memory, t, s->boot_ns,
		       s->options.memory_ms * 1000000,
		       s->options.resolution_ms);
	tick_unref(t);
	return r;
}

static int take_sample(struct store *s, struct entry *e,
		       const struct sample *sample, struct pair *pair)
{
	struct now_value *now;
	uint32_t line;
	int r = registry_series(&s->registry, &line, e, sample->column, 0);

	if (r)
		return r;
	now = &s->registry.lasts->values[line];
	if (now->gap != GAP_NONE)
		r = set_gap(s, line, GAP_NONE);
	*now = (struct now_value){s->wall_ms, s->boot_ns, sample->value,
				  s->epoch,   true,	  GAP_NONE};
	pair->id = s->registry.series[line].id;
	pair->value = sample->value;
	return r ? r : fold_sample(s, line, sample->value);
}

static int take_samples(struct store *s, const struct batch *b)
{
	own(freep) struct pair *pairs =
		malloc((b->sample_count + 1) * sizeof(pairs[0]));
	uint32_t number = 0;
	struct entry *e = NULL;
	size_t count = 0;
	int r = pairs ? registry_lasts(&s->registry) : -ENOMEM;

	if (b->sample_count > 0 && !s->step.open)
		open_step(s, step_end(s->wall_ms, s->options.resolution_ms));
	s->step.last_ms = s->wall_ms;
	for (size_t i = 0; i < b->sample_count && r == 0; i++) {
		const struct sample *sample = &b->samples[i];

		if (sample->entity != number || !e) {
			number = sample->entity;
			e = map_get(&s->registry.by_number, number);
		}
		if (!e || sample->column >= COL_COUNT)
			continue;
		pairs[count].order = (uint32_t)count;
		r = take_sample(s, e, sample, &pairs[count]);
		if (r == 0)
			count++;
	}
	s->stats.samples += count;
	s->stats.lost_samples += b->sample_count - count;
	if (pairs && remember(s, pairs, count))
		r = -ENOMEM;
	return r;
}

static int take_event(struct store *s, const struct batch *b,
		      const struct event *from)
{
	const struct entry *e = map_get(&s->registry.by_number, from->entity);
	uint32_t id = e ? e->member.id : (uint32_t)s->machine;
	struct event_item *item;
	int r;

	/* Collections leave room for what is rarer. */
	if (s->event_count >= (from->kind == EVENT_COLLECTION ? EVENTS_MAX / 2 :
							       EVENTS_MAX)) {
		s->stats.lost_events++;
		return -ENOSPC;
	}
	if (from->kind >= EVENT_KIND_COUNT)
		return 0;
	r = array_room(&s->events, s->event_count, &s->event_cap);
	if (r == 0)
		r = event_item_new(
			&item, s->next_event, from->kind, id,
			clock_wall_of(b->now, from->boot_ns),
			from->end_boot_ns
				? clock_wall_of(b->now, from->end_boot_ns)
				: 0,
			from->text ? from->text : "");
	if (r)
		return r;
	s->events[s->event_count++] = item;
	s->next_event++;
	note_other(s);
	return 0;
}

/* Once the machine is known and the clock is right. */
static int tell_salvage(struct store *s, const struct batch *b)
{
	const struct store_stats *t = &s->stats;
	struct event e = { .kind = EVENT_STORE_SALVAGED,
			   .boot_ns = b->now.boot_ns };
	char text[400];

	if (!t->salvaged_from[0] || s->salvage_told)
		return 0;
	snprintf(text, sizeof(text),
		 "the database was damaged: %llu rows came over, %llu places "
		 "could not be read%s%s; it is kept as %s",
		 (unsigned long long)t->salvaged_rows,
		 (unsigned long long)t->salvage_holes,
		 t->salvage_error ? ", the rest did not come over: " : "",
		 t->salvage_error ? strerror(-t->salvage_error) : "",
		 t->salvaged_from);
	e.text = text;
	s->salvage_told = true;
	return take_event(s, b, &e);
}

void store_tell(struct store *s, enum event_kind kind, const char *text)
{
	struct batch b = { .now = { s->boot_ns, s->wall_ms } };
	struct event e = { .kind = kind, .boot_ns = s->boot_ns,
			   .text = (char *)text };

	pthread_mutex_lock(&s->lock);
	take_event(s, &b, &e);
	pthread_mutex_unlock(&s->lock);
}

/* ---- facts and plants: all under lock ---- */

static int set_fact(struct store *s, const char *key, const char *value)
{
	char *copy = strdup(value), *name = NULL;
	struct fact *f = NULL;

	for (size_t i = 0; i < s->fact_count; i++) {
		if (strcmp(s->facts[i].key, key) == 0)
			f = &s->facts[i];
	}
	if (!f && copy && (name = strdup(key)) &&
	    array_room(&s->facts, s->fact_count, &s->fact_cap) == 0) {
		f = &s->facts[s->fact_count++];
		*f = (struct fact){ .key = take(name) };
	}
	free(name);
	if (!f || !copy) {
		free(copy);
		return -ENOMEM;
	}
	free(f->value);
	f->value = copy;
	f->sequence = ++s->fact_sequence;
	return 0;
}

/* Takes the list; keeps it for the next run. */
static int put_plants(struct store *s, struct plants *p)
{
	own(buf_fini) struct buf text = BUF_INIT;

	plants_unref(s->plants);
	s->plants = p;
	plants_write(&text, p);
	return buf_error(&text) ? -ENOMEM :
				  set_fact(s, "plant", buf_cstr(&text));
}

/* Takes the plant, whatever happens. */
static int date_plant(struct store *s, struct plant *plant, int64_t wall_ms)
{
	bool first = !s->plants && s->registry.entry_count == 0;
	struct shared_plant *shared = NULL;
	struct plants *next = NULL;
	int r;

	if (!s->plants && plant->count == 0) { /* never were any rules */
		plant_free(plant);
		return 0;
	}
	r = shared_plant_new(&shared, plant);
	if (r) {
		plant_free(plant);
		return r;
	}
	r = plants_add(&next, s->plants, shared, first ? INT64_MIN : wall_ms);
	shared_plant_unref(shared);
	return r ? r : put_plants(s, next);
}

/* What holds now has held since before the wall clock stepped back. */
static int redate_plants(struct store *s, int64_t wall_ms)
{
	const struct plants *p = s->plants;
	struct plants *next = NULL;
	int r;

	if (!p || p->count == 0 || p->items[p->count - 1].from_ms <= wall_ms)
		return 0;
	r = plants_add(&next, p, p->items[p->count - 1].plant, wall_ms);
	return r ? r : put_plants(s, next);
}

/* The wall clock went back: what was under way ends, an epoch begins. */
static int step_back(struct store *s, int64_t wall_ms)
{
	struct history *h;
	int r = store_finish_step(s, true);

	if (r == 0)
		r = history_copy(&h, s->history, 0, 1);
	if (r)
		return r;
	s->epoch++;
	s->settled_ms = 0;
	h->epochs[h->epoch_count++] =
		(struct epoch){s->epoch, wall_ms, s->wall_ms, false};
	history_unref(s->history);
	s->history = h;
	for (size_t i = 0; i < s->registry.entry_count; i++) {
		struct entry *e = s->registry.entries[i];

		if (!e->member.open)
			continue;
		if (s->wall_ms > e->seen_ms)
			e->seen_ms = s->wall_ms;
		if (wall_ms < e->member.from_ms)
			e->member.from_ms = wall_ms;
		e->dirty = true;
	}
	catalog_unref(take(s->registry.catalog));
	note_other(s);
	return 0;
}

/* For how long the wall clock went on without a jump until the newest row. */
static int64_t recorded_steady_ms(const struct history *h)
{
	size_t i = h->chain_count;

	if (i == 0)
		return 0;
	while (i > 1 && h->chains[i - 1].epoch == h->chains[i - 2].epoch &&
	       h->chains[i - 1].first_ms - h->chains[i - 2].last_ms <=
		       RETENTION_STEADY_MS)
		i--;
	return h->chains[h->chain_count - 1].last_ms -
	       h->chains[i - 1].first_ms;
}

/* The first batch: does the clock go on where the rows of the last run end? */
static bool goes_on(const struct store *s, struct now now)
{
	return s->wall_ms != INT64_MIN && now.wall_ms >= s->wall_ms &&
	       now.wall_ms - s->wall_ms <= RETENTION_STEADY_MS &&
	       recorded_steady_ms(s->history) >= RETENTION_STEADY_MS;
}

/* Whether the clock is right shows by its going on; see retention.c. */
static void watch_clock(struct store *s, struct now now)
{
	int64_t went_ms = (now.boot_ns - s->boot_ns) / 1000000;

	if (s->stats.batches == 0)
		s->steady_since_ns =
			now.boot_ns -
			(goes_on(s, now) ? RETENTION_STEADY_MS * 1000000 : 0);
	else if (now.wall_ms - s->wall_ms > went_ms + CLOCK_SLACK_MS)
		s->steady_since_ns = now.boot_ns;
}

static int move_clock(struct store *s, const struct batch *b)
{
	int r = 0;

	watch_clock(s, b->now);
	if (b->now.wall_ms < s->wall_ms)
		r = step_back(s, b->now.wall_ms);
	else if (s->step.open && b->now.wall_ms > s->step.end_ms)
		r = store_finish_step(s, false);
	s->wall_ms = b->now.wall_ms;
	s->boot_ns = b->now.boot_ns;
	return r;
}

/* The first error is told; what follows is tried all the same. */
static void keep_first(int *r, int next)
{
	if (*r == 0)
		*r = next;
}

static int take_batch(struct store *s, const struct batch *b)
{
	int r = move_clock(s, b);

	if (s->plant_waiting)
		keep_first(&r, date_plant(s, take(s->plant_waiting),
					  s->wall_ms));
	keep_first(&r, redate_plants(s, s->wall_ms));

	s->stats.batches++;
	for (size_t i = 0; i < b->entity_count; i++)
		keep_first(&r, take_entity(s, &b->entities[i]));
	for (size_t i = 0; i < b->gap_count; i++)
		keep_first(&r, take_gap(s, &b->gaps[i]));
	keep_first(&r, take_samples(s, b));
	for (size_t i = 0; i < b->closed_count; i++)
		keep_first(&r, take_close(s, b, &b->closed[i]));
	keep_first(&r, tell_salvage(s, b));
	for (size_t i = 0; i < b->event_count; i++)
		keep_first(&r, take_event(s, b, &b->events[i]));
	for (size_t i = 0; i < b->fact_count; i++)
		keep_first(&r, set_fact(s, b->facts[i].key, b->facts[i].value));
	s->stats.memory_bytes = memory_bytes(&s->memory);
	s->stats.series = s->registry.series_count;
	s->stats.entities = s->registry.entry_count;
	return r;
}

/* ---- waiting for a right clock ---- */

/* What a batch counts for; no batch is free. */
static size_t weight(const struct batch *b)
{
	return b->sample_count + HELD_BATCH_SAMPLES;
}

static void drop_samples(struct store *s, struct batch *b)
{
	s->stats.lost_samples += b->sample_count;
	free(b->samples);
	b->samples = NULL;
	b->sample_count = b->sample_cap = 0;
}

static struct entity *entity_in(const struct batch *b, uint32_t number)
{
	for (size_t i = 0; i < b->entity_count; i++) {
		if (b->entities[i].number == number)
			return &b->entities[i];
	}
	return NULL;
}

static void remove_entity(struct batch *b, struct entity *e)
{
	struct entity *end = b->entities + --b->entity_count;

	entity_fini(e);
	memmove(e, e + 1, (size_t)(end - e) * sizeof(*e));
}

/* Newer attributes take the place of older ones. */
static void merge_entities(struct batch *into, struct batch *b)
{
	for (size_t i = 0; i < b->entity_count; i++) {
		struct entity *known = entity_in(into, b->entities[i].number);
		struct entity swap;

		if (!known) {
			batch_add_entity(into, &b->entities[i]);
			continue;
		}
		swap = *known;
		*known = b->entities[i];
		b->entities[i] = swap;
	}
}

/* One that came and went has nothing left to tell. */
static void merge_closes(struct batch *into, const struct batch *b)
{
	for (size_t i = 0; i < b->closed_count; i++) {
		const struct batch_close *c = &b->closed[i];
		struct entity *known = entity_in(into, c->entity);

		if (known)
			remove_entity(into, known);
		else
			batch_add_close(into, c->entity, c->boot_ns, c->reason);
	}
}

/* Takes b, which is newer and has no samples. */
static void merge(struct store *s, struct batch *into, struct batch *b)
{
	into->now = b->now;
	merge_entities(into, b);
	merge_closes(into, b);
	for (size_t i = 0; i < b->gap_count && into->gap_count < GAPS_MAX; i++)
		batch_add_gap(into, b->gaps[i].entity, b->gaps[i].column,
			      b->gaps[i].reason);
	for (size_t i = 0; i < b->event_count; i++) {
		if (into->event_count == EVENTS_MAX)
			s->stats.lost_events++;
		else
			batch_add_event(into, b->events[i].kind,
					b->events[i].entity,
					b->events[i].boot_ns, "%s",
					b->events[i].text);
	}
	batch_free(b);
}

/* The oldest samples go; who came and went and what happened stays, all in
 * the first batch. */
static void bound_held(struct store *s)
{
	while (s->held_samples > HELD_SAMPLES_MAX && s->held_count > 1) {
		struct batch *first = s->held[0], *second = s->held[1];

		s->held_samples -= first->sample_count + weight(second);
		drop_samples(s, first);
		drop_samples(s, second);
		merge(s, first, second);
		s->held_count--;
		memmove(s->held + 1, s->held + 2,
			(s->held_count - 1) * sizeof(s->held[0]));
	}
}

/* Takes the batch. Under lock. */
static int hold(struct store *s, struct batch *b)
{
	int r = array_room(&s->held, s->held_count, &s->held_cap);

	if (r) {
		batch_free(b);
		return r;
	}
	s->held[s->held_count++] = b;
	s->held_samples += weight(b);
	bound_held(s);
	s->stats.held_batches = s->held_count;
	return 0;
}

/* The clock is right now, so the times of what waited are known. */
static int release_held(struct store *s, struct now now)
{
	int r = 0;

	for (size_t i = 0; i < s->held_count; i++) {
		struct batch *b = s->held[i];

		b->now.wall_ms = clock_wall_of(now, b->now.boot_ns);
		keep_first(&r, take_batch(s, b));
		batch_free(b);
	}
	s->held_count = s->held_samples = 0;
	s->stats.held_batches = 0;
	return r;
}

/* ---- the writer's calls ---- */

/* Under lock. */
static void apply_retention(struct store *s)
{
	char sql[64];

	if (!s->wanted)
		return;
	s->wanted = false;
	s->options.retention_ms = s->wanted_ms;
	s->options.retention_bytes = s->wanted_bytes;
	bound_files(s);
	snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint=%d",
		 s->wal_pages);
	db_exec(s->db, sql);
	if (s->options.retention_bytes <= 0) /* 2^32 - 2: SQLite's own most */
		db_exec(s->db, "PRAGMA max_page_count=4294967294");
}

static bool due(const struct store *s)
{
	int64_t flush_ns = s->options.flush_ms * 1000000;

	if (s->boot_ns < s->retry_ns)
		return false;
	return s->fact_count > 0 ||
	       (s->pending_count > 0 &&
		s->boot_ns - s->pending_since_ns >= flush_ns) ||
	       (s->other_since_ns != 0 &&
		s->boot_ns - s->other_since_ns >= flush_ns);
}

int store_append(struct store *s, struct batch *b)
{
	own(batch_freep) struct batch *batch = b;
	bool flush;
	int r;

	pthread_mutex_lock(&s->lock);
	apply_retention(s);
	if (batch->now.wall_ms < s->options.clock_floor_ms) {
		r = hold(s, take(batch));
	} else {
		r = release_held(s, batch->now);
		keep_first(&r, take_batch(s, batch));
	}
	flush = due(s);
	pthread_mutex_unlock(&s->lock);
	if (flush)
		keep_first(&r, flush_run(s));
	return r;
}

int store_flush(struct store *s)
{
	int r;

	pthread_mutex_lock(&s->lock);
	r = store_finish_step(s, true);
	pthread_mutex_unlock(&s->lock);
	keep_first(&r, flush_run(s));
	return r;
}

int store_meta_get(struct store *s, const char *key, char **out)
{
	own(stmt_finalp) sqlite3_stmt *get = NULL;
	const char *value;
	int r = db_prepare(s->db, &get, "SELECT value FROM meta WHERE name=?1");

	if (r == 0)
		r = db_bind(get, "s", key);
	if (r == 0)
		r = db_step(get);
	if (r <= 0)
		return r ? r : -ENOENT;
	value = (const char *)sqlite3_column_text(get, 0);
	value = value ? strdup(value) : NULL;
	if (!value)
		return -ENOMEM;
	*out = (char *)value;
	return 0;
}

int store_meta_set(struct store *s, const char *key, const char *value)
{
	own(stmt_finalp) sqlite3_stmt *set = NULL;
	int r = db_prepare(s->db, &set,
			   "INSERT OR REPLACE INTO meta (name, value)"
			   " VALUES (?1, ?2)");

	if (r == 0)
		r = db_bind(set, "ss", key, value);
	return r ? r : db_run(set);
}

static int copy_entry(struct entity *out, const struct entry *e)
{
	const struct entity from = {
		.kind = e->kind,
		.key = e->key,
		.labels = e->member.labels->labels,
		.attributes = e->member.attributes->labels,
		.start_wall_ms = e->start_wall_ms,
	};

	return entity_copy(out, &from);
}

int store_open_entities(struct store *s, struct entity **out, size_t *count)
{
	const struct registry *g = &s->registry;
	struct entity *found = calloc(g->entry_count + 1, sizeof(found[0]));
	size_t n = 0;
	int r = found ? 0 : -ENOMEM;

	for (size_t i = 0; i < g->entry_count && r == 0; i++) {
		if (!g->entries[i]->member.open)
			continue;
		r = copy_entry(&found[n], g->entries[i]);
		if (r == 0)
			n++;
	}
	if (r) {
		while (n > 0)
			entity_fini(&found[--n]);
		free(found);
		return r;
	}
	*out = found;
	*count = n;
	return 0;
}

int store_entities(struct store *s,
		   int (*fn)(void *arg, const struct labels *labels,
			     const struct labels *attributes),
		   void *arg)
{
	const struct registry *g = &s->registry;
	int r = 0;

	for (size_t i = 0; i < g->entry_count && r == 0; i++) {
		const struct member *m = &g->entries[i]->member;

		r = fn(arg, &m->labels->labels, &m->attributes->labels);
	}
	return r;
}

/* ---- any thread ---- */

void store_set_plant(struct store *s, struct plant *plant)
{
	int64_t wall_ms = clock_now().wall_ms;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	plant_free(take(s->plant_waiting));
	if (wall_ms < s->options.clock_floor_ms)
		s->plant_waiting = plant;
	else
		r = date_plant(s, plant, wall_ms);
	pthread_mutex_unlock(&s->lock);
	if (r)
		log_err(r, "plant labels stay as they were");
}

int store_join_plant(struct store *s, struct labels *l)
{
	const struct shared_plant *now;
	struct plants *p;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	p = plants_ref(s->plants);
	pthread_mutex_unlock(&s->lock);
	now = plants_at(p, INT64_MAX);
	if (now)
		r = plant_join(now->plant, l);
	plants_unref(p);
	return r;
}

void store_set_retention(struct store *s, int64_t retention_ms,
			 int64_t retention_bytes)
{
	pthread_mutex_lock(&s->lock);
	s->wanted_ms = retention_ms;
	s->wanted_bytes = retention_bytes;
	s->wanted = true;
	pthread_mutex_unlock(&s->lock);
}

struct settled store_settled(struct store *s)
{
	struct settled now;

	pthread_mutex_lock(&s->lock);
	now = (struct settled){s->settled_ms, s->epoch};
	pthread_mutex_unlock(&s->lock);
	return now;
}

void store_stats(struct store *s, struct store_stats *out)
{
	int64_t oldest = 0;

	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	for (size_t i = 0; i < s->history->chain_count; i++) {
		int64_t first = s->history->chains[i].first_ms;

		if (oldest == 0 || first < oldest)
			oldest = first;
	}
	pthread_mutex_unlock(&s->lock);
	out->oldest_ms = oldest;
	out->sqlite_bytes = sqlite3_memory_used();
	out->file_bytes = retention_file_bytes(s);
	out->damaged_bytes = salvage_kept_bytes(s->path);
}
