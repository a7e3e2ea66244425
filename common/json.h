#pragma once
/*
 * json.h - write JSON straight into a buffer, no document tree.
 *
 * The writer puts the commas and closes what is open; the caller says what
 * comes. Numbers are the shortest text that reads back to the same double;
 * NaN and infinity, which JSON has not, become null.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define JSON_DEPTH_MAX 16

struct json {
	struct buf *out; /* borrowed */
	unsigned depth;
	char scope[JSON_DEPTH_MAX]; /* '}' or ']' of each open scope */
	bool comma;                 /* the next item wants one before it */
};

static inline struct json json_writer(struct buf *out)
{
	return (struct json){ .out = out };
}

void json_begin_object(struct json *j);      /* { */
void json_begin_array(struct json *j);       /* [ */
void json_end(struct json *j);               /* closes the innermost */
void json_key(struct json *j, const char *key);

void json_add_string(struct json *j, const char *text); /* NULL: null */
void json_string_len(struct json *j, const char *text, size_t len);
void json_double(struct json *j, double value);
void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);
void json_bool(struct json *j, bool value);
void json_add_null(struct json *j);

/* Key and value in one call. */
void json_put_string(struct json *j, const char *key, const char *text);
void json_put_double(struct json *j, const char *key, double value);
void json_put_int(struct json *j, const char *key, int64_t value);
void json_put_bool(struct json *j, const char *key, bool value);

/*
 * Short names of four of these. They are private to each file, because
 * jansson exports functions of the same names and would call ours; a file
 * that includes jansson.h, which comes first then, uses the long ones.
 */
#ifndef JANSSON_H
static inline void json_object(struct json *j)
{
	json_begin_object(j);
}

static inline void json_array(struct json *j)
{
	json_begin_array(j);
}

static inline void json_string(struct json *j, const char *text)
{
	json_add_string(j, text);
}

static inline void json_null(struct json *j)
{
	json_add_null(j);
}
#endif
