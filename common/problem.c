#include "problem.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	const char *word;
	int http_status;
	int exit_code;
} codes[PROBLEM_COUNT] = {
	[PROBLEM_NONE] = { "ok", 200, 0 },
	[PROBLEM_USAGE] = { "usage", 400, 2 },
	[PROBLEM_NOT_PERMITTED] = { "not_permitted", 403, 4 },
	[PROBLEM_BAD_REQUEST] = { "bad_request", 400, 2 },
	[PROBLEM_EMPTY_TARGET] = { "empty_target", 400, 2 },
	[PROBLEM_UNKNOWN_METRIC] = { "unknown_metric", 404, 2 },
	[PROBLEM_UNKNOWN_PATH] = { "unknown_path", 404, 2 },
	[PROBLEM_UNKNOWN_MAINTENANCE] = { "unknown_maintenance", 404, 2 },
	[PROBLEM_WRONG_METHOD] = { "wrong_method", 405, 2 },
	[PROBLEM_TOO_LARGE] = { "too_large", 413, 2 },
	[PROBLEM_TOO_MUCH] = { "too_much", 422, 1 },
	[PROBLEM_BUSY] = { "busy", 503, 1 },
	[PROBLEM_UNAVAILABLE] = { "unavailable", 503, 1 },
	[PROBLEM_INTERNAL] = { "internal", 500, 1 },
};

int problem_vset(struct problem *p, enum problem_code code, const char *format,
		 va_list args)
{
	p->code = code;
	vsnprintf(p->text, sizeof(p->text), format, args);
	return -EINVAL;
}

int problem_set(struct problem *p, enum problem_code code, const char *format,
		...)
{
	va_list args;

	va_start(args, format);
	problem_vset(p, code, format, args);
	va_end(args);
	return -EINVAL;
}

const char *problem_word(enum problem_code code)
{
	return codes[code].word;
}

int problem_http_status(enum problem_code code)
{
	return codes[code].http_status;
}

int problem_exit_code(enum problem_code code)
{
	return codes[code].exit_code;
}
