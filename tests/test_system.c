#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/priv.h"
#include "collector/system/descriptors.h"
#include "collector/system/system.h"
#include "collector/system/text.h"
#include "test.h"

static const struct cgroup_tree no_groups;

static struct target *new_target(pid_t pid)
{
	struct target *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	t->entity.number = 3;
	ck_ok(process_read(&t->process, pid));
	ck_ok(batch_new(&t->batch, (struct now){ 1, 1 }));
	return t;
}

static void free_target(struct target *t)
{
	batch_free(t->batch);
	process_free(t->process);
	entity_fini(&t->entity);
	free(t);
}

START_TEST(number_is_found_only_behind_its_whole_key)
{
	const char *text =
		"oom 3\noom_kill 7\nxmax 9\nmax 11\nVmRSS:\t  12 kB\n"
		"word x\nbig 99999999999999999999999\nend";
	uint64_t value;

	ck_assert(text_number(text, "oom", &value));
	ck_assert_uint_eq(value, 3);
	ck_assert(text_number(text, "oom_kill", &value));
	ck_assert_uint_eq(value, 7);
	ck_assert(text_number(text, "max", &value));
	ck_assert_uint_eq(value, 11);
	ck_assert(text_kib(text, "VmRSS:", &value));
	ck_assert_uint_eq(value, 12288);
	ck_assert(!text_number(text, "word", &value));
	ck_assert(!text_number(text, "big", &value));
	ck_assert(!text_number(text, "kill", &value));
	ck_assert(!text_number(text, "end", &value));
	ck_assert(!text_number("", "oom", &value));
}
END_TEST

START_TEST(file_longer_than_the_buffer_is_cut)
{
	char text[8];

	ck_assert_int_eq(text_read_path("/proc/self/status", text, 8), 7);
	ck_assert_uint_eq(strlen(text), 7);
	ck_err(text_read_path("/no such file", text, 8), ENOENT);
	ck_err(text_read(-EACCES, text, 8), EACCES);
}
END_TEST

