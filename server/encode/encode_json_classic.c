/*
 * The shapes that simple-json and simpod plugins have always read: one
 * element with datapoints per series, or columns and rows. unit, title, tags
 * and meta are read by Grafana's core in both.
 */
#include "encode.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/number.h"

#include "encode_parts.h"

#define TIME_TEXT_MAX (NUMBER_TEXT_MAX + 2)

/* Every answer names its question, or Grafana cannot map overrides. */
static void put_ref_id(struct json *j, const struct frame *f)
{
	if (*f->ref_id)
		json_put_string(j, "refId", f->ref_id);
}

static void put_meta(struct json *j, const struct frame *f)
{
	if (f->notice_count == 0)
		return;
	json_key(j, "meta");
	json_object(j);
	put_notices(j, f);
	json_end(j);
}

/* All series of a frame share their times: ",1700000000000]" is made once. */
struct time_texts {
	char (*items)[TIME_TEXT_MAX]; /* owned */
	size_t *lens;		      /* owned */
};

static void time_texts_fini(struct time_texts *t)
{
	free(t->items);
	free(t->lens);
}

static int time_texts_init(struct time_texts *t, const struct cells *times)
{
	t->items = malloc((times->count + 1) * sizeof(t->items[0]));
	t->lens = malloc((times->count + 1) * sizeof(t->lens[0]));
	if (!t->items || !t->lens)
		return -ENOMEM;
	for (size_t i = 0; i < times->count; i++) {
		size_t len = number_format_int(t->items[i] + 1, times->i64[i]);

		t->items[i][0] = ',';
		t->items[i][len + 1] = ']';
		t->lens[i] = len + 2;
	}
	return 0;
}

/* "[0.5,1700000000000]"; most bytes of most answers come from here. */
static void put_datapoint(struct buf *out, const struct cells *values,
			  size_t row, const char *time, size_t time_len)
{
	char *begin = buf_reserve(out, 2 + NUMBER_TEXT_MAX + TIME_TEXT_MAX);
	char *p = begin;

	if (!begin)
		return;
	if (row > 0)
		*p++ = ',';
	*p++ = '[';
	if (row < values->count && cells_valid(values, row) &&
	    isfinite(values->f64[row])) {
		p += number_format(p, values->f64[row]);
	} else {
		memcpy(p, "null", 4);
		p += 4;
	}
	memcpy(p, time, time_len);
	out->len += (size_t)(p - begin) + time_len;
}

static void put_datapoints(struct json *j, const struct time_texts *times,
			   size_t count, const struct cells *values)
{
	assert(values->type == FIELD_F64);
	json_key(j, "datapoints");
	json_array(j);
	for (size_t i = 0; i < count; i++)
		put_datapoint(j->out, values, i, times->items[i],
			      times->lens[i]);
	json_end(j);
}

static void put_series(struct json *j, const struct frame *f,
		       const struct time_texts *times,
		       const struct field *field, bool first)
{
	const char *title = field->display_name;

	json_object(j);
	json_put_string(j, "target", title ? title : field->name);
	put_ref_id(j, f);
	if (field->unit)
		json_put_string(j, "unit", field->unit);
	if (title)
		json_put_string(j, "title", title);
	if (field->labels.count) {
		json_key(j, "tags");
		put_labels(j, &field->labels);
	}
	put_datapoints(j, times, f->fields[0].cells->count, field->cells);
	/* once: a notice of each series would be shown as many times */
	if (first)
		put_meta(j, f);
	json_end(j);
}

/* No series, but a reason why. */
static void put_reason(struct json *j, const struct frame *f)
{
	json_object(j);
	json_put_string(j, "target", f->name);
	put_ref_id(j, f);
	json_key(j, "datapoints");
	json_array(j);
	json_end(j);
	put_meta(j, f);
	json_end(j);
}

static void put_timeseries(struct json *j, const struct frame *f)
{
	own(time_texts_fini) struct time_texts times = { 0 };

	if (f->field_count > 1 &&
	    time_texts_init(&times, f->fields[0].cells)) {
		j->out->error = -ENOMEM;
		return;
	}
	for (size_t i = 1; i < f->field_count; i++)
		put_series(j, f, &times, &f->fields[i], i == 1);
	if (f->field_count < 2 && f->notice_count)
		put_reason(j, f);
}

static const char *column_type(enum field_type type)
{
	static const char *const words[] = {
		[FIELD_TIME_MS] = "time",   [FIELD_F64] = "number",
		[FIELD_I64] = "number",	    [FIELD_BOOL] = "boolean",
		[FIELD_STRING] = "string",
	};

	return words[type];
}

static void put_column(struct json *j, const char *text, enum field_type type,
		       const char *unit)
{
	json_object(j);
	json_put_string(j, "text", text);
	json_put_string(j, "type", column_type(type));
	if (unit)
		json_put_string(j, "unit", unit);
	json_end(j);
}

static void open_table(struct json *j, const struct frame *f)
{
	json_object(j);
	json_put_string(j, "type", "table");
	put_ref_id(j, f);
	json_put_string(j, "name", f->name);
	json_key(j, "columns");
	json_array(j);
}

static void put_table(struct json *j, const struct frame *f)
{
	open_table(j, f);
	for (size_t i = 0; i < f->field_count; i++) {
		const struct field *field = &f->fields[i];

		put_column(j,
			   field->display_name ? field->display_name :
						 field->name,
			   field->cells->type, field->unit);
	}
	json_end(j);
	json_key(j, "rows");
	json_array(j);
	for (size_t row = 0; row < frame_rows(f); row++) {
		json_array(j);
		for (size_t i = 0; i < f->field_count; i++)
			put_cell(j, f->fields[i].cells, row);
		json_end(j);
	}
	json_end(j);
	put_meta(j, f);
	json_end(j);
}

static void put_numeric_row(struct json *j, const struct field *field,
			    const char *const *names, size_t count)
{
	json_array(j);
	for (size_t i = 0; i < count; i++)
		json_string(j, labels_get(&field->labels, names[i]));
	put_cell(j, field->cells, field->cells->count - 1);
	json_end(j);
}

static void put_numeric(struct json *j, const struct frame *f)
{
	size_t count = 0;
	own(freep) const char **names = label_columns(f, &count);

	if (!names) {
		j->out->error = -ENOMEM;
		return;
	}
	open_table(j, f);
	for (size_t i = 0; i < count; i++)
		put_column(j, names[i], FIELD_STRING, NULL);
	put_column(j, f->name, FIELD_F64,
		   f->field_count ? f->fields[0].unit : NULL);
	json_end(j);
	json_key(j, "rows");
	json_array(j);
	for (size_t i = 0; i < f->field_count; i++)
		put_numeric_row(j, &f->fields[i], names, count);
	json_end(j);
	put_meta(j, f);
	json_end(j);
}

void encode_json_classic(struct buf *out, struct frame *const *frames,
			 size_t count)
{
	struct json j = json_writer(out);

	json_array(&j);
	for (size_t i = 0; i < count; i++) {
		if (frames[i]->type == FRAME_TIMESERIES ||
		    frames[i]->type == FRAME_HEATMAP)
			put_timeseries(&j, frames[i]);
		else if (frames[i]->type == FRAME_NUMERIC)
			put_numeric(&j, frames[i]);
		else
			put_table(&j, frames[i]);
	}
	json_end(&j);
}
