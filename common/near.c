#include "near.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX    64
#define SUGGEST_MAX 3

/* Edit distance (insert, delete, replace; Levenshtein), row by row: from a to
 * the whole of b, or to the nearest beginning of b. */
static unsigned distance(const char *a, const char *b, unsigned *beginning)
{
	unsigned row[WORD_MAX + 1];
	size_t len = strnlen(b, WORD_MAX);

	for (size_t k = 0; k <= len; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; a[i]; i++) {
		unsigned corner = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t k = 0; k < len; k++) {
			unsigned best = corner + (a[i] != b[k]);

			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k + 1] + 1 < best)
				best = row[k + 1] + 1;
			corner = row[k + 1];
			row[k + 1] = best;
		}
	}
	*beginning = row[len];
	for (size_t k = 0; k < len; k++) {
		if (row[k] < *beginning)
			*beginning = row[k];
	}
	return row[len];
}

/* 0 is best; parts of a name are near it however long the rest is. */
static unsigned badness(const char *word, const char *name)
{
	unsigned whole, beginning;

	if (strncmp(name, word, strlen(word)) == 0)
		return 0;
	if (strstr(name, word))
		return 1;
	whole = distance(word, name, &beginning);
	return 1 + (whole <= beginning ? whole : beginning + 1);
}

/* The first of the best that is at most this bad; count: none is. */
static size_t best_of(const unsigned *bad, size_t count, unsigned worst)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (bad[i] <= worst && (best == count || bad[i] < bad[best]))
			best = i;
	}
	return best;
}

const char *near_names(const char *word, const char *(*name)(size_t i),
		       size_t count, char *out, size_t len)
{
	unsigned bad[NEAR_NAMES_MAX];
	size_t word_len = strlen(word), used = 0;
	unsigned worst = 2 + (unsigned)word_len / 3;

	assert(count <= NEAR_NAMES_MAX);
	out[0] = '\0';
	if (word_len < 2 || word_len > WORD_MAX)
		return out;
	for (size_t i = 0; i < count; i++) {
		bad[i] = badness(word, name(i));
		worst = bad[i] < 2 ? 1 : worst;
	}
	for (int i = 0; i < SUGGEST_MAX; i++) {
		size_t best = best_of(bad, count, worst);

		if (best == count || used + strlen(name(best)) + 3 > len)
			break;
		used += (size_t)snprintf(out + used, len - used, "%s%s",
					 used ? ", " : "", name(best));
		bad[best] = worst + 1;
	}
	return out;
}
