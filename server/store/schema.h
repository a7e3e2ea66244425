#pragma once
/*
 * schema.h - the database file: how it is opened, and what is in it.
 *
 * schema.c holds the tables with a comment on each. Everything that is a row
 * of a const table in the program (metrics, kinds of events, reasons of
 * gaps) is stored by name.
 */
#include <sqlite3.h>
#include <stdint.h>

#include "common/problem.h"

#define SCHEMA_APPLICATION 0x68776473 /* "hwds" */
#define SCHEMA_VERSION     2

/* Make the file when there is none. Fills the problem: -EBADMSG when its first
 * bytes are those of no database, else -EINVAL. */
int schema_make(const char *path, struct problem *p);

/*
 * Open for the writer; makes the tables. wal_pages: checkpoint
 * after so many. Fills the problem with what is wrong and what to do, and is
 * -EINVAL then, -EBADMSG for a damaged file, -ENOSPC or -EIO for the disk;
 * -ENOMEM.
 */
int schema_open(sqlite3 **out, const char *path, int wal_pages,
		struct problem *p);

/* The log is written back after so many pages. */
int schema_set_wal(sqlite3 *db, int wal_pages);

/* Bytes it has then at most, unless readers keep it from beginning anew. */
int64_t schema_wal_bytes(int wal_pages);

/* Open once more, for reading only. */
int schema_open_reader(sqlite3 **out, const char *path);
