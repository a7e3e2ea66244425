#pragma once
/*
 * flatbuffer.h - build one FlatBuffers message, back to front.
 *
 * What is referred to is written before what refers to it: strings and
 * vectors first, then their table. A reference is the distance from the end,
 * so it holds while the buffer grows. Errors are sticky: build freely, check
 * fb_error() once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FB_SLOTS 8 /* most fields of a table that Arrow needs */

typedef uint32_t fb_ref; /* 0: none */

struct fb {
	uint8_t *data; /* owned; the content is its last len bytes */
	size_t len, cap;
	int error; /* 0 or -ENOMEM */

	/* the table that is open: */
	size_t table_start;
	fb_ref slots[FB_SLOTS];
};

void fb_fini(struct fb *b);

fb_ref fb_string(struct fb *b, const char *text, size_t len);
fb_ref fb_refs(struct fb *b, const fb_ref *items, size_t count);

/* A vector of structs whose widest member is 8 bytes. */
fb_ref fb_structs(struct fb *b, const void *items, size_t size, size_t count);

/* One table at a time: begin, set its slots, end. */
void fb_table(struct fb *b);
void fb_u8(struct fb *b, unsigned slot, uint8_t value);
void fb_i16(struct fb *b, unsigned slot, int16_t value);
void fb_i32(struct fb *b, unsigned slot, int32_t value);
void fb_i64(struct fb *b, unsigned slot, int64_t value);
void fb_link(struct fb *b, unsigned slot, fb_ref value); /* 0: left out */
fb_ref fb_end(struct fb *b);

/* The root: from here on data + cap - len is the message, len a multiple of
 * eight. */
void fb_finish(struct fb *b, fb_ref root);

static inline int fb_error(const struct fb *b)
{
	return b->error;
}

static inline const uint8_t *fb_bytes(const struct fb *b)
{
	return b->data + b->cap - b->len;
}
