/* What the doctor reads from texts of the kernel. */
#include "test.h"

#include "server/cli/doctor.h"

START_TEST(releases_of_kernels_are_compared_by_number)
{
	ck_assert(doctor_kernel_reaches("5.8.0", 5, 8));
	ck_assert(doctor_kernel_reaches("5.10.0-28-amd64", 5, 8));
	ck_assert(doctor_kernel_reaches("6.1.0-18-amd64", 5, 8));
	ck_assert(doctor_kernel_reaches("10.0-rc1", 6, 6));
	ck_assert(!doctor_kernel_reaches("5.4.0-150-generic", 5, 8));
	ck_assert(!doctor_kernel_reaches("6.1.0-18-amd64", 6, 6));
	ck_assert(!doctor_kernel_reaches("", 5, 8));
	ck_assert(!doctor_kernel_reaches("six", 5, 8));
}
END_TEST

START_TEST(hidepid_is_read_as_number_and_as_word)
{
	ck_assert_int_eq(doctor_hidepid("rw,nosuid,relatime"), 0);
	ck_assert_int_eq(doctor_hidepid("rw,hidepid=2"), 2);
	ck_assert_int_eq(doctor_hidepid("rw,hidepid=invisible,gid=4"), 2);
	ck_assert_int_eq(doctor_hidepid("rw,hidepid=noaccess,x"), 1);
	ck_assert_int_eq(doctor_hidepid("hidepid=ptraceable"), 4);
	ck_assert_int_eq(doctor_hidepid("hidepid=off"), 0);
	ck_assert_int_eq(doctor_hidepid("hidepid=20"), -1);
	ck_assert_int_eq(doctor_hidepid("hidepid="), -1);
}
END_TEST

START_TEST(every_check_that_can_fail_says_what_is_lost_and_how_to_mend_it)
{
	static const char *const only_tell[] = { "perf_event_paranoid",
						 "unprivileged_bpf_disabled" };
	size_t count, silent = 0;
	const struct check *checks = doctor_checks(&count);

	for (size_t i = 0; i < count; i++) {
		bool told = *checks[i].lost && *checks[i].mend;
		bool exempt = false;

		for (size_t k = 0; k < ARRAY_SIZE(only_tell); k++)
			exempt |= strcmp(checks[i].name, only_tell[k]) == 0;
		ck_assert_msg(told != exempt, "%s", checks[i].name);
		silent += exempt;
	}
	ck_assert_uint_eq(silent, ARRAY_SIZE(only_tell));
}
END_TEST

TEST_MAIN("doctor", releases_of_kernels_are_compared_by_number,
	  hidepid_is_read_as_number_and_as_word,
	  every_check_that_can_fail_says_what_is_lost_and_how_to_mend_it)
