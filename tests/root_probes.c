/* Needs root, Linux 6.6 and "make victims": really loads, attaches, is hit. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/priv.h"
#include "collector/probes.h"
#include "common/clock.h"
#include "test.h"

/* ---- the victim ---- */

struct victim {
	pid_t pid;
	int in, out; /* its stdin and stdout */
};

/* build/victims/c/collect, from the place of this program. */
static const char *victim_path(void)
{
	static char path[4096 + 64];
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(len, 0);
	self[len] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/build/victims/c/collect", self);
	ck_assert_msg(access(path, X_OK) == 0, "%s is missing: make victims",
		      path);
	return path;
}

/* It is the victim and no fork of ours any more: exec closes the pipe. */
static struct victim victim_start(const char *argument)
{
	int in[2], out[2], exec[2];
	struct victim v;
	char byte;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(exec, O_CLOEXEC), 0);
	v.pid = fork();
	if (v.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(victim_path(), "collect", argument, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	close(exec[1]);
	ck_assert_int_eq(read(exec[0], &byte, 1), 0);
	close(exec[0]);
	v.in = in[1];
	v.out = out[0];
	return v;
}

/* Let it call its functions, wait until it has. */
static void victim_go(struct victim *v)
{
	char text[16];

	ck_assert_int_eq(write(v->in, "\n", 1), 1);
	ck_assert_int_gt(read(v->out, text, sizeof(text)), 0);
}

static void victim_end(struct victim *v)
{
	close(v->in);
	close(v->out);
	ck_assert_int_eq(waitpid(v->pid, NULL, 0), v->pid);
}

static void victim_sites(struct probe_site sites[2])
{
	struct victim v = victim_start("where");
	FILE *f = fdopen(v.out, "r");
	unsigned long offsets[2];

	ck_assert_int_eq(fscanf(f, "%lu %lu", &offsets[0], &offsets[1]), 2);
	fclose(f);
	close(v.in);
	waitpid(v.pid, NULL, 0);
	sites[0] = (struct probe_site){ .probe = PROBE_GO_GC_START,
					.file_offset = offsets[0] };
	sites[1] = (struct probe_site){ .probe = PROBE_GO_GC_END,
					.file_offset = offsets[1] };
}

static struct link_set *attach(struct probes *p)
{
	int exe_fd = open(victim_path(), O_RDONLY | O_CLOEXEC);
	struct link_set *links;
	struct probe_site sites[2];
	int64_t begin;

	victim_sites(sites);
	begin = clock_monotonic_ns();
	ck_ok(link_set_attach(&links, p, exe_fd, sites, 2));
	printf("attach: %.1f ms\n",
	       (double)(clock_monotonic_ns() - begin) / 1e6);
	close(exe_fd);
	return links;
}

/* ---- what comes off the ring ---- */

struct seen {
	pid_t pid; /* whose records count */
	uint64_t by_type[8];
	uint64_t last_ns;
	bool rises;
};

static void note(void *arg, const struct event_header *e)
{
	struct seen *s = arg;

	if ((pid_t)e->tgid != s->pid || e->type >= 8)
		return;
	s->by_type[e->type]++;
	s->rises &= e->time_ns >= s->last_ns;
	s->last_ns = e->time_ns;
}

static struct probes *open_probes(void)
{
	struct probes *p;

	ck_ok(priv_set_without(""));
	ck_ok(probes_open(&p));
	ck_assert(probes_has_uprobes(p));
	ck_assert(probes_has_process_events(p));
	return p;
}

START_TEST(start_and_end_of_a_child_are_seen)
{
	struct probes *p = open_probes();
	uint64_t begin = (uint64_t)clock_now().boot_ns;
	struct victim v = victim_start("1");
	struct seen s = { .pid = v.pid, .last_ns = begin, .rises = true };

	victim_go(&v);
	victim_end(&v);
	probes_consume(p, note, &s);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_EXEC], 1);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_EXIT], 1);
	ck_assert(s.rises);
	ck_assert_uint_le(s.last_ns, (uint64_t)clock_now().boot_ns);
	ck_assert_int_ge(probes_ring_fd(p), 0);
	probes_close(p);
}
END_TEST

