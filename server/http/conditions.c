/*
 * Parameters as words, words as conditions on labels.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"

#include "request_parts.h"

#define TEXT_MAX 8192 /* bytes of one parameter */

int bad(struct problem *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vset(p, PROBLEM_BAD_REQUEST, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- words ---- */

void words_fini(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->items[i].text);
	free(w->items);
	*w = (struct words){ 0 };
}

static int words_add(struct words *w, const char *text, size_t len,
		     bool pattern)
{
	struct word *items;

	if (len == 0)
		return 0;
	if ((len == 1 && *text == '*') ||
	    (len == 2 && !memcmp(text, ".*", 2)) ||
	    (len == 6 && !memcmp(text, "$__all", 6))) {
		w->all = true;
		return 0;
	}
	if (w->count == WORDS_MAX)
		return -E2BIG;
	items = realloc(w->items, (w->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	w->items = items;
	items[w->count] = (struct word){ strndup(text, len), pattern };
	if (!items[w->count].text)
		return -ENOMEM;
	w->count++;
	return 0;
}

/* No literal of Grafana's has these without a backslash before them. */
static bool is_pattern(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("*+?[]^$", text[i]))
			return true;
		if (text[i] == '\\' &&
		    (++i == len || isalnum((unsigned char)text[i])))
			return true;
	}
	return false;
}

/* "hist\(3\)" -> hist(3) */
static int add_literal(struct words *w, const char *text, size_t len)
{
	char plain[TEXT_MAX + 1];
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			i++;
		plain[count++] = text[i];
	}
	return words_add(w, plain, count, false);
}

/* Is text "(" ... ")" or "{" ... "}" as a whole? */
static bool wrapped(const char *text, size_t len, char open, char close)
{
	int depth = 0;

	if (len < 2 || text[0] != open || text[len - 1] != close)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == open)
			depth++;
		else if (text[i] == close && --depth == 0)
			return i == len - 1;
	}
	return false;
}

/* The next separator outside of parentheses, or len. *nested is set when one
 * stands inside of them. */
static size_t next_separator(const char *text, size_t len, char separator,
			     bool *nested)
{
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == '(')
			depth++;
		else if (text[i] == ')')
			depth--;
		else if (text[i] == separator && depth <= 0)
			return i;
		else if (text[i] == separator)
			*nested = true;
	}
	return len;
}

struct set {
	const char *text;
	size_t len;
	char separator; /* 0: one value */
};

/* Which of the forms is it: "(a|b)", "{a,b}", "a|b", "a,b", "a"? */
static struct set find_set(const char *text, size_t len)
{
	bool nested = false;

	if (wrapped(text, len, '(', ')'))
		return (struct set){ text + 1, len - 2, '|' };
	if (wrapped(text, len, '{', '}'))
		return (struct set){ text + 1, len - 2, ',' };
	if (next_separator(text, len, '|', &nested) < len)
		return (struct set){ text, len, '|' };
	if (next_separator(text, len, ',', &nested) < len)
		return (struct set){ text, len, ',' };
	return (struct set){ text, len, 0 };
}

/* An alternation of which one part is a pattern stays one pattern. */
static bool set_is_pattern(struct set s)
{
	bool nested = false;

	if (s.separator == ',')
		return false;
	next_separator(s.text, s.len, '|', &nested);
	return nested || is_pattern(s.text, s.len);
}

/* One value of a set. A person writes a blank behind a comma. */
static int add_part(struct words *w, struct set s, size_t len)
{
	while (s.separator == ',' && len && *s.text == ' ') {
		s.text++;
		len--;
	}
	return is_pattern(s.text, len) ? words_add(w, s.text, len, true) :
					 add_literal(w, s.text, len);
}

static int split(struct words *w, const char *text, size_t len)
{
	struct set s = find_set(text, len);
	bool nested = false;
	int r = 0;

	if (set_is_pattern(s))
		return words_add(w, text, len, true);
	if (!s.separator)
		return add_literal(w, text, len);
	for (;;) {
		size_t part =
			next_separator(s.text, s.len, s.separator, &nested);

		r = add_part(w, s, part);
		if (r || part == s.len)
			return r;
		s.text += part + 1;
		s.len -= part + 1;
	}
}

/* One scalar of JSON as text: 10 and "10" are the same. False: it is none. */
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

static int words_add_json(struct words *w, const json_t *v, const char *field,
			  struct problem *p)
{
	char number[32];
	const char *text;
	size_t len;
	int r;

	if (json_is_null(v))
		return 0;
	if (!scalar_text(v, number, &text))
		return bad(p, "%.100s must be text, a number or a list of them",
			   field);
	len = strlen(text);
	if (len > TEXT_MAX)
		return bad(p, "%.100s is longer than %d bytes", field,
			   TEXT_MAX);
	/* A number has signs that would be a pattern's: "1e+06". */
	r = json_is_number(v) ? words_add(w, text, len, false) :
				split(w, text, len);
	if (r == -E2BIG)
		return bad(p, "%.100s has more than %d values", field,
			   WORDS_MAX);
	return r;
}

