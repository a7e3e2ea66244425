#pragma once
/*
 * test.h - what every unit test wants beside check itself.
 *
 * A test is a sentence; its body is the proof. TEST_MAIN(name, case, ...)
 * makes the main of one test program.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

/* Of one test, by the clock on the wall: only what hangs takes as long, on a
 * machine however busy. */
#define TEST_SECONDS_MAX 600

/* 0, or the code is told. */
#define ck_ok(expression)                                                      \
	do {                                                                   \
		int r_ = (expression);                                         \
		ck_assert_msg(r_ == 0, "%s: %s", #expression, strerror(-r_));  \
	} while (0)

/* -error exactly. */
#define ck_err(expression, error)                                              \
	do {                                                                   \
		int r_ = (expression);                                         \
		ck_assert_msg(r_ == -(error), "%s: %d, expected -%s",          \
			      #expression, r_, #error);                        \
	} while (0)

#define TEST_MAIN(suite_name, ...)                                             \
	int main(void)                                                         \
	{                                                                      \
		const TTest *const cases[] = { __VA_ARGS__ };                  \
		Suite *suite = suite_create(suite_name);                       \
		TCase *all = tcase_create("all");                              \
		SRunner *runner;                                               \
		int failed;                                                    \
                                                                               \
		tcase_set_timeout(all, TEST_SECONDS_MAX);                       \
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)  \
			tcase_add_test(all, cases[i]);                         \
		suite_add_tcase(suite, all);                                   \
		runner = srunner_create(suite);                                \
		srunner_run_all(runner, CK_ENV);                               \
		failed = srunner_ntests_failed(runner);                        \
		srunner_free(runner);                                          \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                   \
	}
