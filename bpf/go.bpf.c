/*
 * go.bpf.c - begin and end of Go's collections.
 *
 * A probe sits in a file and so hits in every process that runs it; the map
 * of watched processes lets ours pass and counts their hits.
 */
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* tgid */
	__type(value, struct watched);
} watched SEC(".maps");

/*
 * Nobody is woken: the wake-up is an interrupt to this CPU, dear in a virtual
 * machine, and the collector comes by once a second anyway.
 */
static __always_inline int hit(__u32 probe, __u32 type)
{
	__u32 tgid = current_tgid();
	struct watched *w = bpf_map_lookup_elem(&watched, &tgid);

	if (!w)
		return 0;
	__sync_fetch_and_add(&w->hits[probe], 1);
	emit(type, tgid, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("kprobe")
int go_gc_start(void)
{
	return hit(PROBE_GO_GC_START, EVENT_TYPE_GO_GC_START);
}

SEC("kprobe")
int go_gc_end(void)
{
	return hit(PROBE_GO_GC_END, EVENT_TYPE_GO_GC_END);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
