#pragma once
/*
 * gc_events.h - from the records of HotSpot's USDT probes to collections.
 *
 * Each collection tells the use of every heap pool as it begins and as it
 * ends, under the name of its memory manager, as the MXBeans do. Collections
 * are counted by manager: gc__begin fires for phases too. A collection is one
 * once all pools of the heap have told their end, so what the ring lost, or
 * what began before the probes were there, is never half a number.
 *
 * Which collections look at the whole heap (HotSpot 11 to 25):
 *
 *   Copy, PS Scavenge, G1 Young Generation           no (G1: mixed too)
 *   MarkSweepCompact, PS MarkSweep, G1 Old Generation  yes
 *   G1 Concurrent GC (20 and later)                  not told: eden and what
 *                                                    a later mixed one frees
 *                                                    is in it; only counted
 *   ZGC (11), ZGC Cycles, ZGC Major Cycles           yes
 *   ZGC Minor Cycles                                 no
 *   Shenandoah Cycles                                yes, unless generational
 *
 * What asked for a collection is its cause, which the JVM publishes while it
 * collects (sun.gc.cause); the program in the kernel reads it at each end.
 *
 * Pure: no I/O and no clock.
 */
#include "bpf/events.h"
#include "collectors.h"

enum gc_kind { GC_YOUNG, GC_OLD, GC_CONCURRENT, GC_CYCLE, GC_KINDS };

/* A name as the runtime tells it; its number is its place, from 1. */
struct gc_manager {
	const char *name;
	enum gc_kind kind;
	bool whole; /* it looked at the whole heap */
	bool tells; /* what is used at its end is what it left */
};

struct gc_pool {
	const char *name;
	enum jvm_gc gc; /* whose heap it is a part of */
	bool partial;   /* of a heap that its cycles look at in parts */
};

extern const struct gc_manager gc_managers[];
extern const size_t gc_manager_count;
extern const struct gc_pool gc_pools[];
extern const size_t gc_pool_count;

/* One collection, finished or under way, of one kind. */
struct gc_collection {
	const struct gc_manager *manager;
	int64_t begin_ns, end_ns; /* boot time; begin 0: not seen */
	double before_bytes, after_bytes; /* sums over the heap's pools;
					   * before NAN: not seen */
	uint32_t begun, ended;    /* bit i: gc_pools[i] has told */
	char cause[JVM_CAUSE_MAX]; /* "": not read */
};

struct gc_events {
	uint64_t counts[GC_KINDS];
	uint64_t asked_for[GC_KINDS];   /* of those: System.gc() and the like */
	uint64_t causeless[GC_KINDS];   /* of those: without a cause */
	struct gc_collection current[GC_KINDS]; /* under way */
	struct gc_collection last[GC_KINDS];    /* finished */
	double after_gc_bytes, live_bytes; /* NAN: none yet */
	int64_t total_ns, last_ns; /* time of all collections, of the newest */
};

void gc_events_init(struct gc_events *g);

/* One record of a JVM whose collector is gc, with the cause of an end. The
 * collection that it finished, which is g's, or NULL. */
const struct gc_collection *gc_events_add(struct gc_events *g, enum jvm_gc gc,
					  const struct event_jvm_pool *e,
					  const char *cause);

extern const char *const gc_kind_words[GC_KINDS];

/* Does the program stand still from begin to end? */
bool gc_is_pause(const struct gc_manager *m);