/*
 * As the collector waits: what waits wakes an epoll only where the kernel's
 * program said so, while poll() would tell of any record. It has said so by
 * the time the victim is through; programs of others that start and end may
 * wake it besides, so the wait is short.
 */
static int waiting_ring(struct probes *p)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_ADD, probes_ring_fd(p), &e),
			 0);
	return fd;
}

START_TEST(end_of_a_program_wakes_at_once)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("100");
	struct seen s = { .pid = v.pid };
	int ring = -1;

	/* Behind records that wake nobody and still wait. */
	ck_ok(probes_watch(p, v.pid, 0));
	while (s.by_type[EVENT_TYPE_EXEC] == 0)
		probes_consume(p, note, &s);
	ring = waiting_ring(p);
	victim_go(&v);
	victim_end(&v);
	ck_assert_int_eq(epoll_wait(ring, &(struct epoll_event){ 0 }, 1, 100),
			 1);
	close(ring);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(ring_wakes_before_it_is_full)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("1500"); /* 144 KiB in all */
	struct seen s = { .pid = v.pid };
	int ring = -1;

	ck_ok(probes_watch(p, v.pid, 0));
	while (s.by_type[EVENT_TYPE_EXEC] == 0) /* its own start wakes, too */
		probes_consume(p, note, &s);
	ring = waiting_ring(p);
	victim_go(&v);
	ck_assert_int_eq(epoll_wait(ring, &(struct epoll_event){ 0 }, 1, 100),
			 1);
	victim_end(&v);
	close(ring);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(hits_are_the_calls_that_the_victim_made)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("1000");
	struct seen s = { .pid = v.pid, .rises = true };
	uint64_t hits[PROBE_COUNT];
	int64_t begin;

	ck_ok(probes_watch(p, v.pid, 0));
	probes_consume(p, note, &s); /* room for those that come */
	victim_go(&v);
	probes_hits(p, v.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 1000);
	ck_assert_uint_eq(hits[PROBE_GO_GC_END], 1000);
	probes_consume(p, note, &s);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_GO_GC_START], 1000);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_GO_GC_END], 1000);
	ck_assert(s.rises);
	ck_assert_uint_eq(probes_lost(p), 0);
	begin = clock_monotonic_ns();
	link_set_detach(links);
	printf("detach: %.1f ms\n",
	       (double)(clock_monotonic_ns() - begin) / 1e6);
	victim_end(&v);
	probes_close(p);
}
END_TEST

START_TEST(detached_victim_is_not_hit)
{
	struct probes *p = open_probes();
	struct victim v = victim_start("1000");
	uint64_t hits[PROBE_COUNT];

	ck_ok(probes_watch(p, v.pid, 0));
	link_set_detach(attach(p));
	victim_go(&v);
	probes_hits(p, v.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 0);
	victim_end(&v);
	probes_close(p);
}
END_TEST

START_TEST(process_that_is_not_watched_passes_unseen)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim ours = victim_start("10"), other = victim_start("500");
	struct seen s = { .pid = other.pid };
	uint64_t hits[PROBE_COUNT];

	ck_ok(probes_watch(p, ours.pid, 0));
	victim_go(&other);
	victim_go(&ours);
	probes_hits(p, ours.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 10);
	probes_unwatch(p, ours.pid);
	probes_hits(p, other.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 0);
	probes_consume(p, note, &s);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_GO_GC_START], 0);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_GO_GC_END], 0);
	victim_end(&ours);
	victim_end(&other);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(record_that_finds_the_ring_full_is_counted)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("20000");
	struct seen s = { .pid = v.pid };
	uint64_t hits[PROBE_COUNT], seen;

	ck_ok(probes_watch(p, v.pid, 0));
	victim_go(&v);
	probes_hits(p, v.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 20000);
	ck_assert_uint_gt(probes_lost(p), 0);
	probes_consume(p, note, &s);
	seen = s.by_type[EVENT_TYPE_GO_GC_START] +
	       s.by_type[EVENT_TYPE_GO_GC_END];
	/* Others may start and end meanwhile and lose theirs, too. */
	ck_assert_uint_ge(seen + probes_lost(p), 40000);
	ck_assert_uint_le(seen, 40000);
	victim_end(&v);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(site_outside_the_file_is_refused)
{
	struct probes *p = open_probes();
	struct probe_site site = { .probe = PROBE_GO_GC_START,
				   .file_offset = 1ull << 40 };
	int exe_fd = open(victim_path(), O_RDONLY | O_CLOEXEC);
	struct link_set *links;

	ck_err(link_set_attach(&links, p, exe_fd, &site, 1), EINVAL);
	close(exe_fd);
	probes_close(p);
}
END_TEST

