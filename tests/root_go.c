/*
 * Needs root and the Go victims (make victims): what the Go source reads from
 * real processes of every promised version, against what those processes say
 * of themselves, to the byte.
 */
#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/go/buildinfo.h"
#include "collector/go/layout.h"
#include "collector/priv.h"
#include "collector/source.h"
#include "common/clock.h"
#include "common/collection.h"

static const char *const versions[] = { "1.19", "1.21.13", "1.26.8", "1.27.0" };

/* Each try is short; what is never true is found wrong after these. */
#define PATIENCE_NS 60000000000

/* ---- victims ---- */

struct victim {
	pid_t pid;
	FILE *in, *out;
	char answer[65536];
};

/* build/victims/go beside whatever build this program is of. */
static void victim_path(char out[PATH_MAX], const char *version,
			const char *suffix)
{
	char self[PATH_MAX / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	snprintf(out, PATH_MAX, "%s/build/victims/go/victim-%s%s",
		 dirname(dirname(dirname(self))), version, suffix);
	ck_assert_msg(access(out, X_OK) == 0, "%s: run make victims", out);
}

/* env is a list of NAME=VALUE, NULL-terminated. */
static void start(struct victim *v, const char *version, const char *suffix,
		  const char *const *env)
{
	char path[PATH_MAX];
	int in[2], out[2];

	victim_path(path, version, suffix);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	v->pid = fork();
	ck_assert_int_ge(v->pid, 0);
	if (v->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execle(path, path, NULL, (char *const *)env);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	v->in = fdopen(in[1], "w");
	v->out = fdopen(out[0], "r");
}

static void ask(struct victim *v, const char *command)
{
	fprintf(v->in, "%s\n", command);
	fflush(v->in);
	ck_assert_ptr_nonnull(fgets(v->answer, sizeof(v->answer), v->out));
}

static void stop(struct victim *v)
{
	fclose(v->in); /* end of input ends it */
	fclose(v->out);
	waitpid(v->pid, NULL, 0);
}

static double told(const struct victim *v, const char *name)
{
	char key[128];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(v->answer, key);
	return at ? strtod(at + strlen(key), NULL) : NAN;
}

/* ---- the source, driven by hand ---- */

struct watch {
	struct process process;
	struct binary binary;
	struct target target;
	char exe[PATH_MAX], why[160];
};

static void watch_init(struct watch *w, pid_t pid)
{
	struct now now = clock_now();
	char link[64];
	struct stat st;
	ssize_t n;

	memset(w, 0, sizeof(*w));
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, w->exe, sizeof(w->exe) - 1);
	ck_assert_int_gt(n, 0);
	w->process.pid = pid;
	w->process.exe = w->exe;
	w->process.start_wall_ms = now.wall_ms;
	ck_ok(process_start_ticks(pid, &w->process.start_ticks));
	w->binary.exe_fd = open(link, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fstat(w->binary.exe_fd, &st), 0);
	w->binary.device = st.st_dev;
	w->binary.inode = st.st_ino;
	w->target.process = &w->process;
	w->target.binary = &w->binary;
	w->target.source = &source_go;
	w->target.mem_fd = priv_open_mem(pid);
	w->target.pid_fd = -1;
	ck_assert_int_ge(w->target.mem_fd, 0);
}

static int watch_learn(struct watch *w)
{
	ck_assert(source_go.match(&w->process, &w->binary));
	return source_go.analyse(&w->binary, &w->binary.knowledge, w->why,
				 sizeof(w->why));
}

static int watch_tick(struct watch *w)
{
	own(batch_freep) struct batch *b = NULL;
	struct now now = clock_now();
	int r;

	ck_ok(batch_new(&b, now));
	w->target.batch = b;
	memset(w->target.told, 0, sizeof(w->target.told));
	r = source_go.on_tick(&w->target, now);
	ck_ok(batch_error(b));
	w->target.batch = NULL;
	return r;
}

static void watch_fini(struct watch *w)
{
	source_go.detach(&w->target);
	source_go.forget(w->binary.knowledge);
	entity_fini(&w->target.entity);
	close(w->target.mem_fd);
	close(w->binary.exe_fd);
}

/* The value of the last tick; NAN where there is none. */
static double got(const struct watch *w, enum column c)
{
	ck_assert_msg(w->target.told[c], "%s is not told",
		      metric_info(column_info(c)->metric)->name);
	return w->target.gaps[c] ? NAN : w->target.last[c];
}

/* ---- tests ---- */

static const struct {
	enum column column;
	const char *name;
	double scale;
} equal[] = {
	{ COL_HEAP_USED_BYTES, "HeapAlloc", 1 },
	{ COL_HEAP_GOAL_BYTES, "NextGC", 1 },
	{ COL_HEAP_IN_USE_BYTES, "HeapInuse", 1 },
	{ COL_HEAP_IDLE_BYTES, "HeapIdle", 1 },
	{ COL_HEAP_RELEASED_BYTES, "HeapReleased", 1 },
	{ COL_HEAP_ALLOCATED_BYTES_TOTAL, "TotalAlloc", 1 },
	{ COL_HEAP_OBJECTS, "HeapObjects", 1 },
	{ COL_HEAP_ALLOCATED_OBJECTS_TOTAL, "Mallocs", 1 },
	{ COL_GC_COLLECTIONS_CYCLE, "NumGC", 1 },
	{ COL_GC_COLLECTIONS_FORCED, "NumForcedGC", 1 },
	{ COL_GC_PAUSE_SECONDS_TOTAL, "PauseTotalNs", 1e9 },
	{ COL_GC_LAST_PAUSE_SECONDS, "LastPauseNs", 1e9 },
	{ COL_GC_CPU_RATIO, "GCCPUFraction", 1 },
	{ COL_GC_PRESSURE, "RecentGC", 1 },
	{ COL_GOROUTINES, "NumGoroutine", 1 },
};

/* The first figure that differs, or NULL. */
static const char *differs(const struct watch *w, const struct victim *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(equal); i++) {
		double ours = got(w, equal[i].column);
		double theirs = told(v, equal[i].name) / equal[i].scale;

		/* No limit and no percentage: its goal is near the largest
		 * number, ours is absent. */
		if (equal[i].column == COL_HEAP_GOAL_BYTES && theirs > 8e18) {
			ck_assert_int_eq(w->target.gaps[COL_HEAP_GOAL_BYTES],
					 GAP_UNLIMITED);
			continue;
		}
		if (ours != theirs)
			return equal[i].name;
	}
	return NULL;
}

