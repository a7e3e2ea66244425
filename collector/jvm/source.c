/*
 * HotSpot JVMs: their published counters once a second, and where we may
 * read their memory the heap's own structures.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/pressure.h"
#include "collector/usdt.h"
#include "collector/source.h"
#include "common/collection.h"
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
	struct gc_events events;
	uint64_t causeless; /* cycles, when pressure began to count */
	bool probed; /* in the last tick */
};

/* What is known of one libjvm. */
struct knowledge {
	struct probe_site sites[8];
	size_t site_count;
};

static void jvm_free(struct jvm *j)
{
	if (!j)
		return;
	perfdata_close(&j->perf);
	free(j);
}
OWN_DEFINE(struct jvm *, jvm_free)

/* Young ones are not told apart; but by their cause cycles that were asked
 * for are. */
static bool counts_cycles(const struct jvm *j)
{
	return j->collector->gc == JVM_Z || j->collector->gc == JVM_SHENANDOAH;
}

static bool counts_by_events(const struct jvm *j)
{
	return j->collector->gc == JVM_Z_GENERATIONAL ||
	       counts_cycles(j);
}

static bool match(const struct process *p, struct binary *b)
{
	uint64_t library;

	(void)b; /* the version is the library's, not the launcher's */
	return vmstructs_find_library(p->pid, &library) == 0;
}

/* ---- probes in the library ---- */

static int prepare(struct probes *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < gc_manager_count; i++)
		r = probes_name_manager(p, gc_managers[i].name,
					(uint32_t)i + 1);
	for (size_t i = 0; !r && i < gc_pool_count; i++)
		r = probes_name_pool(p, gc_pools[i].name, (uint32_t)i + 1);
	return r;
}

static int open_library(const struct target *t)
{
	return vmstructs_open_library(t->process->pid);
}

static int add_sites(struct knowledge *k, const struct elf *e, const char *name,
		     enum probe probe)
{
	struct usdt_site found[ARRAY_SIZE(k->sites) / 2];
	int count = usdt_find(e, "hotspot", name, found, ARRAY_SIZE(found));

	for (int i = 0; i < count; i++) {
		if (found[i].arg_count < USDT_ARGS_MAX)
			return -EBADMSG;
		k->sites[k->site_count++] = (struct probe_site){
			.probe = probe,
			.file_offset = found[i].file_offset,
			.args = found[i].args,
		};
	}
	return count < 0 ? count : 0;
}

static int analyse(struct binary *b, void **knowledge, char *why,
		   size_t why_len)
{
	own(elf_freep) struct elf *e = NULL;
	own(freep) struct knowledge *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	r = elf_open(&e, b->exe_fd);
	if (!r)
		r = add_sites(k, e, "mem__pool__gc__begin", PROBE_JVM_GC_BEGIN);
	if (!r)
		r = add_sites(k, e, "mem__pool__gc__end", PROBE_JVM_GC_END);
	if (r == -ENOENT)
		snprintf(why, why_len, "this libjvm was built without probes "
				       "(--enable-dtrace)");
	else if (r)
		snprintf(why, why_len, "the probes of this libjvm cannot be "
				       "read: %s", strerror(-r));
	if (r)
		return r;
	*knowledge = take(k);
	return 0;
}

static void forget(void *knowledge)
{
	free(knowledge);
}

static size_t probe_sites(const struct binary *b,
			  const struct probe_site **out)
{
	const struct knowledge *k = b->knowledge;

	*out = k->sites;
	return k->site_count;
}

/* Each pool at either end, those that are none of the heap's included. */
#define HITS_PER_COLLECTION 18

static bool expected_hits(const struct target *t, double *out)
{
	static const enum column counts[] = {
		COL_GC_COLLECTIONS_YOUNG, COL_GC_COLLECTIONS_OLD,
		COL_GC_COLLECTIONS_CONCURRENT, COL_GC_COLLECTIONS_CYCLE,
	};
	bool told = false;

	*out = 0;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (t->gaps[counts[i]])
			continue;
		*out += HITS_PER_COLLECTION * t->last[counts[i]];
		told = true;
	}
	return told;
}

static void tell_collection(struct target *t, const struct gc_collection *c)
{
	struct collection what = {
		.before_bytes = c->before_bytes,
		.after_bytes = c->after_bytes,
		.paused = gc_is_pause(c->manager),
	};

	snprintf(what.kind, sizeof(what.kind), "%s",
		 gc_kind_words[c->manager->kind]);
	snprintf(what.collector, sizeof(what.collector), "%s",
		 c->manager->name);
	snprintf(what.cause, sizeof(what.cause), "%s", c->cause);
	target_collection(t, &what, c->begin_ns, c->end_ns);
}

static void on_event(struct target *t, const struct event_header *e)
{
	const struct event_jvm_end *end = (const struct event_jvm_end *)e;
	const struct event_jvm_pool *pool = &end->pool; /* all of a begin */
	const struct gc_collection *done = NULL;
	struct jvm *j = t->state;
	char cause[JVM_CAUSE_MAX] = "";

	if (e->type == EVENT_TYPE_JVM_GC_BEGIN) {
		gc_events_add(&j->events, j->collector->gc, pool, "");
	} else if (e->type == EVENT_TYPE_JVM_GC_END) {
		snprintf(cause, sizeof(cause), "%.*s", JVM_CAUSE_MAX - 1,
			 end->cause);
		done = gc_events_add(&j->events, j->collector->gc, pool,
				     cause);
	}
	if (done)
		tell_collection(t, done);
}

