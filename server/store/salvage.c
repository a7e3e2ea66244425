#include "salvage.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"

#include "db.h"
#include "head.h"
#include "schema.h"

#define COMMIT_ROWS    2000
#define REACH_MAX      (1ll << 40) /* how far behind damage rows are sought */
#define HOLES_MAX      100000      /* then the rest of a table is given up */
#define APPLICATION_AT 68	   /* in the header of a database file */

#define COPIES_MAX 4           /* damaged files kept */
#define RESERVE	   (1ll << 20) /* of a disk, beside the points */

#define HEAD "head"

/* Each by its key. Where that is one integer, damage in the midst is stepped
 * over; the others are read from both ends. The chains are found again in
 * the rows of head. */
static const struct table {
	const char *name, *columns, *up, *down;
	bool by_id;
} tables[] = {
	{ "meta", "name, value", "name", "name DESC", false },
	{ "columns", "id, metric, dim, value", NULL, NULL, true },
	{ "entities",
	  "id, kind, boot_id, pid, start_ticks, start_ms, labels, from_ms,"
	  " seen_ms, to_ms, reason",
	  NULL, NULL, true },
	{ "attributes", "entity, from_ms, labels", "entity, from_ms",
	  "entity DESC, from_ms DESC", false },
	{ "series", "id, entity, column", NULL, NULL, true },
	{ "epochs", "id, begin_ms, left_ms", NULL, NULL, true },
	{ "gaps", "entity, column, from_ms, to_ms, reason",
	  "entity, column, from_ms", "entity DESC, column DESC, from_ms DESC",
	  false },
	{ "events", "id, kind, entity, from_ms, to_ms, text", NULL, NULL,
	  true },
	{ HEAD,
	  "id, chain, epoch, first_ms, last_ms, ticks, raw_len, crc, data",
	  NULL, NULL, true },
};

struct copier {
	sqlite3 *from, *to;
	const struct table *table;
	sqlite3_stmt *read, *write; /* owned; of the table at hand */
	int64_t last;		    /* key read last */
	int64_t chained;	    /* row of head written last */
	int64_t head_first;	    /* points before are left behind */
	uint64_t uncommitted;
	const char *path;
	struct salvage *found;
};

static void copier_reset(struct copier *c)
{
	sqlite3_finalize(c->read);
	sqlite3_finalize(c->write);
	c->read = c->write = NULL;
}

static int prepare(struct copier *c, const char *tail)
{
	own(buf_fini) struct buf sql = BUF_INIT;
	int r;

	buf_printf(&sql, "SELECT %s FROM %s %s", c->table->columns,
		   c->table->name, tail);
	r = db_prepare(c->from, &c->read, buf_cstr(&sql));
	if (r)
		return r;
	buf_reset(&sql);
	buf_printf(&sql, "INSERT OR IGNORE INTO %s (%s) VALUES (?1",
		   c->table->name, c->table->columns);
	for (int i = 1; i < sqlite3_column_count(c->read); i++)
		buf_printf(&sql, ", ?%d", i + 1);
	buf_putc(&sql, ')');
	return db_prepare(c->to, &c->write, buf_cstr(&sql));
}

static int commit(struct copier *c)
{
	int r = sqlite3_get_autocommit(c->to) ? 0 : db_exec(c->to, "COMMIT");

	c->uncommitted = 0;
	return r;
}

/* A row of head that goes on with one that is lost cannot be read. */
static bool orphan(struct copier *c)
{
	if (strcmp(c->table->name, HEAD) != 0)
		return false;
	if (sqlite3_column_int64(c->read, 1) != 1 &&
	    c->last != c->chained + 1)
		return true;
	c->chained = c->last;
	return false;
}

