#pragma once
/*
 * uprobe.h - what the programs at uprobes share: whose hits count.
 *
 * A probe sits in a file and so hits in every process that runs it; the map
 * of watched processes lets ours pass and counts their hits. The others pay
 * the trap all the same, so their hits are counted too, per link: it is what
 * they pay that a link is judged by.
 */
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* tgid */
	__type(value, struct watched);
} watched SEC(".maps");

/* Hits in processes that are not watched. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* number of the link */
	__type(value, __u64);
} strangers SEC(".maps");

static __always_inline void count_stranger(__u32 link)
{
	__u64 *hits = bpf_map_lookup_elem(&strangers, &link);

	if (hits)
		__sync_fetch_and_add(hits, 1);
}

/* Count the hit; the row of a process that is watched, else NULL. */
static __always_inline struct watched *count_hit(__u64 cookie, __u32 tgid)
{
	__u64 probe = COOKIE_PROBE(cookie);
	struct watched *w = bpf_map_lookup_elem(&watched, &tgid);

	if (!w) {
		count_stranger(COOKIE_LINK(cookie));
		return NULL;
	}
	if (probe >= PROBE_COUNT)
		return NULL;
	__sync_fetch_and_add(&w->hits[probe], 1);
	return w;
}