/* What only some versions tell of themselves; as differs(). */
static const char *differs_in_metrics(const struct watch *w,
				      const struct victim *v)
{
	double live = told(v, "/gc/heap/live:bytes");
	double cpu = told(v, "/cpu/classes/gc/total:cpu-seconds");
	double limit = told(v, "MemoryLimit");

	if (!isnan(live) && got(w, COL_HEAP_LIVE_BYTES) != live)
		return "/gc/heap/live:bytes";
	ck_assert(got(w, COL_HEAP_LIVE_BYTES) ==
		  got(w, COL_HEAP_AFTER_GC_BYTES));
	if (isnan(cpu))
		ck_assert_int_eq(w->target.gaps[COL_GC_CPU_SECONDS_TOTAL],
				 GAP_UNSUPPORTED);
	else if (!(fabs(got(w, COL_GC_CPU_SECONDS_TOTAL) - cpu) < 1e-9))
		return "/cpu/classes/gc/total:cpu-seconds";
	if (limit >= (double)INT64_MAX)
		ck_assert_int_eq(w->target.gaps[COL_HEAP_LIMIT_BYTES],
				 GAP_UNLIMITED);
	else if (got(w, COL_HEAP_LIMIT_BYTES) != limit)
		return "MemoryLimit";
	return NULL;
}

/*
 * The runtime may still move when the program stands still (a new thread
 * wants a stack, the scavenger runs, a cycle is a minute old), the more often
 * the busier the machine, so a difference asks for another hold. A wrong
 * offset or formula is never right to the byte.
 */
