#include "db.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

int db_error(int code)
{
	switch (code & 255) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* our SQL is right, so the schema is not */
		return -EBADMSG;
	case SQLITE_INTERRUPT:
		return -EINTR;
	default:
		return -EIO;
	}
}

int db_exec(sqlite3 *db, const char *sql)
{
	return db_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

void db_rollback(sqlite3 *db)
{
	/* An error may have rolled back by itself. */
	if (!sqlite3_get_autocommit(db))
		db_exec(db, "ROLLBACK");
}

int db_begin(sqlite3 *db)
{
	db_rollback(db);
	return db_exec(db, "BEGIN IMMEDIATE");
}

int db_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql)
{
	return db_error(sqlite3_prepare_v2(db, sql, -1, out, NULL));
}

int db_step(sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	return code == SQLITE_ROW ? 1 : db_error(code);
}

int db_run(sqlite3_stmt *s)
{
	int r = db_step(s);

	sqlite3_reset(s);
	return r > 0 ? 0 : r;
}

int db_int(sqlite3 *db, const char *sql, int64_t *out)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s, sql);

	if (r == 0)
		r = db_step(s);
	if (r > 0)
		*out = sqlite3_column_int64(s, 0);
	return r > 0 ? 0 : r;
}

static int bind_one(sqlite3_stmt *s, int i, char type, va_list *args)
{
	const void *data;
	size_t len;

	switch (type) {
	case 'i':
		return sqlite3_bind_int64(s, i, va_arg(*args, int64_t));
	case 's':
		return sqlite3_bind_text(s, i, va_arg(*args, const char *), -1,
					 SQLITE_STATIC);
	case 'b':
		data = va_arg(*args, const void *);
		len = va_arg(*args, size_t);
		return sqlite3_bind_blob64(s, i, data, len, SQLITE_STATIC);
	default:
		assert(!"a type that db_bind knows");
		return SQLITE_MISUSE;
	}
}

int db_bind(sqlite3_stmt *s, const char *types, ...)
{
	int code = SQLITE_OK;
	va_list args;

	va_start(args, types);
	for (int i = 0; types[i] && code == SQLITE_OK; i++)
		code = bind_one(s, i + 1, types[i], &args);
	va_end(args);
	return db_error(code);
}