/* -EBADMSG: the row cannot be read; another error: it cannot be written. */
static int copy_row(struct copier *c)
{
	int r = 0, code, count = sqlite3_column_count(c->read);

	for (int i = 0; i < count && r == 0; i++)
		r = db_error(sqlite3_bind_value(
			c->write, i + 1, sqlite3_column_value(c->read, i)));
	if (r == 0 && c->uncommitted == 0)
		r = db_begin(c->to);
	if (r)
		return r;
	code = sqlite3_step(c->write) & 255;
	sqlite3_reset(c->write);
	/* What was garbled so that the table does not take it is a hole. */
	if (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH)
		c->found->holes++;
	else
		r = db_error(code);
	if (code == SQLITE_DONE)
		c->found->rows += (uint64_t)sqlite3_changes(c->to);
	if (r == 0 && ++c->uncommitted == COMMIT_ROWS)
		r = commit(c);
	return r;
}

/* Rows from the key on until the end (0) or damage (-EBADMSG). */
static int copy_from(struct copier *c, int64_t first)
{
	int r = 0, next = db_bind(c->read, "i", first);

	while (next == 0 && (next = db_step(c->read)) > 0 && r == 0) {
		c->last = sqlite3_column_int64(c->read, 0);
		next = 0;
		if (!orphan(c))
			r = copy_row(c);
	}
	sqlite3_reset(c->read);
	return r ? r : next;
}

/* Whether rows can be read from the key on: 0, -EBADMSG or another error. */
static int try_from(struct copier *c, int64_t first)
{
	int r = db_bind(c->read, "i", first);

	if (r == 0)
		r = db_step(c->read);
	sqlite3_reset(c->read);
	return r > 0 ? 0 : r;
}

/*
 * The least key behind bad from which can be read: in doubled strides until
 * it can, then in halves back. -ENOENT: none within reach.
 */
static int behind(struct copier *c, int64_t bad, int64_t *out)
{
	int64_t stride = 1, good;

	while (try_from(c, bad + stride) != 0) {
		stride *= 2;
		if (stride > REACH_MAX || bad > INT64_MAX - stride)
			return -ENOENT;
	}
	good = bad + stride;
	bad += stride / 2;
	while (good - bad > 1) {
		int64_t middle = bad + (good - bad) / 2;

		if (try_from(c, middle) == 0)
			good = middle;
		else
			bad = middle;
	}
	*out = good;
	return 0;
}

static int copy_by_id(struct copier *c)
{
	int64_t first = strcmp(c->table->name, HEAD) == 0 ? c->head_first : 0;
	int r = prepare(c, "NOT INDEXED WHERE id >= ?1 ORDER BY id");

	if (r)
		return r;
	c->last = -1;
	while ((r = copy_from(c, first)) == -EBADMSG) {
		if (++c->found->holes > HOLES_MAX)
			return 0;
		r = behind(c, c->last < first ? first : c->last, &first);
		if (r)
			return r == -ENOENT ? 0 : r;
	}
	return r;
}

static int copy_one_way(struct copier *c, const char *order)
{
	char tail[96];
	int r = 0, next;

	snprintf(tail, sizeof(tail), "ORDER BY %s", order);
	next = prepare(c, tail);
	while (next == 0 && (next = db_step(c->read)) > 0 && r == 0) {
		next = 0;
		r = copy_row(c);
	}
	return r ? r : next;
}

static int copy_both_ways(struct copier *c)
{
	int r = copy_one_way(c, c->table->up);

	if (r != -EBADMSG)
		return r;
	c->found->holes++;
	copier_reset(c);
	return copy_one_way(c, c->table->down);
}

static int copy_table(struct copier *c, const struct table *t)
{
	int r;

	c->table = t;
	r = t->by_id ? copy_by_id(c) : copy_both_ways(c);
	copier_reset(c);
	if (r == -EBADMSG) {
		c->found->holes++;
		r = 0;
	}
	return r ? r : commit(c);
}

/*
 * Ids of series and entities that were lost may still be named by rows that
 * came over; given out again they would join them to another process.
 */
static int keep_ids_apart(sqlite3 *to)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int64_t entity = 0;
	uint32_t series = 0;
	int r = head_max_series(to, &series);

	if (r == 0)
		r = db_int(to,
			   "SELECT max(entity) FROM (SELECT entity FROM series"
			   " UNION ALL SELECT entity FROM gaps"
			   " UNION ALL SELECT entity FROM events"
			   " UNION ALL SELECT entity FROM attributes)",
			   &entity);
	if (r == 0)
		r = db_prepare(to, &s,
			       "INSERT OR REPLACE INTO meta (name, value)"
			       " VALUES ('series_floor', ?1),"
			       " ('entity_floor', ?2)");
	if (r == 0)
		r = db_bind(s, "ii", (int64_t)series + 1, entity + 1);
	return r ? r : db_run(s);
}

