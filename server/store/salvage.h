#pragma once
/*
 * salvage.h - what can still be read of a damaged database, in a new one.
 *
 * Flash cards and power cuts overwrite pages. The damaged file is kept
 * beside the new one as PATH-damaged (with its -wal), those of earlier
 * salvages as PATH-damaged.1 to .3, so that a bad card cannot fill itself
 * with copies. They count among the store's bytes and are the first that go.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/problem.h"

struct salvage {
	uint64_t rows;  /* that came over, of all tables */
	uint64_t holes; /* places where rows could not be read */
	int error;      /* 0, or what kept rows from coming over: -ENOSPC */
};

/*
 * Move the damaged file aside, make a new one at path and copy what can be
 * read; whoever opens it next holds what came over. Only for a file that says
 * it is ours. Where there is no room for all of it, older copies go, then the
 * oldest points stay behind; an error other than damage ends the copying and
 * takes the ballast, but never ends the start: what came over so far is kept,
 * and told as incomplete. Before threads.
 * -EINVAL with the problem when not even a new file can be made.
 */
int salvage_run(struct salvage *out, const char *path, int wal_pages,
		struct problem *p);

/*
 * Whether a copy was interrupted (kill, power): PATH-salvaging stands beside
 * the file. What it made is not to be believed; salvage_run() begins again
 * from PATH-damaged.
 */
bool salvage_unfinished(const char *path);

/* Bytes of all damaged files that are kept. */
int64_t salvage_kept_bytes(const char *path);

/* Remove the oldest of them; false: there is none. */
bool salvage_drop_oldest(const char *path);

/* Whether a file that is damaged was ours: its first bytes say so, or the
 * ballast stands beside it, which nobody else makes. */
bool salvage_is_ours(const char *path);