static void compare(struct watch *w, struct victim *v, const char *what)
{
	int64_t end = clock_monotonic_ns() + PATIENCE_NS;
	const char *name;

	do {
		ask(v, "hold");
		ck_ok(watch_tick(w));
		name = differs(w, v);
		if (!name)
			name = differs_in_metrics(w, v);
	} while (name && clock_monotonic_ns() < end);
	ck_assert_msg(!name, "%s: %s is not what the program tells: %.9g", what,
		      name, told(v, name));
}

static void one_victim(const char *version, const char *suffix,
		       const char *const *env)
{
	static struct victim v;
	struct watch w;
	char what[128];

	snprintf(what, sizeof(what), "go%s%s %s", version, suffix,
		 env[0] ? env[0] : "");
	start(&v, version, suffix, env);
	ask(&v, "grow 20");
	ask(&v, "goroutines 300");
	watch_init(&w, v.pid);
	ck_assert_msg(watch_learn(&w) == 0, "%s: %s", what, w.why);
	ck_assert_msg(source_go.attach(&w.target) == 0, "%s: %s", what,
		      w.target.why);
	compare(&w, &v, what);
	watch_fini(&w);
	stop(&v);
}

static void all_victims(const char *const *env)
{
	static const char *const suffixes[] = { "", "-pie", "-w" };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++)
			one_victim(versions[i], suffixes[k], env);
	}
}

START_TEST(every_number_equals_the_programs_own)
{
	all_victims((const char *[]){ NULL });
}
END_TEST

START_TEST(with_a_memory_limit_too)
{
	all_victims((const char *[]){ "GOMEMLIMIT=64MiB", NULL });
}
END_TEST

START_TEST(with_a_limit_below_the_live_heap_too)
{
	all_victims((const char *[]){ "GOMEMLIMIT=8MiB", NULL });
}
END_TEST

START_TEST(with_a_limit_and_no_percentage_too)
{
	all_victims((const char *[]){ "GOMEMLIMIT=120MiB", "GOGC=off", NULL });
}
END_TEST

START_TEST(with_neither_limit_nor_percentage_too)
{
	all_victims((const char *[]){ "GOGC=off", NULL });
}
END_TEST

START_TEST(under_churn_a_value_lies_between_two_reports)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct watch w;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		int failed = 0;

		start(&v, versions[i], "", none);
		ask(&v, "grow 10");
		ask(&v, "churn 200");
		watch_init(&w, v.pid);
		ck_ok(watch_learn(&w));
		ck_ok(source_go.attach(&w.target));
		for (int k = 0; k < 200; k++) {
			double total, cycles;

			ask(&v, "report");
			total = told(&v, "TotalAlloc");
			cycles = told(&v, "NumGC");
			if (watch_tick(&w)) {
				failed++;
				continue;
			}
			ask(&v, "report");
			ck_assert(got(&w, COL_HEAP_ALLOCATED_BYTES_TOTAL) >=
				  total);
			ck_assert(got(&w, COL_HEAP_ALLOCATED_BYTES_TOTAL) <=
				  told(&v, "TotalAlloc") + (1 << 20));
			ck_assert(got(&w, COL_GC_COLLECTIONS_CYCLE) >= cycles);
			ck_assert(got(&w, COL_GC_COLLECTIONS_CYCLE) <=
				  told(&v, "NumGC"));
			ck_assert(got(&w, COL_HEAP_IN_USE_BYTES) >=
				  got(&w, COL_HEAP_LIVE_BYTES) / 2 ||
				  isnan(got(&w, COL_HEAP_LIVE_BYTES)));
		}
		ck_assert_int_le(failed, 2);
		watch_fini(&w);
		stop(&v);
	}
}
END_TEST

/* More cycles a minute than the runtime remembers: our marks take over. */
START_TEST(more_than_256_cycles_wait_for_the_window)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct watch w;

	start(&v, "1.26.8", "", none);
	for (int i = 0; i < 300; i++)
		ask(&v, "gc");
	watch_init(&w, v.pid);
	w.process.start_ticks -= 10000; /* 100 s: it could be that old */
	ck_ok(watch_learn(&w));
	ck_ok(source_go.attach(&w.target));
	ck_ok(watch_tick(&w));
	ck_assert_int_eq(w.target.gaps[COL_GC_PRESSURE], GAP_WINDOW_FILLING);
	/* no: it counts from its start, which is now, however slow that was */
	w.process.start_ticks = (uint64_t)(clock_now().boot_ns / 1000000000 *
					   sysconf(_SC_CLK_TCK));
	ck_ok(watch_tick(&w));
	ck_assert_double_eq(got(&w, COL_GC_PRESSURE), 300);
	watch_fini(&w);
	stop(&v);
}
END_TEST

