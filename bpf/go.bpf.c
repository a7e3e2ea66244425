/* go.bpf.c - begin and end of Go's collections. */
#include "uprobe.h"

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
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tgid = current_tgid();

	if (count_hit(cookie, tgid))
		emit(EVENT_TYPE_GO_GC_START + COOKIE_PROBE(cookie), tgid,
		     BPF_RB_NO_WAKEUP);
	return 0;
}

_Static_assert(PROBE_GO_GC_START == 0 &&
		       EVENT_TYPE_GO_GC_END ==
			       EVENT_TYPE_GO_GC_START + PROBE_GO_GC_END,
	       "types of records stand in the order of the probes");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
