#pragma once
/*
 * buf.h - a growing byte buffer with a sticky error.
 *
 * Append freely, check once: after an append has failed, for want of memory
 * or at the limit, every later one does nothing and buf_error() says why.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* owned; NULL while empty; not NUL-terminated */
	size_t len, cap;
	size_t limit; /* most bytes it may hold; 0: no limit */
	int error;    /* 0, -ENOMEM, or -EFBIG at the limit */
};

#define BUF_INIT { 0 }

void buf_fini(struct buf *b);

/* Empty it, keep the memory, forget the error. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Seven bits a byte, lowest first, as in Protocol Buffers: 10 bytes at most. */
void buf_put_varint(struct buf *b, uint64_t v);

/*
 * Room for len more bytes at the end, to be written by the caller, who then
 * adds to b->len what was used. NULL once there is an error.
 */
char *buf_reserve(struct buf *b, size_t len);

/* The content as a C string, owned by the buffer; "" once there is an error. */
const char *buf_cstr(struct buf *b);

static inline int buf_error(const struct buf *b)
{
	return b->error;
}
