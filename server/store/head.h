#pragma once
/*
 * head.h - rows of points in the database: written per flush, read by views.
 *
 * A row holds one block; rows form chains of at most CHAIN_ROWS that share
 * one epoch. A reader goes through a chain from its first row. Where chains
 * lie is kept in memory (struct history), so no row is looked at in vain.
 */
#include <sqlite3.h>

#include "common/own.h"

#include "block.h"

/* Rows of a chain: a damaged row costs the rest of its chain. */
#define CHAIN_ROWS 60

struct chain {
	int64_t first, last; /* ids of rows */
	int64_t first_ms, last_ms;
	uint32_t epoch;
	bool recorded; /* in the table chains as it is */
};

/* The wall clock stepped back from left_ms to begin_ms. */
struct epoch {
	uint32_t id;
	int64_t begin_ms, left_ms;
	bool recorded;
};

/* Immutable once published; counted references. */
struct history {
	atomic_uint references;
	struct chain *chains; /* owned; oldest first */
	size_t chain_count;
	struct epoch *epochs; /* owned; oldest first */
	size_t epoch_count;
};

/* A copy with room for more chains and epochs; h NULL: empty. -ENOMEM. */
int history_copy(struct history **out, const struct history *h,
		 size_t more_chains, size_t more_epochs);
struct history *history_ref(struct history *h);
void history_unref(struct history *h);
OWN_DEFINE(struct history *, history_unref)

/* One row as it stands in the table. */
struct row {
	int64_t id, first_ms, last_ms;
	bool chain; /* begins one */
	uint32_t epoch, ticks, raw_len, crc;
	const void *data; /* packed */
	size_t len;
};

/*
 * Pack n ticks of one epoch into a row of the statement HEAD_INSERT and
 * write it. state is the chain's; row->id and row->chain are told by the
 * caller (chain: state is reset first) and the rest is filled.
 */
int head_write(sqlite3_stmt *insert, struct block_state *state,
	       struct row *row, struct tick *const *ticks, size_t n,
	       size_t *written);

#define HEAD_INSERT                                                            \
	"INSERT INTO head (id, chain, epoch, first_ms, last_ms, ticks,"       \
	" raw_len, crc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"

struct head_scan {
	const struct history *history;
	int64_t from_ms, to_ms; /* points in (from, to] */
	uint64_t *damaged;      /* counted here */
	const uint32_t *want;   /* ids, strictly rising */
	size_t want_count;
	bool (*point)(void *arg, size_t which, int64_t time_ms, double value,
		      uint32_t epoch);
	void *arg;
};

/* Points in order of recording. 1 when point() ended it, or -errno. */
int head_scan(sqlite3 *db, const struct head_scan *scan);

/* The highest id of a series that any readable row names; 0: none. */
int head_max_series(sqlite3 *db, uint32_t *out);

/* The chains there are; reads the table and the rows behind it. */
int head_load(sqlite3 *db, struct history **out, int64_t *next_row);
