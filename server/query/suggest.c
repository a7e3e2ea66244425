/*
 * Did you mean: names of metrics near a word.
 */
#include "query.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX    64
#define SUGGEST_MAX 3

/* Edit distance (insert, delete, replace; Levenshtein), row by row: from a to
 * the whole of b, or to the nearest beginning of b. */
static unsigned distance(const char *a, const char *b, unsigned *beginning)
{
	unsigned row[WORD_MAX + 1];
	size_t len = strlen(b);

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

/* The name after the one given, in order of badness; METRIC_COUNT at last. */
static enum metric next_best(const unsigned *bad, const bool *taken,
			     unsigned worst)
{
	enum metric best = METRIC_COUNT;

	for (int i = 0; i < METRIC_COUNT; i++) {
		if (taken[i] || bad[i] > worst)
			continue;
		if (best == METRIC_COUNT || bad[i] < bad[best])
			best = (enum metric)i;
	}
	return best;
}

const char *query_suggest(const char *word, char *out, size_t len)
{
	unsigned bad[METRIC_COUNT];
	bool taken[METRIC_COUNT] = { false };
	size_t word_len = strlen(word), used = 0;
	unsigned worst = 2 + (unsigned)word_len / 3;

	out[0] = '\0';
	if (word_len < 2 || word_len > WORD_MAX)
		return out;
	for (int i = 0; i < METRIC_COUNT; i++)
		bad[i] = badness(word, metric_info((enum metric)i)->name);
	/* A part of names is one; else a third of the word may be wrong. */
	for (int i = 0; i < METRIC_COUNT && worst > 1; i++)
		worst = bad[i] < 2 ? 1 : worst;
	for (int i = 0; i < SUGGEST_MAX; i++) {
		enum metric m = next_best(bad, taken, worst);
		const char *name;

		if (m == METRIC_COUNT)
			break;
		name = metric_info(m)->name;
		if (used + strlen(name) + 3 > len)
			break;
		used += (size_t)snprintf(out + used, len - used, "%s%s",
					 used ? ", " : "", name);
		taken[m] = true;
	}
	return out;
}
