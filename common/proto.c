#include "proto.h"

#include <string.h>

#include "utf8.h"
#include "varint.h"

static bool varint(struct proto_reader *r, uint64_t *out)
{
	return varint_get(&r->at, r->end, out);
}

static bool fixed(struct proto_reader *r, size_t len, uint64_t *out)
{
	if ((size_t)(r->end - r->at) < len)
		return false;
	*out = 0;
	memcpy(out, r->at, len); /* little-endian, as is every machine here */
	r->at += len;
	return true;
}

static bool span(struct proto_reader *r, struct bytes *out)
{
	uint64_t len;

	if (!varint(r, &len) || len > (size_t)(r->end - r->at))
		return false;
	*out = (struct bytes){ (const char *)r->at, (size_t)len };
	r->at += len;
	return true;
}

static bool field(struct proto_reader *r, struct proto_field *out)
{
	uint64_t key;

	if (!varint(r, &key) || key >> 3 == 0 || key >> 32)
		return false;
	*out = (struct proto_field){ .number = (uint32_t)(key >> 3),
				     .wire = (enum proto_wire)(key & 7),
				     .bytes = { "", 0 } };
	switch (key & 7) {
	case PROTO_VARINT:
		return varint(r, &out->value);
	case PROTO_FIXED64:
		return fixed(r, 8, &out->value);
	case PROTO_FIXED32:
		return fixed(r, 4, &out->value);
	case PROTO_BYTES:
		return span(r, &out->bytes);
	}
	return false; /* groups have been gone for long */
}

bool proto_next(struct proto_reader *r, struct proto_field *out)
{
	if (r->bad || r->at == r->end)
		return false;
	r->bad = !field(r, out);
	return !r->bad;
}

bool proto_entry(struct bytes entry, struct bytes *key, struct bytes *value)
{
	struct proto_reader r = proto_read(entry);
	struct proto_field f;

	*key = *value = (struct bytes){ "", 0 };
	while (proto_next(&r, &f)) {
		if (f.wire != PROTO_BYTES)
			continue;
		if (f.number == 1)
			*key = f.bytes;
		else if (f.number == 2)
			*value = f.bytes;
	}
	return !r.bad;
}

void proto_put_number(struct buf *out, uint32_t number, uint64_t value)
{
	buf_put_varint(out, (uint64_t)number << 3 | PROTO_VARINT);
	buf_put_varint(out, value);
}

void proto_put_bytes(struct buf *out, uint32_t number, const void *bytes,
		     size_t len)
{
	buf_put_varint(out, (uint64_t)number << 3 | PROTO_BYTES);
	buf_put_varint(out, len);
	buf_add(out, bytes, len);
}

void proto_put_built(struct buf *out, uint32_t number, const struct buf *part)
{
	if (buf_error(part) && !out->error)
		out->error = buf_error(part);
	else
		proto_put_bytes(out, number, part->data, part->len);
}

void proto_put_text(struct buf *out, uint32_t number, const char *text)
{
	struct buf clean = BUF_INIT;
	size_t left = strlen(text);

	while (left) {
		size_t len = utf8_len(text, left);

		if (len)
			buf_add(&clean, text, len);
		else
			buf_puts(&clean, UTF8_REPLACEMENT);
		text += len ? len : 1;
		left -= len ? len : 1;
	}
	proto_put_built(out, number, &clean);
	buf_fini(&clean);
}
