#pragma once
/*
 * units.h - durations and sizes as people write them.
 */
#include <stdint.h>

/* milliseconds */
#define UNIT_SECOND 1000ll
#define UNIT_MINUTE (60 * UNIT_SECOND)
#define UNIT_HOUR   (60 * UNIT_MINUTE)
#define UNIT_DAY    (24 * UNIT_HOUR)

/* bytes */
#define UNIT_KIB 1024ll
#define UNIT_MIB (1024 * UNIT_KIB)
#define UNIT_GIB (1024 * UNIT_MIB)
#define UNIT_TIB (1024 * UNIT_GIB)

/* "10s", "1h30m", "250ms", "0" -> milliseconds; ms s m h d w. -EINVAL. */
int duration_parse(int64_t *out_ms, const char *text);

/* millionths */
#define UNIT_PERCENT 10000ll

/* "0.5%", "20%" -> millionths; at most four decimals. -EINVAL. */
int percent_parse(int64_t *out, const char *text);

/* "64KiB", "10MB", "4096" -> bytes; whole numbers only. -EINVAL. */
int bytes_parse(int64_t *out, const char *text);

/* "1.5 GiB", "256 MiB", "512 B": three digits, for people. */
void bytes_format(char out[16], double bytes);