START_TEST(a_stripped_executable_is_refused_with_words)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct watch w;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		start(&v, versions[i], "-s", none);
		ask(&v, "gc");
		watch_init(&w, v.pid);
		ck_err(watch_learn(&w), ENOENT);
		ck_assert_ptr_nonnull(strstr(w.why, "stripped"));
		ck_assert(w.binary.version[0] == 'g');
		watch_fini(&w);
		stop(&v);
	}
}
END_TEST

START_TEST(a_process_that_just_started_says_try_again_or_is_right)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct watch w;
	int again = 0;

	for (int i = 0; i < 40; i++) {
		int64_t end = clock_monotonic_ns() + PATIENCE_NS;
		int r;

		start(&v, versions[i % 4], i & 4 ? "-pie" : "", none);
		do { /* fork's child is still this program until exec */
			char link[64], exe[PATH_MAX] = "";

			snprintf(link, sizeof(link), "/proc/%d/exe", v.pid);
			if (readlink(link, exe, sizeof(exe) - 1) > 0 &&
			    strstr(exe, "/victims/go/"))
				break;
		} while (1);
		watch_init(&w, v.pid);
		ck_ok(watch_learn(&w));
		while ((r = source_go.attach(&w.target)) == -EAGAIN &&
		       clock_monotonic_ns() < end) {
			again++;
			usleep(100);
		}
		ck_assert_msg(r == 0, "%s: %s", versions[i % 4], w.target.why);
		watch_fini(&w);
		stop(&v);
	}
	printf("tries before the runtime had started: %d\n", again);
}
END_TEST

START_TEST(a_process_that_ended_is_told_so)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct watch w;

	start(&v, "1.27.0", "", none);
	ask(&v, "gc");
	watch_init(&w, v.pid);
	ck_ok(watch_learn(&w));
	ck_ok(source_go.attach(&w.target));
	stop(&v);
	ck_err(watch_tick(&w), ESRCH);
	watch_fini(&w);
}
END_TEST

START_TEST(the_table_is_what_dwarf_says)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		own(elf_freep) struct elf *e = NULL;
		own(fd_closep) int fd = -1;
		char path[PATH_MAX], version[GO_VERSION_MAX];
		uint32_t row[GO_FIELD_COUNT];
		struct go_layout l, by_symbols;
		int minor;

		victim_path(path, versions[i], "");
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_ok(elf_open(&e, fd));
		ck_ok(go_buildinfo_version(e, version));
		minor = go_version_minor(version);
		ck_ok(go_layout_from_dwarf(e, &l));
		ck_assert(go_layout_table(minor, row));
		ck_assert_mem_eq(row, l.offset, sizeof(row));
		ck_ok(go_layout_from_symbols(e, minor, &by_symbols));
		ck_assert_mem_eq(by_symbols.offset, l.offset, sizeof(l.offset));
		ck_assert_mem_eq(by_symbols.vaddr, l.vaddr, sizeof(l.vaddr));
	}
}
END_TEST

START_TEST(every_executable_has_both_probe_sites)
{
	static const char *const suffixes[] = { "", "-pie", "-w" };

	for (size_t i = 0; i < ARRAY_SIZE(versions) * 3; i++) {
		const struct probe_site *sites;
		struct binary b = { 0 };
		char path[PATH_MAX], why[160];

		victim_path(path, versions[i / 3], suffixes[i % 3]);
		b.exe_fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert(source_go.match(NULL, &b));
		ck_assert_uint_gt(strlen(b.build_id), 20);
		ck_ok(source_go.analyse(&b, &b.knowledge, why, sizeof(why)));
		ck_assert_uint_eq(source_go.probe_sites(&b, &sites), 2);
		for (int k = 0; k < 2; k++) {
			unsigned char code[2];

			ck_assert_int_eq(pread(b.exe_fd, code, 2,
					       (off_t)sites[k].file_offset),
					 2);
			ck_assert(code[0] == 0x76 ||
				  (code[0] == 0x0f && code[1] == 0x86));
		}
		source_go.forget(b.knowledge);
		close(b.exe_fd);
	}
}
END_TEST

