#include "matcher.h"

#include <errno.h>
#include <string.h>

static const char *const ops[] = {
	[MATCH_EQUAL] = "=",   [MATCH_NOT_EQUAL] = "!=",
	[MATCH_REGEX] = "=~",  [MATCH_NOT_REGEX] = "!~",
	[MATCH_ONE_OF] = "=|", [MATCH_NONE_OF] = "!=|",
};

int match_op_parse(enum match_op *out, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i], text) == 0) {
			*out = (enum match_op)i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_regex(enum match_op op)
{
	return op == MATCH_REGEX || op == MATCH_NOT_REGEX;
}

int matcher_init(struct matcher *out, const char *name, enum match_op op,
		 const char *value, struct problem *p)
{
	struct matcher m = {.op = op};
	int r = 0;

	if (is_regex(op))
		r = pattern_compile(&m.pattern, value, p);
	if (r == 0) {
		m.name = strdup(name);
		r = m.name ? matcher_add_value(&m, value) : -ENOMEM;
	}
	if (r) {
		matcher_fini(&m);
		return r;
	}
	*out = m;
	return 0;
}

int matcher_add_value(struct matcher *m, const char *value)
{
	char **grown =
		realloc(m->values, (m->value_count + 1) * sizeof(grown[0]));

	if (!grown)
		return -ENOMEM;
	m->values = grown;
	grown[m->value_count] = strdup(value);
	if (!grown[m->value_count])
		return -ENOMEM;
	m->value_count++;
	return 0;
}

void matcher_fini(struct matcher *m)
{
	for (size_t i = 0; i < m->value_count; i++)
		free(m->values[i]);
	free(m->values);
	free(m->name);
	pattern_free(m->pattern);
	*m = (struct matcher){0};
}

static bool one_of(const struct matcher *m, const char *value)
{
	for (size_t i = 0; i < m->value_count; i++) {
		if (strcmp(m->values[i], value) == 0)
			return true;
	}
	return false;
}

bool matcher_matches(const struct matcher *m, const struct labels *l)
{
	const char *value = labels_get(l, m->name);

	if (!value)
		value = "";
	switch (m->op) {
	case MATCH_EQUAL:
	case MATCH_ONE_OF:
		return one_of(m, value);
	case MATCH_NOT_EQUAL:
	case MATCH_NONE_OF:
		return !one_of(m, value);
	case MATCH_REGEX:
		return pattern_matches(m->pattern, value);
	case MATCH_NOT_REGEX:
		return !pattern_matches(m->pattern, value);
	}
	return false;
}

bool matchers_match(const struct matcher *m, size_t count,
		    const struct labels *l)
{
	for (size_t i = 0; i < count; i++) {
		if (!matcher_matches(&m[i], l))
			return false;
	}
	return true;
}

bool matchers_allow(const struct matcher *m, size_t count, const char *name,
		    const char *value)
{
	struct label item = { (char *)name, (char *)value };
	struct labels l = { &item, 1 };

	for (size_t i = 0; i < count; i++) {
		if (strcmp(m[i].name, name) == 0 && !matcher_matches(&m[i], &l))
			return false;
	}
	return true;
}
