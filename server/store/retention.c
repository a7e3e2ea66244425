#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/log.h"

#include "salvage.h"
#include "schema.h"
#include "store_priv.h"

#define PAGE_BYTES 4096
#define SHM_BYTES  (64 << 10)
#define PAGES_MIN  256 /* the database may always have so many: 1 MB */

/* ---- how much there is ---- */

static int64_t size_of(const struct store *s, const char *suffix)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", s->path, suffix);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

int64_t retention_file_bytes(const struct store *s)
{
	return size_of(s, "") + size_of(s, "-wal") + size_of(s, "-shm") +
	       size_of(s, "-ballast") + salvage_kept_bytes(s->path);
}

/* Bytes that the WAL may come to have: two checkpoints' worth, or what it
 * has now, with its shared memory. */
static int64_t wal_bytes(const struct store *s)
{
	int64_t most = schema_wal_bytes(s->wal_pages) + SHM_BYTES;
	int64_t now = size_of(s, "-wal") + size_of(s, "-shm");

	return now > most ? now : most;
}

void retention_bound_wal(struct store *s)
{
	if (size_of(s, "-wal") > schema_wal_bytes(s->wal_pages))
		db_exec(s->db, "PRAGMA wal_checkpoint(RESTART)");
}

/* Bytes that the other files leave to the database under the cap. */
static int64_t cap_left(const struct store *s)
{
	return s->options.retention_bytes - s->ballast - wal_bytes(s) -
	       s->damaged;
}

/* Pages the database may have under the cap; INT64_MAX without one. */
static int64_t cap_pages(const struct store *s)
{
	int64_t left;

	if (s->options.retention_bytes <= 0)
		return INT64_MAX;
	left = cap_left(s);
	return left > PAGES_MIN * PAGE_BYTES ? left / PAGE_BYTES : PAGES_MIN;
}

/* What the WAL may still grow by, and the ballast, where it is not there. */
static int64_t room_kept(const struct store *s)
{
	return wal_bytes(s) - size_of(s, "-wal") - size_of(s, "-shm") +
	       s->ballast - size_of(s, "-ballast");
}

/*
 * Pages it may have by what is free on the disk. It never takes the room
 * that the WAL, its checkpoint and the ballast need: with the disk quite full
 * SQLite could not even delete. scarce: there is no room to grow.
 */
static int64_t disk_pages(const struct store *s, int64_t pages, bool *scarce)
{
	int64_t waiting = pages * PAGE_BYTES - size_of(s, "");
	int64_t need = room_kept(s) + (waiting > 0 ? waiting : 0);
	struct statvfs fs;
	int64_t spare;

	if (statvfs(s->path, &fs) < 0)
		return INT64_MAX;
	spare = (int64_t)(fs.f_bavail * fs.f_frsize) - need;
	if (spare > 0)
		return pages + spare / PAGE_BYTES;
	*scarce = true;
	return pages > PAGES_MIN ? pages : PAGES_MIN;
}

