/*
 * Tables as flat rows: objects with the same keys each, in one array or one
 * a line. Times are RFC 3339 without a fraction where there is none, which
 * is the only form that all readers of such rows take for a time.
 */
#include "encode.h"

#include "common/clock.h"
#include "encode_parts.h"

static void put_time(struct json *j, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (clock_text(text, ms))
		json_string(j, text);
	else
		json_null(j);
}

static void put_row(struct json *j, const struct frame *f, size_t row)
{
	json_object(j);
	for (size_t i = 0; i < f->field_count; i++) {
		const struct field *field = &f->fields[i];
		const struct cells *c = field->cells;

		json_key(j, field->name);
		if (c->type == FIELD_TIME_MS && cells_valid(c, row))
			put_time(j, c->i64[row]);
		else
			put_cell(j, c, row);
	}
	json_end(j);
}

/* "rows":[...] of an open object. */
void encode_rows(struct json *j, const struct frame *f)
{
	json_key(j, "rows");
	json_array(j);
	for (size_t row = 0; row < frame_rows(f); row++)
		put_row(j, f, row);
	json_end(j);
}

void encode_notices(struct json *j, const struct frame *f)
{
	put_notices(j, f);
}

void encode_ndjson(struct buf *out, struct frame *const *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t row = 0; row < frame_rows(frames[i]); row++) {
			struct json j = json_writer(out);

			put_row(&j, frames[i], row);
			buf_putc(out, '\n');
		}
	}
}
