#pragma once
/*
 * perfdata.h - where the counters of one JVM come from: its file
 * /tmp/hsperfdata_USER/PID, or its memory when it shares none.
 *
 * The block is copied by one read a tick, never mapped: a file that shrinks
 * under a mapping would kill us by SIGBUS, and 32 KiB copied cost some
 * microseconds. Collector thread only.
 */
#include <stdint.h>

#include "collector/process.h"
#include "common/own.h"

struct perfdata {
	int fd;           /* owned; the file, or -1 */
	int mem_fd;       /* borrowed; read at address when there is no file */
	uint64_t address; /* of the block in the process */
	uint8_t *block;   /* owned; the newest copy */
	size_t len, cap;  /* of it, bytes */
};

/*
 * Open the file as the process sees it: the directory of its user, else any
 * hsperfdata_* of its /tmp (a container may name the user otherwise), as
 * long as file and process have the same owner. -ENOENT: there is none (yet).
 */
int perfdata_open_file(struct perfdata *out, const struct process *p);

/* From memory: len bytes at an address. Borrows mem_fd. */
int perfdata_open_memory(struct perfdata *out, int mem_fd, uint64_t address,
			 uint64_t len);
void perfdata_close(struct perfdata *d);

/* Copy the block anew. -ESRCH: the process is gone; -EBADMSG: too short. */
int perfdata_read(struct perfdata *d);