static int page_limit(struct store *s, int64_t *out)
{
	int64_t pages = 0, cap = cap_pages(s), disk;
	bool scarce = false;
	int r = db_int(s->db, "PRAGMA page_count", &pages);

	disk = disk_pages(s, pages, &scarce);
	if (r)
		return r;
	*out = cap < disk ? cap : disk;
	pthread_mutex_lock(&s->lock);
	s->stats.short_of_disk = scarce && disk < cap;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int live_pages(struct store *s, int64_t *out)
{
	int64_t pages = 0, spare = 0;
	int r = db_int(s->db, "PRAGMA page_count", &pages);

	if (r == 0)
		r = db_int(s->db, "PRAGMA freelist_count", &spare);
	if (r == 0)
		*out = pages - spare;
	return r;
}

/* What the next flush may take, generously. */
static int64_t pages_wanted(const struct store *s)
{
	return 16 + (int64_t)s->pending_samples * 6 / PAGE_BYTES +
	       (int64_t)s->event_count / 16 + (int64_t)s->gap_count / 32;
}

/* ---- dropping chains ---- */

static int delete_chain(sqlite3 *db, const struct chain *c)
{
	own(stmt_finalp) sqlite3_stmt *rows = NULL, *chain = NULL;
	int r = db_prepare(db, &rows,
			   "DELETE FROM head WHERE id BETWEEN ?1 AND ?2");

	if (r == 0)
		r = db_prepare(db, &chain, "DELETE FROM chains WHERE first=?1");
	if (r == 0)
		r = db_bind(rows, "ii", c->first, c->last);
	if (r == 0)
		r = db_bind(chain, "i", c->first);
	if (r == 0)
		r = db_run(rows);
	return r ? r : db_run(chain);
}

/* The earliest point there is left: memory and what is to be written count. */
static int64_t cutoff(const struct store *s, const struct history *h)
{
	int64_t first = s->wall_ms - s->options.memory_ms;

	for (size_t i = 0; i < h->chain_count; i++) {
		if (h->chains[i].first_ms < first)
			first = h->chains[i].first_ms;
	}
	for (size_t i = 0; i < s->pending_count; i++) {
		if (s->pending[i]->time_ms < first)
			first = s->pending[i]->time_ms;
	}
	return first - s->options.resolution_ms;
}

static int delete_epochs(sqlite3 *db, struct history *h)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	uint32_t first = h->chain_count ? h->chains[0].epoch : UINT32_MAX;
	size_t gone = 0;
	int r;

	/* The newest tells which number is next. */
	while (gone + 1 < h->epoch_count && h->epochs[gone].id <= first)
		gone++;
	if (gone == 0)
		return 0;
	r = db_prepare(db, &s, "DELETE FROM epochs WHERE id < ?1");
	if (r == 0)
		r = db_bind(s, "i", (int64_t)h->epochs[gone].id);
	if (r == 0)
		r = db_run(s);
	h->epoch_count -= gone;
	memmove(h->epochs, h->epochs + gone,
		h->epoch_count * sizeof(h->epochs[0]));
	return r;
}

/* Leaves out of h the chains marked; counts their rows. */
static int delete_marked(struct store *s, struct history *h, const bool *marked,
			 uint64_t *rows)
{
	size_t kept = 0, count = h->chain_count;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (!marked[i]) {
			h->chains[kept++] = h->chains[i];
			continue;
		}
		*rows += (uint64_t)(h->chains[i].last - h->chains[i].first + 1);
		r = delete_chain(s->db, &h->chains[i]);
	}
	h->chain_count = kept;
	return r;
}

static void move_touched(struct step *step, const uint32_t *moved)
{
	size_t kept = 0;

	for (size_t i = 0; i < step->touched_count; i++) {
		uint32_t to = moved[step->touched[i]];

		if (to != NO_LINE)
			step->touched[kept++] = to;
	}
	step->touched_count = kept;
}

