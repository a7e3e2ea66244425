#include "body.h"

#include <errno.h>
#include <stdio.h>

int bad_request(struct problem *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vset(p, PROBLEM_BAD_REQUEST, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- words ---- */

/* Brackets outside of strings; jansson itself would go 2048 deep. */
static bool too_deep(const char *data, size_t len)
{
	int depth = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text && (c == '{' || c == '['))
			depth++;
		else if (!text && (c == '}' || c == ']'))
			depth--;
		if (depth > BODY_DEPTH_MAX)
			return true;
	}
	return false;
}

int body_parse(json_t **out, const char *data, size_t len, struct problem *p)
{
	json_error_t error;
	json_t *body;

	if (len == 0) {
		*out = json_object();
		return *out ? 0 : -ENOMEM;
	}
	if (too_deep(data, len))
		return bad_request(p, "the body is nested deeper than %d",
				   BODY_DEPTH_MAX);
	body = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (!body)
		return bad_request(
			p, "the body is not JSON: line %d column %d: %s",
			error.line, error.column, error.text);
	if (!json_is_object(body)) {
		json_decref(body);
		return bad_request(p, "the body must be a JSON object");
	}
	*out = body;
	return 0;
}

bool scalar_text(const json_t *v, char out[32], const char **text)
{
	*text = out;
	switch (json_typeof(v)) {
	case JSON_STRING:
		*text = json_string_value(v);
		return true;
	case JSON_INTEGER:
		snprintf(out, 32, "%lld", (long long)json_integer_value(v));
		return true;
	case JSON_REAL:
		snprintf(out, 32, "%.15g", json_real_value(v));
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		*text = json_is_true(v) ? "true" : "false";
		return true;
	default:
		return false;
	}
}
