#include "test.h"

#include <string.h>

#include "collector/governor.h"

#define SECOND_NS 1000000000ll

static const struct governor_budget budget = {
	.target_share = 0.005,
	.total_share = 0.01,
	.backoff_ns = 60 * SECOND_NS,
};

static struct governor_use use_of(double share)
{
	return (struct governor_use){ .worst_share = share,
				      .hits_per_s = share / 600e-9,
				      .total_share = share };
}

static struct governor attached_at(int64_t now_ns)
{
	struct governor g = { 0 };

	governor_enter(&g, PROBE_ATTACHED, now_ns, "%s", "");
	return g;
}

static bool keep(struct governor *g, double share, int64_t second)
{
	struct governor_use u = use_of(share);

	return governor_keep(g, &budget, &u, second * SECOND_NS);
}

static bool admit(struct governor *g, double share, int64_t second)
{
	struct governor_use u = use_of(share);

	return governor_admit(g, &budget, &u, second * SECOND_NS);
}

START_TEST(cheap_link_stays_for_ever)
{
	struct governor g = attached_at(0);

	for (int i = 1; i < 10000; i++)
		ck_assert(keep(&g, 0.005, i));
	ck_assert_int_eq(g.state, PROBE_ATTACHED);
	ck_assert_str_eq(g.why, "");
}
END_TEST

START_TEST(two_windows_above_the_budget_in_a_row_are_too_many)
{
	struct governor g = attached_at(0);

	for (int i = 1; i < 100; i += 2) {
		ck_assert(keep(&g, 0.006, i));
		ck_assert(keep(&g, 0.004, i + 1));
	}
	ck_assert(keep(&g, 0.006, 101));
	ck_assert(!keep(&g, 0.006, 102));
	ck_assert_int_eq(g.state, PROBE_BACKING_OFF);
	ck_assert_int_eq(g.since_ns, 102 * SECOND_NS);
	ck_assert_int_eq(g.until_ns, 162 * SECOND_NS);
	ck_assert_str_eq(g.why, "cost 0.6 % of a CPU in one process (10000 "
				"hits a second); the budget is 0.5 %");
}
END_TEST

START_TEST(one_window_far_above_the_budget_is_enough)
{
	struct governor g = attached_at(0);

	ck_assert(!keep(&g, 0.0201, 1));
	ck_assert_int_eq(g.state, PROBE_BACKING_OFF);
}
END_TEST

START_TEST(back_off_doubles_to_an_hour)
{
	static const int64_t waits[] = { 60,   120,  240,  480, 960,
					 1920, 3600, 3600 };
	struct governor g = { 0 };
	int64_t second = 1;

	governor_enter(&g, PROBE_WAITING, 0, "%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		ck_assert(governor_is_due(&g, second * SECOND_NS));
		ck_assert(!admit(&g, 1, second));
		ck_assert_int_eq(g.until_ns,
				 (second + waits[i]) * SECOND_NS);
		ck_assert(!governor_is_due(&g, g.until_ns - 1));
		second += waits[i];
	}
	ck_assert_ptr_nonnull(strstr(g.why, "would cost"));
}
END_TEST

START_TEST(back_off_begins_anew_after_a_time_that_went_well)
{
	struct governor g = attached_at(0);

	ck_assert(!keep(&g, 1, 1));
	governor_enter(&g, PROBE_ATTACHED, 61 * SECOND_NS, "%s", "");
	ck_assert(!keep(&g, 1, 62));
	ck_assert_int_eq(g.backoff_ns, 120 * SECOND_NS);
	governor_enter(&g, PROBE_ATTACHED, 182 * SECOND_NS, "%s", "");
	ck_assert(keep(&g, 0.001, 301));
	ck_assert(!keep(&g, 1, 302));
	ck_assert_int_eq(g.backoff_ns, 60 * SECOND_NS);
}
END_TEST

START_TEST(only_the_dearest_link_answers_for_the_total)
{
	struct governor cheap = attached_at(0), dear = attached_at(0);
	struct governor_use u = { .worst_share = 0.004, .total_share = 0.012 };

	for (int i = 1; i < 10; i++)
		ck_assert(governor_keep(&cheap, &budget, &u, i * SECOND_NS));
	u.dearest = true;
	ck_assert(governor_keep(&dear, &budget, &u, SECOND_NS));
	ck_assert(!governor_keep(&dear, &budget, &u, 2 * SECOND_NS));
	ck_assert_str_eq(dear.why, "cost 0.4 % of a CPU in one process, and "
				   "all probes together 1.2 %; the budget for "
				   "all is 1 %");
}
END_TEST

