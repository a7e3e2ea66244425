/*
 * jvm.bpf.c - the heap's pools at begin and end of HotSpot's collections.
 *
 * mem__pool__gc__begin and __end come once a pool, some nine times at either
 * end of a collection, and most pools are none of the heap's. Their names and
 * those of their managers come as pointer and length, without a NUL, so they
 * are read by length; the maps of names let ours pass and make them numbers.
 *
 * Where the arguments lie is written in the library's notes; user space puts
 * it into the map of sites. Nobody is woken, as in go.bpf.c.
 */
#include "uprobe.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* cookie */
	__type(value, struct usdt_args);
} usdt_sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct jvm_name);
	__type(value, __u32);
} jvm_pools SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct jvm_name);
	__type(value, __u32);
} jvm_managers SEC(".maps");

/* Arguments of mem__pool__gc__*, by place. */
enum { MANAGER, MANAGER_LEN, POOL, POOL_LEN, INIT, USED };

static __always_inline __u64 read_register(void *ctx, __u8 offset)
{
	__u64 value = 0;

	if (offset != USDT_NO_REGISTER)
		bpf_probe_read_kernel(&value, sizeof(value), ctx + offset);
	return value;
}

static __always_inline __u64 extend(const struct usdt_arg *a, __u64 value)
{
	__u32 spare = (64 - 8 * a->size) & 63;

	value <<= spare;
	return a->is_signed ? (__u64)((__s64)value >> spare) : value >> spare;
}

static __always_inline __u64 read_arg(void *ctx, const struct usdt_args *args,
				      int i)
{
	const struct usdt_arg *a = &args->at[i];
	__u64 value = a->value;

	if (a->kind == USDT_CONSTANT)
		return value;
	value += read_register(ctx, a->base);
	if (a->kind == USDT_MEMORY) {
		value += read_register(ctx, a->index) << (a->shift & 3);
		if (bpf_probe_read_user(&value, sizeof(value), (void *)value))
			value = 0;
	}
	return extend(a, value);
}

/* The number of a name, 0: none that we look for. */
static __always_inline __u32 number_of(void *ctx, const struct usdt_args *args,
				       int i, void *names)
{
	struct jvm_name name = { 0 };
	__u64 at = read_arg(ctx, args, i);
	__u64 len = read_arg(ctx, args, i + 1);
	__u32 *number;

	if (len == 0 || len > sizeof(name))
		return 0;
	if (bpf_probe_read_user(&name, len, (void *)at))
		return 0;
	number = bpf_map_lookup_elem(names, &name);
	return number ? *number : 0;
}

static __always_inline void emit_begin(const struct event_jvm_pool *pool)
{
	struct event_jvm_pool *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count_lost();
		return;
	}
	*e = *pool;
	bpf_ringbuf_submit(e, when_half_full());
}

/* The thread that collects set the cause before and clears it after. */
static __always_inline void emit_end(const struct event_jvm_pool *pool,
				     __u64 cause)
{
	struct event_jvm_end *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count_lost();
		return;
	}
	e->pool = *pool;
	if (!cause || bpf_probe_read_user_str(e->cause, sizeof(e->cause),
					      (void *)cause) < 0)
		e->cause[0] = 0;
	bpf_ringbuf_submit(e, when_half_full());
}

SEC("kprobe")
int jvm_gc(void *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tgid = current_tgid();
	struct watched *w = count_hit(cookie, tgid);
	struct event_jvm_pool e = { 0 };
	struct usdt_args *args;

	if (!w)
		return 0;
	args = bpf_map_lookup_elem(&usdt_sites, &cookie);
	if (!args)
		return 0;
	e.pool = number_of(ctx, args, POOL, &jvm_pools);
	if (!e.pool)
		return 0;
	e.manager = number_of(ctx, args, MANAGER, &jvm_managers);
	if (!e.manager)
		return 0;
	e.used_bytes = read_arg(ctx, args, USED);
	e.header.time_ns = bpf_ktime_get_boot_ns();
	e.header.type = EVENT_TYPE_JVM_GC_BEGIN +
			(COOKIE_PROBE(cookie) - PROBE_JVM_GC_BEGIN);
	e.header.tgid = tgid;
	if (e.header.type == EVENT_TYPE_JVM_GC_END)
		emit_end(&e, w->peek);
	else
		emit_begin(&e);
	return 0;
}

_Static_assert(EVENT_TYPE_JVM_GC_END ==
		       EVENT_TYPE_JVM_GC_BEGIN + PROBE_JVM_GC_END -
			       PROBE_JVM_GC_BEGIN,
	       "types of records stand in the order of the probes");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
