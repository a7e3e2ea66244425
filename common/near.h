#pragma once
/*
 * near.h - did you mean: names that are close to a word.
 */
#include <stddef.h>

#define NEAR_NAMES_MAX 256

/*
 * The nearest up to three of count (at most NEAR_NAMES_MAX) names, best
 * first: "heap_used_bytes, heap_util_rate"; "" when none is near. A word that
 * is a part of names is near those alone; else a third of it may be wrong.
 * Returns out.
 */
const char *near_names(const char *word, const char *(*name)(size_t i),
		       size_t count, char *out, size_t len);
