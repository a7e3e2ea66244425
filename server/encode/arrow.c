#include "arrow.h"

#include <errno.h>
#include <string.h>

#include "common/utf8.h"

#include "encode_parts.h"
#include "flatbuffer.h"

/* Of Schema.fbs and Message.fbs in the Arrow format. */
enum { VERSION_5 = 4 };
enum { HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 };
enum {
	TYPE_INT = 2,
	TYPE_FLOAT = 3,
	TYPE_UTF8 = 5,
	TYPE_BOOL = 6,
	TYPE_TIMESTAMP = 10
};
enum { PRECISION_DOUBLE = 2, UNIT_NANOSECOND = 3 };

#define NS_PER_MS 1000000

struct extent { /* FieldNode {length, null_count}, Buffer {offset, length} */
	int64_t a, b;
};

struct block {
	int64_t offset;
	int32_t metadata_len, padding;
	int64_t body_len;
};

/* Where the parts of one file lie. */
struct arrow_file {
	const struct frame *frame;
	const char *meta;
	struct buf *out;
	size_t start; /* of the file in the buffer */
	struct block block;
};

/* ---- the schema ---- */

static fb_ref key_value(struct fb *b, const char *key, const char *value)
{
	fb_ref v = fb_string(b, value, strlen(value));
	fb_ref k = fb_string(b, key, strlen(key));

	fb_table(b);
	fb_link(b, 0, k);
	fb_link(b, 1, v);
	return fb_end(b);
}

static fb_ref type_table(struct fb *b, enum field_type type)
{
	fb_table(b);
	switch (type) {
	case FIELD_TIME_MS:
		fb_i16(b, 0, UNIT_NANOSECOND);
		break;
	case FIELD_F64:
		fb_i16(b, 0, PRECISION_DOUBLE);
		break;
	case FIELD_I64:
		fb_i32(b, 0, 64);
		fb_u8(b, 1, true);
		break;
	case FIELD_BOOL:
	case FIELD_STRING:
		break;
	}
	return fb_end(b);
}

static fb_ref field_metadata(struct fb *b, const struct field *f)
{
	static const char *const words[] = {
		[FIELD_TIME_MS] = "time",   [FIELD_F64] = "number",
		[FIELD_I64] = "number",	    [FIELD_BOOL] = "boolean",
		[FIELD_STRING] = "string",
	};
	struct buf text = BUF_INIT;
	struct json j = json_writer(&text);
	fb_ref items[3];
	size_t count = 0;

	items[count++] = key_value(b, "tstype", words[f->cells->type]);
	if (f->labels.count) {
		put_labels(&j, &f->labels);
		items[count++] = key_value(b, "labels", buf_cstr(&text));
	}
	buf_reset(&text);
	j = json_writer(&text);
	if (put_config(&j, f))
		items[count++] = key_value(b, "config", buf_cstr(&text));
	if (buf_error(&text))
		b->error = buf_error(&text);
	buf_fini(&text);
	return fb_refs(b, items, count);
}

static fb_ref schema_field(struct fb *b, const struct field *f)
{
	static const uint8_t types[] = {
		[FIELD_TIME_MS] = TYPE_TIMESTAMP, [FIELD_F64] = TYPE_FLOAT,
		[FIELD_I64] = TYPE_INT,		  [FIELD_BOOL] = TYPE_BOOL,
		[FIELD_STRING] = TYPE_UTF8,
	};
	fb_ref metadata = field_metadata(b, f);
	fb_ref children = fb_refs(b, NULL, 0);
	fb_ref type = type_table(b, f->cells->type);
	fb_ref name = fb_string(b, f->name, strlen(f->name));

	fb_table(b);
	fb_link(b, 6, metadata);
	fb_link(b, 5, children);
	fb_link(b, 3, type);
	fb_link(b, 0, name);
	fb_u8(b, 2, types[f->cells->type]);
	fb_u8(b, 1, cells_nullable(f->cells));
	return fb_end(b);
}

