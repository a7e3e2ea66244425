#pragma once
/*
 * source.h - a runtime we can watch: a name and its functions.
 *
 * Adding one is one file and one line in the table of collector/sources.c.
 * All functions run on the collector thread and never block, but analyse,
 * which runs on the job thread.
 */
#include "bpf/events.h"

#include "probes.h"
#include "target.h"

struct source {
	const char *name;  /* the label runtime: "go", "jvm" */
	unsigned runtime;  /* enum metric_runtime */
	bool per_binary;   /* match() answers the same for all its processes */
	bool needs_memory; /* nothing can be read without t->mem_fd */

	unsigned probes;   /* which it wants: bits, 1 << enum probe */

	/* Once, at start: tell the programs in the kernel what they need to
	 * know. NULL: nothing. */
	int (*prepare)(struct probes *p);

	/*
	 * Is this process ours? Cheap: some reads of /proc or of the file's
	 * headers. Fills binary->version and build_id where the file tells.
	 */
	bool (*match)(const struct process *p, struct binary *b);

	/*
	 * Learn the layout of one binary (the library, if open_library is
	 * there), once; bounded in time and memory.
	 * Sets *knowledge. On failure -errno and words in why. NULL: nothing
	 * to learn.
	 */
	int (*analyse)(struct binary *b, void **knowledge, char *why,
		       size_t why_len);
	void (*forget)(void *knowledge);

	/*
	 * The library that this process runs, where probes do not go into its
	 * executable: a descriptor or -errno. NULL: they do.
	 */
	int (*open_library)(const struct target *t);

	/* Hits of its probes since the process began, as its own counters let
	 * expect them; false: they do not tell. NULL: never. */
	bool (*expected_hits)(const struct target *t, double *out);

	/* Where probes go in this binary, borrowed from its knowledge; their
	 * number. NULL: this runtime needs none. Collector thread. */
	size_t (*probe_sites)(const struct binary *b,
			      const struct probe_site **out);

	/*
	 * Begin to watch one process. -EAGAIN: its runtime has not started
	 * yet, try again soon; another -errno: cannot be watched, after
	 * target_explain().
	 */
	int (*attach)(struct target *t);

	/* One record of the ring buffer that names this process. */
	void (*on_event)(struct target *t, const struct event_header *e);

	/*
	 * Once a second: read, then target_put() or target_miss() each column
	 * of this runtime. -ESRCH: gone; another -errno: a failed read, and
	 * the core marks the columns as unreadable.
	 */
	int (*on_tick)(struct target *t, struct now now);

	/* End; frees t->state. The process may be gone. */
	void (*detach)(struct target *t);
};

/* NULL-terminated; the first that matches wins. */
extern const struct source *const sources[];
extern const struct source source_go, source_jvm;
