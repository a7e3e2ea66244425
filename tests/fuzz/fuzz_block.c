/*
 * Any bytes as a chain of two blocks. Build:
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu11 -D_GNU_SOURCE
 *   -I. tests/fuzz/fuzz_block.c server/store/block*.c server/store/tick.c
 *   common/buf.c -lm
 */
#include <math.h>
#include <stdlib.h>

#include "server/store/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t left;

/* Enough is enough: a small block may stand for millions of points. */
static bool points(void *arg, size_t which, const int64_t *times_ms,
		   const double *values, size_t count)
{
	(void)arg;
	(void)which;
	(void)times_ms;
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(values[i]))
			abort();
	}
	if (count == 0 || count > left)
		return false;
	left -= count;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint32_t want[] = {1, 2, 5, 300};
	struct block_reader all = {NULL, 0, points, NULL};
	struct block_reader some = {want, 4, points, NULL};
	struct block_state state = {0};
	size_t first;

	if (len < 2)
		return 0;
	left = 100000;
	first = (len - 1) * data[0] / 255;
	block_decode(&state, data + 1, first, data[0] & 1 ? &all : &some);
	block_decode(&state, data + 1 + first, len - 1 - first,
		     data[0] & 1 ? &all : &some);
	block_state_reset(&state);
	return 0;
}
