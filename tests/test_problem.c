#include "test.h"

#include "common/problem.h"

START_TEST(text_and_code_are_kept)
{
	struct problem p = { 0 };

	ck_err(problem_set(&p, PROBLEM_BAD_REQUEST, "field %s", "step"),
	       EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_BAD_REQUEST);
	ck_assert_str_eq(p.text, "field step");
}
END_TEST

START_TEST(long_text_is_cut)
{
	struct problem p = { 0 };
	char text[1000];

	memset(text, 'x', sizeof(text));
	text[999] = '\0';
	problem_set(&p, PROBLEM_INTERNAL, "%s", text);
	ck_assert_uint_eq(strlen(p.text), sizeof(p.text) - 1);
}
END_TEST

START_TEST(every_code_has_word_status_and_exit)
{
	for (int i = PROBLEM_NONE; i < PROBLEM_COUNT; i++) {
		enum problem_code code = (enum problem_code)i;
		int status = problem_http_status(code);

		ck_assert_msg(problem_word(code) != NULL, "code %d", i);
		ck_assert_int_eq(problem_exit_code(code) == 0, i == 0);
		if (i == PROBLEM_NONE)
			ck_assert_int_eq(status, 200);
		else
			ck_assert_msg(status >= 400 && status < 600, "%d", i);
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(problem_word(code),
					 problem_word((enum problem_code)k));
	}
}
END_TEST

TEST_MAIN("problem", text_and_code_are_kept, long_text_is_cut,
	  every_code_has_word_status_and_exit)
