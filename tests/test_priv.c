#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/priv.h"
#include "common/own.h"
#include "test.h"

START_TEST(own_files_are_opened_and_close_on_exec)
{
	own(fd_closep) int mem = priv_open_mem(getpid());
	own(fd_closep) int exe = priv_open_exe(getpid());
	own(fd_closep) int maps = priv_open_proc(getpid(), "maps");
	own(fd_closep) int list = priv_open_proc_dir(getpid(), "fd");
	const int fds[] = { mem, exe, maps, list };
	uint64_t secret = 0x1122334455667788, copy = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		ck_assert_int_ge(fds[i], 0);
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	}
	ck_assert_int_eq(pread(mem, &copy, 8, (off_t)(uintptr_t)&secret), 8);
	ck_assert_uint_eq(copy, secret);
	/* Never a way to write into a target. */
	ck_assert_int_eq(pwrite(mem, &copy, 8, (off_t)(uintptr_t)&secret), -1);
}
END_TEST

START_TEST(executable_link_is_text)
{
	char text[4096], cut[5];

	ck_assert_int_gt(priv_read_exe_link(getpid(), text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "test_priv"));
	ck_assert_int_eq(priv_read_exe_link(getpid(), cut, sizeof(cut)), 4);
	ck_assert_uint_eq(strlen(cut), 4);
}
END_TEST

START_TEST(process_that_is_not_there_is_told)
{
	const pid_t none = 0x3fffffff; /* above the kernel's PID_MAX_LIMIT */
	char text[64];

	ck_err(priv_open_mem(none), ESRCH);
	ck_err(priv_open_exe(none), ESRCH);
	ck_err(priv_open_proc(none, "status"), ESRCH);
	ck_err(priv_open_proc_dir(none, "fd"), ESRCH);
	ck_err(priv_open_in_root(none, "/etc/passwd"), ESRCH);
	ck_err(priv_read_exe_link(none, text, sizeof(text)), ESRCH);
}
END_TEST

START_TEST(name_that_leads_out_of_the_process_is_refused)
{
	static const char *const names[] = { "/etc/passwd", "../1/status",
					     "fd/../../1/status", "..",
					     "task/.." };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_err(priv_open_proc(getpid(), names[i]), EINVAL);
		ck_err(priv_open_proc_dir(getpid(), names[i]), EINVAL);
	}
	/* A link is not followed by the plain way either. */
	ck_err(priv_open_proc(getpid(), "exe"), ELOOP);
}
END_TEST

START_TEST(path_is_resolved_inside_the_root)
{
	own(fd_closep) int plain = priv_open_in_root(getpid(), "/etc/passwd");
	own(fd_closep) int climbing = -1;
	struct stat a, b;

	ck_assert_int_ge(plain, 0);
	/* Above the root is the root. */
	climbing = priv_open_in_root(getpid(), "../../../../etc/passwd");
	ck_assert_int_ge(climbing, 0);
	ck_assert_int_eq(fstat(plain, &a), 0);
	ck_assert_int_eq(fstat(climbing, &b), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	/* /proc/PID/cwd and its like could lead anywhere. */
	ck_err(priv_open_in_root(getpid(), "/proc/self/cwd/x"), ELOOP);
	ck_err(priv_open_in_root(getpid(), "/no such file"), ENOENT);
}
END_TEST

START_TEST(pipe_laid_in_the_way_does_not_hold_us)
{
	char path[4096];
	int fd;

	ck_assert_ptr_nonnull(getcwd(path, sizeof(path) - 8));
	strcat(path, "/fifo");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = priv_open_in_root(getpid(), path);
	unlink(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

START_TEST(file_of_a_group_lies_below_the_root_given)
{
	FILE *f;
	int fd;

	ck_assert_int_eq(mkdir("group", 0755), 0);
	f = fopen("group/memory.max", "w");
	fputs("max\n", f);
	fclose(f);
	ck_assert_int_eq(symlink("/etc/passwd", "group/link"), 0);
	fd = priv_open_cgroup(".", "/group", "memory.max");
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_err(priv_open_cgroup("group", "/../group", "memory.max"), ENOENT);
	ck_err(priv_open_cgroup(".", "/", "group/memory.max"), ENOENT);
	ck_err(priv_open_cgroup(".", "/group", "link"), ELOOP);
	unlink("group/link");
	unlink("group/memory.max");
	rmdir("group");
}
END_TEST

START_TEST(unknown_lack_is_refused_and_changes_nothing)
{
	ck_err(priv_set_without("caps,bogus"), EINVAL);
	ck_err(priv_set_without("cap"), EINVAL);
	ck_err(priv_set_without(","), EINVAL);
	close(priv_open_exe(getpid()));
	ck_assert_int_ge(priv_open_exe(getpid()), 0);
	ck_ok(priv_set_without("btf,caps,bpf,uprobe_multi,proc"));
	ck_ok(priv_set_without(""));
}
END_TEST

START_TEST(lack_of_rights_hides_what_the_owner_may_hide)
{
	int fd;

	ck_ok(priv_set_without("caps"));
	ck_err(priv_open_mem(getpid()), EACCES);
	ck_err(priv_open_exe(getpid()), EACCES);
	ck_err(priv_open_proc_dir(getpid(), "root"), EACCES);
	ck_err(priv_open_in_root(getpid(), "/etc/passwd"), EACCES);
	ck_err(priv_attach_raw_tracepoint(-1, "sched_process_exec"), EPERM);
	fd = priv_open_proc(getpid(), "status");
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_ok(priv_set_without("proc"));
	ck_err(priv_open_proc(getpid(), "status"), EACCES);
	ck_ok(priv_set_without(""));
}
END_TEST

START_TEST(lack_of_uprobe_multi_is_told_as_such)
{
	struct uprobe_site site = { 0, 0 };

	ck_ok(priv_set_without("uprobe_multi"));
	ck_err(priv_attach_uprobes(-1, -1, &site, 1), EOPNOTSUPP);
	ck_ok(priv_set_without(""));
}
END_TEST

START_TEST(every_right_can_be_withheld_and_given_back)
{
	for (int r = 0; r < RIGHT_COUNT; r++) {
		const struct right_info *info = right_info((enum right)r);
		bool held = priv_has((enum right)r);

		ck_assert(strncmp(info->name, "CAP_", 4) == 0);
		ck_assert(info->gives[0] && info->without[0]);
		ck_ok(priv_set_without(info->word));
		ck_assert(!priv_has((enum right)r));
		ck_ok(priv_set_without(""));
		ck_assert(priv_has((enum right)r) == held);
	}
}
END_TEST

TEST_MAIN("priv", own_files_are_opened_and_close_on_exec,
	  executable_link_is_text, process_that_is_not_there_is_told,
	  name_that_leads_out_of_the_process_is_refused,
	  path_is_resolved_inside_the_root,
	  pipe_laid_in_the_way_does_not_hold_us,
	  file_of_a_group_lies_below_the_root_given,
	  unknown_lack_is_refused_and_changes_nothing,
	  lack_of_rights_hides_what_the_owner_may_hide,
	  lack_of_uprobe_multi_is_told_as_such,
	  every_right_can_be_withheld_and_given_back)
