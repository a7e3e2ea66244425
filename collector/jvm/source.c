/*
 * HotSpot JVMs: their published counters once a second, and where we may
 * read their memory the heap's own structures.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "collector/pressure.h"
#include "collector/source.h"
#include "common/own.h"
#include "perfdata.h"
#include "reading.h"

/* A JVM has its counters within a second; on a crawling machine later. */
#define START_MS_MAX 15000

/* A collection may move things between two reads; the next try finds them. */
#define HEAP_TRIES 3

struct jvm {
	struct perfdata perf;
	struct hsperf index;
	const struct jvm_collector *collector;
	struct vm_layout layout;
	enum gap layout_gap; /* why the structures cannot be read, or none */
	struct jvm_memory memory;
	struct pressure pressure;
};

static void jvm_free(struct jvm *j)
{
	if (!j)
		return;
	perfdata_close(&j->perf);
	free(j);
}
OWN_DEFINE(struct jvm *, jvm_free)

static bool match(const struct process *p, struct binary *b)
{
	uint64_t library;

	(void)b; /* the version is the library's, not the launcher's */
	return vmstructs_find_library(p->pid, &library) == 0;
}

static bool is_starting(const struct target *t)
{
	return clock_now().wall_ms - t->process->start_wall_ms < START_MS_MAX;
}

/* Not there: later, or never. */
static int lacking(struct target *t, int r, const char *why)
{
	if (is_starting(t))
		return -EAGAIN;
	target_explain(t, "%s", why);
	return r;
}

static enum gap gap_of(int r)
{
	switch (r) {
	case 0:
		return GAP_NONE;
	case -ENOENT:
		return GAP_UNSUPPORTED;
	case -EACCES:
	case -EPERM:
		return GAP_NOT_PERMITTED;
	case -EBADMSG:
		return GAP_IMPLAUSIBLE;
	default:
		return GAP_UNREADABLE;
	}
}

/* Learn the library's layout; the JVM is watched without it too. */
static void learn_layout(struct target *t, struct jvm *j)
{
	uint64_t library;
	int r;

	if (t->mem_fd < 0) {
		j->layout_gap = GAP_NOT_PERMITTED;
		return;
	}
	r = vmstructs_find_library(t->process->pid, &library);
	if (r == 0)
		r = vmstructs_read(&j->layout, t->mem_fd, library);
	j->layout_gap = gap_of(r);
}

/* -XX:+PerfDisableSharedMem: the same block, in memory only. */
static int open_memory(struct target *t, struct jvm *j)
{
	uint64_t start, len;

	if (j->layout_gap == GAP_NOT_PERMITTED)
		return lacking(t, -EACCES,
			       "neither its hsperfdata file nor its memory can "
			       "be read: needs CAP_SYS_PTRACE and "
			       "CAP_DAC_READ_SEARCH, or the same user");
	if (vm_read_word(&j->layout, t->mem_fd, 0, VM_PERF_START, &start) ||
	    vm_read_word(&j->layout, t->mem_fd, 0, VM_PERF_CAPACITY, &len) ||
	    start == 0)
		return lacking(t, -ENOTSUP,
			       "the JVM keeps no performance data "
			       "(-XX:-UsePerfData)");
	target_set_attribute(t, "source", "perfmemory");
	return perfdata_open_memory(&j->perf, t->mem_fd, start, len);
}

static int open_counters(struct target *t, struct jvm *j)
{
	int r = perfdata_open_file(&j->perf, t->process);

	if (r == -EAGAIN)
		return lacking(t, -EBADMSG,
			       "the hsperfdata file stays empty");
	learn_layout(t, j);
	if (r)
		return open_memory(t, j);
	target_set_attribute(t, "source", "hsperfdata");
	return 0;
}

static int read_counters(struct jvm *j)
{
	int r = perfdata_read(&j->perf);

	if (r || hsperf_current(&j->index, j->perf.block, j->perf.len))
		return r;
	return hsperf_index(&j->index, j->perf.block, j->perf.len);
}

