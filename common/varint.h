#pragma once
/*
 * varint.h - reads what buf_put_varint() writes, whoever wrote it.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * The number at *at, which moves on; never beyond end. False, with *out as it
 * was, for one that is cut off or longer than 10 bytes. Bits beyond the 64th
 * are dropped, as Protocol Buffers does.
 */
static inline bool varint_get(const uint8_t **at, const uint8_t *end,
			      uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			*out = value;
			return true;
		}
	}
	return false;
}
