/*
 * Needs root and the JDKs (make victims): what the JVM source reads from real
 * JVMs 11, 17, 21 and 25 under each collector they have, against what their
 * management beans say at the same moment and what -Xlog:gc of the same run
 * says, to the byte.
 */
#include "test.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/jvm/gc_events.h"
#include "collector/jvm/vmheap.h"
#include "collector/priv.h"
#include "collector/source.h"
#include "common/clock.h"
#include "common/own.h"

#define MIB       (1024. * 1024)
#define ARGS_MAX  32
#define HEAP_MIB  256 /* -Xmx; 1 MiB regions for G1 */

/* Each try is short; what is never true is found wrong after these. */
#define PATIENCE_NS 60000000000

/* ---- the matrix ---- */

struct collector {
	const char *name;
	enum jvm_gc gc;
	int first, last;  /* JDKs that have it so */
	const char *flags[3];
	/* names of its managers; NULL: what is told has no counterpart */
	const char *young, *old, *cycle;
	bool after_gc;    /* tells what a collection left */
	bool pauses;
	bool live_counters; /* used is told without reading memory */
};

static const struct collector collectors[] = {
	{ "serial", JVM_SERIAL, 11, 25, { "-XX:+UseSerialGC" },
	  "Copy", "MarkSweepCompact", NULL, true, true, true },
	{ "parallel", JVM_PARALLEL, 11, 25, { "-XX:+UseParallelGC" },
	  "PS Scavenge", "PS MarkSweep", NULL, true, true, true },
	{ "g1", JVM_G1, 11, 25, { "-XX:+UseG1GC" },
	  "G1 Young Generation", "G1 Old Generation", NULL, true, true, true },
	{ "z", JVM_Z, 11, 11,
	  { "-XX:+UnlockExperimentalVMOptions", "-XX:+UseZGC" },
	  NULL, NULL, "ZGC", false, false, false },
	{ "z", JVM_Z, 17, 21, { "-XX:+UseZGC" },
	  NULL, NULL, "ZGC Cycles", false, true, false },
	{ "z, generational", JVM_Z_GENERATIONAL, 21, 21,
	  { "-XX:+UseZGC", "-XX:+ZGenerational" },
	  NULL, NULL, NULL, false, true, false },
	{ "z, generational", JVM_Z_GENERATIONAL, 25, 25, { "-XX:+UseZGC" },
	  NULL, NULL, NULL, false, true, false },
	{ "shenandoah", JVM_SHENANDOAH, 11, 11,
	  { "-XX:+UnlockExperimentalVMOptions", "-XX:+UseShenandoahGC" },
	  NULL, NULL, NULL, false, false, true },
	{ "shenandoah", JVM_SHENANDOAH, 17, 25, { "-XX:+UseShenandoahGC" },
	  NULL, NULL, NULL, false, false, true },
	{ "shenandoah, generational", JVM_SHENANDOAH, 25, 25,
	  { "-XX:+UseShenandoahGC", "-XX:ShenandoahGCMode=generational" },
	  NULL, NULL, NULL, false, false, true },
};

/* Whichever the JVM takes on this machine. */
static const struct collector any_collector = { .name = "any" };

/* Until 24 a JVM samples eden's counter itself every 50 ms. */
static bool live_without_memory(const struct collector *c, int jdk)
{
	bool sampled = c->gc == JVM_SERIAL || c->gc == JVM_PARALLEL;

	return c->live_counters && !(sampled && jdk >= 25);
}

static bool has_regions(const struct collector *c, int jdk)
{
	return c->gc == JVM_G1 || (c->gc == JVM_SHENANDOAH && jdk >= 17);
}

/* ---- victims ---- */

struct victim {
	pid_t pid;
	FILE *in, *out;
	char log[PATH_MAX];
	char answer[65536];
};

