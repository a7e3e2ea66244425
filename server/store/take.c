/* From batches to ticks: what a batch brings joins the step at hand, the
 * registry and memory, and what is to be written waits. All under lock
 * but store_tell(). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

#include "store_priv.h"

#define HELD_SAMPLES_MAX    2000000 /* 32 MB */
#define HELD_BATCH_SAMPLES  64	    /* a batch itself counts for so many */
#define PENDING_SAMPLES_MAX 2000000 /* 24 MB */
#define EVENTS_MAX	    10000   /* not yet written */
#define GAPS_MAX	    200000
#define CLOCK_SLACK_MS	    1000 /* between two batches no step yet */

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

/* ---- taking a batch ---- */

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

/* ---- facts ---- */

int store_set_fact(struct store *s, const char *key, const char *value)
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

/* ---- the clock ---- */

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

static int take_batch(struct store *s, const struct batch *b)
{
	int r = move_clock(s, b);

	if (s->plant_waiting)
		keep_first(&r, plants_date(s, take(s->plant_waiting),
					   s->wall_ms));
	keep_first(&r, plants_redate(s, s->wall_ms));

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
		keep_first(&r, store_set_fact(s, b->facts[i].key, b->facts[i].value));
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
	batch_drop_samples(b);
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
		first->now = second->now;
		s->stats.lost_events += batch_merge(first, second, EVENTS_MAX);
		s->held_count--;
		memmove(s->held + 1, s->held + 2,
			(s->held_count - 1) * sizeof(s->held[0]));
	}
}

/* Takes the batch. */
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

int store_take(struct store *s, struct batch *b)
{
	own(batch_freep) struct batch *batch = b;
	int r;

	if (batch->now.wall_ms < s->options.clock_floor_ms)
		return hold(s, take(batch));
	r = release_held(s, batch->now);
	keep_first(&r, take_batch(s, batch));
	return r;
}
