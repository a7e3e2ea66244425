#include "store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/wait.h"

#include "salvage.h"
#include "schema.h"
#include "store_priv.h"

#define RESOLUTION_MIN_MS 100
#define BYTES_MIN	  (2 << 20) /* a lower cap counts as this one */
#define ENDED_MAX	  1000

/* ---- open and close ---- */

/* One heapwatch at a time; the lock goes with the process. It has a file of
 * its own, as a salvage puts another file in place of the database. */
static int lock(struct store *s, struct problem *p)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.4000s-lock", s->path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0) {
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "cannot make %s: %s; the directory must be "
			    "writable",
			    path, strerror(errno));
		return -EINVAL;
	}
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	problem_set(p, PROBLEM_UNAVAILABLE,
		    "the database %s is in use by another heapwatch; stop it "
		    "or choose another file",
		    s->path);
	return -EINVAL;
}

/* SQLite keeps its files beside what a link leads to, so all stand there. */
static char *follow(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode)
		       ? realpath(path, NULL)
		       : strdup(path);
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
	    (r = history_load(s->db, &s->history, &s->next_row)) ||
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

static void remember_file(struct store *s)
{
	struct stat st;

	if (stat(s->path, &st) == 0) {
		s->file_dev = st.st_dev;
		s->file_ino = st.st_ino;
	}
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
		wait_init(&s->reader_free);
		set_options(s, o);
		r = registry_init(&s->registry) ? -ENOMEM : 0;
	}
	if (r == 0)
		r = schema_make(o->path, p);
	if (r == -EBADMSG)
		r = salvage_is_ours(o->path) ? 0 : -EINVAL;
	if (r == 0)
		r = (s->path = follow(o->path)) ? lock(s, p) : -ENOMEM;
	if (r == 0)
		r = open_file(s, p);
	if (r == 0)
		remember_file(s);
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

/* ---- the writer's calls ---- */

/* Under lock. */
static void apply_retention(struct store *s)
{
	if (!s->wanted)
		return;
	s->wanted = false;
	s->options.retention_ms = s->wanted_ms;
	s->options.retention_bytes = s->wanted_bytes;
	bound_files(s);
	schema_set_wal(s->db, s->wal_pages);
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
	bool flush;
	int r;

	pthread_mutex_lock(&s->lock);
	apply_retention(s);
	r = store_take(s, b);
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
	if (sqlite3_column_type(get, 0) == SQLITE_NULL)
		return -EBADMSG;
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

void store_set_retention(struct store *s, int64_t retention_ms,
			 int64_t retention_bytes)
{
	pthread_mutex_lock(&s->lock);
	s->wanted_ms = retention_ms;
	s->wanted_bytes = retention_bytes;
	s->wanted = true;
	pthread_mutex_unlock(&s->lock);
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
