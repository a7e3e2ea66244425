#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"

#include "db.h"

#define CHECK_NS (3ll * 1000000000) /* most time for the check at start */

/*
 * Version 2. Labels are texts of lines name=value, sorted by name, with \n
 * and \\ for a newline and a backslash in a value. Times are Unix ms.
 */
static const char tables[] =
	/* Facts that outlive a run: the node's name. */
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
	" WITHOUT ROWID;"

	/* Metric and dimension; "" for none. */
	"CREATE TABLE columns (id INTEGER PRIMARY KEY, metric TEXT NOT NULL,"
	" dim TEXT NOT NULL, value TEXT NOT NULL);"

	/* A machine, process or remote endpoint. to_ms and reason are NULL
	 * while it is open; from_ms and seen_ms bound the times it has had
	 * points at, also those before a step back of the clock. */
	"CREATE TABLE entities (id INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
	" boot_id TEXT NOT NULL, pid INT NOT NULL, start_ticks INT NOT NULL,"
	" start_ms INT NOT NULL, labels TEXT NOT NULL, from_ms INT NOT NULL,"
	" seen_ms INT NOT NULL, to_ms INT, reason TEXT);"

	/* What was known of an entity from a time on. */
	"CREATE TABLE attributes (entity INT NOT NULL, from_ms INT NOT NULL,"
	" labels TEXT NOT NULL, PRIMARY KEY (entity, from_ms)) WITHOUT ROWID;"

	/* Ids are never used again; the rows of head name series by them. */
	"CREATE TABLE series (id INTEGER PRIMARY KEY, entity INT NOT NULL,"
	" column INT NOT NULL);"

	/* Points of all series, one row per flush: data holds blocks
	 * (head.h), which have raw_len bytes unpacked. A row with chain = 1
	 * begins a chain of blocks. A point at t stands for (t - resolution,
	 * t], or for what there was of it when the store was closed or the
	 * clock stepped back; its time is that of the last sample then. crc
	 * is CRC32C over the integers (8 bytes each, little-endian, in this
	 * order) and what data says of its blocks, which have their own. */
	"CREATE TABLE head (id INTEGER PRIMARY KEY, chain INT NOT NULL,"
	" epoch INT NOT NULL, first_ms INT NOT NULL, last_ms INT NOT NULL,"
	" ticks INT NOT NULL, raw_len INT NOT NULL, crc INT NOT NULL,"
	" data BLOB NOT NULL);"

	/* Where chains lie in head; all but the newest, which is read there. */
	"CREATE TABLE chains (first INTEGER PRIMARY KEY, last INT NOT NULL,"
	" epoch INT NOT NULL, first_ms INT NOT NULL, last_ms INT NOT NULL);"

	/* The wall clock stepped back from left_ms to begin_ms. */
	"CREATE TABLE epochs (id INTEGER PRIMARY KEY, begin_ms INT NOT NULL,"
	" left_ms INT NOT NULL);"

	/* A series had no value, and why; to_ms is NULL while that lasts. */
	"CREATE TABLE gaps (entity INT NOT NULL, column INT NOT NULL,"
	" from_ms INT NOT NULL, to_ms INT, reason TEXT NOT NULL,"
	" PRIMARY KEY (entity, column, from_ms)) WITHOUT ROWID;"

	/* to_ms is 0 for a moment; entity is 0 for none. */
	"CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
	" entity INT NOT NULL, from_ms INT NOT NULL, to_ms INT NOT NULL,"
	" text TEXT NOT NULL);"
	"CREATE INDEX events_from ON events (from_ms);"

	/* Notable ones, without the many collections between them. */
	"CREATE INDEX events_notable ON events (from_ms)"
	" WHERE kind <> 'collection';";

static int refuse(struct problem *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct problem *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vset(p, PROBLEM_UNAVAILABLE, format, args);
	va_end(args);
	return -EINVAL;
}

