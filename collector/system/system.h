#pragma once
/*
 * system.h - what the kernel tells of a process and of the machine, runtime
 * or not: memory, threads, descriptors, control group, pressure.
 */
#include "collector/target.h"

/* Which control groups exist here and where; found once at start. */
struct cgroup_tree {
	char root[256];        /* "/sys/fs/cgroup", or a recorded tree */
	char memory_dir[288];  /* where memory.* files are; "" if none */
	int version;           /* of the memory controller: 1, 2, 0 for none */
};

void cgroup_tree_find(struct cgroup_tree *out, const char *root);

/* Memory of one group. Absent values are -1. */
struct cgroup_memory {
	int64_t used_bytes;
	int64_t limit_bytes;       /* least of the group and its ancestors */
	int64_t reclaimable_bytes; /* file pages on the inactive list */
	int64_t max_events, oom_events, oom_kill_events;
};

/*
 * path is the group's, as /proc/PID/cgroup tells. 0, or -errno when not one
 * file of the group could be read.
 */
int cgroup_memory_read(struct cgroup_memory *out,
		       const struct cgroup_tree *tree, const char *path);

/*
 * Put THREADS, RESIDENT_*, SWAP, VIRTUAL, OPEN_FDS_*, MAX_FDS, CPU_SECONDS,
 * START_TIME, CGROUP_* of the target, and fill t->bounds but for the
 * runtime's own. Kinds of descriptors are counted at most every 10 s. -ESRCH:
 * the process is gone.
 */
int system_read_target(struct target *t, const struct cgroup_tree *tree,
		       struct now now);

/*
 * Put all columns of the machine into the batch under that entity. A column
 * that this kernel does not tell is told as a gap once, in the first batch.
 */
void system_read_machine(struct batch *b, uint32_t entity);

/* RAM in bytes. */
uint64_t system_ram_bytes(void);

/* ---- parsing, for tests ---- */

/* Least of RLIMIT_AS and RLIMIT_DATA (soft), from the text of
 * /proc/PID/limits; 0: neither is set. */
uint64_t system_least_rlimit(const char *limits);

/* total= of the line of /proc/pressure/X that begins with "some " or "full ";
 * NAN without that line. */
double system_pressure_seconds(const char *text, const char *line);