/* What was counted before the probes went is not what they count next. */
static void follow_probes(struct target *t, struct jvm *j)
{
	bool probed = t->probe_gap == GAP_NONE;

	if (j->probed && !probed) {
		gc_events_init(&j->events);
		if (counts_by_events(j))
			j->pressure = (struct pressure){ 0 };
	}
	j->probed = probed;
}

/* ---- attach ---- */

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
		j->layout_gap = gap_of(t->mem_fd);
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
	if (j->layout_gap)
		return lacking(t, -EIO,
			       "its hsperfdata file cannot be read, nor what "
			       "its memory has in its stead");
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

/*
 * Where the JVM writes the cause of a collection, for our probes. Shenandoah
 * clears it just before its pools tell the end of a cycle: then it is that of
 * the last one.
 */
static void find_cause(struct target *t, const struct jvm *j)
{
	uint32_t at = j->index.at[j->collector->gc == JVM_SHENANDOAH ?
					  HSPERF_GC_LAST_CAUSE :
					  HSPERF_GC_CAUSE];
	uint64_t start;

	if (!j->layout_gap && at &&
	    !vm_read_word(&j->layout, t->mem_fd, 0, VM_PERF_START, &start) &&
	    start)
		t->peek = start + at;
}

static int attach(struct target *t)
{
	own(jvm_freep) struct jvm *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->perf.fd = j->perf.mem_fd = -1;
	jvm_memory_init(&j->memory);
	gc_events_init(&j->events);
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
	if (r)
		return r;
	find_cause(t, j);
	t->state = take(j);
	return 0;
}

static int read_heap(struct vm_heap *out, const struct jvm *j, int mem_fd)
{
	int r = -EBADMSG;

	for (int i = 0; i < HEAP_TRIES && r == -EBADMSG; i++)
		r = vmheap_read(out, &j->layout, mem_fd, j->collector->gc);
	return r;
}

/* Cycles that nobody asked for. NAN and why, where that is not known. */
static double young_cycles(const struct target *t, const struct jvm *j,
			   enum gap *why)
{
	const struct gc_events *e = &j->events;

	*why = t->probe_gap;
	if (*why)
		return NAN;
	if (!t->peek)
		*why = j->layout_gap ? j->layout_gap : GAP_UNSUPPORTED;
	return *why ? NAN :
		      (double)(e->counts[GC_CYCLE] - e->asked_for[GC_CYCLE]);
}

/* A cycle whose cause was not read, as its page was away, spoils the minute
 * that it is in, and no more. */
static void begin_anew(struct jvm *j)
{
	if (j->events.causeless[GC_CYCLE] == j->causeless)
		return;
	j->causeless = j->events.causeless[GC_CYCLE];
	j->pressure = (struct pressure){ 0 };
}

/* Young collections in 60 s; both from the counter, so none is missed. Probes
 * count since they are there, which is not since the start. */
static void put_pressure(struct target *t, struct jvm *j, struct now now,
			 const struct jvm_reading *r)
{
	int64_t started_ns = process_start_boot_ns(t->process);
	double young = r->value[COL_GC_COLLECTIONS_YOUNG];
	enum gap why = (enum gap)r->gap[COL_GC_COLLECTIONS_YOUNG];
	uint64_t count;

	if (counts_cycles(j))
		young = young_cycles(t, j, &why);
	if (isnan(young)) {
		target_miss(t, COL_GC_PRESSURE, why);
		return;
	}
	if (counts_cycles(j))
		begin_anew(j);
	if (counts_by_events(j))
		started_ns = 0;
	pressure_add(&j->pressure, now.boot_ns, (uint64_t)young);
	if (pressure_count(&j->pressure, now.boot_ns, started_ns, &count))
		target_put(t, COL_GC_PRESSURE, (double)count);
	else
		target_miss(t, COL_GC_PRESSURE, j->causeless ?
						       GAP_UNREADABLE :
						       GAP_WINDOW_FILLING);
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
	follow_probes(t, j);
	in.events = t->probe_gap ? NULL : &j->events;
	in.events_gap = t->probe_gap;
	in.collector = j->collector;
	in.index = &j->index;
	in.block = j->perf.block;
	in.len = j->perf.len;
	jvm_reading_fill(&reading, &j->memory, &in);
	put_columns(t, &reading);
	put_pressure(t, j, now, &reading);
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
	.probes = 1u << PROBE_JVM_GC_BEGIN | 1u << PROBE_JVM_GC_END,
	.prepare = prepare,
	.match = match,
	.analyse = analyse,
	.forget = forget,
	.open_library = open_library,
	.expected_hits = expected_hits,
	.probe_sites = probe_sites,
	.attach = attach,
	.on_event = on_event,
	.on_tick = on_tick,
	.detach = detach,
};
