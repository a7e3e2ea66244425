#include "test.h"

#include "common/threshold.h"

static enum grade grade(enum metric m, double value)
{
	return threshold_grade(threshold_default(m), value);
}

START_TEST(limit_itself_is_healthy)
{
	ck_assert_int_eq(grade(METRIC_HEAP_UTIL_RATE, 0.75), GRADE_OK);
	ck_assert_int_eq(grade(METRIC_HEAP_UTIL_RATE, 0.76), GRADE_WARNING);
	ck_assert_int_eq(grade(METRIC_GC_PRESSURE, 5), GRADE_OK);
	ck_assert_int_eq(grade(METRIC_GC_PRESSURE, 6), GRADE_WARNING);
	ck_assert_int_eq(grade(METRIC_FRAG_RATIO, 0.3), GRADE_OK);
	ck_assert_int_eq(grade(METRIC_FRAG_RATIO, 0.29), GRADE_WARNING);
}
END_TEST

START_TEST(beyond_the_second_limit_is_critical)
{
	ck_assert_int_eq(grade(METRIC_HEAP_UTIL_RATE, 0.9), GRADE_WARNING);
	ck_assert_int_eq(grade(METRIC_HEAP_UTIL_RATE, 0.91), GRADE_CRITICAL);
	ck_assert_int_eq(grade(METRIC_FRAG_RATIO, 0.09), GRADE_CRITICAL);
	ck_assert_int_eq(grade(METRIC_GC_PRESSURE, 1000), GRADE_CRITICAL);
}
END_TEST

START_TEST(other_metrics_have_no_limit)
{
	ck_assert_ptr_null(threshold_default(METRIC_THREADS));
	ck_assert_ptr_null(threshold_default(METRIC_COUNT));
}
END_TEST

/* A limit on a value that folding hides would never be seen to break. */
START_TEST(limits_and_folds_look_the_same_way)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct threshold *t = threshold_default((enum metric)i);
		enum fold fold = metric_info((enum metric)i)->fold;

		if (!t)
			continue;
		ck_assert_int_eq(fold, t->direction > 0 ? FOLD_MAX : FOLD_MIN);
		ck_assert((t->critical - t->warning) * t->direction > 0);
	}
}
END_TEST

TEST_MAIN("threshold", limit_itself_is_healthy,
	  beyond_the_second_limit_is_critical, other_metrics_have_no_limit,
	  limits_and_folds_look_the_same_way)
