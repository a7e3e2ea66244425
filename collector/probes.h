#pragma once
/*
 * probes.h - the eBPF side of the collector: programs, ring, links, hits.
 *
 * Opened once at start. Without rights or kernel support it opens all the
 * same, offers nothing, and probes_lacks() says what is missing. Collector
 * thread, but for link_set_attach and link_set_detach (job thread).
 */
#include "bpf/events.h"
#include "common/census.h"

struct probes;
struct binary;

int probes_open(struct probes **out);
void probes_close(struct probes *p);
OWN_DEFINE(struct probes *, probes_close)

/* Readable when records wait; -1 without a ring. */
int probes_ring_fd(const struct probes *p);

/* Hand out all records that wait now; returns their number. */
int probes_consume(struct probes *p,
		   void (*on_event)(void *arg, const struct event_header *e),
		   void *arg);

/* Records lost because the ring was full, since the start. */
uint64_t probes_lost(const struct probes *p);

/* exec and exit come as events. */
bool probes_has_process_events(const struct probes *p);

/* uprobes can be attached. */
bool probes_has_uprobes(const struct probes *p);

/* What is lost and which right would give it; *out is borrowed. */
size_t probes_lacks(const struct probes *p, const struct census_lack **out);

/*
 * CPU time one hit of a probe costs the process that hits, nanoseconds:
 * measured at open on functions of our own with the program that will be
 * used, the breakpoint on an instruction that the kernel emulates (one trap)
 * or steps (two). 0: there are no uprobes, or it could not be measured.
 */
double probes_hit_cost_ns(const struct probes *p, enum probe probe,
			  bool stepped);

/* Will the kernel emulate this instruction under a breakpoint? */
bool probes_is_emulated(const uint8_t *code, size_t len);

/* Give names of pools and managers their numbers, from 1. Once, at start. */
int probes_name_pool(struct probes *p, const char *name, uint32_t number);
int probes_name_manager(struct probes *p, const char *name, uint32_t number);

/* Let records of this process pass the filter in the kernel, or not. peek:
 * struct watched. */
int probes_watch(struct probes *p, pid_t tgid, uint64_t peek);
void probes_unwatch(struct probes *p, pid_t tgid);

/* Hits of each probe in one process since it is watched. */
void probes_hits(const struct probes *p, pid_t tgid,
		 uint64_t hits[PROBE_COUNT]);

/* Where one probe sits: file offset of an instruction. */
struct probe_site {
	enum probe probe;
	uint64_t file_offset;
	struct usdt_args args; /* of a USDT probe */
};

/* All probes of one binary: one link. */
struct link_set;

/*
 * Attach them for every process of the file; all of one runtime. Slow
 * (10 ms): job thread.
 */
int link_set_attach(struct link_set **out, struct probes *p, int exe_fd,
		    const struct probe_site *sites, size_t count);

/* Slow (25 ms): job thread. */
void link_set_detach(struct link_set *l);

/* What a hit of one of its probes costs where it sits. */
double link_set_cost_ns(const struct link_set *l, enum probe probe);

/* Hits in processes that are not watched, since it was attached. */
uint64_t link_set_strangers(const struct link_set *l);
