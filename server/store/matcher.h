#pragma once
/*
 * matcher.h - which series are meant: a condition on one label.
 */
#include "common/labels.h"
#include "common/pattern.h"

enum match_op {
	MATCH_EQUAL,      /* =  */
	MATCH_NOT_EQUAL,  /* != */
	MATCH_REGEX,      /* =~ */
	MATCH_NOT_REGEX,  /* !~ */
	MATCH_ONE_OF,     /* =| */
	MATCH_NONE_OF,    /* !=| */
};

struct matcher {
	char *name; /* owned; a label */
	enum match_op op;
	char **values; /* owned; one, or several for ONE_OF and NONE_OF */
	size_t value_count;
	struct pattern *pattern; /* owned; for REGEX and NOT_REGEX */
};

/* One value; compiles the pattern. A malformed one fills the problem. */
int matcher_init(struct matcher *out, const char *name, enum match_op op,
		 const char *value, struct problem *p);
int matcher_add_value(struct matcher *m, const char *value);
void matcher_fini(struct matcher *m);

/* "=", "!=", "=~", "!~", "=|", "!=|"; -EINVAL for another text. */
int match_op_parse(enum match_op *out, const char *text);

/* A label that is absent counts as "". */
bool matcher_matches(const struct matcher *m, const struct labels *l);
bool matchers_match(const struct matcher *m, size_t count,
		    const struct labels *l);

/* Of what is no label of the store: whether no matcher of that name refuses
 * the value. */
bool matchers_allow(const struct matcher *m, size_t count, const char *name,
		    const char *value);
