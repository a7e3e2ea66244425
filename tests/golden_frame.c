/*
 * golden_frame.c - reads the frames that a golden file describes; included
 * by test_encode.c.
 *
 * {"frames":[{"ref_id","name","type","fields":[{"name","type","values",
 * "unit","display_name","labels","interval_ms"}],"notices":[{"severity",
 * "text"}]}]}; numbers that JSON has not are "NaN", "+Inf", "-Inf".
 */
#include <jansson.h>
#include <math.h>

#include "common/frame.h"

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int index_of(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], word) == 0)
			return (int)i;
	}
	ck_abort_msg("golden file: unknown word %s", word);
}

static void read_cell(struct cells *c, const json_t *value)
{
	if (json_is_null(value))
		ck_ok(cells_add_null(c));
	else if (c->type == FIELD_STRING)
		ck_ok(cells_add_string(c, json_string_value(value)));
	else if (c->type == FIELD_BOOL)
		ck_ok(cells_add_bool(c, json_is_true(value)));
	else if (c->type == FIELD_F64 && json_is_string(value))
		ck_ok(cells_add_f64(c, strtod(json_string_value(value), NULL)));
	else if (c->type == FIELD_F64)
		ck_ok(cells_add_f64(c, json_number_value(value)));
	else
		ck_ok(cells_add_i64(c, json_integer_value(value)));
}

static void read_field(struct frame *f, const json_t *object)
{
	static const char *const types[] = {
		[FIELD_TIME_MS] = "time", [FIELD_F64] = "f64",
		[FIELD_I64] = "i64",	  [FIELD_BOOL] = "bool",
		[FIELD_STRING] = "string",
	};
	const char *unit = text_of(object, "unit");
	const char *display = text_of(object, "display_name");
	struct field *field;
	const char *name;
	json_t *value;
	size_t i;

	ck_ok(frame_add_field(f, &field, text_of(object, "name"),
			      (enum field_type)index_of(
				      types, ARRAY_SIZE(types),
				      text_of(object, "type")), NULL));
	field->unit = unit ? strdup(unit) : NULL;
	field->display_name = display ? strdup(display) : NULL;
	field->interval_ms = json_integer_value(
		json_object_get(object, "interval_ms"));
	json_object_foreach(json_object_get(object, "labels"), name, value)
		ck_ok(labels_set(&field->labels, name,
				 json_string_value(value)));
	json_array_foreach(json_object_get(object, "values"), i, value)
		read_cell(field->cells, value);
}

static struct frame *read_frame(const json_t *object)
{
	static const char *const types[] = { "timeseries", "numeric", "table",
					     "heatmap" };
	static const char *const severities[] = { "info", "warning", "error" };
	struct frame *f;
	json_t *item;
	size_t i;

	ck_ok(frame_new(&f, text_of(object, "ref_id"), text_of(object, "name"),
			(enum frame_type)index_of(types, ARRAY_SIZE(types),
						  text_of(object, "type"))));
	json_array_foreach(json_object_get(object, "fields"), i, item)
		read_field(f, item);
	json_array_foreach(json_object_get(object, "notices"), i, item)
		ck_ok(frame_notice(f, (enum notice_severity)index_of(
					      severities,
					      ARRAY_SIZE(severities),
					      text_of(item, "severity")),
				   "%s", text_of(item, "text")));
	return f;
}

/* All frames of the file; returns how many. */
static size_t read_frames(const char *path, struct frame **out, size_t max)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);
	json_t *frames, *item;
	size_t i;

	ck_assert_msg(root != NULL, "%s:%d: %s", path, error.line, error.text);
	frames = json_object_get(root, "frames");
	ck_assert_uint_le(json_array_size(frames), max);
	json_array_foreach(frames, i, item)
		out[i] = read_frame(item);
	i = json_array_size(frames);
	json_decref(root);
	return i;
}