START_TEST(link_that_would_break_the_total_is_not_admitted)
{
	struct governor g = { .state = PROBE_WAITING };
	struct governor_use u = { .worst_share = 0.002, .total_share = 0.011 };

	ck_assert(!governor_admit(&g, &budget, &u, 0));
	ck_assert_int_eq(g.state, PROBE_BACKING_OFF);
	u.total_share = 0.01;
	ck_assert(governor_admit(&g, &budget, &u, 0));
}
END_TEST

START_TEST(budget_of_nothing_lets_only_what_costs_nothing_pass)
{
	const struct governor_budget none = { .backoff_ns = SECOND_NS };
	struct governor g = { .state = PROBE_WAITING };
	struct governor_use u = { .worst_share = 1e-9, .total_share = 1e-9 };

	ck_assert(!governor_admit(&g, &none, &u, 0));
	g = attached_at(0);
	ck_assert(!governor_keep(&g, &none, &u, SECOND_NS));
	g = attached_at(0);
	u = (struct governor_use){ .dearest = true };
	ck_assert(governor_keep(&g, &none, &u, SECOND_NS));
}
END_TEST

START_TEST(link_that_was_postponed_is_due_after_the_first_back_off)
{
	struct governor g = { .state = PROBE_ATTACHING };

	for (int i = 0; i < 2; i++) { /* it does not double */
		governor_postpone(&g, &budget, 100 * SECOND_NS, "no memory");
		ck_assert_int_eq(g.state, PROBE_WAITING);
		ck_assert_str_eq(g.why, "no memory");
		ck_assert(!governor_is_due(&g, 159 * SECOND_NS));
		ck_assert(governor_is_due(&g, 160 * SECOND_NS));
	}
}
END_TEST

START_TEST(new_processes_are_waited_for_ten_seconds_from_when_it_was_due)
{
	struct governor g = { 0 };

	governor_enter(&g, PROBE_WAITING, 100 * SECOND_NS, "%s", "");
	ck_assert(governor_is_patient(&g, 109 * SECOND_NS));
	ck_assert(!governor_is_patient(&g, 110 * SECOND_NS));
	ck_assert(!admit(&g, 1, 100)); /* backs off for 60 s */
	ck_assert(governor_is_patient(&g, 169 * SECOND_NS));
	ck_assert(!governor_is_patient(&g, 170 * SECOND_NS));
}
END_TEST

START_TEST(link_is_over_until_a_window_goes_well_or_it_goes)
{
	struct governor g = attached_at(0);

	ck_assert(!governor_is_over(&g));
	ck_assert(keep(&g, 0.006, 1));
	ck_assert(governor_is_over(&g));
	ck_assert(keep(&g, 0.001, 2));
	ck_assert(!governor_is_over(&g));
	ck_assert(!keep(&g, 0.1, 3));
	ck_assert(!governor_is_over(&g));
}
END_TEST

START_TEST(refused_link_is_never_due)
{
	struct governor g = { 0 };

	ck_assert(!governor_is_due(&g, INT64_MAX));
	governor_enter(&g, PROBE_REFUSED, 0, "%s", "no place for it");
	ck_assert(!governor_is_due(&g, INT64_MAX));
	ck_assert_str_eq(probe_state_word(g.state), "refused");
}
END_TEST

TEST_MAIN("governor", cheap_link_stays_for_ever,
	  two_windows_above_the_budget_in_a_row_are_too_many,
	  one_window_far_above_the_budget_is_enough,
	  back_off_doubles_to_an_hour,
	  back_off_begins_anew_after_a_time_that_went_well,
	  only_the_dearest_link_answers_for_the_total,
	  link_that_would_break_the_total_is_not_admitted,
	  budget_of_nothing_lets_only_what_costs_nothing_pass,
	  link_that_was_postponed_is_due_after_the_first_back_off,
	  new_processes_are_waited_for_ten_seconds_from_when_it_was_due,
	  link_is_over_until_a_window_goes_well_or_it_goes,
	  refused_link_is_never_due)
