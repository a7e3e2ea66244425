#pragma once
/*
 * events.h - the records that kernel programs put on the ring buffer.
 *
 * The only header both sides share. Fixed widths, widest first, no padding;
 * every record begins with struct event_header.
 */
#ifndef __bpf__
#include <linux/types.h>
#endif

enum event_type {
	EVENT_TYPE_EXEC = 1, /* struct event_process */
	EVENT_TYPE_EXIT = 2, /* struct event_exit */
	EVENT_TYPE_GO_GC_START = 3, /* struct event_go_gc */
	EVENT_TYPE_GO_GC_END = 4,   /* struct event_go_gc */
	EVENT_TYPE_OOM = 12, /* struct event_process: the victim */
};

struct event_header {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u32 type;    /* enum event_type */
	__u32 tgid;    /* process id as the initial pid namespace sees it */
};
_Static_assert(sizeof(struct event_header) == 16, "header has no padding");

struct event_process {
	struct event_header header;
};
_Static_assert(sizeof(struct event_process) == 16, "process has no padding");

struct event_exit {
	struct event_header header;
	__s32 code;  /* as waitpid() tells it */
	__u32 known; /* 0: this kernel does not tell the code */
};
_Static_assert(sizeof(struct event_exit) == 24, "exit has no padding");

/* gcStart may run without starting a cycle; gcMarkTermination ends one. */
struct event_go_gc {
	struct event_header header;
};
_Static_assert(sizeof(struct event_go_gc) == 16, "go_gc has no padding");

enum probe {
	PROBE_GO_GC_START,
	PROBE_GO_GC_END,
	PROBE_COUNT
};

/* One row of the map of watched processes; its key is the tgid, a __u32. */
struct watched {
	__u64 hits[PROBE_COUNT]; /* added atomically by the kernel's side */
};
