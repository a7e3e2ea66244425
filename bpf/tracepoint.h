#pragma once
/*
 * tracepoint.h - what the programs at raw tracepoints share.
 */
#include "kernel.h"

/*
 * Woken at once: a start that is seen late is a heap that is not seen. Forced,
 * because by default the kernel wakes nobody while older records wait, and
 * those of go.bpf.c do wait.
 */
#define WAKEUP BPF_RB_FORCE_WAKEUP

#define PIDS_MAX (1ull << 22) /* PID_MAX_LIMIT: larger is an address */

struct tracepoint_args {
	__u64 args[2];
};

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
