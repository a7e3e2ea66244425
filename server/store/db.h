#pragma once
/*
 * db.h - the few calls of SQLite that the store makes, with -errno.
 */
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "common/own.h"

static inline void stmt_finalp(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

/* -ENOSPC full, -EIO, -ENOMEM, -EBUSY, -EACCES, -EBADMSG damaged, -EINTR;
 * 0 for SQLITE_OK, ROW and DONE. */
int db_error(int code);

int db_exec(sqlite3 *db, const char *sql);

/* BEGIN IMMEDIATE; ends what an earlier failure may have left open. */
int db_begin(sqlite3 *db);
void db_rollback(sqlite3 *db);

int db_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql);

/* Run a statement that answers no rows, then reset it. */
int db_run(sqlite3_stmt *s);

/* 1: there is a row; 0: no more; or -errno. */
int db_step(sqlite3_stmt *s);

/* The first column of the first row; 0 rows leave *out. */
int db_int(sqlite3 *db, const char *sql, int64_t *out);

/*
 * Bind by letters: i int64_t, s const char * (NULL for null), b const void *
 * and size_t. Texts and blobs must live until the statement is reset.
 */
int db_bind(sqlite3_stmt *s, const char *types, ...);
