#include "test.h"

#include <math.h>

#include "common/sli.h"

START_TEST(utilisation_is_used_by_max)
{
	ck_assert_double_eq(sli_util(75, 100), 0.75);
	ck_assert_double_eq(sli_util(0, 100), 0);
	ck_assert_double_eq(sli_util(150, 100), 1.5); /* beyond is beyond */
	ck_assert_double_eq(sli_util(1, 3), 0.333333);
}
END_TEST

START_TEST(inputs_without_meaning_give_no_number)
{
	ck_assert(isnan(sli_util(1, 0)));
	ck_assert(isnan(sli_util(1, -1)));
	ck_assert(isnan(sli_util(-1, 1)));
	ck_assert(isnan(sli_util(NAN, 1)));
	ck_assert(isnan(sli_util(1, NAN)));
	ck_assert(isnan(sli_frag(1, 0)));
	ck_assert(isnan(sli_slot_waste(1, 0)));
	ck_assert(isnan(sli_util(INFINITY, INFINITY)));
}
END_TEST

START_TEST(free_share_and_holes)
{
	ck_assert_double_eq(sli_frag(30, 100), 0.3);
	ck_assert_double_eq(sli_slot_waste(90, 100), 0.1);
	ck_assert_double_eq(sli_slot_waste(100, 100), 0);
	ck_assert_double_eq(sli_slot_waste(101, 100), 0);
	ck_assert_double_eq(sli_slot_waste(0, 100), 1);
}
END_TEST

START_TEST(pages_of_go_are_8_kib_of_the_bound)
{
	uint64_t free_pages, total;

	sli_go_pages(1 << 20, 28, &free_pages, &total);
	ck_assert_uint_eq(total, 128);
	ck_assert_uint_eq(free_pages, 100);
	sli_go_pages(8191, 0, &free_pages, &total);
	ck_assert_uint_eq(total, 0);
	ck_assert_uint_eq(free_pages, 0);
	sli_go_pages(1 << 20, 129, &free_pages, &total);
	ck_assert_uint_eq(free_pages, 0);
}
END_TEST

START_TEST(tightest_bound_wins)
{
	struct bounds b = { 0 };
	enum bound which = BOUND_RAM;

	ck_assert_uint_eq(bounds_tightest(&b, &which), 0);
	ck_assert_int_eq(which, BOUND_NONE);
	b.bytes[BOUND_RAM] = 100;
	b.bytes[BOUND_CGROUP] = 50;
	ck_assert_uint_eq(bounds_tightest(&b, &which), 50);
	ck_assert_int_eq(which, BOUND_CGROUP);
	b.bytes[BOUND_RUNTIME_JVM] = 50; /* on a tie the runtime's own */
	ck_assert_uint_eq(bounds_tightest(&b, &which), 50);
	ck_assert_int_eq(which, BOUND_RUNTIME_JVM);
	b.bytes[BOUND_RLIMIT] = 1;
	ck_assert_uint_eq(bounds_tightest(&b, &which), 1);
	ck_assert_str_eq(bound_word(which), "rlimit");
}
END_TEST

START_TEST(every_bound_has_a_word)
{
	for (int i = BOUND_NONE + 1; i < BOUND_COUNT; i++) {
		ck_assert_str_ne(bound_word((enum bound)i), "");
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(bound_word((enum bound)i),
					 bound_word((enum bound)k));
	}
}
END_TEST

TEST_MAIN("sli", utilisation_is_used_by_max,
	  inputs_without_meaning_give_no_number, free_share_and_holes,
	  pages_of_go_are_8_kib_of_the_bound, tightest_bound_wins,
	  every_bound_has_a_word)
