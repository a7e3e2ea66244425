#pragma once
/*
 * vmheap.h - live numbers of a JVM's heap from its own structures.
 *
 * What the published counters do not tell, or only as of the last
 * collection: used bytes now, and how many regions are free. Read through
 * the layout of vmstructs.h while the program runs, so one reading is no
 * atomic snapshot; what cannot be (a top above its end, more free regions
 * than regions) is -EBADMSG and no number.
 */
#include "vmstructs.h"

enum jvm_gc {
	JVM_SERIAL,
	JVM_PARALLEL,
	JVM_G1,
	JVM_Z,            /* without generations */
	JVM_Z_GENERATIONAL,
	JVM_SHENANDOAH,
	JVM_GC_COUNT
};

/* One space; bytes. NAN where this JVM does not tell. */
struct vm_space {
	double used, committed;
};

struct vm_heap {
	struct vm_space heap;            /* as MemoryMXBean tells it */
	struct vm_space eden, from, old; /* Serial, Parallel, G1 */
	double free_regions, total_regions; /* G1 and Shenandoah */
	double cycles; /* Z without generations: collections begun */
};

/* Most regions that are looked at; HotSpot aims at 2048. */
#define VM_REGIONS_MAX 65536

/*
 * Read it. -ESRCH: gone; -EBADMSG: implausible (a collection was moving
 * things, or this is not what we think it is); -ENOENT: this JVM does not
 * tell where. G1: 0.1 ms for 1000 regions.
 */
int vmheap_read(struct vm_heap *out, const struct vm_layout *l, int mem_fd,
		enum jvm_gc gc);