START_TEST(cycles_come_from_the_last_start_before_an_end)
{
	static struct victim v;
	const char *const none[] = { NULL };
	struct event_go_gc e = { .header = { .type = EVENT_TYPE_GO_GC_END } };
	struct watch w;

	start(&v, "1.26.8", "", none);
	ask(&v, "gc");
	watch_init(&w, v.pid);
	ck_ok(watch_learn(&w));
	ck_ok(source_go.attach(&w.target));
	w.target.probe_gap = GAP_NOT_PERMITTED;
	ck_ok(watch_tick(&w));
	ck_assert_int_eq(w.target.gaps[COL_GC_CYCLE_SECONDS_TOTAL],
			 GAP_NOT_PERMITTED);
	w.target.probe_gap = GAP_NONE;
	e.header.time_ns = 500000000; /* began before we looked */
	source_go.on_event(&w.target, &e.header);
	ck_ok(watch_tick(&w));
	ck_assert_double_eq(got(&w, COL_GC_CYCLE_SECONDS_TOTAL), 0);
	ck_assert_int_eq(w.target.gaps[COL_GC_LAST_CYCLE_SECONDS],
			 GAP_NOT_YET);
	for (int i = 1; i <= 3; i++) {
		e.header.time_ns = (uint64_t)i * 1000000000; /* two false ones */
		e.header.type = EVENT_TYPE_GO_GC_START;
		source_go.on_event(&w.target, &e.header);
	}
	e.header.time_ns = 3250000000;
	e.header.type = EVENT_TYPE_GO_GC_END;
	source_go.on_event(&w.target, &e.header);
	ck_ok(watch_tick(&w));
	ck_assert_double_eq(got(&w, COL_GC_LAST_CYCLE_SECONDS), 0.25);
	ck_assert_double_eq(got(&w, COL_GC_CYCLE_SECONDS_TOTAL), 0.25);
	watch_fini(&w);
	stop(&v);
}
END_TEST

/* ---- with real probes ---- */

struct listener {
	struct watch *watch;
	struct batch *batch;
	bool started;
	int cycles; /* ends with a start since the last end */
	uint64_t start_ns;
	double length_ns; /* of the last of them */
};

static void pass_on(void *arg, const struct event_header *e)
{
	struct listener *l = arg;

	if (e->tgid != (uint32_t)l->watch->process.pid)
		return;
	l->watch->target.batch = l->batch;
	source_go.on_event(&l->watch->target, e);
	l->watch->target.batch = NULL;
	if (e->type == EVENT_TYPE_GO_GC_END && l->started) {
		l->cycles++;
		l->length_ns = (double)(e->time_ns - l->start_ns);
	}
	l->started = e->type == EVENT_TYPE_GO_GC_START;
	l->start_ns = e->time_ns;
}

/* Each cycle but the last, of which what it left is not yet known. */
static void check_events(const struct batch *b, int cycles)
{
	struct collection c;

	ck_assert_uint_eq(b->event_count, (size_t)cycles - 1);
	for (size_t i = 0; i < b->event_count; i++) {
		ck_assert_int_eq(b->events[i].kind, EVENT_COLLECTION);
		ck_assert(collection_read(&c, b->events[i].text));
		ck_assert_double_gt(c.before_bytes, 10 << 20);
		ck_assert_double_gt(c.after_bytes, 10 << 20);
		ck_assert_int_gt(c.length_us, 0);
		ck_assert_int_gt(b->events[i].end_boot_ns,
				 b->events[i].boot_ns);
	}
}

