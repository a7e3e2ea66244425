#pragma once
/*
 * head.h - rows of points in the database: written per flush, read by views.
 *
 * A row holds some blocks, its parts: each of the series that a question asks
 * for together, so that it reads these and not the others. Rows form chains
 * of at most CHAIN_ROWS that share one epoch and their parts; a reader goes
 * through a chain from its first row. Where chains lie is kept in memory
 * (history.h), so no row is looked at in vain.
 *
 * Layout of data (varint as in block.h):
 *   varint  parts p, 1..PARTS_MAX
 *   p times varint length unpacked, varint length here, u32 CRC32C of the part
 *           over epoch, id and number of the row (u64 each) and its bytes
 *   the parts, each packed by LZ4, or as it is when both lengths are equal
 * All is little-endian. A part without points has lengths 0 and sum 0, though
 * never in the first row of a chain, where it lists its series.
 */
#include <sqlite3.h>

#include "block.h"
#include "history.h"
#include "row.h"

/* Rows of a chain: a damaged part costs the rest of its chain. */
#define CHAIN_ROWS 60

/* What the coder remembers of the newest chain. */
struct chain_state {
	size_t part_count, count;
	struct block_state *parts; /* owned */
	uint32_t *ids;		   /* owned; of all series, strictly rising */
	uint16_t *part_of;	   /* owned; by position in ids */
};

void chain_state_reset(struct chain_state *s);

/* Whether a row with this tick could continue the chain. */
bool chain_continues(const struct chain_state *s, const struct tick *t);

/* Series of one group stand together, and apart from those of others where
 * both are many; groups are below GROUPS_MAX. */
struct grouping {
	unsigned (*of)(const void *arg, uint32_t series);
	const void *arg;
};

#define GROUPS_MAX 1024

/*
 * Pack n ticks of one epoch into a row of the statement HEAD_INSERT and
 * write it. state is the chain's; row->id and row->chain are told by the
 * caller (chain: state begins anew; else it continues) and the rest is
 * filled.
 */
int head_write(sqlite3_stmt *insert, struct chain_state *state,
	       const struct grouping *grouping, struct row *row,
	       struct tick *const *ticks, size_t n, size_t *written);

#define HEAD_INSERT                                                            \
	"INSERT INTO head (id, chain, epoch, first_ms, last_ms, ticks,"       \
	" raw_len, crc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"

struct head_scan {
	const struct history *history;
	int64_t from_ms, to_ms; /* rows with points in (from, to] */
	uint64_t *damaged;      /* counted here */
	const uint32_t *want;   /* ids, strictly rising */
	size_t want_count;
	/* of one series, whatever their time; false ends the scan */
	bool (*points)(void *arg, size_t which, const int64_t *times_ms,
		       const double *values, size_t count, uint32_t epoch);
	void *arg;
};

/* Points in order of recording. 1 when points() ended it, or -errno. */
int head_scan(sqlite3 *db, const struct head_scan *scan);

/* The highest id of a series that any readable row names; 0: none. */
int head_max_series(sqlite3 *db, uint32_t *out);
