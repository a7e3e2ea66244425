#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "body.h"

#define TEXT_MAX 8192 /* bytes of one parameter */

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
		return bad_request(
			p, "%.100s must be text, a number or a list of them",
			field);
	len = strlen(text);
	if (len > TEXT_MAX)
		return bad_request(p, "%.100s is longer than %d bytes", field,
				   TEXT_MAX);
	/* A number has signs that would be a pattern's: "1e+06". */
	r = json_is_number(v) ? words_add(w, text, len, false) :
				split(w, text, len);
	if (r == -E2BIG)
		return bad_request(p, "%.100s has more than %d values", field,
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
