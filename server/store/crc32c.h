#pragma once
/*
 * crc32c.h - the Castagnoli checksum (RFC 3720, appendix B.4).
 */
#include <stddef.h>
#include <stdint.h>

/* Start with 0; feed the result back to go on. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same without the processor's help. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);