static fb_ref schema(struct fb *b, const struct frame *f, const char *meta)
{
	fb_ref *fields = calloc(f->field_count + 1, sizeof(*fields));
	fb_ref list, metadata, items[3];
	size_t count = 0;

	if (!fields) {
		b->error = -ENOMEM;
		return 0;
	}
	for (size_t i = 0; i < f->field_count; i++)
		fields[i] = schema_field(b, &f->fields[i]);
	list = fb_refs(b, fields, f->field_count);
	free(fields);
	items[count++] = key_value(b, "name", f->name);
	items[count++] = key_value(b, "refId", f->ref_id);
	items[count++] = key_value(b, "meta", meta);
	metadata = fb_refs(b, items, count);
	fb_table(b);
	fb_link(b, 2, metadata);
	fb_link(b, 1, list);
	fb_i16(b, 0, 0);
	return fb_end(b);
}

/* ---- messages ---- */

static void message_finish(struct fb *b, uint8_t type, fb_ref header,
			   int64_t body_len)
{
	fb_table(b);
	fb_i64(b, 3, body_len);
	fb_link(b, 2, header);
	fb_i16(b, 0, VERSION_5);
	fb_u8(b, 1, type);
	fb_finish(b, fb_end(b));
}

static void put_i32(struct buf *out, int32_t value)
{
	buf_add(out, &value, sizeof(value));
}

/* Adds the flatbuffer, or passes its error on; frees it. */
static void put_flatbuffer(struct buf *out, struct fb *b)
{
	if (fb_error(b) && !out->error)
		out->error = fb_error(b);
	else
		buf_add(out, fb_bytes(b), b->len);
	fb_fini(b);
}

static size_t put_message(struct buf *out, struct fb *b)
{
	size_t len = b->len;

	put_i32(out, -1);
	put_i32(out, (int32_t)len);
	put_flatbuffer(out, b);
	return 8 + len;
}

static void put_schema_message(struct arrow_file *a)
{
	struct fb b = { 0 };

	message_finish(&b, HEADER_SCHEMA, schema(&b, a->frame, a->meta), 0);
	put_message(a->out, &b);
}

/* ---- the columns ---- */

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* What is not UTF-8 is replaced, so the length is that of what is written. */
static size_t text_write(struct buf *out, const char *text)
{
	size_t len = strlen(text), written = 0;

	while (len > 0) {
		size_t step = utf8_len(text, len);
		const char *part = step ? text : UTF8_REPLACEMENT;
		size_t part_len = step ? step : strlen(UTF8_REPLACEMENT);

		if (out)
			buf_add(out, part, part_len);
		written += part_len;
		text += step ? step : 1;
		len -= step ? step : 1;
	}
	return written;
}

static const char *text_at(const struct cells *c, size_t row)
{
	return cells_valid(c, row) && c->string[row] ? c->string[row] : "";
}

static size_t texts_len(const struct cells *c, size_t rows)
{
	size_t len = 0;

	for (size_t i = 0; i < rows; i++)
		len += text_write(NULL, text_at(c, i));
	return len;
}

/* The buffers of one column: validity, perhaps offsets, data. */
static size_t column_extents(struct extent *out, const struct cells *c,
			     size_t rows, int64_t *end)
{
	size_t lens[3] = { c->null_count ? (rows + 7) / 8 : 0 };
	size_t count = 1;

	if (c->type == FIELD_STRING) {
		lens[count++] = (rows + 1) * sizeof(int32_t);
		lens[count++] = texts_len(c, rows);
	} else {
		lens[count++] = c->type == FIELD_BOOL ? (rows + 7) / 8 :
							rows * 8;
	}
	for (size_t i = 0; i < count; i++) {
		out[i] = (struct extent){ *end, (int64_t)lens[i] };
		*end += (int64_t)padded(lens[i]);
	}
	return count;
}

static void pad(struct buf *out, size_t len)
{
	static const char zeros[8];

	buf_add(out, zeros, padded(len) - len);
}

static void put_validity(struct buf *out, const struct cells *c, size_t rows)
{
	size_t len = (rows + 7) / 8;

	if (c->null_count == 0)
		return;
	buf_add(out, c->valid, len);
	pad(out, len);
}

static void put_times(struct buf *out, const struct cells *c, size_t rows)
{
	int64_t *room = (int64_t *)(void *)buf_reserve(out, rows * 8);

	for (size_t i = 0; room && i < rows; i++) {
		int64_t ns;

		/* Beyond the year 2262 there is no nanosecond to name. */
		if (__builtin_mul_overflow(c->i64[i], NS_PER_MS, &ns))
			ns = c->i64[i] < 0 ? INT64_MIN : INT64_MAX;
		memcpy(&room[i], &ns, sizeof(ns));
	}
	if (room)
		out->len += rows * 8;
}

