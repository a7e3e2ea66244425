#pragma once
/*
 * priv.h - the only code that needs rights.
 *
 * Each call opens something that an ordinary user may be refused and returns
 * a file descriptor (or -errno), so that everything else can run with no
 * rights at all: a /proc/PID/mem opened here still reads after they are
 * dropped. Nothing here writes into a target, stops it, or follows a path
 * of a container outside its own root. All descriptors are close-on-exec.
 *
 * Callable from the collector and the job thread. -ESRCH: no such process.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_object;
struct bpf_program;

/*
 * Simulate the lack of rights or kernel features, for tests: a comma list of
 * btf, caps (no eBPF, and of no process what its owner may hide), bpf,
 * uprobe_multi, proc (nothing of any process). Replaces the last list; ""
 * gives all back. Before any thread runs. -EINVAL for another word.
 */
int priv_set_without(const char *list);

/*
 * May processes of other users be looked at? CAP_SYS_PTRACE in effect. Even
 * with it a security module or another user namespace can refuse some.
 */
bool priv_has_ptrace(void);

/*
 * /proc/PID/mem, read only. -EACCES: needs the same user, or CAP_SYS_PTRACE
 * and, since the file is its owner's alone, CAP_DAC_READ_SEARCH.
 */
int priv_open_mem(pid_t pid);

/* /proc/PID/exe: the executable itself, even deleted or in a container.
 * -EACCES: needs the same user or CAP_SYS_PTRACE. */
int priv_open_exe(pid_t pid);

/*
 * The text of the link /proc/PID/exe, NUL-terminated, cut at cap; its length.
 * For people and patterns: it is never opened. -EACCES as above; -ENOENT: a
 * kernel thread, or one that is on its way out.
 */
int priv_read_exe_link(pid_t pid, char *out, size_t cap);

/* /proc/PID/NAME, read only; NAME is one of status, maps, limits, ... */
int priv_open_proc(pid_t pid, const char *name);

/* The directory /proc/PID/NAME: fd, fdinfo and task can be listed, others
 * (root, cwd) are O_PATH. -EACCES: root as exe, fd as mem. */
int priv_open_proc_dir(pid_t pid, const char *name);

/*
 * A file as the process itself would see it: the path is resolved inside its
 * root (openat2 RESOLVE_IN_ROOT), so no link of a container leads outside.
 */
int priv_open_in_root(pid_t pid, const char *path);

/* A file below a cgroup root: root is given, so that tests bring a tree. */
int priv_open_cgroup(const char *root, const char *path, const char *file);

/* Does the kernel bring its BTF, which programs that read its structs need? */
bool priv_has_btf(void);

/* bpf_object__load with a clear error. -EPERM: CAP_BPF and CAP_PERFMON. */
int priv_bpf_load(struct bpf_object *object);

/* A raw tracepoint; no tracefs needed. Returns a link fd. */
int priv_attach_raw_tracepoint(int program_fd, const char *name);

/* Probes at file offsets of one executable in every process that runs it. */
struct uprobe_site {
	uint64_t file_offset;
	uint64_t cookie; /* bpf_get_attach_cookie() in the program */
};

/*
 * One uprobe_multi link (Linux 6.6 and later) on the file that exe_fd is
 * open on. Returns a link fd; closing it takes 25 ms, so the job thread does
 * that. -EOPNOTSUPP: the kernel has none.
 */
int priv_attach_uprobes(int program_fd, int exe_fd,
			const struct uprobe_site *sites, size_t count);
