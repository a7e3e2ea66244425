#pragma once
/*
 * vmstructs.h - what a HotSpot JVM tells of its own structures.
 *
 * Each libjvm.so exports tables for debuggers (gHotSpotVMStructs,
 * gHotSpotVMIntConstants): type and field names, offsets, addresses of static
 * fields; layout: HotSpot, runtime/vmStructs.hpp. They are found through the
 * dynamic symbols of the mapped library, all by reading /proc/PID/mem: no
 * file of a container is opened, no debug symbols are needed, nothing stops.
 *
 * Everything read is the memory of another process and racy: each pointer,
 * length and string is checked, each loop bounded. Some milliseconds, once a
 * process.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The fields we want; names in vmstructs.c. */
enum vm_field {
	VM_HEAP,              /* static: the one CollectedHeap */
	VM_TOTAL_COLLECTIONS,
	VM_PERF_START,        /* static: the block of hsperf.h */
	VM_PERF_CAPACITY,     /* static */
	VM_PERF_INITIALIZED,  /* static */
	/* G1 */
	VM_G1_MANAGER,
	VM_G1_REGIONS,
	VM_G1_TABLE_BASE,
	VM_G1_TABLE_LENGTH,
	VM_G1_REGION_TYPE,
	VM_G1_TYPE_TAG,
	VM_G1_MONITOR,        /* what its memory pools are made of */
	VM_G1_EDEN_USED,
	VM_G1_EDEN_COMMITTED,
	VM_G1_SURVIVOR_USED,
	VM_G1_SURVIVOR_COMMITTED,
	VM_G1_OLD_USED,
	VM_G1_OLD_COMMITTED,
	/* Serial */
	VM_SERIAL_YOUNG,
	VM_SERIAL_OLD,
	VM_SERIAL_EDEN,
	VM_SERIAL_FROM,
	VM_SERIAL_OLD_SPACE,
	VM_SPACE_BOTTOM,
	VM_SPACE_TOP,
	VM_SPACE_END,
	/* Parallel */
	VM_PARALLEL_YOUNG,    /* static */
	VM_PARALLEL_OLD,      /* static */
	VM_PARALLEL_EDEN,
	VM_PARALLEL_FROM,
	VM_PARALLEL_OLD_SPACE,
	VM_MUTABLE_BOTTOM,
	VM_MUTABLE_TOP,
	VM_MUTABLE_END,
	/* Z; X is what JDK 21 to 23 call the one without generations */
	VM_Z_HEAP,
	VM_Z_ALLOCATOR,
	VM_Z_USED,
	VM_Z_CAPACITY,
	VM_Z_PHYSICAL,
	VM_Z_PHYSICAL_CAPACITY,
	VM_Z_PARTITIONS,
	VM_Z_PARTITION_ADDRESS,
	VM_Z_PARTITION_USED,
	VM_Z_PARTITION_CAPACITY,
	VM_Z_NODES,           /* static: NUMA nodes */
	VM_X_HEAP,
	VM_X_ALLOCATOR,
	VM_X_USED,
	VM_X_CAPACITY,
	/* Shenandoah */
	VM_SHENANDOAH_USED,
	VM_SHENANDOAH_COMMITTED,
	VM_SHENANDOAH_REGION_COUNT,
	VM_SHENANDOAH_REGIONS,
	VM_SHENANDOAH_STATE,
	VM_SHENANDOAH_GLOBAL,
	VM_SHENANDOAH_GENERATION_USED,
	VM_FIELD_COUNT
};

struct vm_layout {
	struct {
		uint64_t at;  /* offset in its object; address if static */
		bool known;
		bool pointer; /* the field's type is a pointer */
	} field[VM_FIELD_COUNT];
	int32_t g1_free_tag;
	bool g1_free_tag_known;
};

/*
 * Where libjvm.so is mapped in a process, from /proc/PID/maps. -ENOENT: it
 * is not (yet); reads at most 8 MiB of text.
 */
int vmstructs_find_library(pid_t pid, uint64_t *out);

/*
 * That file itself, read only, as the process sees it. -ESTALE: another file
 * lies there now, as after an upgrade.
 */
int vmstructs_open_library(pid_t pid);

/*
 * Read the tables. mem_fd is an open /proc/PID/mem. -ENOENT: not a JVM's
 * library, or without the tables; -EBADMSG: they contradict themselves.
 */
int vmstructs_read(struct vm_layout *out, int mem_fd, uint64_t library);

/* A size_t or pointer field of the object at an address. -ENOENT: this JVM
 * has no such field. For a static one the address does not matter. */
int vm_read_word(const struct vm_layout *l, int mem_fd, uint64_t object,
		 enum vm_field f, uint64_t *out);