int words_parse(struct words *out, const json_t *value, const char *field,
		struct problem *p)
{
	struct words w = { 0 };
	size_t i;
	json_t *item;
	int r = 0;

	if (json_is_array(value)) {
		json_array_foreach(value, i, item)
		{
			r = words_add_json(&w, item, field, p);
			if (r)
				break;
		}
	} else if (value) {
		r = words_add_json(&w, value, field, p);
	}
	if (r)
		words_fini(&w);
	else
		*out = w;
	return r;
}

/* ---- matchers ---- */

void matcher_list_fini(struct matcher_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		matcher_fini(&l->items[i]);
	free(l->items);
	*l = (struct matcher_list){ 0 };
}

/* Weights, about: a value with its pointer, a compiled pattern. */
#define VALUE_BYTES   64
#define PATTERN_BYTES 8192

static int spend(struct matcher_list *l, size_t bytes, struct problem *p)
{
	l->spent += bytes;
	if (l->spent > CONDITIONS_MAX)
		return problem_set(p, PROBLEM_TOO_MUCH,
				   "too many conditions in one request; ask "
				   "for fewer targets or values");
	return 0;
}

static int add_value(struct matcher_list *l, struct matcher *m,
		     const char *value, struct problem *p)
{
	int r = spend(l, VALUE_BYTES + strlen(value), p);

	return r ? r : matcher_add_value(m, value);
}

/* A matcher of one value at the end of the list; *out is the list's. */
static int add_matcher(struct matcher_list *l, struct matcher **out,
		       const char *label, enum match_op op, const char *value,
		       struct problem *p)
{
	struct matcher *items;
	int r;

	if (!label_name_valid(label))
		return bad(p, "\"%.64s\" is no name of a label", label);
	r = spend(l, sizeof(*items) + VALUE_BYTES + strlen(value), p);
	if (!r && (op == MATCH_REGEX || op == MATCH_NOT_REGEX))
		r = spend(l, PATTERN_BYTES, p);
	if (r)
		return r;
	items = realloc(l->items, (l->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	items[l->count] = (struct matcher){ 0 };
	r = matcher_init(&items[l->count], label, op, value, p);
	if (r)
		return r;
	*out = &items[l->count++];
	return 0;
}

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
		r = add_matcher(l, &m, label, MATCH_REGEX, buf_cstr(&b), p);
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
			return add_matcher(l, &m, label, MATCH_REGEX,
					   w->items[0].text, p);
		if (w->items[i].pattern)
			return add_mixed(l, label, w, p);
	}
	r = add_matcher(l, &m, label, op, w->items[0].text, p);
	for (size_t i = 1; i < w->count && !r; i++)
		r = add_value(l, m, w->items[i].text, p);
	return r;
}

int matchers_add_value(struct matcher_list *l, const char *label,
		       const json_t *value, struct problem *p)
{
	struct words w = { 0 };
	char field[96];
	int r;

	if (!label_name_valid(label))
		return bad(p,
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

int matchers_add(struct matcher_list *l, const char *label, enum match_op op,
		 const char *const *values, size_t count, struct problem *p)
{
	struct matcher *m;
	int r = add_matcher(l, &m, label, op, values[0], p);

	for (size_t i = 1; i < count && !r; i++)
		r = add_value(l, m, values[i], p);
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
		return bad(p, "filters: %.64s has more than %d values", key,
			   WORDS_MAX);
	json_array_foreach(values, i, v)
	{
		if (!scalar_text(v, number, &text))
			return bad(p, "filters: values of %.64s must be text",
				   key);
		r = m ? add_value(l, m, text, p) :
			add_matcher(l, &m, key, op, text, p);
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
		return bad(p, "filters: each wants a key and an operator");
	if (!*key)
		return 0; /* a filter that is still being typed */
	if (match_op_parse(&op, word))
		return bad(p,
			   "filters: operator \"%.16s\" of %.64s is none of = "
			   "!= =~ !~ =| !=|",
			   word, key);
	if ((op == MATCH_ONE_OF || op == MATCH_NONE_OF) &&
	    json_array_size(values) > 0)
		return add_filter_values(l, key, op, values, p);
	if (!value || !scalar_text(value, number, &text))
		return bad(p, "filters: the value of %.64s must be text", key);
	return add_matcher(l, &m, key, op, text, p);
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
		return bad(p, "filters must be a list of at most 100");
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
		"matchers", "metric", "target", "agg",	  "by",
		"fn",	    "step",   "top",	"topk",	  "bottomk",
		"shift",    "legend", "format", "frame",  "type",
		"threshold",
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
