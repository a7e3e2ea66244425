#pragma once
/*
 * target.h - one watched process: its entity, its reader, its last numbers.
 *
 * Owned by the collector thread alone. A source reads the process and says
 * target_put() or target_miss() for each of its columns, every tick; the
 * target turns changes of reason into gaps of the batch.
 */
#include "bpf/events.h"
#include "common/batch.h"
#include "common/census.h"
#include "common/sli.h"

#include "binary.h"
#include "process.h"
#include "state.h"
#include "system/state.h"

struct source;

enum target_stage {
	TARGET_WAITING,  /* for the analysis of its binary */
	TARGET_WATCHED,
	TARGET_REFUSED,  /* cannot be watched; why tells; may be tried again */
};

/* What the heap formulas need that is remembered from tick to tick. */
struct heap_memory {
	double floor_bytes[30]; /* lowest after-collection value, per minute */
	int64_t floor_minute[30];
};

struct target {
	struct entity entity;
	struct process *process; /* owned */
	struct binary *binary;   /* one reference is ours */
	struct binary *library;  /* so; of sources that probe a library */
	const struct source *source;
	void *state;             /* owned; the source's */
	int mem_fd;              /* /proc/PID/mem; -errno: none */
	int pid_fd;              /* readable once it exited; -1: none */

	enum target_stage stage;
	char why[160];           /* in words, while not watched */
	int64_t retry_boot_ns;   /* when a refused one is tried again */
	int64_t found_boot_ns;

	struct bounds bounds;    /* filled by collector/system each tick */
	enum bound bound;        /* the tightest, as last told */
	struct heap_memory heap;

	int64_t last_read_boot_ns;
	int64_t read_cpu_ns;
	uint64_t reads, failed_reads;

	uint64_t peek;           /* for struct watched; the source's attach */

	/* links.c: */
	enum gap probe_gap;       /* why probes tell nothing; GAP_NONE: they do */
	bool unheard;             /* there was no room for it among them */
	int64_t probe_since_ns;   /* since when they do; 0: they do not */
	uint64_t probe_hits[PROBE_COUNT];
	double probe_rate[PROBE_COUNT]; /* hits a second, of the last window */
	double probe_share;       /* of one CPU, that they cost it */
	double probe_ns;          /* CPU time that they cost it so far */
	double expected_hits;     /* by the runtime's own counters, so far; NAN:
				   * they do not tell */
	double expected_rate;     /* a second; NAN: one more reading to go */
	int64_t measured_ns;      /* when; 0: never */

	struct target_state grade; /* state.c's */
	int64_t collections_ns;  /* target_collection()'s pace; boot time */
	uint64_t collections_left_out; /* since the last that was kept */
	bool excluded;       /* refused by a rule of watch */
	bool left_open;      /* by the last run; nothing of this one is stored */
	bool oom_killed;
	bool exit_known;
	int exit_code;       /* as waitpid() tells it; if exit_known */

	struct system_state system; /* collector/system's */
	uint8_t gaps[COL_COUNT]; /* enum gap now */
	bool told[COL_COUNT];    /* put or missed in this tick */
	double last[COL_COUNT];  /* value of the last put; valid if no gap */
	bool attributes_changed; /* tell the store in this tick */
	struct batch *batch;     /* the tick's, while a source reads */
};

/* Its label; "" where it has none. */
const char *target_service(const struct target *t);

/* A number; a value that is not finite becomes GAP_IMPLAUSIBLE. */
void target_put(struct target *t, enum column c, double value);

/* No number, and why. */
void target_miss(struct target *t, enum column c, enum gap why);

/*
 * A collection that began and ended at these boot times (begin 0: not seen)
 * becomes an event, unless there are too many: of one process 2 a second and
 * some at once, of all TARGET_COLLECTIONS_MAX a tick. How many were left out
 * the next one tells. Within on_event and on_tick.
 */
#define TARGET_COLLECTIONS_MAX 32
struct collection;
void target_collection(struct target *t, struct collection *what,
		       int64_t begin_ns, int64_t end_ns);

/* Set an attribute (version, build_id, ...); told to the store on change. */
void target_set_attribute(struct target *t, const char *name,
			  const char *value);

/* Words for people: why it cannot be watched. */
void target_explain(struct target *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
