#include "vmheap.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/remote.h"
#include "common/own.h"

#define HEAP_BYTES_MAX (1ull << 44) /* Z's largest, 16 TiB */

/* What every step needs. */
struct walk {
	const struct vm_layout *l;
	int mem_fd;
	uint64_t heap; /* the CollectedHeap */
};

static int word(const struct walk *w, uint64_t object, enum vm_field f,
		uint64_t *out)
{
	return vm_read_word(w->l, w->mem_fd, object, f, out);
}

/* A part of an object: embedded, or behind a pointer where it is one. */
static int part(const struct walk *w, uint64_t object, enum vm_field f,
		uint64_t *out)
{
	if (!w->l->field[f].known)
		return -ENOENT;
	if (w->l->field[f].pointer)
		return word(w, object, f, out);
	*out = object + w->l->field[f].at;
	return 0;
}

static int bytes(const struct walk *w, uint64_t object, enum vm_field f,
		 double *out)
{
	uint64_t value;
	int r = word(w, object, f, &value);

	if (r)
		return r;
	if (value > HEAP_BYTES_MAX)
		return -EBADMSG;
	*out = (double)value;
	return 0;
}

/* As MemoryMXBean does: the survivor space not in use counts in neither. */
static void add_up(struct vm_heap *h)
{
	h->heap.used = h->eden.used + h->from.used + h->old.used;
	h->heap.committed = h->eden.committed + h->from.committed +
			    h->old.committed;
}

/* ---- Serial and Parallel: spaces with a bottom, a top and an end ---- */

struct space_fields {
	enum vm_field bottom, top, end;
};

static int read_space(const struct walk *w, uint64_t space,
		      const struct space_fields *f, struct vm_space *out)
{
	uint64_t bottom, top, end;
	int r;

	if ((r = word(w, space, f->bottom, &bottom)) ||
	    (r = word(w, space, f->top, &top)) ||
	    (r = word(w, space, f->end, &end)))
		return r;
	if (bottom == 0 || top < bottom || end < top ||
	    end - bottom > HEAP_BYTES_MAX)
		return -EBADMSG;
	out->used = (double)(top - bottom);
	out->committed = (double)(end - bottom);
	return 0;
}

/* Where a generational heap keeps its spaces. */
struct generations {
	enum vm_field young, old, eden, from, old_space;
	struct space_fields space;
};

static int read_generations(struct vm_heap *out, const struct walk *w,
			    const struct generations *g)
{
	uint64_t young, old, eden, from, old_space;
	int r;

	if ((r = word(w, w->heap, g->young, &young)) ||
	    (r = word(w, w->heap, g->old, &old)) ||
	    (r = word(w, young, g->eden, &eden)) ||
	    (r = word(w, young, g->from, &from)) ||
	    (r = word(w, old, g->old_space, &old_space)) ||
	    (r = read_space(w, eden, &g->space, &out->eden)) ||
	    (r = read_space(w, from, &g->space, &out->from)) ||
	    (r = read_space(w, old_space, &g->space, &out->old)))
		return r;
	add_up(out);
	return 0;
}

static int read_serial(struct vm_heap *out, const struct walk *w)
{
	static const struct generations serial = {
		VM_SERIAL_YOUNG, VM_SERIAL_OLD, VM_SERIAL_EDEN, VM_SERIAL_FROM,
		VM_SERIAL_OLD_SPACE,
		{ VM_SPACE_BOTTOM, VM_SPACE_TOP, VM_SPACE_END },
	};

	return read_generations(out, w, &serial);
}

static int read_parallel(struct vm_heap *out, const struct walk *w)
{
	static const struct generations parallel = {
		VM_PARALLEL_YOUNG, VM_PARALLEL_OLD, VM_PARALLEL_EDEN,
		VM_PARALLEL_FROM, VM_PARALLEL_OLD_SPACE,
		{ VM_MUTABLE_BOTTOM, VM_MUTABLE_TOP, VM_MUTABLE_END },
	};
	/* Its generations are static fields: no object holds them. */
	struct walk statics = *w;

	statics.heap = 0;
	return read_generations(out, &statics, &parallel);
}

/* ---- G1 and Shenandoah: a table of pointers to region objects ---- */

/* Region objects are allocated one after the other, so reading ahead finds
 * the next ones without asking the kernel again. */
#define AHEAD_BYTES 32768

struct ahead {
	uint64_t at;
	size_t len;
	uint8_t bytes[AHEAD_BYTES];
};

