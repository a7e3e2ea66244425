#pragma once
/*
 * row.h - one row of the table head (its layout: head.h), and its sums.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTS_MAX   256
#define ROW_RAW_MAX (64 << 20) /* bytes of one unpacked row */

/* One row as it stands in the table. */
struct row {
	int64_t id, first_ms, last_ms;
	bool chain; /* begins one */
	uint32_t epoch, ticks, raw_len, crc; /* crc: not over the parts */
	const void *data; /* NULL: to be read piece by piece */
	size_t len;
};

/* Over the row but its parts, its id too: a row in the wrong place is
 * damaged. */
uint32_t row_crc(const struct row *r, const void *directory, size_t len);

/* Over one of its parts. */
uint32_t part_crc(const struct row *r, size_t part, const void *data,
		  size_t len);
