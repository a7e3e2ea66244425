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
 * CPU time one hit costs the process that hits, nanoseconds: measured once at
 * open on a function of our own, the breakpoint on an instruction that the
 * kernel emulates. 0: there are no uprobes, or it could not be measured.
 */
double probes_hit_cost_ns(const struct probes *p);

/* Let records of this process pass the filter in the kernel, or not. */
int probes_watch(struct probes *p, pid_t tgid);
void probes_unwatch(struct probes *p, pid_t tgid);

/* Hits of each probe in one process since it is watched. */
void probes_hits(const struct probes *p, pid_t tgid,
		 uint64_t hits[PROBE_COUNT]);

/* What one hit costs on this machine, measured at open; 0: not known. */
double probes_hit_cost_ns(const struct probes *p);

/* Where one probe sits: file offset of an instruction. */
struct probe_site {
	enum probe probe;
	uint64_t file_offset;
};

/* All probes of one binary: one link. */
struct link_set;

/* Attach them for every process of the file. Slow (10 ms): job thread. */
int link_set_attach(struct link_set **out, struct probes *p, int exe_fd,
		    const struct probe_site *sites, size_t count);

/* Slow (25 ms): job thread. */
void link_set_detach(struct link_set *l);
