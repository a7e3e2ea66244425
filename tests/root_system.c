/* Needs root and a memory controller: makes a real control group, fills it,
 * reads it, kills in it, removes it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/system/system.h"
#include "test.h"

#define MIB (1ll << 20)

static struct cgroup_tree tree;
static char outer[512], inner[600]; /* directories */

static const char *file_of_limit(void)
{
	return tree.version == 1 ? "memory.limit_in_bytes" : "memory.max";
}

static void write_number(const char *dir, const char *file, long long value)
{
	char path[1024], text[32];
	int fd, len = snprintf(text, sizeof(text), "%lld", value);

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, (size_t)len), len);
	close(fd);
}

static void make_groups(void)
{
	char path[1024];
	int fd;

	cgroup_tree_find(&tree, "/sys/fs/cgroup");
	ck_assert_int_ne(tree.version, 0);
	snprintf(outer, sizeof(outer), "%s/heapwatch-test-%d", tree.memory_dir,
		 getpid());
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	ck_assert_int_eq(mkdir(outer, 0755), 0);
	if (tree.version == 2) {
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control",
			 outer);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(write(fd, "+memory", 7), 7);
		close(fd);
	}
	ck_assert_int_eq(mkdir(inner, 0755), 0);
	write_number(outer, file_of_limit(), 48 * MIB);
	write_number(inner, file_of_limit(), 64 * MIB);
}

static void remove_groups(void)
{
	/* The last process leaves a moment after it was reaped. */
	for (int i = 0; i < 6000 && rmdir(inner) && errno == EBUSY; i++)
		usleep(10000);
	ck_assert_int_eq(access(inner, F_OK), -1);
	ck_assert_int_eq(rmdir(outer), 0);
}

/* A child in the inner group that holds some memory until it is killed. */
static pid_t fill(size_t bytes)
{
	int ready[2];
	pid_t child;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		close(ready[0]);
		write_number(inner, "cgroup.procs", getpid());
		memset(block, 1, bytes);
		close(ready[1]);
		pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return child;
}

START_TEST(real_group_is_read)
{
	struct target *t = calloc(1, sizeof(*t));
	pid_t child;

	make_groups();
	child = fill(16 * MIB);
	ck_ok(process_read(&t->process, child));
	ck_ok(batch_new(&t->batch, (struct now){ 1, 1 }));
	ck_ok(system_read_target(t, &tree, (struct now){ 1, 1 }));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	remove_groups();
	ck_assert_ptr_nonnull(strstr(t->process->cgroup, "/inner"));
	ck_assert_double_ge(t->last[COL_CGROUP_USED_BYTES], 16 * MIB);
	ck_assert_double_le(t->last[COL_CGROUP_USED_BYTES], 32 * MIB);
	/* The outer one is tighter than its own. */
	ck_assert_double_eq(t->last[COL_CGROUP_LIMIT_BYTES], 48 * MIB);
	ck_assert_uint_eq(t->bounds.bytes[BOUND_CGROUP], 48 * MIB);
	ck_assert_double_eq(t->last[COL_CGROUP_EVENTS_OOM_KILL], 0);
	ck_assert_double_ge(t->last[COL_RESIDENT_ANON], 16 * MIB);
	batch_free(t->batch);
	process_free(t->process);
	free(t);
}
END_TEST

START_TEST(kill_for_want_of_memory_is_counted)
{
	struct cgroup_memory m;
	const char *path;
	int status;
	pid_t child;

	make_groups();
	/* Tight inside, so that the kill is this group's own event. */
	write_number(inner, file_of_limit(), 8 * MIB);
	child = fill(24 * MIB);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	path = inner + strlen(tree.memory_dir);
	ck_ok(cgroup_memory_read(&m, &tree, path));
	remove_groups();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	ck_assert_int_eq(m.limit_bytes, 8 * MIB);
	ck_assert_int_eq(m.oom_kill_events, 1);
	ck_assert_int_gt(m.max_events, 0);
	/* And the path is gone with its group. */
	ck_err(cgroup_memory_read(&m, &tree, path), ENOENT);
}
END_TEST

START_TEST(process_that_is_moved_is_followed)
{
	struct target *t = calloc(1, sizeof(*t));
	struct now later = { 11000000000, 1 };
	pid_t child;

	make_groups();
	child = fill(MIB);
	ck_ok(process_read(&t->process, child));
	ck_ok(batch_new(&t->batch, (struct now){ 1, 1 }));
	ck_ok(system_read_target(t, &tree, (struct now){ 1, 1 }));
	ck_assert_ptr_nonnull(strstr(t->process->cgroup, "/inner"));
	write_number(tree.memory_dir, "cgroup.procs", child);
	ck_ok(system_read_target(t, &tree, later));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	remove_groups();
	ck_assert_str_eq(t->process->cgroup, "/");
	ck_assert_int_eq(t->gaps[COL_CGROUP_LIMIT_BYTES], GAP_UNLIMITED);
	ck_assert_uint_eq(t->bounds.bytes[BOUND_CGROUP], 0);
	batch_free(t->batch);
	process_free(t->process);
	free(t);
}
END_TEST

START_TEST(tick_of_a_process_is_cheap)
{
	struct target *t = calloc(1, sizeof(*t));
	const int rounds = 500;
	int64_t begin;

	cgroup_tree_find(&tree, "/sys/fs/cgroup");
	ck_ok(process_read(&t->process, getppid()));
	begin = clock_thread_cpu_ns();
	for (int i = 0; i < rounds; i++) {
		struct now now = { 1 + i * 1000000000ll, 1 };

		ck_ok(batch_new(&t->batch, now));
		ck_ok(system_read_target(t, &tree, now));
		batch_free(t->batch);
	}
	begin = (clock_thread_cpu_ns() - begin) / rounds;
	printf("a tick of one process: %.1f us\n", (double)begin / 1e3);
	/* 20 targets within 1 % of a CPU; sanitizers take their share. */
	ck_assert_int_lt(begin, 500000);
	process_free(t->process);
	free(t);
}
END_TEST

TEST_MAIN("system on a real kernel", real_group_is_read,
	  kill_for_want_of_memory_is_counted, process_that_is_moved_is_followed,
	  tick_of_a_process_is_cheap)