/* As the database has forgotten them, so does memory. */
static int forget(struct store *s, int64_t cutoff_ms)
{
	own(freep) uint32_t *moved =
		malloc((s->registry.series_count + 1) * sizeof(moved[0]));
	int r = moved ? 0 : -ENOMEM;

	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	r = registry_forget(&s->registry, cutoff_ms, moved);
	if (r == 0)
		move_touched(&s->step, moved);
	s->stats.series = s->registry.series_count;
	s->stats.entities = s->registry.entry_count;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int drop_marked(struct store *s, const bool *marked)
{
	own(history_unrefp) struct history *next = NULL;
	int64_t cutoff_ms = 0;
	uint64_t rows = 0;
	bool newest = s->history->chain_count > 0 &&
		      marked[s->history->chain_count - 1];
	int r = history_copy(&next, s->history, 0, 0);

	if (r)
		return r;
	r = db_begin(s->db);
	if (r == 0)
		r = delete_marked(s, next, marked, &rows);
	if (r == 0) {
		cutoff_ms = cutoff(s, next);
		r = persist_forget(s->db, &s->registry, cutoff_ms);
	}
	if (r == 0)
		r = delete_epochs(s->db, next);
	if (r == 0)
		r = db_exec(s->db, "COMMIT");
	if (r) {
		db_rollback(s->db);
		return r;
	}
	if (newest)
		chain_state_reset(&s->chain);
	flush_publish_history(s, take(next));
	pthread_mutex_lock(&s->lock);
	s->stats.dropped_rows += rows;
	pthread_mutex_unlock(&s->lock);
	return forget(s, cutoff_ms);
}

/* The oldest count chains go. */
static int drop_oldest(struct store *s, size_t count)
{
	own(freep) bool *marked =
		calloc(s->history->chain_count + 1, sizeof(marked[0]));

	if (!marked)
		return -ENOMEM;
	for (size_t i = 0; i < count && i < s->history->chain_count; i++)
		marked[i] = true;
	return drop_marked(s, marked);
}

/* ---- by age ---- */

#define SLICE 64 /* chains of one transaction */

/*
 * Those recorded before oldest_ms. One stamped in the future, by a clock that
 * was wrong then, is as old as what was recorded after it: so from the end.
 */
static void mark_aged(const struct history *h, bool *marked, int64_t wall_ms,
		      int64_t oldest_ms)
{
	int64_t after_ms = INT64_MAX;

	for (size_t i = h->chain_count; i-- > 0;) {
		int64_t last_ms = h->chains[i].last_ms;

		if (last_ms <= wall_ms)
			after_ms = last_ms;
		marked[i] = after_ms <= oldest_ms;
	}
}

/* The first most of them. */
static size_t keep_marks(bool *marked, size_t count, size_t most)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		marked[i] = marked[i] && kept < most;
		kept += marked[i];
	}
	return kept;
}

static int drop_aged(struct store *s, size_t *dropped)
{
	int64_t oldest_ms = s->wall_ms - s->options.retention_ms;
	const struct history *h = s->history;
	own(freep) bool *marked = calloc(h->chain_count + 1, sizeof(marked[0]));

	if (!marked)
		return -ENOMEM;
	mark_aged(h, marked, s->wall_ms, oldest_ms);
	*dropped = keep_marks(marked, h->chain_count, SLICE);
	return *dropped ? drop_marked(s, marked) : 0;
}

/*
 * A gateway may start with a clock that is years ahead, until the network
 * tells it the time: believed at once, it would drop the whole history, for
 * good. So only a clock that went on for an hour is believed: in this run, or
 * in the rows of the last one if this one goes on within an hour of them.
 * After any other start, and after a step forward, rows may stay for an hour
 * more than their age; the bound of bytes holds all the same.
 */
static int by_age(struct store *s)
{
	size_t dropped = SLICE;
	int r = 0;

	if (s->options.retention_ms <= 0 ||
	    s->boot_ns - s->steady_since_ns < RETENTION_STEADY_MS * 1000000)
		return 0;
	while (r == 0 && dropped == SLICE)
		r = drop_aged(s, &dropped);
	return r;
}

/* ---- by bytes ---- */

#define SHORTEN_PAGES 2048 /* of one flush: 8 MB */
#define EVENT_BYTES   160
#define GAP_BYTES     56
#define NOTES_SHARE   4 /* notes may take so much of the pages: a fourth */

/* The file gives back what it has beyond the limit, in slices. */
static int shorten(struct store *s, int64_t limit)
{
	int64_t pages = 0;
	char sql[64];
	int r = db_int(s->db, "PRAGMA page_count", &pages);

	if (r || pages <= limit)
		return r;
	pages -= limit;
	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)",
		 pages < SHORTEN_PAGES ? (int)pages : SHORTEN_PAGES);
	r = db_exec(s->db, sql);
	if (r == 0)
		r = db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
	return r;
}

