#pragma once
/*
 * memory.h - the newest minutes at full resolution, mostly as blocks.
 *
 * The writer adds ticks; when MEMORY_TICKS of them stand there, they become
 * one block. Views copy the pointers and hold a reference to each.
 */
#include "block.h"

#define MEMORY_TICKS 32

struct memory_block {
	atomic_uint references;
	uint32_t epoch;
	int64_t first_ms, last_ms;
	int64_t last_boot_ns;
	size_t len;
	unsigned char data[];
};

struct memory {
	struct memory_block **blocks; /* a reference each; oldest first */
	size_t block_count, block_cap;
	struct tick *ticks[MEMORY_TICKS]; /* a reference each; after the blocks */
	size_t tick_count;
	int64_t tick_boot_ns; /* of the newest tick */

	/* Full from here on: in epoch, times after begin_ms; and later epochs. */
	bool any;
	uint32_t epoch;
	int64_t begin_ms;
};

void memory_fini(struct memory *m);

/*
 * Add a tick (takes a reference), drop what is older than keep_ns.
 * -ENOMEM: the tick is not added. step_ms: points of the store are for
 * steps of so long; what is full begins with a whole step.
 */
int memory_add(struct memory *m, struct tick *t, int64_t boot_ns,
	       int64_t keep_ns, int64_t step_ms);

/* A copy of the pointers with references. -ENOMEM. */
int memory_copy(struct memory *out, const struct memory *m);

/* Bytes held. */
size_t memory_bytes(const struct memory *m);

struct memory_scan {
	const uint32_t *want; /* ids, strictly rising */
	size_t want_count;
	uint32_t epoch; /* only ticks of this epoch and time > begin_ms, */
	int64_t begin_ms;
	bool later_epochs; /* and, with this, all of later epochs */
	/* of one series and epoch; false ends the scan */
	bool (*points)(void *arg, size_t which, const int64_t *times_ms,
		       const double *values, size_t count, uint32_t epoch);
	void *arg;
};

/* Points in order of recording. 1 when point() ended it, or -errno. */
int memory_scan(const struct memory *m, const struct memory_scan *scan);

/* t rounded up to a multiple of step_ms. */
int64_t step_end(int64_t t, int64_t step_ms);
