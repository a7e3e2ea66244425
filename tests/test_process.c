#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/priv.h"
#include "collector/process.h"
#include "common/clock.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Recorded on Linux 6.18; name and flags are the case's. */
static int parse_stat(struct process_stat *out, const char *comm,
		      unsigned flags)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "4711 (%s) S 1 4711 4711 0 -1 %u 1063 0 0 0 5 1 0 0 20 0 3 0 "
		 "8675309 2949120 512 18446744073709551615 94 94 140 0 0 0 0\n",
		 comm, flags);
	return process_parse_stat(out, text);
}

START_TEST(start_time_survives_any_name)
{
	static const char *const names[] = { "java",  ") (", ") S 1 2 (x",
					     "a b c", "",    "((()))" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct process_stat stat;

		ck_ok(parse_stat(&stat, names[i], 4194304));
		ck_assert_uint_eq(stat.start_ticks, 8675309);
		ck_assert_str_eq(stat.comm, names[i]);
		ck_assert(!stat.kernel_thread);
		ck_assert(!stat.zombie);
	}
}
END_TEST

START_TEST(kernel_thread_is_told_by_its_flag)
{
	struct process_stat stat;

	ck_ok(parse_stat(&stat, "kworker/0:1-events", 69238880));
	ck_assert(stat.kernel_thread);
	ck_assert_str_eq(stat.comm, "kworker/0:1-eve");
}
END_TEST

START_TEST(text_that_is_no_stat_is_refused)
{
	static const char *const texts[] = {
		"",
		"1",
		"1 (a",
		"1 a)",
		"1 (a)",
		"1 (a) S",
		"1 (a) S 1 2 3",
		")(",
		"1 (a) S 1 1 1 0 -1 x 1 1",
		"1 ) S 1 2 3 4 5 6 7 8 9 10 11 "
		"12 13 14 15 16 17 18 19 20 21 (a"
	};
	struct process_stat stat;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_err(process_parse_stat(&stat, texts[i]), EBADMSG);
}
END_TEST

START_TEST(status_tells_user_and_inner_pid)
{
	struct process p = { .pid = 4711 };

	process_parse_status(&p, "Name:\tx\nPid:\t4711\nUid:\t101\t0\t0\t0\n"
				 "NStgid:\t4711\t7\nNSpid:\t4711\t12\t3\n");
	ck_assert_uint_eq(p.uid, 101);
	ck_assert_int_eq(p.ns_pid, 3);
	process_parse_status(&p, "Name:\tx\nUid:\t0\t0\t0\t0\n");
	ck_assert_int_eq(p.ns_pid, 4711);
}
END_TEST

START_TEST(group_of_the_memory_controller_is_taken)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "0::/system.slice/a.service\n", "/system.slice/a.service" },
		{ "5:cpu:/c\n4:memory:/m\n0::/u\n", "/m" },
		{ "3:cpu,memory,pids:/both\n0::/\n", "/both" },
		{ "3:notmemory:/x\n2:memoryx:/y\n0::/z\n", "/z" },
		{ "1:name=systemd:/s\n0::/a:b\n", "/a:b" },
		{ "1:name=systemd:/s\n", "/" },
		{ "", "/" },
		{ "garbage", "/" },
		{ "0::/../beside", "/../beside" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		own(freep) char *path = process_cgroup_path(cases[i].text);

		ck_assert_str_eq(path, cases[i].path);
	}
}
END_TEST

