#pragma once
/*
 * maps.h - what files a process has mapped, from /proc/PID/maps.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One line; path is valid only during the call it is given to. */
struct mapping {
	uint64_t start, offset, inode;
	dev_t device;
	const char *path; /* as the process sees it; "" for none */
};

/*
 * The start of the first mapping that wanted() accepts. -ENOENT: none among
 * the first 65536 lines; -EACCES: may not be read; -ESRCH: gone.
 */
int maps_find(pid_t pid, bool (*wanted)(const struct mapping *m, void *arg),
	      void *arg, uint64_t *start);
