/*
 * The words of a question.
 */
#include "query.h"

#include <errno.h>
#include <string.h>

static const char *const aggs[AGG_WORD_COUNT] = {
	[AGG_NONE] = "none", [AGG_AVG] = "avg",	    [AGG_MIN] = "min",
	[AGG_MAX] = "max",   [AGG_SUM] = "sum",	    [AGG_COUNT] = "count",
	[AGG_P50] = "p50",   [AGG_P95] = "p95",	    [AGG_P99] = "p99",
	[AGG_STATES] = "states", [AGG_HISTOGRAM] = "histogram",
};

static const char *const fns[FN_WORD_COUNT] = {
	[FN_FOLD] = "fold",   [FN_LAST] = "last", [FN_RATE] = "rate",
	[FN_INCREASE] = "increase", [FN_DELTA] = "delta", [FN_AVG] = "avg",
	[FN_MAX] = "max",     [FN_MIN] = "min",
	[FN_ABOVE] = "above", [FN_BELOW] = "below", [FN_BEYOND] = "beyond",
};

/* The index of a word; "" is the first one; -EINVAL. */
static int find(const char *const *words, int count, const char *word)
{
	if (*word == '\0')
		return 0;
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return -EINVAL;
}

int agg_parse(enum agg *out, const char *word)
{
	int i = find(aggs, AGG_WORD_COUNT, word);

	if (i < 0)
		return i;
	*out = (enum agg)i;
	return 0;
}

int fn_parse(enum fn *out, const char *word)
{
	int i = find(fns, FN_WORD_COUNT, word);

	if (i < 0)
		return i;
	*out = (enum fn)i;
	return 0;
}

const char *agg_word(enum agg a)
{
	return aggs[a];
}

const char *fn_word(enum fn f)
{
	return fns[f];
}