static void ballast_path(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%.4000s-ballast", path);
}

static void drop_ballast(const char *path)
{
	char name[PATH_MAX];

	ballast_path(name, path);
	unlink(name);
}

/* The share of the points that there is room for comes over: the newest. */
static void fit_head(struct copier *c, int64_t size)
{
	int64_t oldest = 0, newest = 0;
	struct statvfs fs;
	int64_t room;

	if (statvfs(c->path, &fs) < 0)
		return;
	room = (int64_t)(fs.f_bavail * fs.f_frsize) - size / 8 - RESERVE;
	if (room >= size ||
	    db_int(c->from, "SELECT min(id) FROM head", &oldest) ||
	    db_int(c->from, "SELECT max(id) FROM head", &newest))
		return;
	c->head_first = newest + 1;
	if (room > 0)
		c->head_first -= (int64_t)((double)(newest - oldest) *
					   (double)room / (double)size);
	c->found->error = -ENOSPC;
}

static int copy_all(struct copier *c)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables) && r == 0; i++)
		r = copy_table(c, &tables[i]);
	db_rollback(c->to); /* what could not be written */
	if (r) {
		c->found->error = r;
		log_err(r, "salvage ended early rows=%llu",
			(unsigned long long)c->found->rows);
		drop_ballast(c->path);
	}
	return keep_ids_apart(c->to);
}

/* ---- the files ---- */

static const char *const suffixes[] = { "-wal", "-shm", "" };

/* The newest has number 0. */
static void copy_path(char out[PATH_MAX], const char *path, int number,
		      const char *suffix)
{
	if (number == 0)
		snprintf(out, PATH_MAX, "%.4000s-damaged%s", path, suffix);
	else
		snprintf(out, PATH_MAX, "%.4000s-damaged.%d%s", path, number,
			 suffix);
}

static int64_t copy_bytes(const char *path, int number)
{
	char name[PATH_MAX];
	int64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		copy_path(name, path, number, suffixes[i]);
		if (stat(name, &st) == 0)
			bytes += st.st_size;
	}
	return bytes;
}

int64_t salvage_kept_bytes(const char *path)
{
	int64_t bytes = 0;

	for (int i = 0; i < COPIES_MAX; i++)
		bytes += copy_bytes(path, i);
	return bytes;
}

/* The oldest down to that number. */
static bool drop_down_to(const char *path, int least)
{
	char name[PATH_MAX];
	bool gone = false;

	for (int i = COPIES_MAX - 1; i >= least && !gone; i--) {
		for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
			copy_path(name, path, i, suffixes[k]);
			gone |= unlink(name) == 0;
		}
	}
	return gone;
}

bool salvage_drop_oldest(const char *path)
{
	return drop_down_to(path, 0);
}

/* Each gets the next number; the last one goes. */
static int make_place(const char *path)
{
	char from[PATH_MAX], to[PATH_MAX];

	drop_down_to(path, COPIES_MAX - 1);
	for (int i = COPIES_MAX - 2; i >= 0; i--) {
		for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
			copy_path(from, path, i, suffixes[k]);
			copy_path(to, path, i + 1, suffixes[k]);
			if (rename(from, to) < 0 && errno != ENOENT)
				return -errno;
		}
	}
	return 0;
}

/* Older copies make room for what comes over. */
static void make_room(const char *path)
{
	int64_t need = copy_bytes(path, 0) * 9 / 8 + RESERVE;
	struct statvfs fs;

	while (statvfs(path, &fs) == 0 &&
	       (int64_t)(fs.f_bavail * fs.f_frsize) < need &&
	       drop_down_to(path, 1))
		;
}

