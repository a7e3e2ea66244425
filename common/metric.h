#pragma once
/*
 * metric.h - every metric heapwatch knows, in one const table.
 *
 * Names are chosen here once; HELP texts, POST /metrics, docs/metrics.md and
 * the lint of the dashboards come from the table. A column (column.h) is a
 * metric with its fixed dimension.
 */
#include <stddef.h>

enum metric {
	/* the three SLIs and what they are made of */
	METRIC_HEAP_UTIL_RATE,
	METRIC_GC_PRESSURE,
	METRIC_FRAG_RATIO,
	METRIC_HEAP_LIVE_RATE,
	METRIC_HEAP_SLOT_WASTE_RATIO,
	METRIC_HEAP_USED_BYTES,
	METRIC_HEAP_MAX_BYTES,
	METRIC_HEAP_LIMIT_BYTES,
	METRIC_HEAP_LIVE_BYTES,
	METRIC_HEAP_AFTER_GC_BYTES,
	METRIC_HEAP_GOAL_BYTES,
	METRIC_HEAP_IN_USE_BYTES,
	METRIC_HEAP_IDLE_BYTES,
	METRIC_HEAP_RELEASED_BYTES,
	METRIC_HEAP_COMMITTED_BYTES,
	METRIC_HEAP_FREE_REGIONS,
	METRIC_HEAP_TOTAL_REGIONS,
	METRIC_HEAP_OBJECTS,
	METRIC_HEAP_ALLOCATED_BYTES_TOTAL,
	METRIC_HEAP_ALLOCATED_OBJECTS_TOTAL,
	METRIC_HEAP_POOL_USED_BYTES,
	METRIC_HEAP_POOL_COMMITTED_BYTES,
	METRIC_HEAP_POOL_MAX_BYTES,
	METRIC_GC_COLLECTIONS_TOTAL,
	METRIC_GC_PAUSE_SECONDS_TOTAL,
	METRIC_GC_LAST_PAUSE_SECONDS,
	METRIC_GC_CYCLE_SECONDS_TOTAL,
	METRIC_GC_LAST_CYCLE_SECONDS,
	METRIC_GC_CPU_SECONDS_TOTAL,
	METRIC_GC_CPU_RATIO,
	METRIC_GOROUTINES,
	METRIC_METASPACE_USED_BYTES,
	METRIC_CLASSES_LOADED,
	/* any process */
	METRIC_THREADS,
	METRIC_RESIDENT_BYTES,
	METRIC_RESIDENT_PART_BYTES,
	METRIC_SWAP_BYTES,
	METRIC_VIRTUAL_BYTES,
	METRIC_OPEN_FDS,
	METRIC_OPEN_FDS_BY_KIND,
	METRIC_MAX_FDS,
	METRIC_CPU_SECONDS_TOTAL,
	METRIC_START_TIME_SECONDS,
	METRIC_CGROUP_USED_BYTES,
	METRIC_CGROUP_LIMIT_BYTES,
	METRIC_CGROUP_RECLAIMABLE_BYTES,
	METRIC_CGROUP_EVENTS_TOTAL,
	/* the watching of it */
	METRIC_TARGET_UP,
	METRIC_TARGET_STATE,
	METRIC_TARGET_SILENCED,
	METRIC_TARGET_READ_AGE_SECONDS,
	METRIC_TARGET_READ_CPU_SECONDS_TOTAL,
	METRIC_TARGET_PROBE_HITS_TOTAL,
	METRIC_TARGET_PROBE_CPU_SECONDS_TOTAL,
	/* the machine */
	METRIC_MEMORY_TOTAL_BYTES,
	METRIC_MEMORY_AVAILABLE_BYTES,
	METRIC_MEMORY_SRECLAIMABLE_BYTES,
	METRIC_MEMORY_ANON_HUGE_BYTES,
	METRIC_PRESSURE_STALLED_SECONDS_TOTAL,
	METRIC_OOM_KILLS_TOTAL,
	/* heapwatch itself */
	METRIC_HEAPWATCH_UP,
	METRIC_HEAPWATCH_TARGETS,
	METRIC_HEAPWATCH_CPU_SECONDS_TOTAL,
	METRIC_HEAPWATCH_RESIDENT_BYTES,
	METRIC_HEAPWATCH_BATCHES_DROPPED_TOTAL,
	METRIC_HEAPWATCH_RING_LOST_TOTAL,
	METRIC_HEAPWATCH_TICK_SECONDS,
	METRIC_COUNT
};

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER };

/* How several values of one step become one, so that no breach is lost. */
enum fold { FOLD_LAST, FOLD_MAX, FOLD_MIN, FOLD_SUM };

/* For whom a metric exists; a bit set. */
enum metric_runtime {
	RUNTIME_GO = 1,
	RUNTIME_JVM = 2,
	RUNTIME_NATIVE = 4,
	RUNTIME_ANY = RUNTIME_GO | RUNTIME_JVM | RUNTIME_NATIVE,
	RUNTIME_MACHINE = 8,
};

struct metric_info {
	const char *name;
	const char *unit; /* Grafana's unit id: percentunit, bytes, s, short */
	enum metric_kind kind;
	enum fold fold;
	unsigned runtimes; /* enum metric_runtime */
	const char *help;  /* one sentence, no full stop */
};

/* The row of a metric; never NULL for a value of the enum. */
const struct metric_info *metric_info(enum metric m);

/* By name, exact; METRIC_COUNT when there is none. */
enum metric metric_find(const char *name);

/* "last", "max", "min", "sum"; "gauge", "counter". */
const char *fold_word(enum fold f);
const char *metric_kind_word(enum metric_kind k);
