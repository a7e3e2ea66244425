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
	EVENT_TYPE_JVM_GC_BEGIN = 5, /* struct event_jvm_pool */
	EVENT_TYPE_JVM_GC_END = 6,   /* struct event_jvm_end */
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

/*
 * gcStart may run without starting a cycle; gcMarkTermination ends one. The
 * sizes are what runtime.work has at that instruction: at the end of a cycle
 * what the heap had at its begin, and what the cycle before it left.
 */
struct event_go_gc {
	struct event_header header;
	__u64 before_bytes; /* work.heap0 */
	__u64 middle_bytes; /* work.heap1 */
	__u64 left_bytes;   /* work.heap2; all 0: not read */
};
_Static_assert(sizeof(struct event_go_gc) == 40, "go_gc has no padding");

/* One heap pool as a collection of one manager begins or ends. */
struct event_jvm_pool {
	struct event_header header;
	__u64 used_bytes;
	__u32 manager; /* numbers that user space gave their names */
	__u32 pool;
};
_Static_assert(sizeof(struct event_jvm_pool) == 32, "jvm_pool has no padding");

#define JVM_CAUSE_MAX 40

/* At the end of a collection its cause too, "" where it cannot be read. */
struct event_jvm_end {
	struct event_jvm_pool pool;
	char cause[JVM_CAUSE_MAX]; /* NUL-terminated; the target's word */
};
_Static_assert(sizeof(struct event_jvm_end) == 72, "jvm_end has no padding");

enum probe {
	PROBE_GO_GC_START,
	PROBE_GO_GC_END,
	PROBE_JVM_GC_BEGIN, /* hotspot:mem__pool__gc__begin, each pool */
	PROBE_JVM_GC_END,   /* hotspot:mem__pool__gc__end, each pool */
	PROBE_COUNT
};

/*
 * The cookie of a site: which probe, which of the link's sites, which link.
 * 8, 24 and 32 bits.
 */
#define COOKIE(probe, site, link)                                              \
	((__u64)(probe) | (__u64)(site) << 8 | (__u64)(link) << 32)
#define COOKIE_PROBE(cookie) ((cookie) & 0xff)
#define COOKIE_LINK(cookie)  ((__u32)((cookie) >> 32))

/* One row of the map of watched processes; its key is the tgid, a __u32. */
struct watched {
	__u64 hits[PROBE_COUNT]; /* added atomically by the kernel's side */
	__u64 peek; /* address in its memory, of what is read at a hit: the
		     * cause of a JVM's collection, the sizes of Go's; or 0 */
};

/* Where an argument of a USDT probe lies. */
enum usdt_kind {
	USDT_CONSTANT, /* value */
	USDT_REGISTER, /* base */
	USDT_MEMORY,   /* at value + base + (index << shift) */
};

#define USDT_NO_REGISTER 0xff
#define USDT_ARGS_MAX	 8

struct usdt_arg {
	__s64 value;
	__u8 base, index; /* offsets in the saved registers, or NO_REGISTER */
	__u8 shift;
	__u8 kind;	  /* enum usdt_kind */
	__u8 size;	  /* bytes: 1, 2, 4 or 8 */
	__u8 is_signed;
	__u16 zero;
};
_Static_assert(sizeof(struct usdt_arg) == 16, "usdt_arg has no padding");

/* One row of the map of USDT sites; its key is the site's cookie. */
struct usdt_args {
	struct usdt_arg at[USDT_ARGS_MAX];
};

/* Names of pools and managers as keys: cut, the rest zero. */
#define JVM_NAME_MAX 32

struct jvm_name {
	__u64 words[JVM_NAME_MAX / 8];
};