static int move_aside(const char *path, char aside[PATH_MAX])
{
	char from[PATH_MAX], to[PATH_MAX];

	copy_path(aside, path, 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(from, sizeof(from), "%.4000s%s", path, suffixes[i]);
		copy_path(to, path, 0, suffixes[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static void mark_path(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%.4000s-salvaging", path);
}

bool salvage_unfinished(const char *path)
{
	char mark[PATH_MAX], aside[PATH_MAX];

	mark_path(mark, path);
	copy_path(aside, path, 0, "");
	return access(mark, F_OK) == 0 &&
	       (access(aside, F_OK) == 0 || access(path, F_OK) == 0);
}

/* It stands there from before the move until all is copied. */
static int mark_begin(const char *path)
{
	char mark[PATH_MAX];
	int fd;

	mark_path(mark, path);
	fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void mark_end(const char *path)
{
	char mark[PATH_MAX];

	mark_path(mark, path);
	unlink(mark);
}

/* What an interrupted copy made, so that it begins anew. */
static void drop_copy(const char *path)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(name, sizeof(name), "%.4000s%s", path, suffixes[i]);
		unlink(name);
	}
}

/* The damaged file, at its place aside. */
static int put_aside(const char *path, char aside[PATH_MAX])
{
	int r;

	if (salvage_unfinished(path)) {
		copy_path(aside, path, 0, "");
		if (access(aside, F_OK) < 0) /* the file itself moves last */
			return move_aside(path, aside);
		drop_copy(path);
		return 0;
	}
	/* The place is free before the mark says that what is there is ours. */
	if ((r = make_place(path)) || (r = mark_begin(path)))
		return r;
	return move_aside(path, aside);
}

static int open_new(sqlite3 **out, const char *path, int wal_pages,
		    struct problem *p)
{
	int r = schema_make(path, p);

	if (r == 0)
		r = schema_open(out, path, wal_pages, p);
	if (r != -ENOSPC)
		return r;
	drop_ballast(path);
	return schema_open(out, path, wal_pages, p);
}

static int build(struct salvage *out, const char *aside, const char *path,
		 int wal_pages, struct problem *p)
{
	struct copier c = { .found = out, .chained = -1, .path = path };
	int r = open_new(&c.to, path, wal_pages, p);

	if (r)
		return r;
	r = db_error(sqlite3_open_v2(aside, &c.from,
				     SQLITE_OPEN_READWRITE |
					     SQLITE_OPEN_NOMUTEX,
				     NULL));
	if (r == 0)
		r = db_exec(c.from, "PRAGMA trusted_schema=OFF;"
				    "PRAGMA cell_size_check=ON");
	if (r == 0) {
		fit_head(&c, copy_bytes(path, 0));
		r = copy_all(&c);
	}
	sqlite3_close(c.from);
	sqlite3_close(c.to);
	if (r) {
		out->error = r;
		log_err(r, "nothing more could be salvaged path=%s", path);
	}
	return 0;
}

int salvage_run(struct salvage *out, const char *path, int wal_pages,
		struct problem *p)
{
	char aside[PATH_MAX];
	int r;

	log_warn("the database is damaged; reading what is left of it path=%s",
		 path);
	*out = (struct salvage){ 0 };
	r = put_aside(path, aside);
	if (r) {
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "the database %s is damaged and cannot be moved "
			    "away: %s",
			    path, strerror(-r));
		return -EINVAL;
	}
	make_room(path);
	r = build(out, aside, path, wal_pages, p);
	mark_end(path);
	if (r == 0)
		log_warn("a new database has what could be read rows=%llu "
			 "holes=%llu complete=%s path=%s kept=%s",
			 (unsigned long long)out->rows,
			 (unsigned long long)out->holes,
			 out->error ? strerror(-out->error) : "yes", path,
			 aside);
	return r;
}

bool salvage_is_ours(const char *path)
{
	own(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint32_t application = 0;
	char ballast[PATH_MAX];

	ballast_path(ballast, path);
	return (fd >= 0 &&
		pread(fd, &application, sizeof(application), APPLICATION_AT) ==
			sizeof(application) &&
		be32toh(application) == SCHEMA_APPLICATION) ||
	       access(ballast, F_OK) == 0;
}
