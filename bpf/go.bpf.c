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
 * One program and one link for all probes of a file: each link costs its own
 * detaching. The cookie of the site tells which probe it is.
 *
 * Nobody is woken: the wake-up is an interrupt to this CPU, dear in a virtual
 * machine, and the collector comes by once a second anyway.
 */
SEC("kprobe")
int go_gc(void *ctx)
{
	__u64 probe = bpf_get_attach_cookie(ctx);
	__u32 tgid = current_tgid();
	struct watched *w;

	if (probe >= PROBE_COUNT)
		return 0;
	w = bpf_map_lookup_elem(&watched, &tgid);
	if (!w)
		return 0;
	__sync_fetch_and_add(&w->hits[probe], 1);
	emit(EVENT_TYPE_GO_GC_START + probe, tgid, BPF_RB_NO_WAKEUP);
	return 0;
}

_Static_assert(PROBE_GO_GC_START == 0 &&
		       EVENT_TYPE_GO_GC_END ==
			       EVENT_TYPE_GO_GC_START + PROBE_GO_GC_END,
	       "types of records stand in the order of the probes");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