static int compare_costs(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of some measurements: while one is made, the machine may have
 * other things to do. */
static double usual_cost_ns(enum probe probe, bool stepped)
{
	double ns[5];

	for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
		struct probes *p = open_probes();

		ns[i] = probes_hit_cost_ns(p, probe, stepped);
		probes_close(p);
	}
	qsort(ns, ARRAY_SIZE(ns), sizeof(ns[0]), compare_costs);
	return ns[ARRAY_SIZE(ns) / 2];
}

START_TEST(stepped_instruction_costs_more_than_an_emulated_one)
{
	static const enum probe probes[] = { /* one of each program */
					     PROBE_GO_GC_START,
					     PROBE_JVM_GC_END };

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		double emulated = usual_cost_ns(probes[i], false);
		double stepped = usual_cost_ns(probes[i], true);

		printf("probe %d: emulated %.0f ns, stepped %.0f ns\n",
		       (int)probes[i], emulated, stepped);
		ck_assert_double_gt(stepped, emulated);
	}
}
END_TEST

START_TEST(hits_of_strangers_are_counted_by_link)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("500");

	victim_go(&v);
	ck_assert_uint_eq(link_set_strangers(links), 1000);
	victim_end(&v);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(instructions_that_the_kernel_emulates_are_known)
{
	static const struct {
		uint8_t code[2];
		bool emulated;
	} cases[] = {
		{ { 0x90, 0 }, true },	   { { 0x55, 0x48 }, true },
		{ { 0x76, 0x10 }, true },  { { 0x0f, 0x86 }, true },
		{ { 0xe8, 0 }, true },	   { { 0xeb, 0xfe }, true },
		{ { 0x89, 0xc0 }, false }, { { 0x49, 0x3b }, false },
		{ { 0x0f, 0xb6 }, false }, { { 0xc3, 0 }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert(probes_is_emulated(cases[i].code, 2) ==
			  cases[i].emulated);
	ck_assert(!probes_is_emulated(cases[0].code, 1));
}
END_TEST

START_TEST(cost_of_a_hit_is_measured)
{
	double ns = usual_cost_ns(PROBE_GO_GC_START, false);

	printf("a hit: %.0f ns\n", ns);
	ck_assert_double_gt(ns, 50);
	ck_assert_double_lt(ns, 50000);
}
END_TEST

/* ---- fewer rights ---- */

static void become_nobody(uint64_t capabilities)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(capabilities >> (32 * i));
		data[i].permitted = data[i].effective;
	}
	ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1), 0);
	ck_assert_int_eq(setresgid(65534, 65534, 65534), 0);
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

#define BIT(capability) (1ull << (capability))

START_TEST(ordinary_user_with_three_capabilities_can_probe)
{
	struct victim v = victim_start("100");
	struct link_set *links;
	struct probes *p;
	struct probe_site sites[2];
	const struct census_lack *lacks;
	uint64_t hits[PROBE_COUNT];
	int exe_fd;

	victim_sites(sites);
	become_nobody(BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_PTRACE));
	ck_ok(probes_open(&p));
	ck_assert_uint_eq(probes_lacks(p, &lacks), 0);
	exe_fd = priv_open_exe(v.pid);
	ck_assert_int_ge(exe_fd, 0);
	ck_err(priv_open_mem(v.pid), EACCES);
	ck_ok(link_set_attach(&links, p, exe_fd, sites, 2));
	ck_ok(probes_watch(p, v.pid, 0));
	victim_go(&v);
	probes_hits(p, v.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_END], 100);
	victim_end(&v);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

