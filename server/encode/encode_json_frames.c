/*
 * Grafana's wire data frames (DataFrameJSON of @grafana/data): schema and
 * columns of values; the only shape that can carry NaN and infinity.
 */
#include "encode.h"

#include <math.h>

#include "encode_parts.h"

/* The data plane contract's name for a frame; NULL where none fits. */
static const char *type_of(const struct frame *f)
{
	if (f->type == FRAME_TIMESERIES)
		return "timeseries-wide";
	if (f->type == FRAME_HEATMAP)
		return "heatmap-rows";
	return f->type == FRAME_NUMERIC ? "numeric-wide" : NULL;
}

/* What the SDK for Go must know before it reads the values. */
static void put_go_type(struct json *j, const struct cells *c)
{
	static const char *const words[] = {
		[FIELD_TIME_MS] = "time.Time", [FIELD_F64] = "float64",
		[FIELD_I64] = "int64",	       [FIELD_BOOL] = "bool",
		[FIELD_STRING] = "string",
	};

	json_key(j, "typeInfo");
	json_object(j);
	json_put_string(j, "frame", words[c->type]);
	if (cells_nullable(c))
		json_put_bool(j, "nullable", true);
	json_end(j);
}

static void put_field(struct json *j, const struct field *field, bool typed)
{
	static const char *const words[] = {
		[FIELD_TIME_MS] = "time",   [FIELD_F64] = "number",
		[FIELD_I64] = "number",	    [FIELD_BOOL] = "boolean",
		[FIELD_STRING] = "string",
	};

	json_object(j);
	json_put_string(j, "name", field->name);
	json_put_string(j, "type", words[field->cells->type]);
	if (typed)
		put_go_type(j, field->cells);
	if (field->labels.count) {
		json_key(j, "labels");
		put_labels(j, &field->labels);
	}
	if (has_config(field))
		json_key(j, "config");
	put_config(j, field);
	json_end(j);
}

static void put_schema(struct json *j, const struct frame *f, const char *type,
		       bool typed)
{
	json_key(j, "schema");
	json_object(j);
	if (*f->ref_id)
		json_put_string(j, "refId", f->ref_id);
	json_put_string(j, "name", f->name);
	if (type || f->notice_count) {
		json_key(j, "meta");
		put_frame_meta(j, f, type);
	}
	json_key(j, "fields");
	json_array(j);
	for (size_t i = 0; i < f->field_count; i++)
		put_field(j, &f->fields[i], typed);
	json_end(j);
	json_end(j);
}

static void put_values(struct json *j, const struct frame *f)
{
	json_key(j, "values");
	json_array(j);
	for (size_t i = 0; i < f->field_count; i++) {
		const struct cells *cells = f->fields[i].cells;

		json_array(j);
		for (size_t row = 0; row < cells->count; row++)
			put_cell(j, cells, row);
		json_end(j);
	}
	json_end(j);
}

/* What JSON has no number for, by the name of its list. */
enum entity { NO_ENTITY, IS_NAN, IS_INF, IS_NEG_INF };

static enum entity entity_of(const struct cells *c, size_t row)
{
	double value;

	if (c->type != FIELD_F64 || !cells_valid(c, row))
		return NO_ENTITY;
	value = c->f64[row];
	if (isnan(value))
		return IS_NAN;
	return !isinf(value) ? NO_ENTITY : value > 0 ? IS_INF : IS_NEG_INF;
}

static bool has_entities(const struct cells *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (entity_of(c, i) != NO_ENTITY)
			return true;
	}
	return false;
}

static void put_entity(struct json *j, const struct cells *c, const char *key,
		       enum entity which)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < c->count; i++) {
		if (entity_of(c, i) == which)
			json_uint(j, i);
	}
	json_end(j);
}

/* Rows whose null is none; left out where all numbers are finite. */
static void put_entities(struct json *j, const struct frame *f)
{
	bool any = false;

	for (size_t i = 0; i < f->field_count && !any; i++)
		any = has_entities(f->fields[i].cells);
	if (!any)
		return;
	json_key(j, "entities");
	json_array(j);
	for (size_t i = 0; i < f->field_count; i++) {
		const struct cells *cells = f->fields[i].cells;

		if (!has_entities(cells)) {
			json_null(j);
			continue;
		}
		json_object(j);
		put_entity(j, cells, "NaN", IS_NAN);
		put_entity(j, cells, "Inf", IS_INF);
		put_entity(j, cells, "NegInf", IS_NEG_INF);
		json_end(j);
	}
	json_end(j);
}

void put_frame(struct json *j, const struct frame *f, const char *type,
	       bool typed)
{
	json_object(j);
	put_schema(j, f, type, typed);
	json_key(j, "data");
	json_object(j);
	put_values(j, f);
	put_entities(j, f);
	json_end(j);
	json_end(j);
}

void encode_json_frames(struct buf *out, struct frame *const *frames,
			size_t count)
{
	struct json j = json_writer(out);

	json_array(&j);
	for (size_t i = 0; i < count; i++)
		put_frame(&j, frames[i], type_of(frames[i]), false);
	json_end(&j);
}