START_TEST(least_of_the_two_limits_binds)
{
	static const char head[] =
		"Limit                     Soft Limit"
		"           Hard Limit           Units     \n";
	static const struct {
		const char *data, *space;
		uint64_t least;
	} cases[] = {
		{ "unlimited", "unlimited", 0 },
		{ "1073741824", "unlimited", 1073741824 },
		{ "unlimited", "2147483648", 2147483648 },
		{ "1073741824", "2147483648", 1073741824 },
		{ "4294967296", "2147483648", 2147483648 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[1024];

		snprintf(text, sizeof(text),
			 "%sMax data size             %s            unlimited "
			 "           bytes     \nMax address space         %s  "
			 "   "
			 "      unlimited            bytes     \n",
			 head, cases[i].data, cases[i].space);
		ck_assert_uint_eq(system_least_rlimit(text), cases[i].least);
	}
	ck_assert_uint_eq(system_least_rlimit(""), 0);
}
END_TEST

START_TEST(stalled_time_is_in_seconds)
{
	const char *text =
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n";

	ck_assert_double_eq(system_pressure_seconds(text, "some "), 2.5);
	ck_assert_double_eq(system_pressure_seconds(text, "full "), 1e-6);
	ck_assert(isnan(system_pressure_seconds("", "some ")));
	/* Older kernels have no line "full" for the CPU. */
	ck_assert(isnan(system_pressure_seconds("some total=1\n", "full ")));
	ck_assert(isnan(
		system_pressure_seconds("some x\nfull total=1\n", "some ")));
}
END_TEST

START_TEST(descriptor_is_known_by_its_link)
{
	static const struct {
		const char *link;
		enum descriptor_kind kind;
	} cases[] = {
		{ "socket:[123]", DESCRIPTOR_SOCKET },
		{ "pipe:[9]", DESCRIPTOR_PIPE },
		{ "anon_inode:[eventpoll]", DESCRIPTOR_ANON },
		{ "anon_inode:bpf-map", DESCRIPTOR_ANON },
		{ "/dev/null", DESCRIPTOR_DEVICE },
		{ "/dev/pts/0", DESCRIPTOR_DEVICE },
		{ "/dev/shm/x", DESCRIPTOR_FILE },
		{ "/memfd:x (deleted)", DESCRIPTOR_FILE },
		{ "/development/x", DESCRIPTOR_FILE },
		{ "net:[4026531840]", DESCRIPTOR_OTHER },
		{ "", DESCRIPTOR_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(descriptor_kind_of(cases[i].link),
				 cases[i].kind);
}
END_TEST

START_TEST(descriptors_are_counted_by_kind)
{
	struct descriptors before, after;
	int fds[6];
	uint32_t total;

	ck_ok(descriptors_read(&before, getpid()));
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
	fds[4] = epoll_create1(0);
	fds[5] = open("/etc/passwd", O_RDONLY);
	ck_ok(descriptors_read(&after, getpid()));
	ck_assert_uint_eq(after.total, before.total + 6);
	ck_assert_uint_eq(after.by_kind[DESCRIPTOR_PIPE],
			  before.by_kind[DESCRIPTOR_PIPE] + 2);
	ck_assert_uint_eq(after.by_kind[DESCRIPTOR_SOCKET],
			  before.by_kind[DESCRIPTOR_SOCKET] + 2);
	ck_assert_uint_eq(after.by_kind[DESCRIPTOR_ANON],
			  before.by_kind[DESCRIPTOR_ANON] + 1);
	ck_assert_uint_eq(after.by_kind[DESCRIPTOR_FILE],
			  before.by_kind[DESCRIPTOR_FILE] + 1);
	ck_assert(after.has_kinds);
	/* The listing itself had two open, the root of it and the folder. */
	if (descriptors_total(&total, getpid()) == 0)
		ck_assert_uint_le(total, after.total);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}
END_TEST

/* A child that is ready for something; killed by end_child(). */
static pid_t start_child(void (*prepare)(void))
{
	int ready[2];
	pid_t child;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		close(ready[0]);
		prepare();
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static void do_nothing(void)
{
}

static void open_many(void)
{
	const rlim_t many = DESCRIPTORS_LOOKED_AT + 100;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ many, many });
	for (int i = 0; i < DESCRIPTORS_LOOKED_AT + 10; i++) {
		if (dup(0) < 0)
			_exit(1);
	}
}

START_TEST(too_many_descriptors_are_only_counted)
{
	pid_t child = start_child(open_many);
	struct target *t = new_target(child);

	ck_ok(system_read_target(t, &no_groups, (struct now){ 1, 1 }));
	end_child(child);
	ck_assert_double_gt(t->last[COL_OPEN_FDS], DESCRIPTORS_LOOKED_AT);
	ck_assert_int_eq(t->gaps[COL_OPEN_FDS], GAP_NONE);
	ck_assert_int_eq(t->gaps[COL_OPEN_FDS_FILE], GAP_UNREADABLE);
	free_target(t);
}
END_TEST

/* A sanitizer may run one of its own beside ours. */
static int own_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	ck_assert_ptr_nonnull(tasks);
	for (struct dirent *e; (e = readdir(tasks));)
		count += e->d_name[0] != '.';
	closedir(tasks);
	return count;
}

START_TEST(own_process_has_all_its_numbers)
{
	static const enum column wanted[] = {
		COL_THREADS,	       COL_RESIDENT_BYTES,
		COL_RESIDENT_ANON,     COL_RESIDENT_FILE,
		COL_RESIDENT_SHMEM,    COL_SWAP_BYTES,
		COL_VIRTUAL_BYTES,     COL_OPEN_FDS,
		COL_OPEN_FDS_FILE,     COL_OPEN_FDS_OTHER,
		COL_MAX_FDS,	       COL_CPU_SECONDS_TOTAL,
		COL_START_TIME_SECONDS
	};
	struct target *t = new_target(getpid());
	struct now now = clock_now();

	ck_ok(system_read_target(t, &no_groups, now));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		ck_assert(t->told[wanted[i]]);
		ck_assert_int_eq(t->gaps[wanted[i]], GAP_NONE);
	}
	ck_assert_double_eq(t->last[COL_THREADS], own_threads());
	ck_assert_double_eq(t->last[COL_RESIDENT_BYTES],
			    t->last[COL_RESIDENT_ANON] +
				    t->last[COL_RESIDENT_FILE] +
				    t->last[COL_RESIDENT_SHMEM]);
	/* The kernel tells it in ticks of 10 ms. */
	ck_assert_double_lt(t->last[COL_START_TIME_SECONDS],
			    (double)now.wall_ms / 1e3 + 0.02);
	ck_assert_uint_eq(t->bounds.bytes[BOUND_RAM], system_ram_bytes());
	ck_assert_uint_eq(t->bounds.bytes[BOUND_CGROUP], 0);
	/* No controller: absent, with the reason. */
	ck_assert_int_eq(t->gaps[COL_CGROUP_USED_BYTES], GAP_UNSUPPORTED);
	ck_assert_int_eq(t->gaps[COL_CGROUP_LIMIT_BYTES], GAP_UNSUPPORTED);
	free_target(t);
}
END_TEST

