/*
 * CSV as RFC 4180 has it: CRLF, a header line, quotes where needed. Times
 * are RFC 3339 in UTC. Several frames follow each other after an empty line.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe in
 * front: names of processes are chosen by strangers.
 */
#include "encode.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/utf8.h"
#include "encode_parts.h"

static void put_text(struct buf *out, const char *text)
{
	bool quoted = strpbrk(text, ",\"\r\n") || *text == ' ';
	size_t left = strlen(text);

	if (quoted)
		buf_putc(out, '"');
	if (*text && strchr("=+-@\t\r", *text))
		buf_putc(out, '\'');
	while (left > 0) {
		size_t len = utf8_len(text, left);

		if (*text == '"')
			buf_puts(out, "\"\"");
		else if (len == 0)
			buf_puts(out, UTF8_REPLACEMENT);
		else
			buf_add(out, text, len);
		text += len ? len : 1;
		left -= len ? len : 1;
	}
	if (quoted)
		buf_putc(out, '"');
}

static void put_time(struct buf *out, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(text, ms);
	buf_puts(out, text);
}

static void put_number(struct buf *out, double value)
{
	char text[NUMBER_TEXT_MAX];

	if (isnan(value))
		buf_puts(out, "NaN");
	else if (isinf(value))
		buf_puts(out, value > 0 ? "Inf" : "-Inf");
	else
		buf_add(out, text, number_format(text, value));
}

/* Nothing where the cell is absent. */
static void put_value(struct buf *out, const struct cells *c, size_t row)
{
	char text[NUMBER_TEXT_MAX];

	if (row >= c->count || !cells_valid(c, row))
		return;
	switch (c->type) {
	case FIELD_TIME_MS:
		put_time(out, c->i64[row]);
		break;
	case FIELD_I64:
		buf_add(out, text, number_format_int(text, c->i64[row]));
		break;
	case FIELD_F64:
		put_number(out, c->f64[row]);
		break;
	case FIELD_BOOL:
		buf_puts(out, c->boolean[row] ? "true" : "false");
		break;
	case FIELD_STRING:
		put_text(out, c->string[row]);
		break;
	}
}

static void put_separator(struct buf *out, size_t i)
{
	if (i)
		buf_putc(out, ',');
}

static void put_table(struct buf *out, const struct frame *f)
{
	for (size_t i = 0; i < f->field_count; i++) {
		const struct field *field = &f->fields[i];

		put_separator(out, i);
		put_text(out, field->display_name ? field->display_name :
						    field->name);
	}
	buf_puts(out, "\r\n");
	for (size_t row = 0; row < frame_rows(f); row++) {
		for (size_t i = 0; i < f->field_count; i++) {
			put_separator(out, i);
			put_value(out, f->fields[i].cells, row);
		}
		buf_puts(out, "\r\n");
	}
}

static void put_numeric_row(struct buf *out, const struct field *field,
			    const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = labels_get(&field->labels, names[i]);

		put_text(out, value ? value : "");
		buf_putc(out, ',');
	}
	put_value(out, field->cells, field->cells->count - 1);
	buf_puts(out, "\r\n");
}

static void put_numeric(struct buf *out, const struct frame *f)
{
	size_t count = 0;
	own(freep) const char **names = label_columns(f, &count);

	if (!names) {
		out->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		put_text(out, names[i]);
		buf_putc(out, ',');
	}
	put_text(out, f->name);
	buf_puts(out, "\r\n");
	for (size_t i = 0; i < f->field_count; i++)
		put_numeric_row(out, &f->fields[i], names, count);
}

void encode_csv(struct buf *out, struct frame *const *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_puts(out, "\r\n");
		if (frames[i]->type == FRAME_NUMERIC)
			put_numeric(out, frames[i]);
		else
			put_table(out, frames[i]);
	}
}
