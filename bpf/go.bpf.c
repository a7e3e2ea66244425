/* go.bpf.c - begin and end of Go's collections. */
#include "uprobe.h"

/*
 * One program and one link for all probes of a file: each link costs its own
 * detaching. The cookie of the site tells which probe it is.
 */
static __always_inline void emit_gc(__u64 probe, __u32 tgid, __u64 peek)
{
	struct event_go_gc *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count_lost();
		return;
	}
	e->header.time_ns = bpf_ktime_get_boot_ns();
	e->header.type = EVENT_TYPE_GO_GC_START + probe;
	e->header.tgid = tgid;
	/* A read that fails leaves zeroes. */
	e->before_bytes = e->middle_bytes = e->left_bytes = 0;
	if (peek)
		bpf_probe_read_user(&e->before_bytes, 3 * sizeof(__u64),
				    (void *)peek);
	bpf_ringbuf_submit(e, when_half_full());
}

SEC("kprobe")
int go_gc(void *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tgid = current_tgid();
	struct watched *w = count_hit(cookie, tgid);

	if (w)
		emit_gc(COOKIE_PROBE(cookie), tgid, w->peek);
	return 0;
}

_Static_assert(PROBE_GO_GC_START == 0 &&
		       EVENT_TYPE_GO_GC_END ==
			       EVENT_TYPE_GO_GC_START + PROBE_GO_GC_END,
	       "types of records stand in the order of the probes");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