START_TEST(service_is_a_unit_and_a_session_is_none)
{
	static const struct {
		const char *cgroup, *unit;
	} cases[] = {
		{ "/system.slice/ingest.service", "ingest.service" },
		{ "/system.slice/ingest.service/worker", "ingest.service" },
		{ "/system.slice/system-a.slice/a@1.service", "a@1.service" },
		{ "/user.slice/user-1000.slice/session-3.scope", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/"
		  "term.scope",
		  "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/"
		  "own.service",
		  "own.service" },
		{ "/system.slice/docker-" ID ".scope", "" },
		{ "/strange/a.service", "" },
		{ "/system.slice", "" },
		{ "/", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		own(freep) char *unit = process_unit(cases[i].cgroup);

		ck_assert_str_eq(unit, cases[i].unit);
	}
}
END_TEST

START_TEST(container_is_told_by_its_id)
{
	static const struct {
		const char *cgroup, *id;
	} cases[] = {
		{ "/system.slice/docker-" ID ".scope", ID },
		{ "/docker/" ID, ID },
		{ "/docker/" ID "/inner", ID },
		{ "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID
		  ".scope",
		  ID },
		{ "/kubepods/burstable/pod0a1b2c3d-0000/" ID, ID },
		{ "/system.slice/containerd.service/kubepods-pod.slice:"
		  "cri-containerd:" ID,
		  ID },
		{ "/docker/ffffffffffffffffffffffffffffffffffffffffffffffffff"
		  "ffffffffffffff/docker/" ID,
		  ID },
		{ "/docker/" ID "0", "" },
		{ "/docker/g" ID, "" },
		{ "/process_api/bf925f16fe0534a477ed4422a8ba84bf", "" },
		{ "/", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		own(freep) char *id = process_container(cases[i].cgroup);

		ck_assert_str_eq(id, cases[i].id);
	}
}
END_TEST

START_TEST(own_process_is_read)
{
	own(process_freep) struct process *p = NULL;
	char exe[4096] = "";
	uint64_t ticks;

	ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	ck_ok(process_read(&p, getpid()));
	ck_assert_int_eq(p->pid, getpid());
	ck_assert_str_eq(p->exe, exe);
	ck_assert_str_eq(p->comm, "test_process");
	ck_assert_ptr_nonnull(strstr(p->cmdline, "test_process"));
	ck_assert_uint_eq(p->uid, getuid());
	ck_assert_str_ne(p->user, "");
	ck_assert_int_eq(p->cgroup[0], '/');
	ck_ok(process_start_ticks(getpid(), &ticks));
	ck_assert_uint_eq(ticks, p->start_ticks);
	/* This test has run for less than a minute. */
	ck_assert_int_lt(clock_now().wall_ms - p->start_wall_ms, 60000);
	ck_assert_int_ge(clock_now().wall_ms - p->start_wall_ms, 0);
}
END_TEST

START_TEST(arguments_are_joined_by_spaces)
{
	struct process *p = NULL;
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/sleep", "sleep", "600", "0.5", NULL);
		_exit(127);
	}
	/* Until exec is through, it has our arguments, or none. */
	for (int i = 0; i < 6000; i++) {
		process_free(p);
		ck_ok(process_read(&p, child));
		if (strncmp(p->cmdline, "sleep", 5) == 0)
			break;
		usleep(10000);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert_str_eq(p->cmdline, "sleep 600 0.5");
	process_free(p);
}
END_TEST

START_TEST(process_that_ended_is_gone)
{
	struct process *p;
	uint64_t ticks;
	siginfo_t info;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	/* still to be reaped: a zombie has no heap */
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT),
			 0);
	ck_err(process_read(&p, child), ESRCH);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_err(process_read(&p, child), ESRCH);
	ck_err(process_start_ticks(child, &ticks), ESRCH);
}
END_TEST

START_TEST(process_whose_executable_is_hidden_is_told_all_the_same)
{
	own(process_freep) struct process *p = NULL;

	ck_ok(priv_set_without("caps"));
	ck_err(process_read(&p, getpid()), EACCES);
	ck_assert_str_eq(p->exe, "");
	ck_assert_str_eq(p->comm, "test_process");
	ck_assert_str_ne(p->cmdline, "");
	ck_ok(priv_set_without(""));
}
END_TEST

START_TEST(process_that_is_hidden_entirely_is_not_made_up)
{
	struct process *p = NULL;

	ck_ok(priv_set_without("proc"));
	ck_err(process_read(&p, getpid()), EPERM);
	ck_assert_ptr_null(p);
	ck_ok(priv_set_without(""));
}
END_TEST

TEST_MAIN("process", start_time_survives_any_name,
	  kernel_thread_is_told_by_its_flag, text_that_is_no_stat_is_refused,
	  status_tells_user_and_inner_pid,
	  group_of_the_memory_controller_is_taken,
	  service_is_a_unit_and_a_session_is_none, container_is_told_by_its_id,
	  own_process_is_read, arguments_are_joined_by_spaces,
	  process_that_ended_is_gone,
	  process_whose_executable_is_hidden_is_told_all_the_same,
	  process_that_is_hidden_entirely_is_not_made_up)