/* The root of the tree, whatever build this program is of. */
static void root_path(char out[PATH_MAX], const char *tail)
{
	char self[PATH_MAX / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	snprintf(out, PATH_MAX, "%s%s", dirname(dirname(dirname(self))), tail);
	ck_assert_msg(access(out, R_OK) == 0, "%s: run make victims", out);
}

static void java_path(char out[PATH_MAX], int jdk)
{
	if (jdk == 17)
		snprintf(out, PATH_MAX, "/usr/lib/jvm/java-1.17.0-openjdk-%s",
#if defined(__aarch64__)
			 "arm64/bin/java"
#else
			 "amd64/bin/java"
#endif
		);
	else if (jdk == 11)
		root_path(out, "/build/jdk/11/bin/java");
	else if (jdk == 21)
		root_path(out, "/build/jdk/21/bin/java");
	else
		root_path(out, "/build/jdk/25/bin/java");
}

/* args is a command, NULL-terminated; found in PATH. */
static void run(struct victim *v, const char *const *args)
{
	int in[2], out[2];

	unlink(v->log);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	v->pid = fork();
	ck_assert_int_ge(v->pid, 0);
	if (v->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(args[0], (char *const *)args);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	v->in = fdopen(in[1], "w");
	v->out = fdopen(out[0], "r");
	ck_assert_ptr_nonnull(fgets(v->answer, sizeof(v->answer), v->out));
	ck_assert_str_eq(v->answer, "ready\n");
}

/* What containers have of their own: mounts, /tmp, pids. The classes are
 * shown at /mnt, as the tree itself may lie below the /tmp that vanishes. */
static const char *const container[] = {
	"unshare", "--mount", "--pid", "--fork", "--mount-proc",
	"--kill-child", "sh", "-c",
	"mount --bind \"$0\" /mnt && mount -t tmpfs tmpfs /tmp && exec \"$@\"",
};

static void start_in(struct victim *v, int jdk, const char *const flags[3],
		     bool contained)
{
	char java[PATH_MAX], classes[PATH_MAX];
	const char *args[ARGS_MAX];
	size_t count = 0;

	java_path(java, jdk);
	root_path(classes, "/build/victims/java");
	snprintf(v->log, sizeof(v->log), "gc.log");
	for (size_t i = 0; contained && i < ARRAY_SIZE(container); i++)
		args[count++] = container[i];
	if (contained)
		args[count++] = classes;
	args[count++] = java;
	args[count++] = "-Xmx256m";
	args[count++] = "-Xlog:gc,gc+heap=info:file=gc.log";
	for (int i = 0; i < 3 && flags[i]; i++)
		args[count++] = flags[i];
	args[count++] = "-cp";
	args[count++] = contained ? "/mnt" : classes;
	args[count++] = "Victim";
	args[count] = NULL;
	run(v, args);
}

static void start(struct victim *v, int jdk, const char *const flags[3])
{
	start_in(v, jdk, flags, false);
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
	unlink(v->log);
}

/* The number after "key": after the first occurrence of what. */
static double told(const char *report, const char *what, const char *key)
{
	const char *at = strstr(report, what);
	char quoted[64];

	ck_assert_msg(at != NULL, "no %s in %s", what, report);
	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(at, quoted);
	ck_assert_msg(at != NULL, "no %s of %s", key, what);
	return strtod(at + strlen(quoted), NULL);
}

/* NAN: it has none. */
static double manager_count(const char *report, const char *name)
{
	char quoted[96];

	if (!name)
		return NAN;
	snprintf(quoted, sizeof(quoted), "\"name\":\"%s\"", name);
	return told(report, quoted, "count");
}

/* What the pools of the heap held after their last collection. */
static double told_after(const char *report)
{
	const char *at = report;
	double sum = 0;

	while ((at = strstr(at, "\"heap\":true"))) {
		sum += told(at, "\"after\":", "used");
		at++;
	}
	return sum;
}

/* ---- the log of the same run ---- */

struct log {
	int young, full;
	int regions;       /* that the last collection left in use, not eden */
	double after_mib;  /* heap after the last young one */
};

/* "... 24M->1M(256M) ...": what was left. */
static double left_mib(const char *line)
{
	const char *arrow = strstr(line, "->");

	return arrow ? strtod(arrow + 2, NULL) : NAN;
}

static void read_log(struct log *l, const char *path)
{
	static const char *const kinds[] = { "Survivor regions: ",
					     "Old regions: ", "Humongous regions: ",
					     "Archive regions: " };
	FILE *f = fopen(path, "r");
	char line[1024];

	memset(l, 0, sizeof(*l));
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "Eden regions: "))
			l->regions = 0;
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (strstr(line, kinds[i]))
				l->regions += (int)left_mib(line);
		}
		if (!strstr(line, "->"))
			continue;
		if (strstr(line, "Pause Young")) {
			l->young++;
			l->after_mib = left_mib(line);
		}
		l->full += strstr(line, "Pause Full") != NULL;
	}
	fclose(f);
}

