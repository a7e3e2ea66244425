#include "crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

/* table[k][b]: what byte b does to the sum k bytes further on. */
static uint32_t table[4][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t x = b;

		for (int i = 0; i < 8; i++)
			x = x >> 1 ^ (x & 1 ? POLYNOMIAL : 0);
		table[0][b] = x;
	}
	for (int k = 1; k < 4; k++) {
		for (int b = 0; b < 256; b++) {
			uint32_t x = table[k - 1][b];

			table[k][b] = x >> 8 ^ table[0][x & 255];
		}
	}
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t len)
{
	pthread_once(&once, fill);
	for (; len >= 4; len -= 4, p += 4) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		       (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^
		      table[1][crc >> 16 & 255] ^ table[0][crc >> 24];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
	return crc;
}

#ifdef __x86_64__

/* The processor's own instruction, since 2008: some fifteen times as fast. */
__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t wide = crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t bytes;

		memcpy(&bytes, p, sizeof(bytes));
		wide = __builtin_ia32_crc32di(wide, bytes);
	}
	crc = (uint32_t)wide;
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#else

static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	return by_table(crc, p, len);
}

static bool has_instruction(void)
{
	return false;
}

#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	return ~(has_instruction() ? by_instruction(~crc, data, len) :
				     by_table(~crc, data, len));
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	return ~by_table(~crc, data, len);
}
