#include "flatbuffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "FlatBuffers and Arrow are written as they lie in memory");

void fb_fini(struct fb *b)
{
	free(b->data);
	*b = (struct fb){ 0 };
}

static int grow(struct fb *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 512;
	uint8_t *data;

	while (cap < b->len + need)
		cap *= 2;
	data = cap < UINT32_MAX ? malloc(cap) : NULL;
	if (!data)
		return b->error = -ENOMEM;
	if (b->len)
		memcpy(data + cap - b->len, fb_bytes(b), b->len);
	free(b->data);
	b->data = data;
	b->cap = cap;
	return 0;
}

/* Room in front of what is there; NULL once there is an error. */
static void *push(struct fb *b, size_t len)
{
	if (b->error || (b->cap - b->len < len && grow(b, len)))
		return NULL;
	b->len += len;
	return b->data + b->cap - b->len;
}

static void push_bytes(struct fb *b, const void *bytes, size_t len)
{
	void *room = push(b, len);

	if (room && len)
		memcpy(room, bytes, len);
}

static void push_zeros(struct fb *b, size_t len)
{
	void *room = push(b, len);

	if (room)
		memset(room, 0, len);
}

/* Zeros, so that after "then" more bytes the front is aligned. */
static void align(struct fb *b, size_t to, size_t then)
{
	push_zeros(b, -(b->len + then) & (to - 1));
}

static fb_ref here(const struct fb *b)
{
	return b->error ? 0 : (fb_ref)b->len;
}

static void push_u32(struct fb *b, uint32_t value)
{
	push_bytes(b, &value, sizeof(value));
}

/* A reference counts from where it stands. */
static void push_ref(struct fb *b, fb_ref to)
{
	push_u32(b, (uint32_t)b->len + 4 - to);
}

fb_ref fb_string(struct fb *b, const char *text, size_t len)
{
	align(b, 4, len + 1);
	push_zeros(b, 1);
	push_bytes(b, text, len);
	push_u32(b, (uint32_t)len);
	return here(b);
}

fb_ref fb_refs(struct fb *b, const fb_ref *items, size_t count)
{
	align(b, 4, 0);
	for (size_t i = count; i-- > 0;)
		push_ref(b, items[i]);
	push_u32(b, (uint32_t)count);
	return here(b);
}

fb_ref fb_structs(struct fb *b, const void *items, size_t size, size_t count)
{
	align(b, 8, size * count);
	push_bytes(b, items, size * count);
	push_u32(b, (uint32_t)count);
	return here(b);
}

void fb_table(struct fb *b)
{
	b->table_start = b->len;
	memset(b->slots, 0, sizeof(b->slots));
}

static void scalar(struct fb *b, unsigned slot, const void *value, size_t size)
{
	assert(slot < FB_SLOTS);
	align(b, size, 0);
	push_bytes(b, value, size);
	b->slots[slot] = here(b);
}

void fb_u8(struct fb *b, unsigned slot, uint8_t value)
{
	scalar(b, slot, &value, sizeof(value));
}

void fb_i16(struct fb *b, unsigned slot, int16_t value)
{
	scalar(b, slot, &value, sizeof(value));
}

void fb_i32(struct fb *b, unsigned slot, int32_t value)
{
	scalar(b, slot, &value, sizeof(value));
}

void fb_i64(struct fb *b, unsigned slot, int64_t value)
{
	scalar(b, slot, &value, sizeof(value));
}

void fb_link(struct fb *b, unsigned slot, fb_ref value)
{
	uint32_t distance;

	if (!value)
		return;
	align(b, 4, 0);
	distance = (uint32_t)b->len + 4 - value;
	scalar(b, slot, &distance, sizeof(distance));
}

/* The table's first word is the way to its list of slots, just before it. */
fb_ref fb_end(struct fb *b)
{
	uint16_t list[FB_SLOTS + 2] = { 0 };
	size_t used = FB_SLOTS;
	fb_ref table;

	while (used > 0 && !b->slots[used - 1])
		used--;
	align(b, 4, 0);
	push_u32(b, (uint32_t)(2 + used) * 2);
	table = here(b);
	list[0] = (uint16_t)((2 + used) * 2);
	list[1] = (uint16_t)(b->len - b->table_start);
	for (size_t i = 0; i < used; i++)
		list[2 + i] = (uint16_t)(b->slots[i] ? table - b->slots[i] : 0);
	push_bytes(b, list, list[0]);
	return table;
}

void fb_finish(struct fb *b, fb_ref root)
{
	align(b, 8, 4);
	push_ref(b, root);
}
