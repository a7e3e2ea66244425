#pragma once
/*
 * body.h - the JSON of a request: read within bounds, its scalars as text.
 */
#include <jansson.h>
#include <stdbool.h>

#include "common/problem.h"

#define BODY_DEPTH_MAX 32

/*
 * The object in a body; an empty body is an empty object. Depth is bounded
 * before parsing, duplicate keys are refused.
 */
int body_parse(json_t **out, const char *data, size_t len, struct problem *p);

/* One scalar of JSON as text: 10 and "10" are the same. *text may lie in out.
 * False: it is none. */
bool scalar_text(const json_t *v, char out[32], const char **text);

/* Fill the problem of a malformed request; -EINVAL. */
int bad_request(struct problem *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
