#pragma once
/*
 * jvm_block.h - blocks of performance counters made by hand, as HotSpot lays
 * them, for the tests of collector/jvm.
 */
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 32768

struct block {
	uint8_t bytes[BLOCK_BYTES];
};

#define BLOCK_USED    8  /* offsets of the prologue */
#define BLOCK_ENTRY   24
#define BLOCK_ENTRIES 28

static inline int32_t block_int(const struct block *b, size_t at)
{
	int32_t value;

	memcpy(&value, b->bytes + at, sizeof(value));
	return value;
}

static inline void block_set_int(struct block *b, size_t at, int32_t value)
{
	memcpy(b->bytes + at, &value, sizeof(value));
}

static inline void block_init(struct block *b)
{
	static const uint8_t head[8] = { 0xca, 0xfe, 0xc0, 0xc0, 1, 2, 0, 1 };

	memset(b, 0, sizeof(*b));
	memcpy(b->bytes, head, sizeof(head));
	block_set_int(b, BLOCK_USED, 32);
	block_set_int(b, BLOCK_ENTRY, 32);
}

/* Append an entry; returns its offset. */
static inline size_t block_add(struct block *b, const char *name, char type,
			       const void *value, size_t value_len)
{
	size_t at = (size_t)block_int(b, BLOCK_USED);
	size_t data = (20 + strlen(name) + 1 + 7) / 8 * 8;
	size_t len = (data + value_len + 7) / 8 * 8;

	block_set_int(b, at, (int32_t)len);
	block_set_int(b, at + 4, 20);
	block_set_int(b, at + 8, type == 'J' ? 0 : (int32_t)value_len);
	b->bytes[at + 12] = (uint8_t)type;
	block_set_int(b, at + 16, (int32_t)data);
	memcpy(b->bytes + at + 20, name, strlen(name) + 1);
	memcpy(b->bytes + at + data, value, value_len);
	block_set_int(b, BLOCK_USED, (int32_t)(at + len));
	block_set_int(b, BLOCK_ENTRIES, block_int(b, BLOCK_ENTRIES) + 1);
	return at;
}

static inline size_t block_number(struct block *b, const char *name,
				  int64_t value)
{
	return block_add(b, name, 'J', &value, sizeof(value));
}

static inline size_t block_text(struct block *b, const char *name,
				const char *value)
{
	return block_add(b, name, 'B', value, strlen(value) + 1);
}
