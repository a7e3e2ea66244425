#pragma once
/*
 * pattern.h - a regular expression that a stranger wrote.
 *
 * PCRE2 syntax, always matched against the whole text, as Prometheus does.
 * Length, nesting and the steps of one match are bounded, so no pattern can
 * hold a thread; one that hits the bound does not match.
 */
#include <stdbool.h>

#include "own.h"
#include "problem.h"

#define PATTERN_MAX 512 /* bytes */

struct pattern;

/* A malformed pattern fills the problem and is -EINVAL; or -ENOMEM. */
int pattern_compile(struct pattern **out, const char *text, struct problem *p);
void pattern_free(struct pattern *p);
OWN_DEFINE(struct pattern *, pattern_free)

/* The expression as it was given; the pattern's. */
const char *pattern_text(const struct pattern *p);

/* Any thread; a pattern is immutable. */
bool pattern_matches(const struct pattern *p, const char *text);
