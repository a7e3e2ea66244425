#pragma once
/*
 * words.h - the values of a parameter, however a client wrote them.
 */
#include <jansson.h>
#include <stdbool.h>

#include "common/problem.h"

#define WORDS_MAX 1000 /* values of one parameter */

/* One value of a parameter. */
struct word {
	char *text;   /* owned */
	bool pattern; /* a regular expression; else literal */
};

struct words {
	struct word *items; /* owned */
	size_t count;
	bool all; /* "$__all", "*" or ".*" was among them: no restriction */
};

void words_fini(struct words *w);

/*
 * All values of a parameter: text, number, bool, null (none) or a list of
 * them; what a variable became is split and its escapes are removed. Text is
 * a pattern only if it has signs that no literal wants: * + ? [ ] ^ $ \d.
 * field names it in a problem.
 */
int words_parse(struct words *out, const json_t *value, const char *field,
		struct problem *p);