static int read_ahead(const struct walk *w, struct ahead *a, uint64_t address,
		      int32_t *out)
{
	int r;

	if (address < a->at || address - a->at > a->len ||
	    a->len - (address - a->at) < sizeof(*out)) {
		a->at = address;
		a->len = AHEAD_BYTES;
		r = remote_read(w->mem_fd, address, a->bytes, a->len);
		if (r == -EFAULT) { /* the mapping ends before */
			a->len = sizeof(*out);
			r = remote_read(w->mem_fd, address, a->bytes, a->len);
		}
		if (r) {
			a->len = 0;
			return r;
		}
	}
	memcpy(out, a->bytes + (address - a->at), sizeof(*out));
	return 0;
}

/* A table of regions and which of them are free. */
struct regions {
	uint64_t table; /* of pointers; a NULL one was never committed: free */
	uint64_t count;
	uint64_t state_at;  /* of an int in each region */
	int32_t free_least, free_most;
};

static int count_free(const struct walk *w, const struct regions *g,
		      struct vm_heap *out)
{
	own(freep) uint64_t *pointers = NULL;
	own(freep) struct ahead *a = NULL;
	uint64_t free_count = 0;
	int32_t state;
	int r;

	if (g->count == 0 || g->count > VM_REGIONS_MAX)
		return -EBADMSG;
	pointers = calloc(g->count, sizeof(*pointers));
	a = calloc(1, sizeof(*a));
	if (!pointers || !a)
		return -ENOMEM;
	r = remote_read(w->mem_fd, g->table, pointers,
		    g->count * sizeof(*pointers));
	for (uint64_t i = 0; !r && i < g->count; i++) {
		if (!pointers[i]) {
			free_count++;
			continue;
		}
		r = read_ahead(w, a, pointers[i] + g->state_at, &state);
		if (!r && state >= g->free_least && state <= g->free_most)
			free_count++;
	}
	if (r)
		return r;
	out->free_regions = (double)free_count;
	out->total_regions = (double)g->count;
	return 0;
}

/* What the memory pools tell, kept by G1 as it takes regions. */
static int read_g1_pools(struct vm_heap *out, const struct walk *w)
{
	uint64_t m;
	int r;

	if ((r = part(w, w->heap, VM_G1_MONITOR, &m)) ||
	    (r = bytes(w, m, VM_G1_EDEN_USED, &out->eden.used)) ||
	    (r = bytes(w, m, VM_G1_EDEN_COMMITTED, &out->eden.committed)) ||
	    (r = bytes(w, m, VM_G1_SURVIVOR_USED, &out->from.used)) ||
	    (r = bytes(w, m, VM_G1_SURVIVOR_COMMITTED, &out->from.committed)) ||
	    (r = bytes(w, m, VM_G1_OLD_USED, &out->old.used)) ||
	    (r = bytes(w, m, VM_G1_OLD_COMMITTED, &out->old.committed)))
		return r;
	add_up(out);
	return 0;
}

static int read_g1(struct vm_heap *out, const struct walk *w)
{
	struct regions g = { 0 };
	uint64_t manager, table;
	int r;

	if (!w->l->g1_free_tag_known || !w->l->field[VM_G1_REGION_TYPE].known ||
	    !w->l->field[VM_G1_TYPE_TAG].known)
		return -ENOENT;
	if ((r = part(w, w->heap, VM_G1_MANAGER, &manager)) ||
	    (r = part(w, manager, VM_G1_REGIONS, &table)) ||
	    (r = word(w, table, VM_G1_TABLE_BASE, &g.table)) ||
	    (r = word(w, table, VM_G1_TABLE_LENGTH, &g.count)))
		return r;
	g.state_at = w->l->field[VM_G1_REGION_TYPE].at +
		     w->l->field[VM_G1_TYPE_TAG].at;
	g.free_least = g.free_most = w->l->g1_free_tag;
	r = read_g1_pools(out, w);
	return r ? r : count_free(w, &g, out);
}

/* ShenandoahHeapRegion::RegionState, all versions: 0 is empty and not
 * committed, 1 is empty and committed; all others hold something. */
#define SHENANDOAH_EMPTY_LEAST 0
#define SHENANDOAH_EMPTY_MOST  1