/* ---- the source, driven by hand ---- */

/* Its clock begins when it does and goes on by a little with each tick: the
 * minute of pressure does not end earlier on a machine that is slow. */
struct watch {
	struct target target;
	struct binary binary;
	struct now now;
};

static void watch_init(struct watch *w, pid_t pid, bool with_memory)
{
	memset(w, 0, sizeof(*w));
	w->now = clock_now();
	w->target.mem_fd = with_memory ? priv_open_mem(pid) : -1;
	w->target.pid_fd = -1;
	w->target.binary = &w->binary;
	w->target.source = &source_jvm;
	w->target.probe_gap = GAP_UNSUPPORTED; /* none here */
	w->target.entity.number = 1;
	ck_ok(process_read(&w->target.process, pid));
	ck_assert(source_jvm.match(w->target.process, &w->binary));
	w->target.process->start_wall_ms = w->now.wall_ms;
	w->target.process->start_ticks =
		(uint64_t)(w->now.boot_ns / 1000000000 * sysconf(_SC_CLK_TCK));
}

static int watch_begin(struct watch *w, pid_t pid, bool with_memory)
{
	int64_t end = clock_monotonic_ns() + PATIENCE_NS;
	int r;

	watch_init(w, pid, with_memory);
	while ((r = source_jvm.attach(&w->target)) == -EAGAIN &&
	       clock_monotonic_ns() < end)
		usleep(20000);
	return r;
}

static void watch_end(struct watch *w)
{
	if (w->target.state)
		source_jvm.detach(&w->target);
	process_free(w->target.process);
	entity_fini(&w->target.entity);
	if (w->target.mem_fd >= 0)
		close(w->target.mem_fd);
}

/* One tick; each column of a JVM must be told or missed. */
static void tick_at(struct watch *w, struct now now)
{
	own(batch_freep) struct batch *b = NULL;

	ck_ok(batch_new(&b, now));
	w->target.batch = b;
	memset(w->target.told, 0, sizeof(w->target.told));
	ck_ok(source_jvm.on_tick(&w->target, now));
	w->target.batch = NULL;
	for (int i = 0; i < COL_COUNT; i++) {
		unsigned for_whom =
			metric_info(column_info((enum column)i)->metric)
				->runtimes;

		if ((for_whom & RUNTIME_JVM) && !(for_whom & RUNTIME_NATIVE))
			ck_assert_msg(w->target.told[i], "column %d untold", i);
	}
}

static void tick(struct watch *w)
{
	w->now.boot_ns += 10000000;
	w->now.wall_ms += 10;
	tick_at(w, w->now);
}

static bool has(const struct watch *w, enum column c)
{
	return w->target.gaps[c] == GAP_NONE;
}

static double value(const struct watch *w, enum column c)
{
	return has(w, c) ? w->target.last[c] : NAN;
}

