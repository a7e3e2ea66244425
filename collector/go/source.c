/* The Go runtime as a source: from match to samples. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/heap.h"
#include "collector/maps.h"
#include "collector/pressure.h"
#include "collector/priv.h"
#include "collector/source.h"
#include "common/collection.h"

#include "buildinfo.h"
#include "layout.h"
#include "reader.h"
#include "sites.h"

#define MAPS_MAX      4096       /* lines of maps looked at */
#define CLOCK_STEP_MS 1000       /* a wall clock that moved this much jumped */
#define AHEAD_NS      2000000000 /* a cycle's end this far ahead is wrong */

/* What is known of one executable. */
struct knowledge {
	struct go_layout layout;
	int minor;
	bool from_table;     /* offsets are of the version, not of the file */
	bool moves;          /* position independent: the bias is in maps */
	uint64_t base;       /* link-time address of the file's begin */
	struct probe_site sites[2];
	size_t site_count;
};

/* What is remembered of one process. */
struct state {
	const struct knowledge *known; /* borrowed from the binary */
	uint64_t bias;
	struct go_reading reading; /* the last one */
	struct pressure pressure;  /* where pause_end does not reach */

	int64_t clock_offset_ms; /* wall - boot time at the last tick */
	int64_t ring_from_ns;    /* boot time from which pause_end is good */

	/* cycles as the probes saw them; boot time */
	int64_t start_ns; /* last candidate; 0: none since the last end */
	int64_t cycle_total_ns, cycle_last_ns;
	uint64_t cycles;

	/* The last cycle, until what it left is known. */
	struct collection cycle;
	int64_t begin_ns, end_ns; /* its; end 0: there is none */
	uint64_t ends;            /* of cycles, as the probes told them */
	uint64_t behind;          /* numgc less ends, where they agree, */
	uint64_t behind_before;   /* and at the tick before */
	bool waited;              /* for a tick already */
};

/* ---- match, analyse ---- */

static bool match(const struct process *p, struct binary *b)
{
	own(elf_freep) struct elf *e = NULL;
	char version[GO_VERSION_MAX];

	(void)p;
	if (elf_open(&e, b->exe_fd) || go_buildinfo_version(e, version))
		return false;
	snprintf(b->version, sizeof(b->version), "%s", version);
	if (go_build_id(e, b->build_id, sizeof(b->build_id)))
		b->build_id[0] = '\0';
	return true;
}