/* Events and reasons of gaps, in pages; by what one takes on average. */
static int note_pages(struct store *s, int64_t *out)
{
	int64_t events = 0, gaps = 0;
	int r = db_int(s->db, "SELECT count(*) FROM events", &events);

	if (r == 0)
		r = db_int(s->db, "SELECT count(*) FROM gaps", &gaps);
	*out = (events * EVENT_BYTES + gaps * GAP_BYTES) / PAGE_BYTES;
	return r;
}

/* The oldest collections go, and all others when there are none of those. */
static int drop_events(struct store *s, int *dropped)
{
	int r = db_exec(s->db,
			"DELETE FROM events WHERE id IN (SELECT id FROM events"
			" WHERE kind = 'collection' ORDER BY id LIMIT 4096)");

	*dropped = sqlite3_changes(s->db);
	if (r || *dropped)
		return r;
	r = db_exec(s->db, "DELETE FROM events WHERE id IN"
			   " (SELECT id FROM events ORDER BY id LIMIT 4096)");
	*dropped = sqlite3_changes(s->db);
	return r;
}

/* The oldest of them go, so many that the WAL stays short. */
static int drop_notes(struct store *s, int *dropped)
{
	int r = drop_events(s, dropped);

	if (r == 0)
		r = db_exec(s->db,
			    "DELETE FROM gaps WHERE (entity, column, from_ms)"
			    " IN (SELECT entity, column, from_ms FROM gaps"
			    " WHERE to_ms IS NOT NULL"
			    " ORDER BY from_ms LIMIT 1024)");
	if (r == 0)
		*dropped += sqlite3_changes(s->db);
	pthread_mutex_lock(&s->lock);
	s->stats.dropped_rows += (uint64_t)*dropped;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* A damaged copy is the first that goes: what a salvage could not read of it
 * goes with it. */
static bool drop_damaged(struct store *s)
{
	if (s->damaged == 0 || !salvage_drop_oldest(s->path))
		return false;
	s->damaged = salvage_kept_bytes(s->path);
	log_warn("no room: the oldest damaged copy is removed path=%s",
		 s->path);
	store_tell(s, EVENT_STORE_DROPPED,
		   "the oldest copy of a damaged database is removed, for "
		   "want of room");
	return true;
}

/* Something old goes: points, unless notes take more than their share.
 * -ENOENT: there is nothing more. */
static int drop_some(struct store *s, int64_t limit)
{
	size_t count = s->history->chain_count / 64 + 1;
	int64_t notes = 0;
	int dropped = 0;
	int r = note_pages(s, &notes);

	if (r == 0 && (notes > limit / NOTES_SHARE ||
		       s->history->chain_count == 0))
		r = drop_notes(s, &dropped);
	if (r || dropped)
		return r;
	if (s->history->chain_count == 0)
		return -ENOENT;
	return drop_oldest(s, count < SLICE ? count : SLICE);
}

static int by_bytes(struct store *s)
{
	int64_t limit = 0, live = 0;
	int r;

	while (s->options.retention_bytes > 0 &&
	       cap_left(s) < PAGES_MIN * PAGE_BYTES && drop_damaged(s))
		;
	while ((r = page_limit(s, &limit)) == 0 &&
	       (r = live_pages(s, &live)) == 0 &&
	       live + pages_wanted(s) > limit) {
		r = drop_damaged(s) ? 0 : drop_some(s, limit);
		if (r == -ENOENT)
			break;
		if (r)
			return r;
	}
	return r && r != -ENOENT ? r : shorten(s, cap_pages(s));
}

/* ---- by number ---- */

static bool still_there(const struct registry *g, const struct gap_change *gap)
{
	size_t low = 0, high = g->entry_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct entry *e = g->entries[middle];

		if (e->member.id == gap->entity)
			return e->line_of[gap->column] != NO_LINE;
		if (e->member.id < gap->entity)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Gaps of what was forgotten before it was written. */
static void drop_gaps(struct store *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->gap_count; i++) {
		if (still_there(&s->registry, &s->gaps[i]))
			s->gaps[kept++] = s->gaps[i];
	}
	s->gap_count = kept;
}

/*
 * Each start of a process is an entity, and a health check that runs every
 * few seconds would fill memory with them.
 */
static int by_number(struct store *s)
{
	bool empty = registry_has_empty(&s->registry);
	int r = 0;

	if (registry_crowd(&s->registry, s->options.ended_max) > 0) {
		r = db_begin(s->db);
		if (r == 0)
			r = persist_forget(s->db, &s->registry, INT64_MIN);
		if (r == 0)
			r = db_exec(s->db, "COMMIT");
		if (r)
			db_rollback(s->db);
	} else if (!empty) {
		return 0;
	}
	if (r == 0)
		r = forget(s, INT64_MIN);
	if (r == 0)
		drop_gaps(s);
	return r;
}

int retention_run(struct store *s)
{
	int r = by_age(s);

	if (r == 0)
		r = by_number(s);
	return r ? r : by_bytes(s);
}

/* ---- a full disk ---- */

static void ballast_path(const struct store *s, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s-ballast", s->path);
}

/* Room that is given back when the disk is full, so that deleting, which
 * needs room in the WAL, works. */
static void make_ballast(struct store *s)
{
	own(fd_closep) int fd = -1;
	char path[PATH_MAX];
	struct statvfs fs;
	int64_t least;

	ballast_path(s, path);
	if (size_of(s, "-ballast") > s->ballast)
		unlink(path); /* the bound of the files is lower now */
	if (size_of(s, "-ballast") >= s->ballast)
		return;
	/* On a disk that is near full there never is more than disk_pages()
	 * keeps free. */
	least = room_kept(s) < 2 * s->ballast ? room_kept(s) : 2 * s->ballast;
	if (statvfs(s->path, &fs) < 0 ||
	    (int64_t)(fs.f_bavail * fs.f_frsize) < least)
		return;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd >= 0 && posix_fallocate(fd, 0, s->ballast) != 0)
		unlink(path);
}