static int read_shenandoah(struct vm_heap *out, const struct walk *w)
{
	struct regions g = { .free_least = SHENANDOAH_EMPTY_LEAST,
			     .free_most = SHENANDOAH_EMPTY_MOST };
	uint64_t global;
	int r;

	r = bytes(w, w->heap, VM_SHENANDOAH_USED, &out->heap.used);
	if (r == -ENOENT && !(r = word(w, w->heap, VM_SHENANDOAH_GLOBAL,
				       &global)))
		r = bytes(w, global, VM_SHENANDOAH_GENERATION_USED,
			  &out->heap.used);
	if (r || (r = bytes(w, w->heap, VM_SHENANDOAH_COMMITTED,
			    &out->heap.committed)))
		return r;
	/* JDK 11 does not tell where its regions are. */
	if (!w->l->field[VM_SHENANDOAH_REGIONS].known ||
	    !w->l->field[VM_SHENANDOAH_STATE].known)
		return 0;
	if ((r = word(w, w->heap, VM_SHENANDOAH_REGIONS, &g.table)) ||
	    (r = word(w, w->heap, VM_SHENANDOAH_REGION_COUNT, &g.count)))
		return r;
	g.state_at = w->l->field[VM_SHENANDOAH_STATE].at;
	return count_free(w, &g, out);
}

/* ---- Z: the page allocator's counters ---- */

/* JDK 24 and later: one partition a NUMA node. How partitions of several
 * nodes are spaced is not told, so those are not read. */
static int read_z_partition(struct vm_heap *out, const struct walk *w,
			    uint64_t allocator)
{
	uint64_t partition, nodes;
	int r;

	if ((r = word(w, 0, VM_Z_NODES, &nodes)) ||
	    (r = word(w, allocator + w->l->field[VM_Z_PARTITIONS].at,
		      VM_Z_PARTITION_ADDRESS, &partition)))
		return r;
	if ((uint32_t)nodes != 1)
		return -ENOENT;
	if ((r = bytes(w, partition, VM_Z_PARTITION_USED, &out->heap.used)))
		return r;
	return bytes(w, partition, VM_Z_PARTITION_CAPACITY,
		     &out->heap.committed);
}

static int read_z_allocator(struct vm_heap *out, const struct walk *w)
{
	uint64_t heap, allocator, physical;
	int r;

	if ((r = part(w, w->heap, VM_Z_HEAP, &heap)) ||
	    (r = part(w, heap, VM_Z_ALLOCATOR, &allocator)))
		return r;
	if (w->l->field[VM_Z_PARTITIONS].known)
		return read_z_partition(out, w, allocator);
	r = bytes(w, allocator, VM_Z_USED, &out->heap.used);
	if (r)
		return r;
	if (w->l->field[VM_Z_CAPACITY].known)
		return bytes(w, allocator, VM_Z_CAPACITY,
			     &out->heap.committed);
	/* JDK 11 keeps it one object deeper. */
	r = part(w, allocator, VM_Z_PHYSICAL, &physical);
	return r ? r : bytes(w, physical, VM_Z_PHYSICAL_CAPACITY,
			     &out->heap.committed);
}

static int read_z(struct vm_heap *out, const struct walk *w)
{
	uint64_t heap, allocator, count;
	int r;

	r = word(w, w->heap, VM_TOTAL_COLLECTIONS, &count);
	if (r)
		return r;
	out->cycles = (double)(uint32_t)count;
	if (!w->l->field[VM_X_HEAP].known)
		return read_z_allocator(out, w);
	if ((r = part(w, w->heap, VM_X_HEAP, &heap)) ||
	    (r = part(w, heap, VM_X_ALLOCATOR, &allocator)) ||
	    (r = bytes(w, allocator, VM_X_USED, &out->heap.used)))
		return r;
	return bytes(w, allocator, VM_X_CAPACITY, &out->heap.committed);
}

static int (*const readers[JVM_GC_COUNT])(struct vm_heap *,
					  const struct walk *) = {
	[JVM_SERIAL] = read_serial,
	[JVM_PARALLEL] = read_parallel,
	[JVM_G1] = read_g1,
	[JVM_Z] = read_z,
	[JVM_Z_GENERATIONAL] = read_z_allocator,
	[JVM_SHENANDOAH] = read_shenandoah,
};

int vmheap_read(struct vm_heap *out, const struct vm_layout *l, int mem_fd,
		enum jvm_gc gc)
{
	const struct vm_space none = { NAN, NAN };
	struct vm_heap h = { none, none, none, none, NAN, NAN, NAN };
	struct walk w = { .l = l, .mem_fd = mem_fd };
	int r;

	r = vm_read_word(l, mem_fd, 0, VM_HEAP, &w.heap);
	if (r)
		return r;
	r = readers[gc](&h, &w);
	/* More than is there: a collection was under way between two reads. */
	if (!r && h.heap.used > h.heap.committed)
		r = -EBADMSG;
	if (!r)
		*out = h;
	return r;
}
