#pragma once
/*
 * moment.h - the moments that clients write.
 */
#include <jansson.h>
#include <stdint.h>

#include "common/problem.h"

/*
 * A moment: Unix seconds or milliseconds as number or text, RFC 3339, "now",
 * "now-6h". field names it in a problem.
 */
int time_parse(int64_t *out_ms, const json_t *value, int64_t now_ms,
	       const char *field, struct problem *p);
