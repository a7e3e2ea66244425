/*
 * ending.bpf.c - how a process ends, and whom the kernel kills for want of
 * memory, read of the kernel's structs. In the stead of two programs of
 * process.bpf.c where the kernel brings its BTF; an object of its own, so
 * that those load where it does not.
 */
#include "tracepoint.h"

#include <bpf/bpf_core_read.h>

#define GROUP_EXIT 4 /* SIGNAL_GROUP_EXIT */

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
