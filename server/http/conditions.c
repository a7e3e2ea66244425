#include "conditions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"

#include "body.h"
#include "words.h"

static void quote(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && !isalnum(c) && c != '_')
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
}

/* Patterns and literals together are one pattern. */
static int add_mixed(struct matcher_list *l, const char *label,
		     const struct words *w, struct problem *p)
{
	struct buf b = BUF_INIT;
	struct matcher *m;
	int r;

	for (size_t i = 0; i < w->count; i++) {
		buf_puts(&b, i ? "|" : "");
		if (w->items[i].pattern)
			buf_printf(&b, "(?:%s)", w->items[i].text);
		else
			quote(&b, w->items[i].text);
	}
	r = buf_error(&b);
	if (!r)
		r = matcher_list_add(l, &m, label, MATCH_REGEX, buf_cstr(&b),
				     p);
	buf_fini(&b);
	return r;
}

static int add_words(struct matcher_list *l, const char *label,
		     const struct words *w, struct problem *p)
{
	enum match_op op = w->count == 1 ? MATCH_EQUAL : MATCH_ONE_OF;
	struct matcher *m;
	int r;

	if (w->all || w->count == 0)
		return 0;
	for (size_t i = 0; i < w->count; i++) {
		if (w->items[i].pattern && w->count == 1)
			return matcher_list_add(l, &m, label, MATCH_REGEX,
						w->items[0].text, p);
		if (w->items[i].pattern)
			return add_mixed(l, label, w, p);
	}
	r = matcher_list_add(l, &m, label, op, w->items[0].text, p);
	for (size_t i = 1; i < w->count && !r; i++)
		r = matcher_list_add_value(l, m, w->items[i].text, p);
	return r;
}

int matchers_add_value(struct matcher_list *l, const char *label,
		       const json_t *value, struct problem *p)
{
	struct words w = { 0 };
	char field[96];
	int r;

	if (!label_name_valid(label))
		return bad_request(
			p,
			"payload.%.64s is neither an option nor the name of "
			"a label",
			label);
	snprintf(field, sizeof(field), "payload.%.64s", label);
	r = words_parse(&w, value, field, p);
	if (!r)
		r = add_words(l, label, &w, p);
	words_fini(&w);
	return r;
}

/* The values of a filter with =| or !=|, literal as they are. */
static int add_filter_values(struct matcher_list *l, const char *key,
			     enum match_op op, const json_t *values,
			     struct problem *p)
{
	struct matcher *m = NULL;
	char number[32];
	const char *text;
	json_t *v;
	size_t i;
	int r = 0;

	if (json_array_size(values) > WORDS_MAX)
		return bad_request(p, "filters: %.64s has more than %d values",
				   key, WORDS_MAX);
	json_array_foreach(values, i, v)
	{
		if (!scalar_text(v, number, &text))
			return bad_request(
				p, "filters: values of %.64s must be text",
				key);
		r = m ? matcher_list_add_value(l, m, text, p) :
			matcher_list_add(l, &m, key, op, text, p);
		if (r)
			return r;
	}
	return r;
}

static int add_filter(struct matcher_list *l, const json_t *filter,
		      struct problem *p)
{
	const char *key = json_string_value(json_object_get(filter, "key"));
	const char *word =
		json_string_value(json_object_get(filter, "operator"));
	const json_t *value = json_object_get(filter, "value");
	const json_t *values = json_object_get(filter, "values");
	struct matcher *m;
	enum match_op op;
	const char *text;
	char number[32];

	if (!key || !word)
		return bad_request(p,
				   "filters: each wants a key and an operator");
	if (!*key)
		return 0; /* a filter that is still being typed */
	if (match_op_parse(&op, word))
		return bad_request(
			p,
			"filters: operator \"%.16s\" of %.64s is none of = "
			"!= =~ !~ =| !=|",
			word, key);
	if ((op == MATCH_ONE_OF || op == MATCH_NONE_OF) &&
	    json_array_size(values) > 0)
		return add_filter_values(l, key, op, values, p);
	if (!value || !scalar_text(value, number, &text))
		return bad_request(
			p, "filters: the value of %.64s must be text", key);
	return matcher_list_add(l, &m, key, op, text, p);
}

int matchers_add_filters(struct matcher_list *l, const json_t *filters,
			 struct problem *p)
{
	json_t *filter;
	size_t i;
	int r = 0;

	if (!filters || json_is_null(filters))
		return 0;
	if (!json_is_array(filters) || json_array_size(filters) > 100)
		return bad_request(p, "filters must be a list of at most 100");
	json_array_foreach(filters, i, filter)
	{
		r = add_filter(l, filter, p);
		if (r)
			return r;
	}
	return 0;
}

bool payload_reserved(const char *key)
{
	static const char *const words[] = {
		"matchers", "metric", "target", "agg",	     "by",    "fn",
		"step",	    "top",    "topk",	"bottomk",   "shift", "legend",
		"format",   "frame",  "type",	"threshold",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i], key) == 0)
			return true;
	}
	return false;
}

/* "matchers": {label: values}, a list in the shape of filters, or text. */
static int add_matchers_option(struct matcher_list *l, const json_t *v,
			       struct problem *p)
{
	const char *label;
	json_t *value;
	int r;

	if (json_is_string(v))
		return matchers_add_text(l, json_string_value(v), p);
	if (!json_is_object(v))
		return matchers_add_filters(l, v, p);
	json_object_foreach((json_t *)v, label, value)
	{
		r = matchers_add_value(l, label, value, p);
		if (r)
			return r;
	}
	return 0;
}

int matchers_add_payload(struct matcher_list *l, const json_t *payload,
			 struct problem *p)
{
	const char *key;
	json_t *value;
	int r;

	json_object_foreach((json_t *)payload, key, value)
	{
		if (payload_reserved(key))
			continue;
		r = matchers_add_value(l, key, value, p);
		if (r)
			return r;
	}
	return add_matchers_option(l, json_object_get(payload, "matchers"), p);
}