/* What kind of JVM this is; does not change while it lives. */
static int identify(struct target *t, struct jvm *j)
{
	char version[64];

	j->collector = jvm_collector_find(&j->index, j->perf.block,
					  j->perf.len);
	if (!j->collector)
		return lacking(t, -ENOTSUP,
			       "a garbage collector that heapwatch does not "
			       "know");
	target_set_attribute(t, "gc", j->collector->name);
	if (hsperf_text(&j->index, j->perf.block, j->perf.len,
			HSPERF_VM_VERSION, version, sizeof(version)))
		target_set_attribute(t, "version", version);
	return 0;
}

static int attach(struct target *t)
{
	own(jvm_freep) struct jvm *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->perf.fd = j->perf.mem_fd = -1;
	jvm_memory_init(&j->memory);
	r = open_counters(t, j);
	if (r)
		return r;
	r = read_counters(j);
	if (r == -EAGAIN)
		return lacking(t, -EBADMSG,
			       "the JVM's counters never become accessible");
	if (r) {
		target_explain(t, "cannot read the JVM's counters: %s",
			       strerror(-r));
		return r;
	}
	r = identify(t, j);
	if (r == 0)
		t->state = take(j);
	return r;
}

static int read_heap(struct vm_heap *out, const struct jvm *j, int mem_fd)
{
	int r = -EBADMSG;

	for (int i = 0; i < HEAP_TRIES && r == -EBADMSG; i++)
		r = vmheap_read(out, &j->layout, mem_fd, j->collector->gc);
	return r;
}

/* Young collections in 60 s; both from the counter, so none is missed. */
static void put_pressure(struct target *t, struct jvm *j, struct now now,
			 double young)
{
	int64_t started_ns = (int64_t)(t->process->start_ticks *
				       (1000000000ull /
					(uint64_t)sysconf(_SC_CLK_TCK)));
	uint64_t count;

	if (isnan(young)) {
		target_miss(t, COL_GC_PRESSURE, GAP_UNSUPPORTED);
		return;
	}
	pressure_add(&j->pressure, now.boot_ns, (uint64_t)young);
	if (pressure_count(&j->pressure, now.boot_ns, started_ns, &count))
		target_put(t, COL_GC_PRESSURE, (double)count);
	else
		target_miss(t, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
}

static void put_columns(struct target *t, const struct jvm_reading *r)
{
	for (size_t i = 0; i < jvm_column_count; i++) {
		enum column c = jvm_columns[i];

		if (c == COL_GC_PRESSURE)
			continue;
		if (r->gap[c])
			target_miss(t, c, (enum gap)r->gap[c]);
		else
			target_put(t, c, r->value[c]);
	}
}

static int on_tick(struct target *t, struct now now)
{
	struct jvm *j = t->state;
	struct jvm_input in = { .memory_gap = j->layout_gap };
	struct jvm_reading reading;
	struct vm_heap heap;
	int r;

	r = read_counters(j);
	if (r)
		return r == -EAGAIN ? -EIO : r;
	if (!j->layout_gap) {
		in.memory_gap = gap_of(read_heap(&heap, j, t->mem_fd));
		in.memory = in.memory_gap ? NULL : &heap;
	}
	in.collector = j->collector;
	in.index = &j->index;
	in.block = j->perf.block;
	in.len = j->perf.len;
	jvm_reading_fill(&reading, &j->memory, &in);
	put_columns(t, &reading);
	put_pressure(t, j, now, reading.value[COL_GC_COLLECTIONS_YOUNG]);
	heap_put(t, now, &reading.heap);
	return 0;
}

static void detach(struct target *t)
{
	jvm_free(t->state);
	t->state = NULL;
}

const struct source source_jvm = {
	.name = "jvm",
	.runtime = RUNTIME_JVM,
	.match = match,
	.attach = attach,
	.on_tick = on_tick,
	.detach = detach,
};
