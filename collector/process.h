#pragma once
/*
 * process.h - who a process is, as /proc tells when it is first seen.
 *
 * Read once; what changes (memory, fds) is collector/system's business.
 */
#include <stdbool.h>
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
 * Fill from /proc/PID. -ESRCH: gone; kernel threads are -ENOEXEC. -EACCES:
 * exe cannot be seen; then *out is set all the same, with exe "", and the
 * caller owns it. -EPERM: nothing may be seen, *out is untouched.
 */
int process_read(struct process **out, pid_t pid);
void process_free(struct process *p);
OWN_DEFINE(struct process *, process_free)

/* Is this still the same start of this pid? False when gone or reused. */
int process_start_ticks(pid_t pid, uint64_t *out);

/* ---- parsing, for system/ and for tests ---- */

struct process_stat {
	char comm[16];
	uint64_t start_ticks;
	bool kernel_thread, zombie;
};

/* /proc/PID/stat; -EBADMSG when it is not one. */
int process_parse_stat(struct process_stat *out, const char *text);

/* uid and ns_pid from /proc/PID/status; p->pid is set. */
void process_parse_status(struct process *p, const char *text);

/* All three give a new string, owned by the caller, or NULL without memory.
 * The first takes the text of /proc/PID/cgroup, the others its answer. */
char *process_cgroup_path(const char *text);
char *process_unit(const char *cgroup);
char *process_container(const char *cgroup);

/* When it started, CLOCK_BOOTTIME, to the tick of 10 ms. */
int64_t process_start_boot_ns(const struct process *p);
