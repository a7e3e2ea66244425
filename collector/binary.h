#pragma once
/*
 * binary.h - what is known of one executable file.
 *
 * Binaries, not processes, carry knowledge: layouts and probe sites are found
 * once per file, on the job thread, and shared by all its processes. The key
 * is device, inode, size and change time of the open file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/map.h"
#include "common/own.h"
#include "governor.h"

struct source;
struct link_set; /* probes.h */

enum binary_stage {
	BINARY_NEW,
	BINARY_QUEUED,   /* the job thread has it; hands off */
	BINARY_READY,    /* knowledge is there */
	BINARY_FAILED,   /* why tells; not tried again for this file */
};

struct binary {
	unsigned references;
	char key[96];
	int exe_fd; /* owned; the file itself */
	dev_t device;
	ino_t inode;
	int64_t size;
	int64_t change_ns;
	char build_id[48]; /* GNU build id as hex, or Go's if there is none */
	char version[64];  /* runtime's, "go1.26.8"; "" if not told by file */

	const struct source *source; /* who analysed or claimed it, or NULL */
	unsigned refused;            /* bit i: sources[i], per binary, said no */
	enum binary_stage stage;
	void *knowledge; /* owned; the source's; freed by source->forget */
	char why[160];   /* why the stage is BINARY_FAILED */

	struct link_set *links; /* owned; probes of all its processes, or NULL */
	struct governor governor; /* decides on them */
	struct probe_load {
		double share;       /* of a CPU, in all processes */
		double worst_share; /* in the process that pays most */
		double worst_hits;  /* a second, there */
		uint32_t worst;     /* its entity; 0: not a watched one */
		uint64_t strangers; /* hits of processes not watched, so far */
	} load; /* of the last window; before attaching what to expect */
};

/* All binaries in use; collector thread only. */
struct binaries {
	struct map by_key; /* of struct binary */
};

/*
 * The binary of a file, made if new; one reference is the caller's. Takes
 * the fd. -errno of fstat, or -ENOMEM.
 */
int binaries_get(struct binaries *all, struct binary **out, int exe_fd);
void binaries_unref(struct binaries *all, struct binary *b);
void binaries_fini(struct binaries *all);
