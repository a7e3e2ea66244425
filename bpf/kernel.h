#pragma once
/*
 * kernel.h - what the programs in the kernel share: the ring and its losses.
 *
 * Nothing here comes from the BTF of the machine that builds. Only exit codes
 * and OOM victims read structs of the kernel (CO-RE, where it has BTF); all
 * else is asked by helpers, so it loads on any kernel from 5.8 on. Each
 * object declares the maps below; collector/probes.c makes them one by
 * bpf_map__reuse_fd().
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "events.h"

/* At most 80 bytes a record: some three thousand. */
#define RING_BYTES (256 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring SEC(".maps");

/* Records that found the ring full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count_lost(void)
{
	__u32 zero = 0;
	__u64 *records = bpf_map_lookup_elem(&lost, &zero);

	if (records)
		__sync_fetch_and_add(records, 1);
}

/*
 * For records that can wait until the collector comes by: a wake-up is an
 * interrupt to this CPU, dear in a virtual machine. But a round may be a
 * minute long, so the ring tells when it becomes half full: for some records
 * and not for one, which another CPU may have stepped over.
 */
static __always_inline __u64 when_half_full(void)
{
	__u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return waiting - RING_BYTES / 2 < RING_BYTES / 16 ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

/* A record that is nothing but its header. */
static __always_inline void emit(__u32 type, __u32 tgid, __u64 wakeup)
{
	struct event_header *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count_lost();
		return;
	}
	e->time_ns = bpf_ktime_get_boot_ns();
	e->type = type;
	e->tgid = tgid;
	bpf_ringbuf_submit(e, wakeup);
}

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}
