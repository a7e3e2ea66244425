/*
 * One process, as the kernel sees it.
 *
 * What a tick costs, measured on Linux 6.18 in a virtual machine: status
 * 12 us (which tells all of statm and more), the CPU clock 0.4 us (stat:
 * 7 us, and only in hundredths of a second), the number of descriptors
 * 1.3 us, the control group 35 us. Every 10 s: limits 9 us, cgroup 7 us and
 * 3 us for each descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/priv.h"
#include "descriptors.h"
#include "system.h"
#include "text.h"

#define SLOW_NS	     (10ll * 1000000000)
#define STATUS_BYTES 16384

static enum gap gap_of(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return GAP_NOT_PERMITTED;
	case -EOPNOTSUPP:
		return GAP_UNSUPPORTED;
	default:
		return GAP_UNREADABLE;
	}
}

/* ---- status ---- */

static const struct {
	const char *key;
	enum column column;
} status_bytes[] = {
	{ "VmSize:", COL_VIRTUAL_BYTES },    { "VmRSS:", COL_RESIDENT_BYTES },
	{ "RssAnon:", COL_RESIDENT_ANON },   { "RssFile:", COL_RESIDENT_FILE },
	{ "RssShmem:", COL_RESIDENT_SHMEM }, { "VmSwap:", COL_SWAP_BYTES },
};

/* A leader may end before its threads: that process still runs. */
static bool has_ended(const char *status)
{
	uint64_t threads;

	return strstr(status, "\nState:\tZ") &&
	       text_number(status, "Threads:", &threads) && threads <= 1;
}

static void put_status(struct target *t, const char *text, enum gap otherwise)
{
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(status_bytes); i++) {
		if (text_kib(text, status_bytes[i].key, &value))
			target_put(t, status_bytes[i].column, (double)value);
		else
			target_miss(t, status_bytes[i].column, otherwise);
	}
	if (text_number(text, "Threads:", &value))
		target_put(t, COL_THREADS, (double)value);
	else
		target_miss(t, COL_THREADS, otherwise);
}

