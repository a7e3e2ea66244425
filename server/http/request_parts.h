#pragma once
/*
 * request_parts.h - what the files of the parser share among themselves:
 * conditions.c makes words and conditions, request_parse.c questions.
 */
#include "request_parse.h"

/* Fill the problem of a malformed request; -EINVAL. */
int bad(struct problem *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One scalar of JSON as text: 10 and "10" are the same. *text may lie in out.
 * False: it is none. */
bool scalar_text(const json_t *v, char out[32], const char **text);