static void cycles_of(struct probes *probes, const char *version,
		      const char *suffix)
{
	static struct victim v;
	const char *const none[] = { NULL };
	const struct probe_site *sites;
	uint64_t hits_before[PROBE_COUNT], hits[PROBE_COUNT];
	struct watch w;
	own(batch_freep) struct batch *b = NULL;
	struct listener l = { .watch = &w };
	double before, took;
	int64_t begin_ns;
	int seen, longer = 0;

	start(&v, version, suffix, none);
	ask(&v, "grow 11");
	watch_init(&w, v.pid);
	ck_ok(watch_learn(&w));
	ck_ok(source_go.attach(&w.target));
	ck_assert_uint_ne(w.target.peek, 0);
	ck_ok(probes_watch(probes, v.pid, w.target.peek));
	ck_ok(batch_new(&b, clock_now()));
	l.batch = b;
	ck_assert_uint_eq(source_go.probe_sites(&w.binary, &sites), 2);
	ck_ok(link_set_attach(&w.binary.links, probes, w.binary.exe_fd, sites,
			      2));
	/* A cycle that ran when the probes came has no start: end it. */
	ask(&v, "gc");
	probes_consume(probes, pass_on, &l);
	probes_hits(probes, v.pid, hits_before);
	seen = l.cycles;
	l.cycles = 0;
	ask(&v, "report");
	before = told(&v, "NumGC");
	begin_ns = clock_monotonic_ns();
	for (int i = 0; i < 20; i++) {
		ask(&v, "gc");
		/* Starts and ends of others do not fill the ring. */
		probes_consume(probes, pass_on, &l);
		ask(&v, "report");
		longer += l.length_ns > told(&v, "LastPauseNs") / 2;
	}
	took = (double)(clock_monotonic_ns() - begin_ns) / 1e9;
	ask(&v, "report");
	probes_consume(probes, pass_on, &l);
	ck_ok(watch_tick(&w));
	ck_assert_double_eq(l.cycles, told(&v, "NumGC") - before);
	check_events(b, seen + l.cycles);
	/* A function whose stack must grow first comes by its check twice. */
	probes_hits(probes, v.pid, hits);
	for (int i = PROBE_GO_GC_START; i <= PROBE_GO_GC_END; i++) {
		ck_assert_uint_ge(hits[i] - hits_before[i],
				  (uint64_t)l.cycles);
		ck_assert_uint_le(hits[i] - hits_before[i],
				  3 * (uint64_t)l.cycles);
	}
	ck_assert_double_gt(got(&w, COL_GC_LAST_CYCLE_SECONDS), 0);
	ck_assert_double_eq_tol(got(&w, COL_GC_LAST_CYCLE_SECONDS),
				l.length_ns / 1e9, 1e-9);
	ck_assert_double_lt(got(&w, COL_GC_LAST_CYCLE_SECONDS), took);
	ck_assert_double_gt(got(&w, COL_GC_CYCLE_SECONDS_TOTAL),
			    got(&w, COL_GC_LAST_CYCLE_SECONDS));
	/* A cycle is longer than its pauses, unless the machine takes its CPU
	 * away in the last one, which ends a little after the cycle. */
	ck_assert_int_gt(longer, 10);
	probes_unwatch(probes, v.pid);
	link_set_detach(w.binary.links);
	w.binary.links = NULL;
	watch_fini(&w);
	stop(&v);
}

START_TEST(real_probes_see_every_cycle)
{
	own(probes_closep) struct probes *probes = NULL;

	ck_ok(probes_open(&probes));
	ck_assert(probes_has_uprobes(probes));
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		cycles_of(probes, versions[i], "");
		cycles_of(probes, versions[i], "-pie");
		cycles_of(probes, versions[i], "-w");
	}
}
END_TEST

TEST_MAIN("go", every_number_equals_the_programs_own, with_a_memory_limit_too,
	  with_a_limit_below_the_live_heap_too,
	  with_a_limit_and_no_percentage_too,
	  with_neither_limit_nor_percentage_too,
	  under_churn_a_value_lies_between_two_reports,
	  more_than_256_cycles_wait_for_the_window,
	  a_stripped_executable_is_refused_with_words,
	  a_process_that_just_started_says_try_again_or_is_right,
	  a_process_that_ended_is_told_so, the_table_is_what_dwarf_says,
	  every_executable_has_both_probe_sites,
	  cycles_come_from_the_last_start_before_an_end,
	  real_probes_see_every_cycle)
