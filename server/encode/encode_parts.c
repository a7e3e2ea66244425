#include "encode_parts.h"

#include <string.h>

void put_cell(struct json *j, const struct cells *c, size_t row)
{
	if (row >= c->count || !cells_valid(c, row)) {
		json_null(j);
		return;
	}
	switch (c->type) {
	case FIELD_TIME_MS:
	case FIELD_I64:
		json_int(j, c->i64[row]);
		break;
	case FIELD_F64:
		json_double(j, c->f64[row]);
		break;
	case FIELD_BOOL:
		json_bool(j, c->boolean[row]);
		break;
	case FIELD_STRING:
		json_string(j, c->string[row]);
		break;
	}
}

void put_notices(struct json *j, const struct frame *f)
{
	static const char *const words[] = {
		[NOTICE_INFO] = "info",
		[NOTICE_WARNING] = "warning",
		[NOTICE_ERROR] = "error",
	};

	if (f->notice_count == 0)
		return;
	json_key(j, "notices");
	json_array(j);
	for (size_t i = 0; i < f->notice_count; i++) {
		json_object(j);
		json_put_string(j, "severity", words[f->notices[i].severity]);
		json_put_string(j, "text", f->notices[i].text);
		json_end(j);
	}
	json_end(j);
}

void put_labels(struct json *j, const struct labels *l)
{
	json_object(j);
	for (size_t i = 0; i < l->count; i++)
		json_put_string(j, l->items[i].name, l->items[i].value);
	json_end(j);
}

void put_frame_meta(struct json *j, const struct frame *f, const char *type)
{
	json_object(j);
	if (type) {
		json_put_string(j, "type", type);
		json_key(j, "typeVersion");
		json_array(j);
		json_int(j, 0);
		json_int(j, 1);
		json_end(j);
	}
	put_notices(j, f);
	json_end(j);
}

bool cells_nullable(const struct cells *c)
{
	return c->type != FIELD_TIME_MS || c->null_count > 0;
}

bool has_config(const struct field *f)
{
	return f->unit || f->display_name || f->interval_ms;
}

bool put_config(struct json *j, const struct field *f)
{
	if (!has_config(f))
		return false;
	json_object(j);
	if (f->unit)
		json_put_string(j, "unit", f->unit);
	if (f->display_name)
		json_put_string(j, "displayNameFromDS", f->display_name);
	if (f->interval_ms)
		json_put_int(j, "interval", f->interval_ms);
	json_end(j);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **label_columns(const struct frame *f, size_t *count)
{
	size_t total = 0, unique = 0;
	const char **names;

	for (size_t i = 0; i < f->field_count; i++)
		total += f->fields[i].labels.count;
	names = malloc((total + 1) * sizeof(names[0]));
	if (!names)
		return NULL;
	total = 0;
	for (size_t i = 0; i < f->field_count; i++) {
		const struct labels *l = &f->fields[i].labels;

		for (size_t k = 0; k < l->count; k++)
			names[total++] = l->items[k].name;
	}
	qsort(names, total, sizeof(names[0]), by_name);
	for (size_t i = 0; i < total; i++) {
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	}
	*count = unique;
	return names;
}