static void assert_lacks(struct probes *p, size_t count, const char *needs)
{
	const struct census_lack *lacks;

	ck_assert_uint_eq(probes_lacks(p, &lacks), count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_ptr_nonnull(strstr(lacks[i].needs, needs));
		ck_assert_str_ne(lacks[i].reason, "");
		printf("%s need %s (%s)\n", lacks[i].what, lacks[i].needs,
		       lacks[i].reason);
	}
}

static void assert_offers_nothing(struct probes *p)
{
	uint64_t hits[PROBE_COUNT] = { 7, 7 };
	struct link_set *links;
	struct probe_site site = { .probe = PROBE_GO_GC_START };

	ck_assert(!probes_has_uprobes(p));
	ck_assert(!probes_has_process_events(p));
	ck_assert_int_eq(probes_ring_fd(p), -1);
	ck_assert_int_eq(probes_consume(p, note, NULL), 0);
	ck_assert_double_eq(probes_hit_cost_ns(p, PROBE_GO_GC_START, false), 0);
	ck_assert_uint_eq(probes_lost(p), 0);
	ck_err(probes_watch(p, getpid(), 0), EOPNOTSUPP);
	ck_err(link_set_attach(&links, p, 0, &site, 1), EOPNOTSUPP);
	probes_hits(p, getpid(), hits);
	ck_assert_uint_eq(hits[0], 0);
}

START_TEST(ordinary_user_reads_memory_with_two_capabilities)
{
	struct victim v = victim_start("1");
	int mem_fd, list_fd;

	victim_go(&v);
	become_nobody(BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH));
	mem_fd = priv_open_mem(v.pid);
	list_fd = priv_open_proc_dir(v.pid, "fd");
	ck_assert_int_ge(mem_fd, 0);
	ck_assert_int_ge(list_fd, 0);
	close(mem_fd);
	close(list_fd);
	victim_end(&v);
}
END_TEST

START_TEST(what_was_opened_with_rights_goes_on_without)
{
	struct probes *p = open_probes();
	struct link_set *links = attach(p);
	struct victim v = victim_start("50");
	struct seen s = { .pid = v.pid };
	uint64_t hits[PROBE_COUNT];

	become_nobody(0);
	ck_ok(probes_watch(p, v.pid, 0));
	victim_go(&v);
	probes_hits(p, v.pid, hits);
	ck_assert_uint_eq(hits[PROBE_GO_GC_START], 50);
	probes_consume(p, note, &s);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_EXEC], 1);
	ck_assert_uint_eq(s.by_type[EVENT_TYPE_GO_GC_END], 50);
	victim_end(&v);
	link_set_detach(links);
	probes_close(p);
}
END_TEST

START_TEST(without_rights_it_opens_and_says_what_is_missing)
{
	struct probes *p;

	become_nobody(0);
	ck_ok(probes_open(&p));
	assert_offers_nothing(p);
	assert_lacks(p, 2, "CAP_BPF and CAP_PERFMON");
	probes_close(p);
}
END_TEST

START_TEST(one_of_two_capabilities_is_not_enough)
{
	const struct census_lack *lacks;
	struct probes *p;

	become_nobody(BIT(CAP_BPF));
	ck_ok(probes_open(&p));
	assert_offers_nothing(p);
	/* only the one that is missing is named */
	assert_lacks(p, 2, "CAP_PERFMON");
	probes_lacks(p, &lacks);
	ck_assert_ptr_null(strstr(lacks[0].needs, "CAP_BPF"));
	probes_close(p);
}
END_TEST

static int wait_for(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child ? status : -1;
}

