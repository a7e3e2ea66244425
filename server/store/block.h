#pragma once
/*
 * block.h - the codec of ticks: some ticks of many series as few bytes.
 *
 * Series stand one after the other, each as deltas between its values. A
 * value that is a decimal with few places is kept as an integer times a power
 * of ten, and only where that gives the same bits back; any other as its
 * eight bytes. Lossless for every finite double.
 *
 * Blocks may form a chain: one that continues leaves out the list of series
 * and counts its first delta from the last value of the block before. Reading
 * starts at the first block of a chain.
 *
 * Layout (varint: 7 bits a byte, lowest first; zigzag where signed):
 *   u8      flags: 1 continues the chain, 2 has an index
 *   varint  ticks n, 1..BLOCK_TICKS_MAX
 *   varint  time of the first tick (zigzag), then n - 1 differences (zigzag)
 *   unless it continues: varint series m, then m ids as differences
 *   varint  modes told, each: varint series skipped, u8 mode
 *   varint  series not in every tick, each: varint skipped, n bits
 *   with an index: m varints, the length of each series' values
 *   values, series by series: all that are present, oldest first
 * A mode that is not told is that of the block before in the chain, else 0.
 * Mode 0..9: decimal places; 16: eight bytes little-endian each; + 64: all
 * values equal the first, which alone is there.
 * An integer's delta d is told as zigzag(d) * 2, or, when 4096 divides it (a
 * page), as zigzag(d / 4096) * 2 + 1.
 */
#include <stdbool.h>

#include "common/buf.h"

#include "tick.h"

#define BLOCK_TICKS_MAX  1024
#define BLOCK_POINTS_MAX (1u << 24) /* ticks x series of one block */
#define BLOCK_SERIES_MAX (1u << 20) /* some 20 MB of state */

/* What a chain remembers of its blocks so far. */
struct block_state {
	size_t count;
	uint32_t *ids;  /* owned; strictly rising */
	uint8_t *modes; /* owned */
	int64_t *last;  /* owned; scaled integer last seen */
	size_t *wanted; /* owned; decoding: index + 1 in want, or 0 */
	bool idle;	/* decoding: no series of the chain is wanted */
};

/* Forget; the next block begins a chain. */
void block_state_reset(struct block_state *s);

/*
 * Append a block of n ticks of one epoch. It continues the chain when s has
 * one and knows all series. With index, a reader steps over series at once
 * instead of value by value. -E2BIG beyond the limits, -ENOMEM; s is then
 * reset, out is to be thrown away.
 */
int block_encode(struct buf *out, struct block_state *s,
		 struct tick *const *ticks, size_t n, bool index);

struct block_reader {
	const uint32_t *want; /* ids, strictly rising; NULL: all */
	size_t want_count;
	/* Those of one series in the block, at least one. which: index in
	 * want, or the id when all are wanted; false ends. */
	bool (*points)(void *arg, size_t which, const int64_t *times_ms,
		       const double *values, size_t count);
	void *arg;
};

/*
 * Read a block made by anybody. s is that of the chain; for a chain always
 * with the same reader. Of series that are not wanted no more is looked at
 * than it takes to step over them; of a chain without any, nothing. 1 when
 * points() ended it, -EBADMSG for what is no block or continues a chain that
 * s does not know, -ENOMEM.
 */
int block_decode(struct block_state *s, const void *data, size_t len,
		 const struct block_reader *r);
