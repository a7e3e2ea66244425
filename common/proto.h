#pragma once
/*
 * proto.h - Protocol Buffers on the wire: a bounded reader and a writer.
 *
 * The reader walks the fields of one message where it lies and copies
 * nothing; whatever the bytes are, it stays inside them. Which field means
 * what is for the caller to know.
 */
#include <stdbool.h>

#include "buf.h"

struct bytes {
	const char *data; /* borrowed; not NUL-terminated; NULL only if empty */
	size_t len;
};

enum proto_wire {
	PROTO_VARINT = 0,
	PROTO_FIXED64 = 1,
	PROTO_BYTES = 2,
	PROTO_FIXED32 = 5
};

struct proto_field {
	uint32_t number;
	enum proto_wire wire;
	uint64_t value;     /* of a number */
	struct bytes bytes; /* of a text, bytes or a message; else empty */
};

struct proto_reader {
	const uint8_t *at, *end;
	bool bad; /* the message is malformed from here on */
};

static inline struct proto_reader proto_read(struct bytes message)
{
	const uint8_t *data =
		(const uint8_t *)(message.data ? message.data : "");

	return (struct proto_reader){ data, data + message.len, false };
}

/* The next field; false at the end, and where the message is malformed. */
bool proto_next(struct proto_reader *r, struct proto_field *out);

/* Key and value of a map's entry whose both are texts or bytes; false when
 * the entry is malformed. What is absent is empty. */
bool proto_entry(struct bytes entry, struct bytes *key, struct bytes *value);

void proto_put_number(struct buf *out, uint32_t field, uint64_t value);
void proto_put_bytes(struct buf *out, uint32_t field, const void *bytes,
		     size_t len);

/* A message that was built aside; its error becomes that of out. */
void proto_put_built(struct buf *out, uint32_t field, const struct buf *part);

/* A reader refuses the whole message for one text that is not UTF-8: what is
 * none becomes U+FFFD. */
void proto_put_text(struct buf *out, uint32_t field, const char *text);