static void put_bools(struct buf *out, const struct cells *c, size_t rows)
{
	for (size_t i = 0; i < rows; i += 8) {
		unsigned bits = 0;

		for (size_t k = 0; k < 8 && i + k < rows; k++)
			bits |= (unsigned)(cells_valid(c, i + k) &&
					   c->boolean[i + k])
				<< k;
		buf_putc(out, (char)bits);
	}
	pad(out, (rows + 7) / 8);
}

static void put_texts(struct buf *out, const struct cells *c, size_t rows)
{
	size_t at = 0;

	for (size_t i = 0; i <= rows; i++) {
		put_i32(out, (int32_t)at);
		if (i < rows)
			at += text_write(NULL, text_at(c, i));
	}
	pad(out, (rows + 1) * sizeof(int32_t));
	for (size_t i = 0; i < rows; i++)
		text_write(out, text_at(c, i));
	pad(out, at);
}

static void put_column(struct buf *out, const struct cells *c, size_t rows)
{
	put_validity(out, c, rows);
	switch (c->type) {
	case FIELD_TIME_MS:
		put_times(out, c, rows);
		break;
	case FIELD_F64:
		buf_add(out, c->f64, rows * 8);
		break;
	case FIELD_I64:
		buf_add(out, c->i64, rows * 8);
		break;
	case FIELD_BOOL:
		put_bools(out, c, rows);
		break;
	case FIELD_STRING:
		put_texts(out, c, rows);
		break;
	}
}

static int batch_header(struct fb *b, const struct frame *f,
			int64_t *body_len)
{
	size_t rows = frame_rows(f);
	struct extent *all = calloc(4 * f->field_count + 1, sizeof(*all));
	struct extent *buffers = all + f->field_count;
	size_t count = 0;
	fb_ref extents, nodes, batch;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < f->field_count; i++) {
		const struct cells *c = f->fields[i].cells;

		all[i] = (struct extent){ (int64_t)rows,
					  (int64_t)c->null_count };
		count += column_extents(buffers + count, c, rows, body_len);
	}
	extents = fb_structs(b, buffers, sizeof(*buffers), count);
	nodes = fb_structs(b, all, sizeof(*all), f->field_count);
	free(all);
	fb_table(b);
	fb_i64(b, 0, (int64_t)rows);
	fb_link(b, 2, extents);
	fb_link(b, 1, nodes);
	batch = fb_end(b);
	message_finish(b, HEADER_RECORD_BATCH, batch, *body_len);
	return fb_error(b);
}

static void put_batch(struct arrow_file *a)
{
	const struct frame *f = a->frame;
	struct fb b = { 0 };
	int r;

	a->block.offset = (int64_t)(a->out->len - a->start);
	r = batch_header(&b, f, &a->block.body_len);
	if (r)
		b.error = r;
	a->block.metadata_len = (int32_t)put_message(a->out, &b);
	for (size_t i = 0; i < f->field_count; i++)
		put_column(a->out, f->fields[i].cells, frame_rows(f));
}

static void put_footer(struct arrow_file *a)
{
	struct fb b = { 0 };
	fb_ref blocks = fb_structs(&b, &a->block, sizeof(a->block), 1);
	fb_ref none = fb_structs(&b, NULL, sizeof(a->block), 0);
	fb_ref fields = schema(&b, a->frame, a->meta);
	size_t len;

	fb_table(&b);
	fb_link(&b, 3, blocks);
	fb_link(&b, 2, none);
	fb_link(&b, 1, fields);
	fb_i16(&b, 0, VERSION_5);
	fb_finish(&b, fb_end(&b));
	len = b.len;
	put_i32(a->out, -1);
	put_i32(a->out, 0);
	put_flatbuffer(a->out, &b);
	put_i32(a->out, (int32_t)len);
}

void arrow_write(struct buf *out, const struct frame *f, const char *meta)
{
	struct arrow_file a = {
		.frame = f, .meta = meta, .out = out, .start = out->len
	};

	buf_add(out, "ARROW1\0\0", 8);
	put_schema_message(&a);
	put_batch(&a);
	put_footer(&a);
	buf_puts(out, "ARROW1");
}
