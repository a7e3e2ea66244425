#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"

#include "store_priv.h"

#define ROW_TICKS_MAX	256
#define ROW_SAMPLES_MAX 4000000
#define RETRY_NS	(5ll * 1000000000) /* most time until the next try */

/* Times further apart do not share a chain: it ages by its newest row, and
 * one row of a wrong clock would keep all others, or hide behind them. */
#define CHAIN_JUMP_MS 3600000

/* A chain goes as a whole when it is too old, however rarely is flushed. */
#define CHAIN_SPAN_MS 3600000

/* One try to write: what will hold once it is committed. */
struct attempt {
	struct history *next; /* owned */
	struct column_ids columns;
	int64_t next_row;
	uint64_t rows, bytes;
	uint64_t facts; /* those of this sequence and before are written */
};

/* Ticks of one epoch from i on that make one row. */
static size_t row_ticks(const struct store *s, size_t i)
{
	size_t n = 0, samples = 0;

	while (i + n < s->pending_count && n < ROW_TICKS_MAX &&
	       s->pending[i + n]->epoch == s->pending[i]->epoch &&
	       s->pending[i + n]->time_ms - s->pending[i]->time_ms <=
		       CHAIN_JUMP_MS) {
		samples += s->pending[i + n]->count;
		if (n > 0 && samples > ROW_SAMPLES_MAX)
			break;
		n++;
	}
	return n;
}

static struct chain *newest(struct history *h)
{
	return h->chain_count ? &h->chains[h->chain_count - 1] : NULL;
}

/* Whether the row may go on with the newest chain. */
static bool may_continue(const struct store *s, const struct chain *c,
			 const struct tick *t)
{
	return s->chain.count > 0 && c && !c->recorded &&
	       c->epoch == t->epoch &&
	       t->time_ms - c->last_ms <= CHAIN_JUMP_MS &&
	       t->time_ms - c->first_ms <= CHAIN_SPAN_MS &&
	       c->last - c->first + 1 < CHAIN_ROWS;
}

static void note_row(struct history *h, const struct row *row)
{
	struct chain *c = newest(h);

	if (row->chain) {
		h->chains[h->chain_count++] =
			(struct chain){.first = row->id,
				       .last = row->id,
				       .first_ms = row->first_ms,
				       .last_ms = row->last_ms,
				       .epoch = row->epoch};
		return;
	}
	c->last = row->id;
	c->last_ms = row->last_ms;
}

/* The coder begins a chain by itself when it meets a new series; the row
 * has to say so. */
static bool begins_chain(const struct store *s, struct attempt *a, size_t i,
			 size_t n)
{
	if (!may_continue(s, newest(a->next), s->pending[i]))
		return true;
	for (size_t t = 0; t < n; t++) {
		if (!chain_continues(&s->chain, s->pending[i + t]))
			return true;
	}
	return false;
}

static int compare_series(const void *key, const void *item)
{
	uint32_t id = *(const uint32_t *)key;
	uint32_t other = ((const struct series_state *)item)->id;

	return (id > other) - (id < other);
}

/* Questions are about one metric, so its series stand together. */
static unsigned metric_of(const void *arg, uint32_t id)
{
	const struct registry *g = arg;
	const struct series_state *series =
		bsearch(&id, g->series, g->series_count, sizeof(g->series[0]),
			compare_series);

	return series ? column_info(series->column)->metric : METRIC_COUNT;
}
_Static_assert(METRIC_COUNT < GROUPS_MAX, "each metric is a group");

static int write_rows(struct store *s, struct attempt *a)
{
	const struct grouping grouping = {metric_of, &s->registry};
	own(stmt_finalp) sqlite3_stmt *insert = NULL;
	int r = 0;

	if (s->pending_count > 0)
		r = db_prepare(s->db, &insert, HEAD_INSERT);
	for (size_t i = 0; i < s->pending_count && r == 0;) {
		size_t n = row_ticks(s, i), written = 0;
		struct row row = {.id = a->next_row};

		row.chain = begins_chain(s, a, i, n);
		r = head_write(insert, &s->chain, &grouping, &row,
			       &s->pending[i], n, &written);
		if (r == 0)
			note_row(a->next, &row);
		a->next_row++;
		a->rows++;
		a->bytes += written;
		i += n;
	}
	return r;
}

/* Chains that will not grow any more get their row. */
static int record_chains(sqlite3 *db, struct history *h)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "INSERT OR REPLACE INTO chains (first, last, epoch,"
			   " first_ms, last_ms) VALUES (?1, ?2, ?3, ?4, ?5)");

	for (size_t i = 0; i + 1 < h->chain_count && r == 0; i++) {
		struct chain *c = &h->chains[i];

		if (c->recorded)
			continue;
		r = db_bind(s, "iiiii", c->first, c->last, (int64_t)c->epoch,
			    c->first_ms, c->last_ms);
		if (r == 0)
			r = db_run(s);
		c->recorded = true;
	}
	return r;
}

static int record_epochs(sqlite3 *db, struct history *h)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "INSERT OR REPLACE INTO epochs (id, begin_ms,"
			   " left_ms) VALUES (?1, ?2, ?3)");

	for (size_t i = 0; i < h->epoch_count && r == 0; i++) {
		struct epoch *e = &h->epochs[i];

		if (e->recorded)
			continue;
		r = db_bind(s, "iii", (int64_t)e->id, e->begin_ms, e->left_ms);
		if (r == 0)
			r = db_run(s);
		e->recorded = true;
	}
	return r;
}

/* Both only rise. */
static uint64_t next_ids(const struct store *s)
{
	return (uint64_t)s->registry.next_entity + s->registry.next_series;
}

