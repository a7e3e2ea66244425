#include "row.h"

#include <assert.h>

#include "common/own.h"

#include "crc32c.h"

static void put_u64(unsigned char *out, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)(v >> 8 * i);
}

static uint32_t crc_of(const uint64_t *numbers, size_t count, const void *data,
		       size_t len)
{
	unsigned char bytes[8 * 8];

	assert(count <= 8);
	for (size_t i = 0; i < count; i++)
		put_u64(bytes + 8 * i, numbers[i]);
	return crc32c(crc32c(0, bytes, 8 * count), data, len);
}

uint32_t row_crc(const struct row *r, const void *directory, size_t len)
{
	const uint64_t numbers[] = {(uint64_t)r->id,
				    r->chain,
				    r->epoch,
				    (uint64_t)r->first_ms,
				    (uint64_t)r->last_ms,
				    r->ticks,
				    r->raw_len};

	return crc_of(numbers, ARRAY_SIZE(numbers), directory, len);
}

uint32_t part_crc(const struct row *r, size_t part, const void *data,
			 size_t len)
{
	const uint64_t numbers[] = {r->epoch, (uint64_t)r->id, part};

	return crc_of(numbers, ARRAY_SIZE(numbers), data, len);
}
