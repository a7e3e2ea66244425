/*
 * process.bpf.c - tell when a program starts, when a process ends, and whom
 * the kernel kills for want of memory.
 *
 * It reads nothing of the kernel's structs, and so loads anywhere: libbpf
 * wants the kernel's BTF for an object as soon as one program in it does,
 * loaded or not. What can be told with BTF is told by ending.bpf.c instead.
 */
#include "tracepoint.h"

SEC("raw_tracepoint/sched_process_exec")
int process_exec(void)
{
	emit(EVENT_TYPE_EXEC, current_tgid(), WAKEUP);
	return 0;
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

/* Its argument is the pid up to Linux 6.7, the task from 6.8 on. */
SEC("raw_tracepoint/mark_victim")
int oom_victim(struct tracepoint_args *ctx)
{
	if (ctx->args[0] < PIDS_MAX)
		emit(EVENT_TYPE_OOM, (__u32)ctx->args[0], WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