START_TEST(container_with_its_own_pids_is_told_to_share_the_hosts)
{
	pid_t child = fork(), inner;

	if (child == 0) {
		/* Of the next child on; this one never gets there itself. */
		ck_assert_int_eq(unshare(CLONE_NEWPID), 0);
		inner = fork();
		if (inner == 0) {
			struct probes *p;

			ck_ok(probes_open(&p));
			assert_offers_nothing(p);
			assert_lacks(p, 2, "pid namespace of the host");
			fflush(stdout);
			probes_close(p);
			_exit(0);
		}
		_exit(wait_for(inner) ? 1 : 0);
	}
	ck_assert_int_eq(wait_for(child), 0);
}
END_TEST

START_TEST(simulated_lacks_are_told_like_real_ones)
{
	static const struct {
		const char *without, *needs;
	} cases[] = {
		{ "caps", "CAP_BPF and CAP_PERFMON" },
		{ "bpf,btf", "or later with eBPF" },
	};

	for (size_t i = 0; i < 2; i++) {
		struct probes *p;

		ck_ok(priv_set_without(cases[i].without));
		ck_ok(probes_open(&p));
		assert_offers_nothing(p);
		assert_lacks(p, 2, cases[i].needs);
		probes_close(p);
	}
}
END_TEST

START_TEST(kernel_without_uprobe_multi_still_tells_of_processes)
{
	struct probes *p;

	ck_ok(priv_set_without("uprobe_multi"));
	ck_ok(probes_open(&p));
	ck_assert(probes_has_process_events(p));
	ck_assert(!probes_has_uprobes(p));
	assert_lacks(p, 1, "Linux 6.6 or later");
	probes_close(p);
}
END_TEST

START_TEST(kernel_without_btf_loses_codes_of_exits_only)
{
	struct probes *p;

	ck_ok(priv_set_without("btf"));
	ck_ok(probes_open(&p));
	ck_assert(probes_has_process_events(p));
	ck_assert(probes_has_uprobes(p));
	assert_lacks(p, 1, "a kernel with BTF");
	probes_close(p);
}
END_TEST

START_TEST(memory_opened_with_rights_still_reads_without)
{
	struct victim v = victim_start("1");
	int mem_fd = priv_open_mem(v.pid);
	char before[64], first[4] = "";
	unsigned long address;
	FILE *maps;

	snprintf(before, sizeof(before), "/proc/%d/maps", v.pid);
	victim_go(&v); /* now it is the victim, not our fork */
	close(mem_fd);
	mem_fd = priv_open_mem(v.pid);
	ck_assert_int_ge(mem_fd, 0);
	maps = fopen(before, "r");
	ck_assert_int_eq(fscanf(maps, "%lx", &address), 1);
	fclose(maps);
	become_nobody(0);
	ck_err(priv_open_mem(v.pid), EACCES);
	ck_err(priv_open_exe(v.pid), EACCES);
	ck_err(priv_open_in_root(v.pid, "/etc/passwd"), EACCES);
	ck_assert_int_eq(pread(mem_fd, first, 4, (off_t)address), 4);
	ck_assert_mem_eq(first, "\177ELF", 4);
	victim_end(&v);
}
END_TEST

TEST_MAIN("probes", start_and_end_of_a_child_are_seen,
	  end_of_a_program_wakes_at_once, ring_wakes_before_it_is_full,
	  hits_are_the_calls_that_the_victim_made, detached_victim_is_not_hit,
	  process_that_is_not_watched_passes_unseen,
	  record_that_finds_the_ring_full_is_counted,
	  site_outside_the_file_is_refused, cost_of_a_hit_is_measured,
	  stepped_instruction_costs_more_than_an_emulated_one,
	  hits_of_strangers_are_counted_by_link,
	  instructions_that_the_kernel_emulates_are_known,
	  ordinary_user_with_three_capabilities_can_probe,
	  ordinary_user_reads_memory_with_two_capabilities,
	  what_was_opened_with_rights_goes_on_without,
	  without_rights_it_opens_and_says_what_is_missing,
	  one_of_two_capabilities_is_not_enough,
	  container_with_its_own_pids_is_told_to_share_the_hosts,
	  simulated_lacks_are_told_like_real_ones,
	  kernel_without_uprobe_multi_still_tells_of_processes,
	  kernel_without_btf_loses_codes_of_exits_only,
	  memory_opened_with_rights_still_reads_without)
