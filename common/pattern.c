#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <string.h>

#define STEPS_MAX 20000 /* of one match; a sane one takes some dozens */
#define DEPTH_MAX 250

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	char *text; /* owned */
};

static int explain(struct problem *p, const char *text, int error, size_t at)
{
	unsigned char why[160];

	pcre2_get_error_message(error, why, sizeof(why));
	return problem_set(p, PROBLEM_BAD_REQUEST,
			   "bad regular expression \"%.64s\": %s (at byte %zu)",
			   text, (const char *)why, at + 1);
}

int pattern_compile(struct pattern **out, const char *text, struct problem *p)
{
	own(pattern_freep) struct pattern *compiled = NULL;
	PCRE2_SIZE at;
	int error;

	if (strlen(text) > PATTERN_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "a regular expression may have %d bytes",
				   PATTERN_MAX);
	compiled = calloc(1, sizeof(*compiled));
	if (!compiled)
		return -ENOMEM;
	compiled->code = pcre2_compile(
		(PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF |
			PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
			PCRE2_DOTALL,
		&error, &at, NULL);
	if (!compiled->code)
		return explain(p, text, error, at);
	compiled->limits = pcre2_match_context_create(NULL);
	compiled->text = strdup(text);
	if (!compiled->limits || !compiled->text)
		return -ENOMEM;
	pcre2_set_match_limit(compiled->limits, STEPS_MAX);
	pcre2_set_depth_limit(compiled->limits, DEPTH_MAX);
	*out = take(compiled);
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->limits);
	free(p->text);
	pcre2_code_free(p->code);
	free(p);
}

bool pattern_matches(const struct pattern *p, const char *text)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int r;

	if (!data)
		return false;
	r = pcre2_match(p->code, (PCRE2_SPTR)text, strlen(text), 0, 0, data,
			p->limits);
	pcre2_match_data_free(data);
	return r >= 0;
}

const char *pattern_text(const struct pattern *p)
{
	return p->text;
}