/* User and system time of all threads, dead ones too. No right needed. */
static int64_t cpu_clock_ns(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
		return -1;
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int put_usage(struct target *t)
{
	char text[STATUS_BYTES] = "";
	/* The clock first: if the file can still be read then, the pid was
	 * not given away before. */
	int64_t cpu_ns = cpu_clock_ns(t->process->pid);
	int r = text_read(priv_open_proc(t->process->pid, "status"), text,
			  sizeof(text));

	if (r == -ESRCH || r == -ENOENT || has_ended(text))
		return -ESRCH;
	put_status(t, text, r < 0 ? gap_of(r) : GAP_UNREADABLE);
	if (cpu_ns < 0)
		target_miss(t, COL_CPU_SECONDS_TOTAL, GAP_UNREADABLE);
	else
		target_put(t, COL_CPU_SECONDS_TOTAL,
			   (double)(cpu_ns / 1000) / 1e6);
	target_put(t, COL_START_TIME_SECONDS,
		   (double)t->process->start_wall_ms / 1e3);
	return 0;
}

/* ---- what changes seldom ---- */

uint64_t system_least_rlimit(const char *text)
{
	uint64_t address_space = 0, data = 0;

	text_number(text, "Max address space", &address_space);
	text_number(text, "Max data size", &data);
	if (!address_space || !data)
		return address_space ? address_space : data;
	return address_space < data ? address_space : data;
}

static void read_limits(struct target *t)
{
	struct system_state *s = &t->system;
	char text[4096] = "";

	text_read(priv_open_proc(t->process->pid, "limits"), text,
		  sizeof(text));
	s->max_fds = 0;
	text_number(text, "Max open files", &s->max_fds);
	s->rlimit_bytes = system_least_rlimit(text);
}

/* A process may be moved to another group long after it started. */
static void read_cgroup_path(struct target *t)
{
	char text[8192];
	char *path;

	if (text_read(priv_open_proc(t->process->pid, "cgroup"), text,
		      sizeof(text)) <= 0)
		return;
	path = process_cgroup_path(text);
	if (path) {
		free(t->process->cgroup);
		t->process->cgroup = path;
	}
}

static void read_slow(struct target *t, struct now now)
{
	struct system_state *s = &t->system;

	if (s->slow_read_boot_ns &&
	    now.boot_ns - s->slow_read_boot_ns < SLOW_NS)
		return;
	s->slow_read_boot_ns = now.boot_ns;
	read_limits(t);
	read_cgroup_path(t);
	s->descriptors_error =
		descriptors_read(&s->descriptors, t->process->pid);
}

/* ---- descriptors ---- */

static const enum column kind_columns[DESCRIPTOR_KIND_COUNT] = {
	[DESCRIPTOR_FILE] = COL_OPEN_FDS_FILE,
	[DESCRIPTOR_SOCKET] = COL_OPEN_FDS_SOCKET,
	[DESCRIPTOR_PIPE] = COL_OPEN_FDS_PIPE,
	[DESCRIPTOR_ANON] = COL_OPEN_FDS_ANON,
	[DESCRIPTOR_DEVICE] = COL_OPEN_FDS_DEVICE,
	[DESCRIPTOR_OTHER] = COL_OPEN_FDS_OTHER,
};

static void put_descriptors(struct target *t)
{
	const struct system_state *s = &t->system;
	uint32_t total = s->descriptors.total;
	int r = descriptors_total(&total, t->process->pid);

	if (r == 0 || s->descriptors_error == 0)
		target_put(t, COL_OPEN_FDS, total);
	else
		target_miss(t, COL_OPEN_FDS, gap_of(s->descriptors_error));
	for (int i = 0; i < DESCRIPTOR_KIND_COUNT; i++) {
		if (s->descriptors_error)
			target_miss(t, kind_columns[i],
				    gap_of(s->descriptors_error));
		else if (!s->descriptors.has_kinds)
			target_miss(t, kind_columns[i], GAP_UNREADABLE);
		else
			target_put(t, kind_columns[i],
				   s->descriptors.by_kind[i]);
	}
	if (s->max_fds)
		target_put(t, COL_MAX_FDS, (double)s->max_fds);
	else
		target_miss(t, COL_MAX_FDS, GAP_UNREADABLE);
}

/* ---- control group ---- */

static void put_group(struct target *t, const struct cgroup_memory *m,
		      enum gap otherwise)
{
	const struct {
		enum column column;
		int64_t value;
		enum gap absent;
	} rows[] = {
		{ COL_CGROUP_USED_BYTES, m->used_bytes, GAP_UNSUPPORTED },
		{ COL_CGROUP_LIMIT_BYTES, m->limit_bytes, GAP_UNLIMITED },
		{ COL_CGROUP_RECLAIMABLE_BYTES, m->reclaimable_bytes,
		  GAP_UNSUPPORTED },
		{ COL_CGROUP_EVENTS_MAX, m->max_events, GAP_UNSUPPORTED },
		{ COL_CGROUP_EVENTS_OOM, m->oom_events, GAP_UNSUPPORTED },
		{ COL_CGROUP_EVENTS_OOM_KILL, m->oom_kill_events,
		  GAP_UNSUPPORTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].value >= 0)
			target_put(t, rows[i].column, (double)rows[i].value);
		else
			target_miss(t, rows[i].column,
				    otherwise ? otherwise : rows[i].absent);
	}
}

static void read_group(struct target *t, const struct cgroup_tree *tree)
{
	struct cgroup_memory m = { -1, -1, -1, -1, -1, -1 };
	int r = cgroup_memory_read(&m, tree, t->process->cgroup);

	put_group(t, &m, r < 0 ? gap_of(r) : GAP_NONE);
	t->bounds.bytes[BOUND_CGROUP] =
		m.limit_bytes > 0 ? (uint64_t)m.limit_bytes : 0;
	/* The tightest bound may then be one that nobody saw. */
	target_set_attribute(t, "bound_unseen",
			     r < 0 ? bound_word(BOUND_CGROUP) : "");
}

int system_read_target(struct target *t, const struct cgroup_tree *tree,
		       struct now now)
{
	int r = put_usage(t);

	if (r)
		return r;
	read_slow(t, now);
	put_descriptors(t);
	read_group(t, tree);
	t->bounds.bytes[BOUND_RLIMIT] = t->system.rlimit_bytes;
	t->bounds.bytes[BOUND_RAM] = system_ram_bytes();
	return 0;
}