/* Can we know this one at all? Words in why if not. */
static int check_support(const struct elf *e, const struct binary *b,
			 char *why, size_t why_len)
{
	int minor = go_version_minor(b->version);

	if (minor < GO_MINOR_FIRST) {
		snprintf(why, why_len, "built by %s; Go 1.%d is the oldest "
			 "that is supported", b->version, GO_MINOR_FIRST);
		return -EOPNOTSUPP;
	}
	if (e->machine != EM_X86_64) {
		snprintf(why, why_len, "built for another machine than amd64 "
			 "(ELF machine %d)", e->machine);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int find_layout(const struct elf *e, const struct binary *b,
		       struct knowledge *k, char *why, size_t why_len)
{
	int r = go_layout_from_dwarf(e, &k->layout);

	if (r == 0 || r == -ENOMEM)
		return r;
	k->from_table = true;
	r = go_layout_from_symbols(e, k->minor, &k->layout);
	if (r == -ENOTSUP)
		snprintf(why, why_len, "%s, built without DWARF; without it Go "
			 "1.%d to 1.%d are known", b->version, GO_MINOR_FIRST,
			 GO_MINOR_LAST);
	else if (r == -ENOENT)
		snprintf(why, why_len, "stripped: it has neither DWARF nor "
			 "symbols (built with -ldflags=-s, or by strip)");
	else if (r)
		snprintf(why, why_len, "its symbols cannot be read: %s",
			 strerror(-r));
	return r;
}

static int analyse(struct binary *b, void **knowledge, char *why,
		   size_t why_len)
{
	own(elf_freep) struct elf *e = NULL;
	own(freep) struct knowledge *k = calloc(1, sizeof(*k));
	int r;

	snprintf(why, why_len, "its executable cannot be read");
	if (!k)
		return -ENOMEM;
	if ((r = elf_open(&e, b->exe_fd)) ||
	    (r = check_support(e, b, why, why_len)))
		return r;
	k->minor = go_version_minor(b->version);
	k->moves = e->type == ET_DYN;
	if ((r = elf_base(e, &k->base)) ||
	    (r = find_layout(e, b, k, why, why_len)))
		return r;
	k->site_count = go_find_sites(e, k->sites);
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

/* Begin and end of each cycle. */
static bool expected_hits(const struct target *t, double *out)
{
	const struct state *s = t->state;

	*out = 2. * s->reading.numgc;
	return true;
}

/* ---- attach ---- */

/* The file's begin. On overlay and btrfs the device is not stat's, so the
 * same inode under the same path will do. */
static bool is_image(const struct mapping *m, void *arg)
{
	const struct target *t = arg;
	const char *exe = t->process->exe;

	if (m->offset != 0 || m->inode != t->binary->inode)
		return false;
	return m->device == t->binary->device ||
	       (exe[0] && strncmp(m->path, exe, strlen(exe)) == 0);
}

static int find_bias(struct target *t, const struct knowledge *k, uint64_t *out)
{
	uint64_t start;
	int r;

	*out = 0;
	if (!k->moves)
		return 0;
	r = maps_find(t->process->pid, is_image, t, &start);
	if (r == -ENOENT) {
		/* Within exec the new image is not mapped yet. */
		target_explain(t, "its executable is not in its memory map");
		return -EAGAIN;
	}
	if (r)
		target_explain(t, "its memory map cannot be read: %s",
			       strerror(-r));
	else
		*out = start - k->base;
	return r;
}

/* One reading that makes sense, before any number is shown. */
static int check_reading(struct target *t, struct state *s)
{
	const char *why;
	int r = go_read(t->mem_fd, &s->known->layout, s->bias, &s->reading);

	if (r == 0) {
		r = go_check(&s->reading, &why);
		if (r == -EINVAL)
			target_explain(t, "its memory does not read like %s: "
				       "%s", t->binary->version, why);
	} else if (r != -EAGAIN) {
		target_explain(t, "its memory cannot be read: %s",
			       strerror(-r));
	}
	return r == -EFAULT ? -EAGAIN : r; /* as in find_bias */
}

static int attach(struct target *t)
{
	own(freep) struct state *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->known = t->binary->knowledge;
	if ((r = find_bias(t, s->known, &s->bias)) ||
	    (r = check_reading(t, s)))
		return r;
	if (s->known->layout.offset[GO_CYCLE_SIZES] != GO_ABSENT)
		t->peek = s->known->layout.vaddr[GO_WORK] + s->bias +
			  s->known->layout.offset[GO_CYCLE_SIZES];
	target_set_attribute(t, "source",
			     s->known->from_table ? "version table" : "dwarf");
	s->behind = s->behind_before = s->reading.numgc;
	t->state = take(s);
	return 0;
}

static void detach(struct target *t)
{
	free(take(t->state));
}

/* ---- events ---- */

/* What the last cycle left is known, or will not be: NAN. */
static void tell_cycle(struct target *t, struct state *s, double after_bytes)
{
	if (!s->end_ns)
		return;
	s->cycle.after_bytes = after_bytes;
	target_collection(t, &s->cycle, s->begin_ns, s->end_ns);
	s->end_ns = 0;
}

static void end_cycle(struct target *t, struct state *s,
		      const struct event_go_gc *e)
{
	bool read = e->before_bytes > 0;

	/* Here the runtime still has what the cycle before left. */
	tell_cycle(t, s, read ? (double)e->left_bytes : NAN);
	s->cycle = (struct collection){
		.kind = "cycle",
		.collector = "Go",
		.before_bytes = read ? (double)e->before_bytes : NAN,
	};
	s->begin_ns = s->start_ns;
	s->end_ns = (int64_t)e->header.time_ns;
	s->waited = false;
}

/*
 * At a tick the reading has what the newest cycle left. Is that the one we
 * wait for? If one more ended meanwhile, its record will tell.
 */
static void settle_cycle(struct target *t, struct state *s)
{
	uint64_t behind = s->reading.numgc - s->ends;
	bool agrees = behind == s->behind;

	if (agrees || s->waited)
		tell_cycle(t, s, agrees ? (double)s->reading.heap_marked : NAN);
	s->waited = s->end_ns != 0;
	/* For good, and not because a record is on its way: a lost one. */
	if (behind == s->behind_before)
		s->behind = behind;
	s->behind_before = behind;
}

/*
 * gcStart may return without starting a cycle, so the last candidate before
 * an end counts. An end without one: its cycle began before the probes were
 * there, or its function came by the probe again after growing its stack.
 */
static void on_event(struct target *t, const struct event_header *e)
{
	struct state *s = t->state;
	int64_t ns = (int64_t)e->time_ns;

	if (e->type == EVENT_TYPE_GO_GC_START) {
		s->start_ns = ns;
	} else if (e->type == EVENT_TYPE_GO_GC_END && s->start_ns) {
		s->cycle_last_ns = ns - s->start_ns;
		s->cycle_total_ns += s->cycle_last_ns;
		s->cycles++;
		s->ends++;
		end_cycle(t, s, (const struct event_go_gc *)e);
		s->start_ns = 0;
	}
}

/* ---- ticks ---- */

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

static void put_heap(struct target *t, struct now now,
		     const struct go_reading *r)
{
	bool limited = r->memory_limit != INT64_MAX;
	double live = r->numgc ? (double)r->heap_marked : NAN;
	struct heap_reading h = {
		.used_bytes = (double)go_used(r),
		.limit_bytes = limited ? (double)r->memory_limit : NAN,
		.limit_kind = BOUND_RUNTIME_GO,
		/* Every cycle of Go looks at the whole heap. */
		.live_bytes = live,
		.live_gap = GAP_NOT_YET,
		.after_gc_bytes = live,
		.after_gc_gap = GAP_NOT_YET,
		.free_regions = NAN,
		.total_regions = NAN,
		.pages_in_use = (double)r->pages_in_use,
	};

	heap_put(t, now, &h);
}

static void put_sizes(struct target *t, const struct state *s,
		      const struct go_reading *r)
{
	uint64_t goal = go_heap_goal(r, s->known->minor);

	/* GOGC=off without a limit: a number near the largest, no goal. */
	if (r->memory_limit == INT64_MAX &&
	    r->gc_percent_heap_goal == UINT64_MAX)
		target_miss(t, COL_HEAP_GOAL_BYTES, GAP_UNLIMITED);
	else
		target_put(t, COL_HEAP_GOAL_BYTES, (double)goal);
	target_put(t, COL_HEAP_IN_USE_BYTES, (double)r->heap_in_use);
	target_put(t, COL_HEAP_IDLE_BYTES,
		   (double)(r->heap_free + r->heap_released));
	target_put(t, COL_HEAP_RELEASED_BYTES, (double)r->heap_released);
	target_put(t, COL_HEAP_ALLOCATED_BYTES_TOTAL, (double)r->total_alloc);
	target_put(t, COL_HEAP_SLOT_WASTE_RATIO,
		   sli_slot_waste((double)go_used(r), (double)r->heap_in_use));
	if (r->objects_known) {
		target_put(t, COL_HEAP_OBJECTS, (double)r->objects);
		target_put(t, COL_HEAP_ALLOCATED_OBJECTS_TOTAL,
			   (double)r->mallocs);
	} else {
		target_miss(t, COL_HEAP_OBJECTS, GAP_IMPLAUSIBLE);
		target_miss(t, COL_HEAP_ALLOCATED_OBJECTS_TOTAL,
			    GAP_IMPLAUSIBLE);
	}
}

static void put_collections(struct target *t, const struct go_reading *r)
{
	target_put(t, COL_GC_COLLECTIONS_CYCLE, r->numgc);
	target_put(t, COL_GC_COLLECTIONS_FORCED, r->numforcedgc);
	target_put(t, COL_GC_PAUSE_SECONDS_TOTAL,
		   seconds((int64_t)r->pause_total_ns));
	if (r->numgc)
		target_put(t, COL_GC_LAST_PAUSE_SECONDS,
			   seconds((int64_t)r->pause_ns[(r->numgc + 255) %
							GO_PAUSES]));
	else
		target_miss(t, COL_GC_LAST_PAUSE_SECONDS, GAP_NOT_YET);
	if (r->gc_cpu_ns >= 0)
		target_put(t, COL_GC_CPU_SECONDS_TOTAL, seconds(r->gc_cpu_ns));
	else
		target_miss(t, COL_GC_CPU_SECONDS_TOTAL, GAP_UNSUPPORTED);
	target_put(t, COL_GC_CPU_RATIO, r->gc_cpu_fraction);
}

/* After the wall clock jumped, the ends in the ring are of another time. */
static void watch_clock(struct state *s, struct now now)
{
	int64_t offset_ms = now.wall_ms - now.boot_ns / 1000000;
	int64_t step_ms = offset_ms - s->clock_offset_ms;

	if (s->clock_offset_ms &&
	    (step_ms > CLOCK_STEP_MS || step_ms < -CLOCK_STEP_MS))
		s->ring_from_ns = now.boot_ns + SLI_WINDOW_NS;
	s->clock_offset_ms = offset_ms;
}

static bool ring_is_good(const struct state *s, struct now now)
{
	const struct go_reading *r = &s->reading;
	uint64_t newest = r->pause_end[(r->numgc + 255) % GO_PAUSES];

	return now.boot_ns >= s->ring_from_ns &&
	       (r->numgc == 0 ||
		newest < (uint64_t)now.wall_ms * 1000000 + AHEAD_NS);
}

/*
 * The ring of ends tells at first sight; more than 256 cycles a minute, or a
 * clock that jumped, and our own marks must do.
 */
static void put_pressure(struct target *t, struct state *s, struct now now)
{
	uint64_t count;
	bool complete;

	watch_clock(s, now);
	pressure_add(&s->pressure, now.boot_ns, s->reading.numgc);
	if (ring_is_good(s, now)) {
		count = go_recent_cycles(&s->reading,
					 (uint64_t)now.wall_ms * 1000000,
					 SLI_WINDOW_NS, &complete);
		if (complete) {
			target_put(t, COL_GC_PRESSURE, (double)count);
			return;
		}
	}
	if (pressure_count(&s->pressure, now.boot_ns,
			   process_start_boot_ns(t->process), &count))
		target_put(t, COL_GC_PRESSURE, (double)count);
	else
		target_miss(t, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
}

static void put_cycles(struct target *t, const struct state *s)
{
	enum gap why = s->known->site_count ? t->probe_gap : GAP_UNSUPPORTED;

	if (why) {
		target_miss(t, COL_GC_CYCLE_SECONDS_TOTAL, why);
		target_miss(t, COL_GC_LAST_CYCLE_SECONDS, why);
		return;
	}
	target_put(t, COL_GC_CYCLE_SECONDS_TOTAL, seconds(s->cycle_total_ns));
	if (s->cycles)
		target_put(t, COL_GC_LAST_CYCLE_SECONDS,
			   seconds(s->cycle_last_ns));
	else
		target_miss(t, COL_GC_LAST_CYCLE_SECONDS, GAP_NOT_YET);
}

/* What was read contradicts itself: no number of it is shown. */
static void miss_all(struct target *t)
{
	for (int i = 0; i < COL_COUNT; i++) {
		if (column_runtimes((enum column)i) == RUNTIME_ANY)
			continue; /* the kernel's word, not the runtime's */
		if (column_runtimes((enum column)i) & RUNTIME_GO)
			target_miss(t, (enum column)i, GAP_IMPLAUSIBLE);
	}
}

static int on_tick(struct target *t, struct now now)
{
	struct state *s = t->state;
	const struct go_reading *reading = &s->reading;
	const char *why;
	int r = go_read(t->mem_fd, &s->known->layout, s->bias, &s->reading);

	if (r)
		return r;
	if (go_check(reading, &why) == -EINVAL) {
		miss_all(t);
		return 0;
	}
	settle_cycle(t, s);
	put_heap(t, now, reading);
	put_sizes(t, s, reading);
	put_collections(t, reading);
	put_pressure(t, s, now);
	put_cycles(t, s);
	if (reading->goroutines >= 1)
		target_put(t, COL_GOROUTINES, (double)reading->goroutines);
	else
		target_miss(t, COL_GOROUTINES, GAP_UNREADABLE);
	return 0;
}

const struct source source_go = {
	.name = "go",
	.runtime = RUNTIME_GO,
	.probes = 1u << PROBE_GO_GC_START | 1u << PROBE_GO_GC_END,
	.per_binary = true,
	.needs_memory = true,
	.match = match,
	.analyse = analyse,
	.forget = forget,
	.expected_hits = expected_hits,
	.probe_sites = probe_sites,
	.attach = attach,
	.on_event = on_event,
	.on_tick = on_tick,
	.detach = detach,
};
