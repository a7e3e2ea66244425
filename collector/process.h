#pragma once
/*
 * process.h - who a process is, as /proc tells when it is first seen.
 *
 * Read once; what changes (memory, fds) is collector/system's business.
 */
#include <stdint.h>
#include <sys/types.h>

#include "common/own.h"

struct process {
	pid_t pid;
	uint64_t start_ticks;  /* field 22 of stat; with pid it is identity */
	int64_t start_wall_ms; /* Unix milliseconds */
	uid_t uid;             /* real user */
	pid_t ns_pid;          /* pid inside its own pid namespace (NSpid) */
	char comm[16];
	char *user;            /* owned; name, or the number as text */
	char *exe;             /* owned; link text of exe without " (deleted)" */
	char *cmdline;         /* owned; arguments separated by one space */
	char *cgroup;          /* owned; memory controller's path, "/" if none */
	char *unit;            /* owned; systemd unit, "" if none */
	char *container;       /* owned; container id, "" if none */
};

/*
 * Fill from /proc/PID. -ESRCH: gone; -EACCES: exe cannot be seen (then all
 * else is filled and exe is ""); kernel threads are -ENOEXEC.
 */
int process_read(struct process **out, pid_t pid);
void process_free(struct process *p);
OWN_DEFINE(struct process *, process_free)

/* Is this still the same start of this pid? False when gone or reused. */
int process_start_ticks(pid_t pid, uint64_t *out);
