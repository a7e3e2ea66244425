/* Readiness and the watchdog, against a socket as systemd has it. */
#include "test.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "server/notify.h"

static int manager = -1; /* the service manager's end */

static void manager_open(const char *watchdog_usec)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[512];

	snprintf(address.sun_path, sizeof(address.sun_path), "notify");
	unlink("notify");
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
		bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_ptr_nonnull(getcwd(path, sizeof(path) - 16));
	strcat(path, "/notify");
	setenv("NOTIFY_SOCKET", path, 1);
	if (watchdog_usec)
		setenv("WATCHDOG_USEC", watchdog_usec, 1);
}

static const char *heard(void)
{
	static char text[256];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(without_a_manager_nothing_is_told_and_nothing_is_waited_for)
{
	struct notify n;

	notify_open(&n, 1000);
	notify_send(&n, "READY=1");
	ck_assert_int_eq(notify_wait_ms(&n), -1);
	ck_assert(!notify_progress(&n, (uint64_t[]){ 1, 1 }, 0));
	notify_close(&n);
}
END_TEST

START_TEST(lines_arrive_as_they_are_and_the_environment_is_clean)
{
	struct notify n;

	manager_open(NULL);
	notify_open(&n, 1000);
	notify_send(&n, "READY=1");
	ck_assert_str_eq(heard(), "READY=1");
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_int_eq(notify_wait_ms(&n), -1);
	notify_close(&n);
}
END_TEST

START_TEST(the_watchdog_is_fed_while_both_counters_move)
{
	struct notify n;
	int64_t now = clock_monotonic_ns() / 1000000;

	manager_open("60000000");
	notify_open(&n, 1000);
	ck_assert_int_eq(notify_wait_ms(&n), 15000);
	for (uint64_t i = 1; i < 20; i++) {
		ck_assert(notify_progress(&n, (uint64_t[]){ i, 2 * i },
					  now += 15000));
		ck_assert_str_eq(heard(), "WATCHDOG=1");
	}
	notify_close(&n);
}
END_TEST

START_TEST(one_counter_that_stands_still_starves_the_watchdog)
{
	for (int stuck = 0; stuck < NOTIFY_COUNTERS; stuck++) {
		struct notify n;
		int64_t now = clock_monotonic_ns() / 1000000;
		uint64_t values[NOTIFY_COUNTERS] = { 5, 5 };

		manager_open("60000000");
		notify_open(&n, 1000);
		ck_assert(notify_progress(&n, values, now));
		ck_assert_str_eq(heard(), "WATCHDOG=1");
		values[!stuck]++;
		ck_assert(notify_progress(&n, values, now + 29000));
		ck_assert_str_eq(heard(), "WATCHDOG=1");
		values[!stuck]++;
		ck_assert(!notify_progress(&n, values, now + 31000));
		ck_assert_str_eq(heard(), "");
		values[stuck]++; /* it was slow, not dead */
		ck_assert(notify_progress(&n, values, now + 31001));
		notify_close(&n);
		close(manager);
	}
}
END_TEST

START_TEST(a_counter_that_moves_seldom_by_intent_is_given_three_beats)
{
	struct notify n;
	int64_t now = clock_monotonic_ns() / 1000000;

	manager_open("10000000");
	notify_open(&n, 60000);
	ck_assert(notify_progress(&n, (uint64_t[]){ 1, 1 }, now));
	ck_assert(notify_progress(&n, (uint64_t[]){ 1, 1 }, now + 170000));
	ck_assert(!notify_progress(&n, (uint64_t[]){ 1, 1 }, now + 190000));
	notify_close(&n);
}
END_TEST

START_TEST(a_watchdog_for_another_process_is_left_alone)
{
	struct notify n;

	manager_open("10000000");
	setenv("WATCHDOG_PID", "1", 1);
	notify_open(&n, 1000);
	ck_assert_int_eq(notify_wait_ms(&n), -1);
	notify_close(&n);
}
END_TEST

START_TEST(a_socket_that_is_not_there_is_no_reason_to_stop)
{
	struct notify n;

	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	notify_open(&n, 1000);
	notify_send(&n, "READY=1");
	ck_assert_int_eq(notify_wait_ms(&n), -1);
	notify_close(&n);
}
END_TEST

TEST_MAIN("notify", without_a_manager_nothing_is_told_and_nothing_is_waited_for,
	  lines_arrive_as_they_are_and_the_environment_is_clean,
	  the_watchdog_is_fed_while_both_counters_move,
	  one_counter_that_stands_still_starves_the_watchdog,
	  a_counter_that_moves_seldom_by_intent_is_given_three_beats,
	  a_watchdog_for_another_process_is_left_alone,
	  a_socket_that_is_not_there_is_no_reason_to_stop)