static int save_next(struct store *s)
{
	return s->saved_ids == next_ids(s)
		       ? 0
		       : persist_next(s->db, &s->registry);
}

/* They may come from any thread meanwhile, so the lock is held. */
static int write_facts(struct store *s, struct attempt *a)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->fact_count && r == 0; i++)
		r = store_meta_set(s, s->facts[i].key, s->facts[i].value);
	a->facts = s->fact_sequence;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Under lock. */
static void forget_facts(struct store *s, uint64_t written)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->fact_count; i++) {
		if (s->facts[i].sequence > written) {
			s->facts[kept++] = s->facts[i];
			continue;
		}
		free(s->facts[i].key);
		free(s->facts[i].value);
	}
	s->fact_count = kept;
}

static int write_all(struct store *s, struct attempt *a)
{
	int r;

	if ((r = persist_entities(s->db, &s->registry)) ||
	    (r = persist_series(s->db, &s->registry, &a->columns)) ||
	    (r = save_next(s)) ||
	    (r = persist_gaps(s->db, s->gaps, s->gap_count, &a->columns)) ||
	    (r = persist_events(s->db, s->events, s->event_count)) ||
	    (r = write_facts(s, a)) || (r = write_rows(s, a)) ||
	    (r = record_chains(s->db, a->next)) ||
	    (r = record_epochs(s->db, a->next)))
		return r;
	return db_exec(s->db, "COMMIT");
}

void flush_publish_history(struct store *s, struct history *h)
{
	struct history *old;

	pthread_mutex_lock(&s->lock);
	old = s->history;
	s->history = h;
	pthread_mutex_unlock(&s->lock);
	history_unref(old);
}

/* It is in the database; views see it there from now on. */
static void publish(struct store *s, struct attempt *a)
{
	pthread_mutex_lock(&s->lock);
	history_unref(s->history);
	s->history = take(a->next);
	for (size_t i = 0; i < s->pending_count; i++)
		tick_unref(s->pending[i]);
	for (size_t i = 0; i < s->event_count; i++)
		event_item_unref(s->events[i]);
	s->pending_count = s->pending_samples = 0;
	s->event_count = s->gap_count = 0;
	persist_clean(&s->registry);
	forget_facts(s, a->facts);
	s->stats.rows += a->rows;
	s->stats.row_bytes += a->bytes;
	pthread_mutex_unlock(&s->lock);
	s->columns = a->columns;
	s->next_row = a->next_row;
	s->saved_ids = next_ids(s);
	s->other_since_ns = 0;
}

static int attempt(struct store *s)
{
	struct attempt a = {.columns = s->columns, .next_row = s->next_row};
	int r = history_copy(&a.next, s->history, s->pending_count, 0);

	if (r)
		return r;
	r = db_begin(s->db);
	if (r == 0)
		r = write_all(s, &a);
	if (r) {
		db_rollback(s->db);
		/* What the coder remembers is not in the database. */
		chain_state_reset(&s->chain);
	} else {
		publish(s, &a);
	}
	history_unref(a.next);
	return r;
}

static bool anything(struct store *s)
{
	bool facts;

	pthread_mutex_lock(&s->lock);
	facts = s->fact_count > 0;
	pthread_mutex_unlock(&s->lock);
	return facts || s->pending_count > 0 || s->other_since_ns != 0;
}

/* Space may come back any time, however rarely is flushed. */
static int64_t retry_ns(const struct store *s)
{
	int64_t flush_ns = s->options.flush_ms * 1000000;

	return flush_ns < RETRY_NS ? flush_ns : RETRY_NS;
}

/* Whether what is written is still the file that the next start opens. */
static bool file_is_there(const struct store *s)
{
	struct stat st;

	return stat(s->path, &st) == 0 && st.st_dev == s->file_dev &&
	       st.st_ino == s->file_ino;
}

static void note_error(struct store *s, int r)
{
	bool first;

	pthread_mutex_lock(&s->lock);
	first = s->stats.last_error[0] == '\0';
	s->stats.write_errors++;
	if (r == -ESTALE)
		snprintf(s->stats.last_error, sizeof(s->stats.last_error),
			 "the database was removed or replaced: what is "
			 "written is lost at the end; restart heapwatch");
	else
		snprintf(s->stats.last_error, sizeof(s->stats.last_error),
			 "cannot write the database: %s (%s)", strerror(-r),
			 sqlite3_errmsg(s->db));
	pthread_mutex_unlock(&s->lock);
	s->retry_ns = s->boot_ns + retry_ns(s);
	if (first)
		log_err(r, "cannot write the database path=%s", s->path);
}

static void note_success(struct store *s, int64_t begin_ns)
{
	bool was_bad;

	pthread_mutex_lock(&s->lock);
	was_bad = s->stats.last_error[0] != '\0';
	s->stats.last_error[0] = '\0';
	s->stats.flush_ns = clock_monotonic_ns() - begin_ns;
	s->stats.last_flush_wall_ms = s->wall_ms;
	pthread_mutex_unlock(&s->lock);
	s->retry_ns = 0;
	if (was_bad)
		log_info("the database is written again path=%s", s->path);
}

int flush_run(struct store *s)
{
	int64_t begin_ns = clock_monotonic_ns();
	int r;

	if (!anything(s))
		return 0;
	retention_prepare(s);
	r = retention_run(s);
	if (r == 0 || r == -ENOSPC)
		r = attempt(s);
	if (r == -ENOSPC && retention_make_room(s) == 0)
		r = attempt(s);
	if (r == 0)
		retention_bound_wal(s);
	if (r == 0 && !file_is_there(s))
		r = -ESTALE;
	if (r)
		note_error(s, r);
	else
		note_success(s, begin_ns);
	return r;
}
