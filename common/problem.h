#pragma once
/*
 * problem.h - what a user got wrong or must know, on its way back to them.
 *
 * One table joins the short code that machines read, the HTTP status and the
 * exit code of the program. The text names the field at fault and what to do.
 */
#include <stdarg.h>

enum problem_code {
	PROBLEM_NONE,
	PROBLEM_USAGE,           /* command line or configuration */
	PROBLEM_NOT_PERMITTED,   /* a right is missing */
	PROBLEM_BAD_REQUEST,     /* a field is malformed */
	PROBLEM_EMPTY_TARGET,    /* a query without a metric */
	PROBLEM_UNKNOWN_METRIC,
	PROBLEM_UNKNOWN_PATH,
	PROBLEM_UNKNOWN_MAINTENANCE,
	PROBLEM_WRONG_METHOD,
	PROBLEM_TOO_LARGE,       /* request body */
	PROBLEM_TOO_MUCH,        /* time range x series beyond the limit */
	PROBLEM_BUSY,            /* too many requests at once; try again */
	PROBLEM_UNAVAILABLE,     /* not ready, or a disk that does not answer */
	PROBLEM_INTERNAL,
	PROBLEM_COUNT
};

struct problem {
	enum problem_code code;
	int line, column; /* in the file, from 1; 0: none */
	char text[320];
};

/* Fill it and return -EINVAL, so that "return problem_set(...)" reads well. */
int problem_set(struct problem *p, enum problem_code code, const char *format,
		...) __attribute__((format(printf, 3, 4)));
int problem_vset(struct problem *p, enum problem_code code, const char *format,
		 va_list args) __attribute__((format(printf, 3, 0)));

/* "unknown_metric", 404, 1. */
const char *problem_word(enum problem_code code);
int problem_http_status(enum problem_code code);
int problem_exit_code(enum problem_code code);
