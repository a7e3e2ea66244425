#include "buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
}

static int grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	while (cap < need)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

/* spare: room for a terminator, which is no content. */
static char *reserve(struct buf *b, size_t len, size_t spare)
{
	if (b->error)
		return NULL;
	if (len > SIZE_MAX / 4 - b->len ||
	    (b->limit && b->len + len > b->limit)) {
		b->error = -EFBIG;
		return NULL;
	}
	if (b->len + len + spare > b->cap && grow(b, b->len + len + spare)) {
		b->error = -ENOMEM;
		return NULL;
	}
	return b->data + b->len;
}

char *buf_reserve(struct buf *b, size_t len)
{
	return reserve(b, len, 0);
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	char *room;

	if (len == 0)
		return;
	room = buf_reserve(b, len);
	if (!room)
		return;
	memcpy(room, data, len);
	b->len += len;
}

void buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	char *room = buf_reserve(b, 1);

	if (!room)
		return;
	*room = c;
	b->len++;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *room;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	room = reserve(b, (size_t)len, 1);
	if (!room)
		return;
	va_start(args, format);
	vsnprintf(room, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

void buf_put_varint(struct buf *b, uint64_t v)
{
	char *room = buf_reserve(b, 10);

	if (!room)
		return;
	for (; v >= 0x80; v >>= 7) {
		*room++ = (char)(v | 0x80);
		b->len++;
	}
	*room = (char)v;
	b->len++;
}

const char *buf_cstr(struct buf *b)
{
	char *room = reserve(b, 0, 1);

	if (!room)
		return "";
	*room = '\0';
	return b->data;
}
