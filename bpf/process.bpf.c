/* process.bpf.c - tell when a program starts and when a process ends. */
#include "kernel.h"

/*
 * Woken at once: a start that is seen late is a heap that is not seen. Forced,
 * because by default the kernel wakes nobody while older records wait, and
 * those of go.bpf.c do wait.
 */
#define WAKEUP BPF_RB_FORCE_WAKEUP

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
		emit(EVENT_TYPE_EXIT, (__u32)id, WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
