/*
 * Any bytes as conditions on labels, the way people and variables write them:
 * as text, as the value of a parameter, as a regular expression. What is
 * taken is matched at once, for a pattern may be good and its match endless.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/conditions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct labels labels;

static void set_up(void)
{
	labels_set(&labels, "node", "plc-01");
	labels_set(&labels, "service", "hist(3)");
	labels_set(&labels, "site", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

/* A condition and its opposite cannot both hold. */
static void match(const struct matcher_list *l)
{
	static const enum match_op opposite[] = {
		[MATCH_EQUAL] = MATCH_NOT_EQUAL,
		[MATCH_NOT_EQUAL] = MATCH_EQUAL,
		[MATCH_REGEX] = MATCH_NOT_REGEX,
		[MATCH_NOT_REGEX] = MATCH_REGEX,
		[MATCH_ONE_OF] = MATCH_NONE_OF,
		[MATCH_NONE_OF] = MATCH_ONE_OF,
	};

	for (size_t i = 0; i < l->count; i++) {
		struct matcher other = l->items[i];

		other.op = opposite[other.op];
		if (matcher_matches(&l->items[i], &labels) ==
		    matcher_matches(&other, &labels))
			abort();
	}
}

static void as_text(const char *text)
{
	own(matcher_list_fini) struct matcher_list l = { 0 };
	struct problem p = { 0 };

	if (matchers_add_text(&l, text, &p) == 0)
		match(&l);
	else if (p.code == PROBLEM_NONE)
		abort(); /* whoever wrote it is to know why */
}

static void as_value(const char *text)
{
	own(matcher_list_fini) struct matcher_list l = { 0 };
	own(json_decrefp) json_t *value = json_string(text);
	struct problem p = { 0 };

	if (!value)
		return; /* no UTF-8: JSON cannot carry it */
	if (matchers_add_value(&l, "site", value, &p) == 0)
		match(&l);
	else if (p.code == PROBLEM_NONE)
		abort();
}

static void as_pattern(const char *text)
{
	own(pattern_freep) struct pattern *pattern = NULL;
	struct problem p = { 0 };

	if (pattern_compile(&pattern, text, &p))
		return;
	if (strcmp(pattern_text(pattern), text))
		abort();
	for (size_t i = 0; i < labels.count; i++)
		pattern_matches(pattern, labels.items[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len);

	if (!text)
		return 0;
	if (!labels.count)
		set_up();
	as_text(text);
	as_value(text);
	as_pattern(text);
	free(text);
	return 0;
}
