#include <errno.h>
#include <string.h>

#include "store_priv.h"

/* Two sorted sources: the database, and what is not yet in it. */
struct merge {
	struct view *view;
	enum event_choice choice;
	const struct matcher *matchers;
	size_t matcher_count;
	int (*fn)(void *arg, const struct stored_event *e);
	void *arg;
	struct event_item **items; /* owned array; the view's items */
	size_t count, next;
};

static bool touches(int64_t begin_ms, int64_t end_ms, int64_t from_ms,
		    int64_t to_ms)
{
	return begin_ms <= to_ms && (end_ms ? end_ms : begin_ms) > from_ms;
}

static int compare_items(const void *a, const void *b)
{
	const struct event_item *x = *(struct event_item *const *)a;
	const struct event_item *y = *(struct event_item *const *)b;

	if (x->from_ms != y->from_ms)
		return x->from_ms < y->from_ms ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static bool is_chosen(enum event_choice choice, enum event_kind kind)
{
	return choice == EVENTS_ALL ||
	       (choice == EVENTS_COLLECTIONS) == (kind == EVENT_COLLECTION);
}

static int sort_items(struct merge *m, int64_t from_ms, int64_t to_ms)
{
	const struct view *v = m->view;

	m->items = malloc((v->event_count + 1) * sizeof(m->items[0]));
	if (!m->items)
		return -ENOMEM;
	for (size_t i = 0; i < v->event_count; i++) {
		struct event_item *e = v->events[i];

		if (is_chosen(m->choice, e->kind) &&
		    touches(e->from_ms, e->to_ms, from_ms, to_ms))
			m->items[m->count++] = e;
	}
	qsort(m->items, m->count, sizeof(m->items[0]), compare_items);
	return 0;
}

static int pass(struct merge *m, struct stored_event *e, uint32_t entity)
{
	static const struct labels none;
	const struct member *member = catalog_member(m->view->catalog, entity);

	e->labels = &none;
	if (member)
		e->labels = view_labels(
			m->view,
			(uint32_t)(member - m->view->catalog->members),
			e->time_ms);
	if (!e->labels)
		return -ENOMEM;
	if (!matchers_match(m->matchers, m->matcher_count, e->labels))
		return 0;
	return m->fn(m->arg, e);
}

/* Those of memory that come before the time. */
static int pass_items(struct merge *m, int64_t before_ms)
{
	int r = 0;

	while (r == 0 && m->next < m->count &&
	       m->items[m->next]->from_ms < before_ms) {
		const struct event_item *i = m->items[m->next++];
		struct stored_event e = {
			.id = i->id,
			.kind = event_word(i->kind),
			.time_ms = i->from_ms,
			.end_ms = i->to_ms,
			.text = i->text,
		};

		r = pass(m, &e, i->entity);
	}
	return r;
}

static const char *text_at(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? text : "";
}

static int pass_row(struct merge *m, sqlite3_stmt *s)
{
	struct stored_event e = {
		.id = sqlite3_column_int64(s, 0),
		.kind = text_at(s, 1),
		.time_ms = sqlite3_column_int64(s, 3),
		.end_ms = sqlite3_column_int64(s, 4),
		.text = text_at(s, 5),
	};
	int r = pass_items(m, e.time_ms);

	if (r)
		return r;
	return pass(m, &e, (uint32_t)sqlite3_column_int64(s, 2));
}

#define SELECT_EVENTS                                                          \
	"SELECT id, kind, entity, from_ms, to_ms, text FROM events"            \
	" WHERE id < ?1 AND from_ms <= ?3 AND (from_ms > ?2 OR to_ms > ?2)"
#define BY_TIME " ORDER BY from_ms, id"

/* The few have an index of their own (schema.c). A collection takes less than
 * an hour, so the many of earlier times need not be looked at. */
static const char *const selects[] = {
	[EVENTS_NOTABLE] = SELECT_EVENTS " AND kind <> 'collection'" BY_TIME,
	[EVENTS_COLLECTIONS] = SELECT_EVENTS
	" AND from_ms > ?2 - 3600000 AND kind = 'collection'" BY_TIME,
	[EVENTS_ALL] = SELECT_EVENTS BY_TIME,
};

static int pass_rows(struct merge *m, int64_t from_ms, int64_t to_ms)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	sqlite3 *db;
	int r = view_db(m->view, &db);

	if (r == 0)
		r = db_prepare(db, &s, selects[m->choice]);
	if (r == 0)
		r = db_bind(s, "iii", m->view->event_end, from_ms, to_ms);
	while (r == 0 && (r = db_step(s)) > 0)
		r = pass_row(m, s);
	return r;
}

int view_events(struct view *v, enum event_choice choice,
		const struct matcher *m, size_t matcher_count,
		int64_t from_ms, int64_t to_ms,
		int (*fn)(void *arg, const struct stored_event *e), void *arg)
{
	struct merge merge = { .view = v, .choice = choice, .matchers = m,
			       .matcher_count = matcher_count, .fn = fn,
			       .arg = arg };
	int r = sort_items(&merge, from_ms, to_ms);

	if (r == 0)
		r = pass_rows(&merge, from_ms, to_ms);
	if (r == 0)
		r = pass_items(&merge, INT64_MAX);
	free(merge.items);
	return r;
}
