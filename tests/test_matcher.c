/* Conditions on labels. */
#include "server/store/matcher.h"
#include "test.h"

static bool match(const char *op, const char *value, const char *label)
{
	struct labels l = {0};
	struct problem p = {0};
	enum match_op parsed;
	struct matcher m;
	bool yes;

	ck_ok(match_op_parse(&parsed, op));
	ck_ok(matcher_init(&m, "service", parsed, value, &p));
	if (*label)
		ck_ok(labels_set(&l, "service", label));
	yes = matcher_matches(&m, &l);
	ck_assert(matchers_match(&m, 1, &l) == yes);
	matcher_fini(&m);
	labels_fini(&l);
	return yes;
}

START_TEST(equal_is_the_whole_text)
{
	ck_assert(match("=", "pump", "pump"));
	ck_assert(!match("=", "pump", "pumps"));
	ck_assert(!match("!=", "pump", "pump"));
	ck_assert(match("!=", "pump", "valve"));
}
END_TEST

START_TEST(an_absent_label_counts_as_empty)
{
	ck_assert(match("=", "", ""));
	ck_assert(!match("=", "", "pump"));
	ck_assert(match("!=", "pump", ""));
	ck_assert(match("=~", ".*", ""));
	ck_assert(!match("=~", ".+", ""));
	ck_assert(match("=|", "", ""));
}
END_TEST

START_TEST(a_pattern_is_anchored)
{
	ck_assert(match("=~", "pu.p", "pump"));
	ck_assert(!match("=~", "ump", "pump"));
	ck_assert(match("!~", "ump", "pump"));
	ck_assert(!match("!~", "pump|valve", "valve"));
}
END_TEST

START_TEST(one_of_takes_several_values)
{
	struct labels l = {0};
	struct problem p = {0};
	struct matcher m[2];

	ck_ok(matcher_init(&m[0], "line", MATCH_ONE_OF, "L1", &p));
	ck_ok(matcher_add_value(&m[0], "L2"));
	ck_ok(matcher_init(&m[1], "line", MATCH_NONE_OF, "L3", &p));
	ck_ok(matcher_add_value(&m[1], "L2"));
	ck_ok(labels_set(&l, "line", "L2"));
	ck_assert(matcher_matches(&m[0], &l));
	ck_assert(!matcher_matches(&m[1], &l));
	ck_assert(!matchers_match(m, 2, &l));
	ck_ok(labels_set(&l, "line", "L1"));
	ck_assert(matchers_match(m, 2, &l));
	ck_ok(labels_set(&l, "line", "L4"));
	ck_assert(!matcher_matches(&m[0], &l));
	ck_assert(matcher_matches(&m[1], &l));
	matcher_fini(&m[0]);
	matcher_fini(&m[1]);
	labels_fini(&l);
}
END_TEST

START_TEST(no_condition_matches_all)
{
	struct labels l = {0};

	ck_assert(matchers_match(NULL, 0, &l));
}
END_TEST

START_TEST(a_malformed_pattern_is_told)
{
	struct problem p = {0};
	struct matcher m;

	ck_err(matcher_init(&m, "service", MATCH_REGEX, "a(", &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_BAD_REQUEST);
	ck_assert(strstr(p.text, "regular expression"));
}
END_TEST

START_TEST(an_unknown_operator_is_refused)
{
	enum match_op op;

	ck_err(match_op_parse(&op, "=="), EINVAL);
	ck_err(match_op_parse(&op, ""), EINVAL);
}
END_TEST

TEST_MAIN("matcher", equal_is_the_whole_text, an_absent_label_counts_as_empty,
	  a_pattern_is_anchored, one_of_takes_several_values,
	  no_condition_matches_all, a_malformed_pattern_is_told,
	  an_unknown_operator_is_refused)
