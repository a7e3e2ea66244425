#pragma once
/*
 * faulty_vfs.h - a file system for SQLite that fails on demand and never
 * waits for a disk. Everything else is passed on to the real one.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct {
	long fail_after; /* writes that still succeed; -1: all */
	int code;        /* what the others return */
	long writes;     /* seen */
	long fail_count; /* so many fail, then all is well; 0: all fail */
} faulty = { .fail_after = -1 };

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *faulty_real;
static sqlite3_vfs faulty_vfs;

static inline int faulty_fails(void)
{
	faulty.writes++;
	if (faulty.fail_after < 0)
		return SQLITE_OK;
	if (faulty.fail_after > 0) {
		faulty.fail_after--;
		return SQLITE_OK;
	}
	if (faulty.fail_count > 0 && --faulty.fail_count == 0)
		faulty.fail_after = -1;
	return faulty.code;
}

#define REAL(f) (((struct faulty_file *)(f))->real)
#define CALL(f, method, ...) REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__)

static int faulty_close(sqlite3_file *f)
{
	int code = REAL(f)->pMethods ? CALL(f, xClose) : SQLITE_OK;

	free(REAL(f));
	return code;
}

static int faulty_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return CALL(f, xRead, p, n, at);
}

static int faulty_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int code = faulty_fails();

	return code ? code : CALL(f, xWrite, p, n, at);
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	return CALL(f, xTruncate, n);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	return faulty_fails();
}

static int faulty_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return CALL(f, xFileSize, n);
}

static int faulty_lock(sqlite3_file *f, int level)
{
	return CALL(f, xLock, level);
}

static int faulty_unlock(sqlite3_file *f, int level)
{
	return CALL(f, xUnlock, level);
}

static int faulty_reserved(sqlite3_file *f, int *out)
{
	return CALL(f, xCheckReservedLock, out);
}

static int faulty_control(sqlite3_file *f, int op, void *arg)
{
	return CALL(f, xFileControl, op, arg);
}

static int faulty_sector(sqlite3_file *f)
{
	return CALL(f, xSectorSize);
}

static int faulty_traits(sqlite3_file *f)
{
	return CALL(f, xDeviceCharacteristics);
}

static int faulty_shm_map(sqlite3_file *f, int page, int size, int extend,
			  void volatile **out)
{
	return CALL(f, xShmMap, page, size, extend, out);
}

static int faulty_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return CALL(f, xShmLock, at, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *f)
{
	CALL(f, xShmBarrier);
}

static int faulty_shm_unmap(sqlite3_file *f, int remove)
{
	return CALL(f, xShmUnmap, remove);
}

static const sqlite3_io_methods faulty_methods = {
	2,	        faulty_close,	 faulty_read,	     faulty_write,
	faulty_truncate, faulty_sync,	 faulty_size,	     faulty_lock,
	faulty_unlock,   faulty_reserved, faulty_control,     faulty_sector,
	faulty_traits,   faulty_shm_map,  faulty_shm_lock,    faulty_shm_barrier,
	faulty_shm_unmap, NULL,		 NULL,
};

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f,
		       int flags, int *out)
{
	int code;

	(void)vfs;
	f->pMethods = NULL;
	REAL(f) = calloc(1, (size_t)faulty_real->szOsFile);
	if (!REAL(f))
		return SQLITE_NOMEM;
	code = faulty_real->xOpen(faulty_real, name, REAL(f), flags, out);
	if (code == SQLITE_OK) {
		f->pMethods = &faulty_methods;
		return SQLITE_OK;
	}
	if (REAL(f)->pMethods)
		CALL(f, xClose);
	free(REAL(f));
	return code;
}

/* The default of this process from now on. */
static inline void faulty_register(void)
{
	if (faulty_real)
		return;
	faulty_real = sqlite3_vfs_find("unix");
	faulty_vfs = *faulty_real;
	faulty_vfs.zName = "faulty";
	faulty_vfs.szOsFile = sizeof(struct faulty_file);
	faulty_vfs.xOpen = faulty_open;
	faulty_vfs.pNext = NULL;
	sqlite3_vfs_register(&faulty_vfs, 1);
}
