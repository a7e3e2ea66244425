/*
 * process.bpf.c - tell when a program starts, when and how a process ends,
 * and whom the kernel kills for want of memory.
 *
 * Exits and victims have two programs each. The plain one loads anywhere; the
 * other reads the kernel's structs, so the collector loads it only where the
 * kernel brings its BTF.
 */
#include "kernel.h"

#include <bpf/bpf_core_read.h>

/*
 * Woken at once: a start that is seen late is a heap that is not seen. Forced,
 * because by default the kernel wakes nobody while older records wait, and
 * those of go.bpf.c do wait.
 */
#define WAKEUP BPF_RB_FORCE_WAKEUP

#define GROUP_EXIT 4           /* SIGNAL_GROUP_EXIT */
#define PIDS_MAX   (1ull << 22) /* PID_MAX_LIMIT: larger is an address */

/* What is read of the kernel's structs. */
struct signal_struct {
	struct {
		int counter;
	} live;
	unsigned int flags;
	int group_exit_code;
} __attribute__((preserve_access_index));

struct task_struct {
	int tgid;
	int exit_code;
	struct signal_struct *signal;
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

struct tracepoint_args {
	__u64 args[2];
};

SEC("raw_tracepoint/sched_process_exec")
int process_exec(void)
{
	emit(EVENT_TYPE_EXEC, current_tgid(), WAKEUP);
	return 0;
}

static __always_inline void emit_exit(__u32 tgid, __s32 code, __u32 known)
{
	struct event_exit *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count_lost();
		return;
	}
	e->header.time_ns = bpf_ktime_get_boot_ns();
	e->header.type = EVENT_TYPE_EXIT;
	e->header.tgid = tgid;
	e->code = code;
	e->known = known;
	bpf_ringbuf_submit(e, WAKEUP);
}

/*
 * Every thread passes here; the leader stands for the process. It may go
 * before its threads do, so the collector looks before it believes.
 */
SEC("raw_tracepoint/sched_process_exit")
int process_exit(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	if ((__u32)id == id >> 32)
		emit_exit((__u32)id, 0, 0);
	return 0;
}

/* The last thread ends the process. Its code is that of exit_group() or of
 * the signal, else the leader's own. */
SEC("raw_tracepoint/sched_process_exit")
int process_exit_code(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	int code;

	if (BPF_CORE_READ(signal, live.counter) != 0)
		return 0;
	if (BPF_CORE_READ(signal, flags) & GROUP_EXIT)
		code = BPF_CORE_READ(signal, group_exit_code);
	else
		code = BPF_CORE_READ(task, group_leader, exit_code);
	emit_exit(current_tgid(), code, 1);
	return 0;
}

/* Its argument is the pid up to Linux 6.7, the task from 6.8 on. */
SEC("raw_tracepoint/mark_victim")
int oom_victim(struct tracepoint_args *ctx)
{
	if (ctx->args[0] < PIDS_MAX)
		emit(EVENT_TYPE_OOM, (__u32)ctx->args[0], WAKEUP);
	return 0;
}

SEC("raw_tracepoint/mark_victim")
int oom_victim_task(struct tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];

	if (ctx->args[0] < PIDS_MAX)
		emit(EVENT_TYPE_OOM, (__u32)ctx->args[0], WAKEUP);
	else
		emit(EVENT_TYPE_OOM, (__u32)BPF_CORE_READ(task, tgid), WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