START_TEST(memory_and_time_follow_what_the_process_does)
{
	const size_t len = 64 << 20;
	struct target *t = new_target(getpid());
	volatile unsigned long spin = 0;
	double rss, cpu;
	char *block;

	ck_ok(system_read_target(t, &no_groups, clock_now()));
	rss = t->last[COL_RESIDENT_ANON];
	cpu = t->last[COL_CPU_SECONDS_TOTAL];
	block = mmap(NULL, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(block, 1, len);
	while (clock_process_cpu_ns() < (int64_t)(cpu * 1e9) + 50000000)
		spin++;
	ck_ok(system_read_target(t, &no_groups, clock_now()));
	ck_assert_double_ge(t->last[COL_RESIDENT_ANON], rss + 63.0 * (1 << 20));
	ck_assert_double_ge(t->last[COL_CPU_SECONDS_TOTAL], cpu + 0.045);
	munmap(block, len);
	free_target(t);
}
END_TEST

START_TEST(limit_of_the_process_becomes_a_bound)
{
	pid_t child = start_child(do_nothing);
	struct target *t = new_target(child);
	struct rlimit limit = { 12ull << 30, RLIM_INFINITY };

	ck_assert_int_eq(prlimit(child, RLIMIT_DATA, &limit, NULL), 0);
	ck_ok(system_read_target(t, &no_groups, (struct now){ 1, 1 }));
	ck_assert_uint_eq(t->bounds.bytes[BOUND_RLIMIT], 12ull << 30);
	/* Looked at again after 10 s, not before. */
	limit.rlim_cur = 11ull << 30;
	ck_assert_int_eq(prlimit(child, RLIMIT_DATA, &limit, NULL), 0);
	ck_ok(system_read_target(t, &no_groups, (struct now){ 9000000000, 1 }));
	ck_assert_uint_eq(t->bounds.bytes[BOUND_RLIMIT], 12ull << 30);
	ck_ok(system_read_target(t, &no_groups,
				 (struct now){ 10000000001, 1 }));
	ck_assert_uint_eq(t->bounds.bytes[BOUND_RLIMIT], 11ull << 30);
	end_child(child);
	free_target(t);
}
END_TEST

static const char *unseen_in(struct target *t, const struct cgroup_tree *tree,
			     const char *group)
{
	free(t->process->cgroup);
	t->process->cgroup = strdup(group);
	/* Within 10 s the group's name is not read again. */
	ck_ok(system_read_target(t, tree, (struct now){ 2, 1 }));
	return labels_get(&t->entity.attributes, "bound_unseen");
}

START_TEST(limit_that_a_namespace_hides_is_told_as_unseen)
{
	struct target *t = new_target(getpid());
	char root[] = "/tmp/heapwatch-groups-XXXXXX", dir[64], file[128];
	struct cgroup_tree tree;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/memory", root);
	snprintf(file, sizeof(file), "%s/memory.usage_in_bytes", dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	fd = open(file, O_CREAT | O_WRONLY, 0644);
	ck_assert_int_eq(write(fd, "4096\n", 5), 5);
	close(fd);
	cgroup_tree_find(&tree, root);
	ck_ok(system_read_target(t, &tree, (struct now){ 1, 1 }));
	ck_assert_str_eq(unseen_in(t, &tree, "/../other"), "cgroup");
	ck_assert_ptr_null(unseen_in(t, &tree, "/"));
	ck_assert_str_eq(unseen_in(t, &no_groups, "/"), "cgroup");
	unlink(file);
	rmdir(dir);
	rmdir(root);
	free_target(t);
}
END_TEST

START_TEST(process_that_ended_is_gone)
{
	siginfo_t info;
	pid_t child = start_child(do_nothing);
	struct target *t = new_target(child);

	ck_ok(system_read_target(t, &no_groups, (struct now){ 1, 1 }));
	kill(child, SIGKILL);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	ck_err(system_read_target(t, &no_groups, (struct now){ 2, 1 }), ESRCH);
	waitpid(child, NULL, 0);
	ck_err(system_read_target(t, &no_groups, (struct now){ 3, 1 }), ESRCH);
	free_target(t);
}
END_TEST

START_TEST(missing_right_is_the_reason_told)
{
	struct target *t = new_target(getpid());

	ck_ok(priv_set_without("caps"));
	ck_ok(system_read_target(t, &no_groups, (struct now){ 1, 1 }));
	ck_assert_int_eq(t->gaps[COL_OPEN_FDS_SOCKET], GAP_NOT_PERMITTED);
	ck_assert_int_eq(t->gaps[COL_RESIDENT_BYTES], GAP_NONE);
	ck_ok(priv_set_without("proc"));
	ck_ok(system_read_target(t, &no_groups, (struct now){ 2, 1 }));
	ck_assert_int_eq(t->gaps[COL_RESIDENT_BYTES], GAP_NOT_PERMITTED);
	ck_assert_int_eq(t->gaps[COL_THREADS], GAP_NOT_PERMITTED);
	ck_ok(priv_set_without(""));
	free_target(t);
}
END_TEST

static double sample_of(const struct batch *b, enum column column)
{
	for (size_t i = 0; i < b->sample_count; i++) {
		if (b->samples[i].column == column)
			return b->samples[i].value;
	}
	return NAN;
}

START_TEST(machine_tells_each_column_or_why_not)
{
	struct batch *b;

	ck_ok(batch_new(&b, (struct now){ 1, 1 }));
	system_read_machine(b, 1);
	ck_assert_uint_eq(b->sample_count + b->gap_count, 10);
	ck_assert_double_gt(sample_of(b, COL_MEMORY_TOTAL_BYTES), 1 << 20);
	ck_assert_double_le(sample_of(b, COL_MEMORY_AVAILABLE_BYTES),
			    sample_of(b, COL_MEMORY_TOTAL_BYTES));
	ck_assert_double_ge(sample_of(b, COL_OOM_KILLS_TOTAL), 0);
	batch_free(b);
}
END_TEST

TEST_MAIN("system", number_is_found_only_behind_its_whole_key,
	  file_longer_than_the_buffer_is_cut, least_of_the_two_limits_binds,
	  stalled_time_is_in_seconds, descriptor_is_known_by_its_link,
	  descriptors_are_counted_by_kind,
	  too_many_descriptors_are_only_counted,
	  own_process_has_all_its_numbers,
	  memory_and_time_follow_what_the_process_does,
	  limit_of_the_process_becomes_a_bound,
	  limit_that_a_namespace_hides_is_told_as_unseen,
	  process_that_ended_is_gone,
	  missing_right_is_the_reason_told,
	  machine_tells_each_column_or_why_not)
