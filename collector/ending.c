/*
 * How a process ended: the kernel's record of the exit by eBPF; else what its
 * pidfd keeps (Linux 6.15), which needs no right; else its zombie in /proc.
 */
#include <errno.h>
#include <linux/types.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "common/log.h"
#include "internal.h"
#include "priv.h"

/* struct pidfd_info of include/uapi/linux/pidfd.h, its first version; our
 * headers are older. */
struct exit_info {
	__u64 mask, cgroup_id;
	__u32 ids[11]; /* pid, tgid, ppid, users and groups */
	__s32 exit_code;
};
_Static_assert(sizeof(struct exit_info) == 64, "PIDFD_INFO_SIZE_VER0");

#define EXIT_INFO_ASK  _IOWR(0xFF, 11, struct exit_info)
#define EXIT_INFO_EXIT (1ull << 3)

void ending_note(struct collector *c, const struct event_header *e)
{
	const struct event_exit *x = (const struct event_exit *)e;
	struct target *t = map_get(&c->targets, e->tgid);

	if (!t || !x->known || (int64_t)e->time_ns < t->found_boot_ns)
		return;
	t->exit_known = true;
	t->exit_code = x->code;
}

static double last_or_0(const struct target *t, enum column c)
{
	return t->gaps[c] == GAP_NONE ? t->last[c] : 0;
}

void ending_note_oom(struct collector *c, const struct event_header *e)
{
	struct target *t = map_get(&c->targets, e->tgid);
	const char *limit = "no limit of a control group";
	char text[64];

	if (!t || t->oom_killed || t->stage != TARGET_WATCHED)
		return;
	t->oom_killed = true;
	if (last_or_0(t, COL_CGROUP_LIMIT_BYTES) > 0) {
		snprintf(text, sizeof(text), "control group limit %.0f bytes",
			 last_or_0(t, COL_CGROUP_LIMIT_BYTES));
		limit = text;
	}
	batch_add_event(c->batch, EVENT_TARGET_OOM, t->entity.number,
			(int64_t)e->time_ns,
			"%s/%s is killed for want of memory: at last heap "
			"%.0f bytes used, %.0f bytes resident, %s",
			labels_get(&t->entity.labels, "service"),
			labels_get(&t->entity.labels, "instance"),
			last_or_0(t, COL_HEAP_USED_BYTES),
			last_or_0(t, COL_RESIDENT_BYTES), limit);
}

static bool from_pidfd(const struct target *t, int *code)
{
	struct exit_info info = { .mask = EXIT_INFO_EXIT };

	if (t->pid_fd < 0 || ioctl(t->pid_fd, EXIT_INFO_ASK, &info) < 0 ||
	    !(info.mask & EXIT_INFO_EXIT))
		return false;
	*code = info.exit_code;
	return true;
}

/* The last field of stat, of a zombie that still is the same start; it reads
 * 0 where it may not be known, so 0 is believed only with the right. */
static bool from_zombie(const struct target *t, int *code)
{
	own(fd_closep) int fd = priv_open_proc(t->process->pid, "stat");
	char text[2048], *last;
	struct process_stat stat;
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	if (process_parse_stat(&stat, text) || !stat.zombie ||
	    stat.start_ticks != t->process->start_ticks)
		return false;
	last = strrchr(text, ' ');
	*code = last ? atoi(last + 1) : 0;
	return *code != 0 || priv_has_ptrace();
}

void ending_describe(struct target *t, char *out, size_t len)
{
	int code = t->exit_code;
	const char *name;

	if (!t->exit_known && !from_pidfd(t, &code) && !from_zombie(t, &code)) {
		snprintf(out, len, "exited%s",
			 t->oom_killed ? ", killed for want of memory" : "");
		return;
	}
	if (!WIFSIGNALED(code)) {
		snprintf(out, len, "exited with code %d", WEXITSTATUS(code));
		return;
	}
	name = sigabbrev_np(WTERMSIG(code));
	snprintf(out, len, "was killed by signal %d (SIG%s)%s%s",
		 WTERMSIG(code), name ? name : "?",
		 WCOREDUMP(code) ? ", core dumped" : "",
		 t->oom_killed ? " for want of memory" : "");
}