#define ck_same(a, b)                                                          \
	ck_assert_msg((a) == (b), "%s: %s is %.0f, %s is %.0f", where, #a,     \
		      (double)(a), #b, (double)(b))
#define ck_gap(w, c, why)                                                      \
	ck_assert_msg((w)->target.gaps[c] == (why), "%s: %s is %s, not %s",    \
		      where, #c, gap_word((enum gap)(w)->target.gaps[c]),      \
		      gap_word(why))

/* What the beans say differently at the same moment, or NULL. A cycle counts
 * when it begins, and in its bean when it ends. */
static const char *differs(const struct watch *w, const struct victim *v,
			   const struct collector *c)
{
	const struct {
		enum column column;
		double theirs;
	} equal[] = {
		{ COL_HEAP_USED_BYTES, told(v->answer, "\"heap\"", "used") },
		{ COL_HEAP_MAX_BYTES, told(v->answer, "\"heap\"", "max") },
		{ COL_HEAP_COMMITTED_BYTES,
		  told(v->answer, "\"heap\"", "committed") },
		{ COL_CLASSES_LOADED,
		  told(v->answer, "\"classes\"", "classes") },
		{ COL_GC_COLLECTIONS_CYCLE, manager_count(v->answer, c->cycle) },
		{ COL_GC_COLLECTIONS_YOUNG, manager_count(v->answer, c->young) },
		{ COL_GC_COLLECTIONS_OLD, manager_count(v->answer, c->old) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(equal); i++) {
		if (!isnan(equal[i].theirs) &&
		    value(w, equal[i].column) != equal[i].theirs)
			return metric_info(column_info(equal[i].column)->metric)
				->name;
	}
	return NULL;
}

/*
 * Let the victim stand still and read it: its last answer and our tick tell
 * of the same moment. A thread of the JVM itself may allocate in between, load
 * a class, be in a cycle, or not yet have sampled its counters, the longer the
 * busier the machine, so again until they agree.
 */
static void meet(struct watch *w, struct victim *v, const struct collector *c,
		 const char *where)
{
	int64_t end = clock_monotonic_ns() + PATIENCE_NS;
	const char *name;

	do {
		ask(v, "hold");
		usleep(110000); /* two samples of the JVM, where it samples */
		tick(w);
		name = differs(w, v, c);
	} while (name && clock_monotonic_ns() < end);
	ck_assert_msg(!name, "%s: %s is not what the beans say: used %.0f, %s",
		      where, name, value(w, COL_HEAP_USED_BYTES), v->answer);
}

static void prove_sizes(struct watch *w, const struct victim *v,
			const struct collector *c, int jdk, const char *where)
{
	double used = value(w, COL_HEAP_USED_BYTES);
	double max = told(v->answer, "\"heap\"", "max");

	ck_same(value(w, COL_HEAP_LIMIT_BYTES), max);
	ck_same(value(w, COL_HEAP_MAX_BYTES), max);
	ck_same(value(w, COL_HEAP_COMMITTED_BYTES),
		told(v->answer, "\"heap\"", "committed"));
	ck_assert_double_eq_tol(value(w, COL_HEAP_UTIL_RATE), used / max, 1e-5);
	ck_same(value(w, COL_CLASSES_LOADED),
		told(v->answer, "\"classes\"", "classes"));
	if (has_regions(c, jdk))
		return;
	ck_gap(w, COL_FRAG_RATIO, GAP_OTHER_BASIS);
	ck_assert_double_eq_tol(value(w, COL_FRAG_RATIO_BYTES),
				(max - used) / max, 1e-5);
}

static void prove_regions(struct watch *w, const struct victim *v,
			  const struct collector *c, const struct log *log,
			  const char *where)
{
	double total = value(w, COL_HEAP_TOTAL_REGIONS);
	double taken = total - value(w, COL_HEAP_FREE_REGIONS);
	double region = HEAP_MIB * MIB / total;

	ck_gap(w, COL_FRAG_RATIO_BYTES, GAP_OTHER_BASIS);
	ck_assert_double_eq_tol(value(w, COL_FRAG_RATIO), 1 - taken / total,
				1e-5);
	if (c->gc == JVM_G1) {
		double eden = value(w, COL_HEAP_POOL_USED_EDEN);

		ck_same(total, HEAP_MIB);
		/* The region that is being filled is no eden yet. */
		ck_same(taken, log->regions + eden / MIB + 1);
		return;
	}
	/* Shenandoah does not log its regions: they hold what is used, and
	 * the ones begun are few. */
	ck_assert_double_ge(taken * region,
			    told(v->answer, "\"heap\"", "used"));
	ck_assert_double_le(taken * region -
				    told(v->answer, "\"heap\"", "used"),
			    24 * region);
}

static void prove_counts(struct watch *w, const struct victim *v,
			 const struct collector *c, const struct log *log,
			 const char *where)
{
	if (c->young) {
		ck_same(value(w, COL_GC_COLLECTIONS_YOUNG),
			manager_count(v->answer, c->young));
		ck_same(value(w, COL_GC_COLLECTIONS_YOUNG), log->young);
		ck_same(value(w, COL_GC_COLLECTIONS_OLD),
			manager_count(v->answer, c->old));
		ck_same(value(w, COL_GC_COLLECTIONS_OLD), log->full);
		/* younger than 60 s: all of its life */
		ck_same(value(w, COL_GC_PRESSURE), log->young);
	} else {
		ck_gap(w, COL_GC_COLLECTIONS_YOUNG, GAP_UNSUPPORTED);
		ck_gap(w, COL_GC_COLLECTIONS_OLD, GAP_UNSUPPORTED);
		ck_gap(w, COL_GC_PRESSURE, GAP_UNSUPPORTED);
	}
	if (c->cycle)
		ck_same(value(w, COL_GC_COLLECTIONS_CYCLE),
			manager_count(v->answer, c->cycle));
	else
		ck_gap(w, COL_GC_COLLECTIONS_CYCLE, GAP_UNSUPPORTED);
	if (c->pauses)
		ck_assert_double_gt(value(w, COL_GC_PAUSE_SECONDS_TOTAL), 0);
	else
		ck_gap(w, COL_GC_PAUSE_SECONDS_TOTAL, GAP_UNSUPPORTED);
}

/* Without the right to read memory: the same number, or none. */
static void prove_without_memory(struct victim *v,
				 const struct collector *c, int jdk,
				 const char *where)
{
	struct watch w;

	ck_ok(watch_begin(&w, v->pid, false));
	if (live_without_memory(c, jdk)) {
		meet(&w, v, c, where);
	} else {
		tick(&w);
		ck_gap(&w, COL_HEAP_USED_BYTES, GAP_NOT_PERMITTED);
		ck_gap(&w, COL_HEAP_UTIL_RATE, GAP_NOT_PERMITTED);
		ck_gap(&w, COL_FRAG_RATIO_BYTES, GAP_NOT_PERMITTED);
	}
	ck_gap(&w, COL_HEAP_TOTAL_REGIONS, GAP_UNSUPPORTED);
	watch_end(&w);
}

static void prove_after_full(struct watch *w, struct victim *v,
			     const struct collector *c, const char *where)
{
	ask(v, "gc");
	tick(w);
	ask(v, "report");
	if (!c->after_gc) {
		ck_gap(w, COL_HEAP_AFTER_GC_BYTES, GAP_UNSUPPORTED);
		ck_gap(w, COL_HEAP_LIVE_BYTES, GAP_UNSUPPORTED);
		return;
	}
	ck_same(value(w, COL_HEAP_LIVE_BYTES), told_after(v->answer));
	ck_same(value(w, COL_HEAP_AFTER_GC_BYTES), told_after(v->answer));
}

static void prove_after_young(struct watch *w, const struct collector *c,
			      const struct log *log)
{
	if (c->after_gc) /* the log rounds */
		ck_assert_double_eq_tol(
			value(w, COL_HEAP_AFTER_GC_BYTES) / MIB,
			log->after_mib, 1);
}

static void prove(const struct collector *c, int jdk)
{
	struct victim v;
	struct watch w;
	struct log log;
	char where[64];

	snprintf(where, sizeof(where), "jdk %d %s", jdk, c->name);
	start(&v, jdk, c->flags);
	ck_ok(watch_begin(&w, v.pid, true));
	tick(&w);
	if (c->after_gc)
		ck_gap(&w, COL_HEAP_AFTER_GC_BYTES, GAP_NOT_YET);
	meet(&w, &v, c, where); /* before any collection */
	ask(&v, "churn 200");
	ask(&v, "grow 30");
	prove_after_full(&w, &v, c, where);
	ask(&v, "churn 250");
	meet(&w, &v, c, where);
	read_log(&log, v.log);
	prove_sizes(&w, &v, c, jdk, where);
	prove_counts(&w, &v, c, &log, where);
	prove_after_young(&w, c, &log);
	if (has_regions(c, jdk))
		prove_regions(&w, &v, c, &log, where);
	else
		ck_gap(&w, COL_HEAP_TOTAL_REGIONS, GAP_UNSUPPORTED);
	printf("  %-32s used %9.0f  max %9.0f  young %3.0f  frag %.3f%s\n",
	       where, value(&w, COL_HEAP_USED_BYTES),
	       value(&w, COL_HEAP_MAX_BYTES),
	       value(&w, COL_GC_COLLECTIONS_YOUNG),
	       has_regions(c, jdk) ? value(&w, COL_FRAG_RATIO) :
				     value(&w, COL_FRAG_RATIO_BYTES),
	       has_regions(c, jdk) ? "" : " (bytes)");
	fflush(stdout);
	watch_end(&w);
	prove_without_memory(&v, c, jdk, where);
	stop(&v);
}

static void prove_all_of(int jdk)
{
	for (size_t i = 0; i < ARRAY_SIZE(collectors); i++) {
		if (collectors[i].first <= jdk && jdk <= collectors[i].last)
			prove(&collectors[i], jdk);
	}
}

START_TEST(numbers_of_jdk_11_are_those_of_its_beans)
{
	prove_all_of(11);
}
END_TEST

START_TEST(numbers_of_jdk_17_are_those_of_its_beans)
{
	prove_all_of(17);
}
END_TEST

START_TEST(numbers_of_jdk_21_are_those_of_its_beans)
{
	prove_all_of(21);
}
END_TEST

START_TEST(numbers_of_jdk_25_are_those_of_its_beans)
{
	prove_all_of(25);
}
END_TEST

static const int jdks[] = { 11, 17, 21, 25 };

START_TEST(system_gc_is_no_young_collection)
{
	static const struct {
		const char *flag;
		int jdk, extra;
	} cases[] = {
		{ "-XX:+UseSerialGC", 11, 0 },   { "-XX:+UseSerialGC", 25, 0 },
		{ "-XX:+UseG1GC", 11, 0 },       { "-XX:+UseG1GC", 17, 0 },
		{ "-XX:+UseG1GC", 21, 0 },       { "-XX:+UseG1GC", 25, 0 },
		{ "-XX:+UseParallelGC", 25, 0 },
		/* these scavenge first, and count that as a scavenge */
		{ "-XX:+UseParallelGC", 17, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const flags[3] = { cases[i].flag };
		char where[64];
		struct victim v;
		struct watch w;
		double before;

		snprintf(where, sizeof(where), "jdk %d %s", cases[i].jdk,
			 cases[i].flag);
		start(&v, cases[i].jdk, flags);
		ck_ok(watch_begin(&w, v.pid, true));
		ask(&v, "churn 200");
		tick(&w);
		before = value(&w, COL_GC_PRESSURE);
		ask(&v, "gc");
		tick(&w);
		ck_same(value(&w, COL_GC_PRESSURE), before + cases[i].extra);
		ck_same(value(&w, COL_GC_COLLECTIONS_OLD), 1);
		watch_end(&w);
		stop(&v);
	}
}
END_TEST

START_TEST(jvm_that_shares_no_file_is_read_from_memory)
{
	static const char *const flags[3] = { "-XX:+PerfDisableSharedMem" };

	for (size_t i = 0; i < ARRAY_SIZE(jdks); i++) {
		char where[64];
		struct victim v;
		struct watch w;

		snprintf(where, sizeof(where), "jdk %d", jdks[i]);
		start(&v, jdks[i], flags);
		usleep(100000);
		ck_ok(watch_begin(&w, v.pid, true));
		ck_assert_str_eq(
			labels_get(&w.target.entity.attributes, "source"),
			"perfmemory");
		ask(&v, "churn 100");
		meet(&w, &v, &any_collector, where);
		watch_end(&w);
		stop(&v);
	}
}
END_TEST

/* The only child of a process. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &child), 1);
	fclose(f);
	return child;
}

START_TEST(jvm_in_namespaces_of_its_own_is_read_the_same)
{
	static const char *const flags[3] = { "-XX:+UseG1GC" };
	struct victim v;
	struct watch w;

	start_in(&v, 17, flags, true);
	ck_ok(watch_begin(&w, child_of(v.pid), true));
	ck_assert_int_eq(w.target.process->ns_pid, 1);
	ck_assert_str_eq(labels_get(&w.target.entity.attributes, "source"),
			 "hsperfdata");
	meet(&w, &v, &any_collector, "in namespaces");
	watch_end(&w);
	stop(&v);
}
END_TEST

START_TEST(file_of_somebody_else_is_not_believed)
{
	static const char *const flags[3] = { "-XX:+UseG1GC" };
	char path[64];
	struct victim v;
	struct watch w;

	start(&v, 17, flags);
	snprintf(path, sizeof(path), "/tmp/hsperfdata_root/%d", v.pid);
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	ck_ok(watch_begin(&w, v.pid, true));
	ck_assert_str_eq(labels_get(&w.target.entity.attributes, "source"),
			 "perfmemory");
	watch_end(&w);
	stop(&v);
}
END_TEST

START_TEST(jvm_without_counters_is_refused_in_words)
{
	static const char *const flags[3] = { "-XX:-UsePerfData" };
	struct victim v;
	struct watch w;

	start(&v, 17, flags);
	watch_init(&w, v.pid, true);
	w.target.process->start_wall_ms = clock_now().wall_ms;
	ck_err(source_jvm.attach(&w.target), EAGAIN);
	w.target.process->start_wall_ms -= 60000;
	ck_err(source_jvm.attach(&w.target), ENOTSUP);
	ck_assert_ptr_nonnull(strstr(w.target.why, "-XX:-UsePerfData"));
	watch_end(&w);
	stop(&v);
}
END_TEST

START_TEST(jvm_found_late_has_no_pressure_yet)
{
	static const char *const flags[3] = { "-XX:+UseSerialGC" };
	const char *where = "found late";
	struct victim v;
	struct watch w;

	start(&v, 17, flags);
	ask(&v, "churn 100");
	ck_ok(watch_begin(&w, v.pid, true));
	w.target.process->start_ticks = 1; /* as old as the machine */
	tick(&w);
	ck_gap(&w, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	ck_assert_double_gt(value(&w, COL_GC_COLLECTIONS_YOUNG), 0);
	watch_end(&w);
	stop(&v);
}
END_TEST

/* As the program in the kernel tells it of a JVM with Z. */
static void cycle(struct watch *w, struct now now, const char *cause)
{
	own(batch_freep) struct batch *b = NULL;
	struct event_jvm_end e = {
		.pool.header = { .time_ns = (uint64_t)now.boot_ns,
				 .type = EVENT_TYPE_JVM_GC_END },
	};

	for (size_t i = 0; i < gc_manager_count; i++) {
		if (strcmp(gc_managers[i].name, "ZGC Cycles") == 0)
			e.pool.manager = (uint32_t)i + 1;
	}
	for (size_t i = 0; i < gc_pool_count; i++) {
		if (strcmp(gc_pools[i].name, "ZHeap") == 0)
			e.pool.pool = (uint32_t)i + 1;
	}
	snprintf(e.cause, sizeof(e.cause), "%s", cause);
	ck_ok(batch_new(&b, now));
	w->target.batch = b;
	source_jvm.on_event(&w->target, &e.pool.header);
	w->target.batch = NULL;
}

START_TEST(cycle_without_a_cause_spoils_its_minute_and_no_more)
{
	static const char *const flags[3] = { "-XX:+UseZGC" };
	const char *where = "a cause that was not read";
	struct now now = clock_now();
	struct victim v;
	struct watch w;

	start(&v, 17, flags);
	ck_ok(watch_begin(&w, v.pid, true));
	w.target.probe_gap = GAP_NONE;
	for (int second = 0; second < 180; second++) {
		if (second == 70)
			cycle(&w, now, "");
		if (second == 80)
			cycle(&w, now, "System.gc()");
		if (second == 90)
			cycle(&w, now, "Allocation Rate");
		now.boot_ns += 1000000000;
		tick_at(&w, now);
		if (second == 0)
			ck_gap(&w, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
		if (second == 69)
			ck_same(value(&w, COL_GC_PRESSURE), 0);
		if (second == 70 || second == 129)
			ck_gap(&w, COL_GC_PRESSURE, GAP_UNREADABLE);
		if (second == 131)
			ck_same(value(&w, COL_GC_PRESSURE), 1);
	}
	ck_same(value(&w, COL_GC_PRESSURE), 0);
	watch_end(&w);
	stop(&v);
}
END_TEST

START_TEST(program_that_is_no_jvm_does_not_match)
{
	struct process self = { .pid = getpid() };
	struct binary b = { 0 };

	ck_assert(!source_jvm.match(&self, &b));
}
END_TEST

TEST_MAIN("jvm", numbers_of_jdk_11_are_those_of_its_beans,
	  numbers_of_jdk_17_are_those_of_its_beans,
	  numbers_of_jdk_21_are_those_of_its_beans,
	  numbers_of_jdk_25_are_those_of_its_beans,
	  system_gc_is_no_young_collection,
	  jvm_that_shares_no_file_is_read_from_memory,
	  jvm_in_namespaces_of_its_own_is_read_the_same,
	  file_of_somebody_else_is_not_believed,
	  jvm_without_counters_is_refused_in_words,
	  jvm_found_late_has_no_pressure_yet,
	  cycle_without_a_cause_spoils_its_minute_and_no_more,
	  program_that_is_no_jvm_does_not_match)
