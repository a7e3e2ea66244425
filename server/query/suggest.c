/*
 * Did you mean: names of metrics near a word.
 */
#include "query.h"

#include "common/near.h"

static const char *name_of(size_t i)
{
	return metric_info((enum metric)i)->name;
}

const char *query_suggest(const char *word, char *out, size_t len)
{
	return near_names(word, name_of, METRIC_COUNT, out, len);
}
