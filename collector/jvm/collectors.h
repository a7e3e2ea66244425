#pragma once
/*
 * collectors.h - what each garbage collector calls its counters.
 *
 * HotSpot's collectors share the counter names but not their meaning: N of
 * sun.gc.collector.N is a kind of collection for one and a kind of pause for
 * the next. The table says which, and which metrics exist at all.
 *
 *            collections by kind            pauses by kind
 *   serial   young, old                     young, old
 *   parallel young, old                     young, old
 *   g1       young, old, concurrent (*)     young, old, concurrent
 *   z        cycle, from memory (**)        all together
 *   z, gen.  none: only pauses are counted  young, old
 *   shenand. none                           none: it counts phases
 *
 * (*) as its GarbageCollectorMXBean counts: each Remark and each Cleanup.
 * (**) System.gc() included; gc_pressure of Z and Shenandoah without
 * generations is cycles by the probes less those that the cause, read by the
 * probes too, says were asked for. Without probes it is absent.
 * Parallel until JDK 23 scavenges before a System.gc(); that scavenge is a
 * young collection like any other, for its MXBean as for us.
 */
#include "hsperf.h"
#include "vmheap.h"

#define NOT_TOLD (-1)

struct jvm_collector {
	enum jvm_gc gc;
	const char *name; /* the attribute gc */

	/* The counter that tells this collector from the rest, and its text. */
	enum hsperf_counter sign;
	const char *text;

	/* N of sun.gc.collector.N, or NOT_TOLD. */
	int young, old, concurrent;                   /* collections */
	int young_pauses, old_pauses, concurrent_pauses; /* their time */
	int all_pauses; /* where pauses are not told apart */

	bool has_eden;   /* eden, survivor and old, else one pool "heap" */
};

/* The collector of a JVM; NULL: one that we do not know. */
const struct jvm_collector *jvm_collector_find(const struct hsperf *h,
					       const void *block, size_t len);
