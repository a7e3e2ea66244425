/*
 * Conditions as a person writes them: {service=~"scada.*", node!="gw-2"}.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conditions.h"

#define TEXT_MAX   4096
#define VALUES_MAX 100

struct reader {
	const char *at;
	struct problem *p;
};

static int wrong(struct reader *r, const char *what)
{
	return problem_set(r->p, PROBLEM_BAD_REQUEST,
			   "payload.matchers: %s at \"%.32s\"; write "
			   "service=~\"scada.*\", node!=\"gw-2\"",
			   what, r->at);
}

static void skip(struct reader *r, const char *signs)
{
	r->at += strspn(r->at, signs);
}

static int read_name(struct reader *r, char out[LABEL_NAME_MAX + 1])
{
	size_t len = 0;

	while (isalnum((unsigned char)r->at[len]) || r->at[len] == '_')
		len++;
	if (len == 0 || len > LABEL_NAME_MAX)
		return wrong(r, "no name of a label");
	memcpy(out, r->at, len);
	out[len] = '\0';
	r->at += len;
	skip(r, " \t");
	return 0;
}

/* The longest operator there. */
static int read_op(struct reader *r, enum match_op *out)
{
	for (size_t len = 3; len > 0; len--) {
		char word[4] = "";

		memcpy(word, r->at, strnlen(r->at, len));
		if (strlen(word) == len && match_op_parse(out, word) == 0) {
			r->at += len;
			skip(r, " \t");
			return 0;
		}
	}
	return wrong(r, "none of = != =~ !~ =| !=|");
}

/* What a backslash takes its meaning from. In a pattern \. stays what it is;
 * elsewhere it is a point, for so clients write what was a variable. */
static bool escapable(char c, bool pattern)
{
	return c == '"' || c == '\\' || (!pattern && ispunct((unsigned char)c));
}

/* "quoted \" text" */
static int read_quoted(struct reader *r, bool pattern, char *out)
{
	size_t len = 0;

	for (r->at++; *r->at && *r->at != '"'; r->at++) {
		if (*r->at == '\\' && escapable(r->at[1], pattern))
			r->at++;
		out[len++] = *r->at;
	}
	out[len] = '\0';
	if (*r->at != '"')
		return wrong(r, "a quote that does not end");
	r->at++;
	return 0;
}

static int read_value(struct reader *r, bool pattern, char *out)
{
	size_t len;

	if (*r->at == '"')
		return read_quoted(r, pattern, out);
	len = strcspn(r->at, ",\n}");
	memcpy(out, r->at, len);
	r->at += len;
	while (len && isspace((unsigned char)out[len - 1]))
		len--;
	out[len] = '\0';
	return 0;
}

static bool is_pattern(enum match_op op)
{
	return op == MATCH_REGEX || op == MATCH_NOT_REGEX;
}

static size_t split(char *text, const char *separator, const char **values)
{
	size_t count = 0;
	char *part;

	while (count < VALUES_MAX && (part = strsep(&text, separator)))
		values[count++] = part;
	return count;
}

/* "a|b" of =| and !=| are two values; so is "{a,b}" of =~ and !~, which is no
 * pattern but what Grafana's glob format makes of a variable. */
static size_t read_set(char *text, enum match_op *op, const char **values)
{
	size_t len = strlen(text);

	if (*op == MATCH_ONE_OF || *op == MATCH_NONE_OF)
		return split(text, "|", values);
	if (!is_pattern(*op) || len < 2 || text[0] != '{' || text[len - 1] != '}')
		return 1;
	*op = *op == MATCH_REGEX ? MATCH_ONE_OF : MATCH_NONE_OF;
	text[len - 1] = '\0';
	return split(text + 1, ",", values);
}

static int read_condition(struct reader *r, struct matcher_list *l)
{
	char name[LABEL_NAME_MAX + 1], value[TEXT_MAX + 1];
	const char *values[VALUES_MAX] = { value };
	enum match_op op;
	size_t count;
	int err;

	if ((err = read_name(r, name)) || (err = read_op(r, &op)) ||
	    (err = read_value(r, is_pattern(op), value)))
		return err;
	count = read_set(value, &op, values);
	return matchers_add(l, name, op, values, count, r->p);
}

int matchers_add_text(struct matcher_list *l, const char *text,
		      struct problem *p)
{
	struct reader r = { text, p };
	int err = 0;

	if (strlen(text) > TEXT_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "payload.matchers is longer than %d bytes",
				   TEXT_MAX);
	skip(&r, " \t\r\n{");
	while (*r.at && *r.at != '}' && err == 0) {
		err = read_condition(&r, l);
		skip(&r, " \t\r");
		if (!err && *r.at && !strchr(",\n}", *r.at))
			err = wrong(&r, "no comma");
		skip(&r, " \t\r\n,");
	}
	return err;
}
