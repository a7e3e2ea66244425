#pragma once
/*
 * json_span.h - find values in JSON text where they lie, without a tree.
 *
 * For who hands most of a document on unread: a value is a span of the text.
 * json_span_check() first; the others expect well-formed text, and stay
 * inside it whatever it is.
 */
#include "proto.h"

#define JSON_SPAN_DEPTH 28 /* fits, wrapped, into what the server takes */

/* One well-formed value, with nothing but white space around it; nested at
 * most JSON_SPAN_DEPTH deep. Returns whether it is. */
bool json_span_check(struct bytes text);

/* The value of a member of an object; false when there is none. */
bool json_span_member(struct bytes object, const char *key, struct bytes *out);

/* The items of an array, one after the other: rest is the array at first.
 * false at its end, and when it is no array. */
bool json_span_next(struct bytes *rest, struct bytes *out);

/*
 * A string without quotes and escapes, NUL-terminated and cut at len - 1
 * bytes; false, and an empty text, when the span is no string.
 */
bool json_span_text(struct bytes value, char *out, size_t len);

/* true, and any number but 0 */
bool json_span_true(struct bytes value);