/* What SQLite would only call "unable to open database file". */
int schema_make(const char *path, struct problem *p)
{
	own(fd_closep) int fd = -1;
	char magic[16];
	struct stat st;
	ssize_t len;
	bool there = stat(path, &st) == 0;

	if (there && S_ISDIR(st.st_mode))
		return refuse(p, "%s is a directory; name a file in it", path);
	if (there && !S_ISREG(st.st_mode)) /* a pipe would never be read */
		return refuse(p, "%s is no file; choose a file", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return refuse(p,
			      "cannot open the database %s: %s; check that its "
			      "directory exists and may be written, or choose "
			      "another file with --db",
			      path, strerror(errno));
	len = read(fd, magic, sizeof(magic));
	if (len < 0)
		return refuse(p, "cannot read the database %s: %s", path,
			      strerror(errno));
	if (len > 0 && (len < (ssize_t)sizeof(magic) ||
			memcmp(magic, "SQLite format 3", sizeof(magic)) != 0)) {
		refuse(p,
		       "%s is not a database of heapwatch; choose another file",
		       path);
		return -EBADMSG;
	}
	return 0;
}

static int fail(struct problem *p, const char *path, int r)
{
	if (r == -ENOMEM)
		return r;
	if (r == -EBADMSG) {
		refuse(p,
		       "the database %s is damaged; move it away, and "
		       "heapwatch starts a new one",
		       path);
		return r;
	}
	if (r == -EBUSY)
		return refuse(p,
			      "the database %s is in use by another program; "
			      "stop it or choose another file",
			      path);
	refuse(p, "cannot use the database %s: %s", path, strerror(-r));
	return r == -ENOSPC || r == -EIO ? r : -EINVAL;
}

static int out_of_time(void *deadline)
{
	return clock_monotonic_ns() > *(int64_t *)deadline;
}

/* A quick check as far as it gets in the time; 0 or -EBADMSG. */
static int check(sqlite3 *db, const char *path)
{
	int64_t deadline = clock_monotonic_ns() + CHECK_NS;
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r;

	sqlite3_progress_handler(db, 10000, out_of_time, &deadline);
	r = db_prepare(db, &s, "PRAGMA quick_check(1)");
	if (r == 0)
		r = db_step(s);
	if (r > 0) {
		const char *text = (const char *)sqlite3_column_text(s, 0);

		r = text && strcmp(text, "ok") == 0 ? 0 : -EBADMSG;
		if (r)
			log_warn("database check failed path=%s found=\"%s\"",
				 path, text ? text : "");
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (r == -EINTR) {
		log_info("database check stopped for its time path=%s", path);
		return 0;
	}
	return r;
}

static int create(sqlite3 *db)
{
	char sql[128];
	int r;

	snprintf(sql, sizeof(sql),
		 "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 SCHEMA_APPLICATION, SCHEMA_VERSION);
	r = db_exec(db, "BEGIN IMMEDIATE");
	if (r == 0)
		r = db_exec(db, tables);
	if (r == 0)
		r = db_exec(db, sql);
	if (r == 0)
		r = db_exec(db, "COMMIT");
	return r;
}

/* Whose file it is; nothing is changed in it yet. */
static int recognise(sqlite3 *db, const char *path, bool *empty,
		     struct problem *p)
{
	int64_t application = 0, version = 0, objects = 0;
	int r;

	if ((r = db_int(db, "PRAGMA application_id", &application)) ||
	    (r = db_int(db, "PRAGMA user_version", &version)) ||
	    (r = db_int(db, "SELECT count(*) FROM sqlite_master", &objects)))
		return fail(p, path, r);
	*empty = objects == 0 && application == 0;
	if (!*empty && application != SCHEMA_APPLICATION)
		return refuse(p,
			      "%s belongs to another program; choose another "
			      "file",
			      path);
	if (version > SCHEMA_VERSION)
		return refuse(p,
			      "%s was written by a newer heapwatch (schema %d, "
			      "this one knows %d); install that one, or choose "
			      "another file",
			      path, (int)version, SCHEMA_VERSION);
	if (!*empty && version < SCHEMA_VERSION)
		return refuse(p,
			      "%s was written by a heapwatch from before the "
			      "first release (schema %d, this one knows %d); "
			      "move it away, or choose another file",
			      path, (int)version, SCHEMA_VERSION);
	return 0;
}

int64_t schema_wal_bytes(int wal_pages)
{
	return 2ll * wal_pages * (4096 + 24);
}

int schema_set_wal(sqlite3 *db, int wal_pages)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
		 "PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%lld",
		 wal_pages, (long long)schema_wal_bytes(wal_pages));
	return db_exec(db, sql);
}

static int set_up(sqlite3 *db, int wal_pages)
{
	int r;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, 2000);
	/* Page size and auto_vacuum are for the first page of a new file.
	 * Incremental: after a lower cap the file can be made shorter. */
	r = db_exec(db, "PRAGMA page_size=4096;"
			"PRAGMA auto_vacuum=INCREMENTAL;"
			"PRAGMA journal_mode=WAL;"
			"PRAGMA synchronous=FULL;"
			"PRAGMA secure_delete=OFF;"
			"PRAGMA temp_store=MEMORY;"
			"PRAGMA cache_size=-4096;"
			"PRAGMA trusted_schema=OFF");
	return r ? r : schema_set_wal(db, wal_pages);
}

int schema_open(sqlite3 **out, const char *path, int wal_pages,
		struct problem *p)
{
	sqlite3 *db = NULL;
	bool empty = false;
	int r = db_error(sqlite3_open_v2(path, &db,
					 SQLITE_OPEN_READWRITE |
						 SQLITE_OPEN_CREATE |
						 SQLITE_OPEN_NOMUTEX,
					 NULL));
	r = r ? fail(p, path, r) : recognise(db, path, &empty, p);
	if (r == 0) {
		r = set_up(db, wal_pages);
		if (r == 0)
			r = empty ? create(db) : check(db, path);
		if (r)
			r = fail(p, path, r);
	}
	if (r) {
		sqlite3_close(db);
		return r;
	}
	*out = db;
	return 0;
}

int schema_open_reader(sqlite3 **out, const char *path)
{
	sqlite3 *db = NULL;
	int r = db_error(sqlite3_open_v2(
		path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));

	if (r == 0) {
		sqlite3_busy_timeout(db, 2000);
		r = db_exec(db, "PRAGMA temp_store=MEMORY;"
				"PRAGMA cache_size=-2048;"
				"PRAGMA trusted_schema=OFF");
	}
	if (r) {
		sqlite3_close(db);
		return r;
	}
	*out = db;
	return 0;
}
