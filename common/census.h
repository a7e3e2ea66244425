#pragma once
/*
 * census.h - what is watched now, what is not, and why.
 *
 * An immutable snapshot that the collector publishes every tick. Readers
 * (status, targets, top) take a reference, read it without a lock, and drop
 * it. A census never changes after it was published.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "clock.h"
#include "column.h"
#include "entity.h"
#include "gap.h"
#include "maintenance.h"
#include "state.h"
#include "threshold.h"

/* One probe, or one set of probes that share a link, in one target. */
struct census_probe {
	const char *name;  /* static: "gcStart", "gcMarkTermination" */
	const char *state; /* static: "attached", "backing_off", "refused", ... */
	int64_t since_boot_ns; /* in this state */
	int64_t until_boot_ns; /* when it is tried again; 0: no such time */
	char why[160];     /* "" while attached */
	uint64_t hits;
	double cost_ns;    /* calibrated cost of one hit; 0: not calibrated */
	double hits_per_s; /* in the last window */
};

struct census_gap {
	uint16_t column; /* enum column */
	uint8_t reason;  /* enum gap */
};

/* A process of a runtime we know, watched or not. */
struct census_target {
	struct entity entity;
	bool watched;
	char *reason; /* owned; why it is not watched, or NULL */
	double heap_max_bytes;     /* the tightest bound; NAN: not known */
	enum process_state state;
	int64_t state_since_boot_ns;
	char *state_reason; /* owned; in words */
	struct threshold limits[THRESHOLD_METRICS]; /* of its service only */
	size_t limit_count;
	bool silenced;      /* by planned maintenance */
	char *silence_reason; /* owned; NULL: not silenced */
	int64_t silenced_until_ms;
	int64_t last_read_boot_ns; /* 0: never */
	int64_t read_cpu_ns; /* our CPU time spent on it since it was found */
	uint64_t reads, failed_reads;
	struct census_probe *probes; /* owned */
	size_t probe_count;
	struct census_gap *gaps; /* owned; metrics it should have but has not */
	size_t gap_count;
};

/* Something heapwatch could do with a right that it lacks. */
struct census_lack {
	const char *what;   /* static: "exact begin and end of collections" */
	const char *needs;  /* static: "CAP_BPF and CAP_PERFMON" */
	char reason[128];   /* what was refused, in words */
};

/* What probes may cost and do; shares are of one CPU. */
struct census_governor {
	double target_budget, total_budget;
	double share; /* of all probes in all processes, in the last window */
	double emulated_ns, stepped_ns; /* of one hit; 0: not calibrated */
	unsigned attached, backing_off, refused; /* binaries */
};

struct census {
	atomic_uint references;
	struct now now;
	struct entity machine;
	struct census_target *targets; /* owned */
	size_t target_count;
	struct census_lack *lacks; /* owned */
	size_t lack_count;
	struct threshold *thresholds; /* owned; the general ones */
	size_t threshold_count;
	struct windows windows; /* of maintenance; without patterns */
	uint64_t scans;       /* rounds over /proc */
	uint64_t processes;   /* seen in the last round, any runtime */
	uint64_t ring_events; /* records taken from the ring buffer */
	uint64_t ring_lost;   /* records lost because it was full */
	uint64_t ticks, late_ticks;
	int64_t tick_ns;      /* duration of the last tick */
	struct census_governor governor;
	bool exec_events;     /* exec and exit come by eBPF, not by rescan */
};

/* An empty one with one reference. */
int census_new(struct census **out, struct now now);

/* Drop a reference; the last one frees it. NULL is nothing. */
void census_unref(struct census *c);
OWN_DEFINE(struct census *, census_unref)

/* The pointer that collector and readers share. */
struct census_board;

int census_board_new(struct census_board **out);
void census_board_free(struct census_board *b);
OWN_DEFINE(struct census_board *, census_board_free)

/* Takes the census (its one reference). Collector thread. */
void census_publish(struct census_board *b, struct census *c);

/* The newest one with a reference of its own, or NULL before the first; any
 * thread. */
struct census *census_get(struct census_board *b);
