#pragma once
/*
 * reading.h - from the counters and the structures of one JVM to numbers by
 * column. Pure: no I/O, no clock, so recorded blocks can prove it.
 *
 * Which source tells what:
 * - used: MemoryMXBean's value, from the heap's own structures. Without the
 *   right to read them the counters, where those follow: G1's from the first
 *   collection on (old's is not set before), Serial's and Parallel's while the
 *   JVM samples them every 50 ms (until JDK 24), Shenandoah's, which it
 *   refreshes itself. Z's counters and those of Serial and Parallel from 25 on
 *   are as of the last collection: used is absent (not_permitted).
 * - max: MemoryMXBean's. Serial: eden + one survivor + old. Parallel: reserved
 *   minus the largest survivor space, at least what is committed. G1, Z,
 *   Shenandoah: -Xmx.
 * - after a collection: what its probes told at its very end. Without probes
 *   survivors + old, as the first tick after it finds them (eden is empty
 *   then; in between only large objects go to old directly), and only for
 *   Serial, Parallel and G1. Live only if it looked at the whole heap.
 * - collections: the counters; where those count pauses or phases (Z with
 *   generations, Shenandoah) the probes, since they were attached.
 */
#include "collectors.h"
#include "gc_events.h"
#include "collector/heap.h"
#include "common/column.h"

/* What is remembered from tick to tick. */
struct jvm_memory {
	double last_exit;  /* ticks, of the newest young or full; NAN: no tick
			    * has passed */
	double full_count;
	double after_gc_bytes, live_bytes; /* NAN: none */
	enum gap live_gap;
};

struct jvm_input {
	const struct jvm_collector *collector;
	const struct hsperf *index;
	const void *block;
	size_t len;
	const struct vm_heap *memory; /* NULL: not read */
	enum gap memory_gap;          /* why not */
	const struct gc_events *events; /* NULL: no probes */
	enum gap events_gap;            /* why not */
};

struct jvm_reading {
	struct heap_reading heap;
	double value[COL_COUNT]; /* NAN: absent, and gap tells why */
	uint8_t gap[COL_COUNT];  /* enum gap */
};

void jvm_memory_init(struct jvm_memory *m);

/* Fill it from one tick's input. */
void jvm_reading_fill(struct jvm_reading *out, struct jvm_memory *m,
		      const struct jvm_input *in);

/* The columns that jvm_reading_fill answers; those of struct heap_reading
 * are heap_put's. */
extern const enum column jvm_columns[];
extern const size_t jvm_column_count;