void retention_prepare(struct store *s)
{
	int64_t limit = 0;
	char sql[64];

	make_ballast(s);
	if (page_limit(s, &limit))
		return;
	/* SQLite counts them in 32 bits, and so far only. */
	if (limit > INT32_MAX)
		limit = INT32_MAX;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld",
		 (long long)limit);
	db_exec(s->db, sql);
}

void retention_give_ballast(const struct store *s)
{
	char path[PATH_MAX];

	ballast_path(s, path);
	unlink(path);
}

/* Pages of the file that the next flush can have without a new one. */
static bool has_spare_pages(struct store *s)
{
	int64_t spare = 0;

	return db_int(s->db, "PRAGMA freelist_count", &spare) == 0 &&
	       spare >= pages_wanted(s);
}

/*
 * The WAL begins anew, but keeps its room: what is given back to a full disk
 * another program takes, and in the end it would have all of our history.
 */
int retention_make_room(struct store *s)
{
	size_t count = s->history->chain_count;
	int r;

	pthread_mutex_lock(&s->lock);
	s->stats.short_of_disk = true;
	pthread_mutex_unlock(&s->lock);
	retention_give_ballast(s);
	db_exec(s->db, "PRAGMA wal_checkpoint(RESTART)");
	if (has_spare_pages(s) || drop_damaged(s) || count == 0)
		return 0;
	count = count / 16 + 1;
	r = drop_oldest(s, count < SLICE ? count : SLICE);
	if (r == 0)
		log_warn("no room on disk: the oldest rows are dropped path=%s",
			 s->path);
	db_exec(s->db, "PRAGMA wal_checkpoint(RESTART)");
	return r;
}
