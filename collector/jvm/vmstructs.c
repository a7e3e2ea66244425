#include "vmstructs.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/maps.h"
#include "collector/priv.h"
#include "collector/remote.h"
#include "common/own.h"

#define PROGRAM_HEADERS_MAX 64
#define DYNAMIC_MAX 256
#define CHAIN_MAX 4096  /* symbols of one hash bucket */
#define ENTRIES_MAX 8192
#define STRIDE_MAX 128
#define NAME_MAX_LEN 64 /* longer names are none of ours */

#define PAGE_BYTES 4096u
#define PAGES 256 /* of the cache, direct mapped: 1 MiB while we read */

/* What we want of gHotSpotVMStructs. The same field has several rows where
 * JDKs name it differently. */
static const struct {
	enum vm_field field;
	const char *type, *name;
} wanted[] = {
	{ VM_HEAP, "Universe", "_collectedHeap" },
	{ VM_TOTAL_COLLECTIONS, "CollectedHeap", "_total_collections" },
	{ VM_PERF_START, "PerfMemory", "_start" },
	{ VM_PERF_CAPACITY, "PerfMemory", "_capacity" },
	{ VM_PERF_INITIALIZED, "PerfMemory", "_initialized" },
	{ VM_G1_MANAGER, "G1CollectedHeap", "_hrm" },
	{ VM_G1_REGIONS, "HeapRegionManager", "_regions" },
	{ VM_G1_REGIONS, "G1HeapRegionManager", "_regions" },
	{ VM_G1_TABLE_BASE, "G1HeapRegionTable", "_base" },
	{ VM_G1_TABLE_LENGTH, "G1HeapRegionTable", "_length" },
	{ VM_G1_REGION_TYPE, "HeapRegion", "_type" },
	{ VM_G1_REGION_TYPE, "G1HeapRegion", "_type" },
	{ VM_G1_TYPE_TAG, "HeapRegionType", "_tag" },
	{ VM_G1_TYPE_TAG, "G1HeapRegionType", "_tag" },
	{ VM_G1_MONITOR, "G1CollectedHeap", "_g1mm" },
	{ VM_G1_MONITOR, "G1CollectedHeap", "_monitoring_support" },
	{ VM_G1_EDEN_USED, "G1MonitoringSupport", "_eden_used" },
	{ VM_G1_EDEN_USED, "G1MonitoringSupport", "_eden_space_used" },
	{ VM_G1_EDEN_COMMITTED, "G1MonitoringSupport", "_eden_committed" },
	{ VM_G1_EDEN_COMMITTED, "G1MonitoringSupport", "_eden_space_committed" },
	{ VM_G1_SURVIVOR_USED, "G1MonitoringSupport", "_survivor_used" },
	{ VM_G1_SURVIVOR_USED, "G1MonitoringSupport", "_survivor_space_used" },
	{ VM_G1_SURVIVOR_COMMITTED, "G1MonitoringSupport",
	  "_survivor_committed" },
	{ VM_G1_SURVIVOR_COMMITTED, "G1MonitoringSupport",
	  "_survivor_space_committed" },
	{ VM_G1_OLD_USED, "G1MonitoringSupport", "_old_used" },
	{ VM_G1_OLD_USED, "G1MonitoringSupport", "_old_gen_used" },
	{ VM_G1_OLD_COMMITTED, "G1MonitoringSupport", "_old_committed" },
	{ VM_G1_OLD_COMMITTED, "G1MonitoringSupport", "_old_gen_committed" },
	{ VM_SERIAL_YOUNG, "GenCollectedHeap", "_young_gen" },
	{ VM_SERIAL_YOUNG, "SerialHeap", "_young_gen" },
	{ VM_SERIAL_OLD, "GenCollectedHeap", "_old_gen" },
	{ VM_SERIAL_OLD, "SerialHeap", "_old_gen" },
	{ VM_SERIAL_EDEN, "DefNewGeneration", "_eden_space" },
	{ VM_SERIAL_FROM, "DefNewGeneration", "_from_space" },
	{ VM_SERIAL_OLD_SPACE, "TenuredGeneration", "_the_space" },
	{ VM_SPACE_BOTTOM, "Space", "_bottom" },
	{ VM_SPACE_BOTTOM, "ContiguousSpace", "_bottom" },
	{ VM_SPACE_TOP, "ContiguousSpace", "_top" },
	{ VM_SPACE_END, "Space", "_end" },
	{ VM_SPACE_END, "ContiguousSpace", "_end" },
	{ VM_PARALLEL_YOUNG, "ParallelScavengeHeap", "_young_gen" },
	{ VM_PARALLEL_OLD, "ParallelScavengeHeap", "_old_gen" },
	{ VM_PARALLEL_EDEN, "PSYoungGen", "_eden_space" },
	{ VM_PARALLEL_FROM, "PSYoungGen", "_from_space" },
	{ VM_PARALLEL_OLD_SPACE, "PSOldGen", "_object_space" },
	{ VM_MUTABLE_BOTTOM, "ImmutableSpace", "_bottom" },
	{ VM_MUTABLE_BOTTOM, "MutableSpace", "_bottom" },
	{ VM_MUTABLE_TOP, "MutableSpace", "_top" },
	{ VM_MUTABLE_END, "ImmutableSpace", "_end" },
	{ VM_MUTABLE_END, "MutableSpace", "_end" },
	{ VM_Z_HEAP, "ZCollectedHeap", "_heap" },
	{ VM_Z_ALLOCATOR, "ZHeap", "_page_allocator" },
	{ VM_Z_USED, "ZPageAllocator", "_used" },
	{ VM_Z_CAPACITY, "ZPageAllocator", "_capacity" },
	{ VM_Z_PHYSICAL, "ZPageAllocator", "_physical" },
	{ VM_Z_PHYSICAL_CAPACITY, "ZPhysicalMemoryManager", "_capacity" },
	{ VM_Z_PARTITIONS, "ZPageAllocator", "_partitions" },
	{ VM_Z_PARTITION_ADDRESS, "ZPerNUMAZPartition", "_addr" },
	{ VM_Z_PARTITION_USED, "ZPartition", "_used" },
	{ VM_Z_PARTITION_CAPACITY, "ZPartition", "_capacity" },
	{ VM_Z_NODES, "ZNUMA", "_count" },
	{ VM_X_HEAP, "XCollectedHeap", "_heap" },
	{ VM_X_ALLOCATOR, "XHeap", "_page_allocator" },
	{ VM_X_USED, "XPageAllocator", "_used" },
	{ VM_X_CAPACITY, "XPageAllocator", "_capacity" },
	{ VM_SHENANDOAH_USED, "ShenandoahHeap", "_used" },
	{ VM_SHENANDOAH_COMMITTED, "ShenandoahHeap", "_committed" },
	{ VM_SHENANDOAH_REGION_COUNT, "ShenandoahHeap", "_num_regions" },
	{ VM_SHENANDOAH_REGIONS, "ShenandoahHeap", "_regions" },
	{ VM_SHENANDOAH_STATE, "ShenandoahHeapRegion", "_state" },
	{ VM_SHENANDOAH_GLOBAL, "ShenandoahHeap", "_global_generation" },
	{ VM_SHENANDOAH_GENERATION_USED, "ShenandoahGeneration", "_used" },
};

/* ---- memory of the process ---- */

/* Names lie scattered over a few hundred pages; each is read once. */
struct pages {
	int mem_fd;
	uint64_t number[PAGES]; /* + 1; 0 is none */
	uint8_t bytes[PAGES][PAGE_BYTES];
};

int vm_read_word(const struct vm_layout *l, int mem_fd, uint64_t object,
		 enum vm_field f, uint64_t *out)
{
	if (!l->field[f].known)
		return -ENOENT;
	return remote_read(mem_fd, object + l->field[f].at, out, sizeof(*out));
}

static const uint8_t *page_of(struct pages *p, uint64_t address)
{
	uint64_t number = address / PAGE_BYTES;
	size_t slot = number % PAGES;

	if (p->number[slot] != number + 1) {
		p->number[slot] = 0;
		if (remote_read(p->mem_fd, number * PAGE_BYTES, p->bytes[slot],
			    PAGE_BYTES))
			return NULL;
		p->number[slot] = number + 1;
	}
	return p->bytes[slot];
}

/* A string; false when it is not mapped or too long to be one of ours. */
static bool read_name(struct pages *p, uint64_t address,
		      char out[NAME_MAX_LEN])
{
	for (size_t i = 0; i < NAME_MAX_LEN; i++) {
		const uint8_t *page = page_of(p, address + i);

		if (!page)
			return false;
		out[i] = (char)page[(address + i) % PAGE_BYTES];
		if (!out[i])
			return true;
	}
	return false;
}

/* ---- the mapped library ---- */

struct library {
	uint64_t bias; /* added to addresses of the file */
	uint64_t symbols, strings;
	uint64_t gnu_hash, sysv_hash; /* 0: none; JDK 11 only has the latter */
};

struct library_file {
	uint64_t inode;
	char path[4096]; /* as the process sees it */
};

/* The begin of the library; an upgrade of the package leaves running JVMs a
 * deleted file. */
static bool is_library(const struct mapping *m, void *arg)
{
	static const char name[] = "/libjvm.so";
	struct library_file *file = arg;
	size_t len = strlen(m->path), name_len = sizeof(name) - 1;

	if (len > 10 && strcmp(m->path + len - 10, " (deleted)") == 0)
		len -= 10;
	if (m->offset != 0 || len < name_len ||
	    strncmp(m->path + len - name_len, name, name_len) != 0)
		return false;
	file->inode = m->inode;
	snprintf(file->path, sizeof(file->path), "%s", m->path);
	return true;
}

int vmstructs_find_library(pid_t pid, uint64_t *out)
{
	struct library_file file;

	return maps_find(pid, is_library, &file, out);
}

int vmstructs_open_library(pid_t pid)
{
	own(fd_closep) int fd = -1;
	struct library_file file;
	uint64_t begin;
	struct stat st;
	int r = maps_find(pid, is_library, &file, &begin);

	if (r)
		return r;
	fd = priv_open_in_root(pid, file.path);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* The device is another one on overlay and btrfs. */
	if (!S_ISREG(st.st_mode) || st.st_ino != file.inode)
		return -ESTALE;
	return take_fd(fd);
}

/* The dynamic section; pointers in it are relocated by glibc, not by musl. */
static int read_dynamic(struct library *l, int mem_fd, uint64_t address,
			uint64_t base)
{
	Elf64_Dyn d;
	int r;

	for (int i = 0; i < DYNAMIC_MAX; i++) {
		uint64_t *to = NULL;

		r = remote_read(mem_fd, address + (uint64_t)i * sizeof(d), &d,
			    sizeof(d));
		if (r)
			return r;
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_SYMTAB)
			to = &l->symbols;
		else if (d.d_tag == DT_STRTAB)
			to = &l->strings;
		else if (d.d_tag == DT_GNU_HASH)
			to = &l->gnu_hash;
		else if (d.d_tag == DT_HASH)
			to = &l->sysv_hash;
		if (to)
			*to = d.d_un.d_ptr < base ? d.d_un.d_ptr + l->bias :
						    d.d_un.d_ptr;
	}
	if (!l->symbols || !l->strings || !(l->gnu_hash || l->sysv_hash))
		return -ENOENT;
	return 0;
}

static int open_library(struct library *l, int mem_fd, uint64_t base)
{
	Elf64_Phdr p;
	Elf64_Ehdr e;
	uint64_t dynamic = 0;
	bool loaded = false;
	int r;

	r = remote_read(mem_fd, base, &e, sizeof(e));
	if (r)
		return r;
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_phentsize != sizeof(p) || e.e_phnum > PROGRAM_HEADERS_MAX)
		return -ENOENT;
	for (int i = 0; i < e.e_phnum; i++) {
		r = remote_read(mem_fd, base + e.e_phoff + (uint64_t)i * sizeof(p),
			    &p, sizeof(p));
		if (r)
			return r;
		if (p.p_type == PT_LOAD && !loaded) {
			l->bias = base - (p.p_vaddr - p.p_offset);
			loaded = true;
		}
		if (p.p_type == PT_DYNAMIC)
			dynamic = p.p_vaddr;
	}
	if (!loaded || !dynamic)
		return -ENOENT;
	return read_dynamic(l, mem_fd, l->bias + dynamic, base);
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (uint8_t)*name++;
	return h;
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t h = 0;

	while (*name) {
		h = (h << 4) + (uint8_t)*name++;
		h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
	}
	return h;
}

/* Is symbol number i of this name? Its address, if it is. */
static bool symbol_is(const struct library *l, struct pages *p, uint32_t i,
		      const char *name, uint64_t *out)
{
	char found[NAME_MAX_LEN];
	Elf64_Sym s;

	if (remote_read(p->mem_fd, l->symbols + (uint64_t)i * sizeof(s), &s,
		    sizeof(s)) ||
	    !s.st_shndx || !read_name(p, l->strings + s.st_name, found) ||
	    strcmp(found, name) != 0)
		return false;
	*out = l->bias + s.st_value;
	return true;
}

/* DT_GNU_HASH: a header, a bloom filter, buckets, chains of hashes. */
static int find_by_gnu_hash(const struct library *l, struct pages *p,
			    const char *name, uint64_t *out)
{
	struct {
		uint32_t buckets, first, bloom_words, bloom_shift;
	} head;
	uint32_t hash = gnu_hash(name), i, chained;
	uint64_t buckets, chains;
	int r;

	r = remote_read(p->mem_fd, l->gnu_hash, &head, sizeof(head));
	if (r)
		return r;
	if (head.buckets == 0)
		return -ENOENT;
	buckets = l->gnu_hash + sizeof(head) + (uint64_t)head.bloom_words * 8;
	chains = buckets + (uint64_t)head.buckets * 4;
	r = remote_read(p->mem_fd,
			buckets + (uint64_t)(hash % head.buckets) * 4, &i,
			sizeof(i));
	for (int n = 0; !r && i >= head.first && n < CHAIN_MAX; n++, i++) {
		r = remote_read(p->mem_fd,
				chains + (uint64_t)(i - head.first) * 4,
				&chained, sizeof(chained));
		if (r)
			break;
		if ((chained | 1) == (hash | 1) && symbol_is(l, p, i, name, out))
			return 0;
		if (chained & 1)
			break;
	}
	return r ? r : -ENOENT;
}

/* DT_HASH: numbers of buckets and symbols, buckets, one chain link each. */
static int find_by_sysv_hash(const struct library *l, struct pages *p,
			     const char *name, uint64_t *out)
{
	uint32_t head[2], hash = sysv_hash(name), i;
	uint64_t chains;
	int r;

	r = remote_read(p->mem_fd, l->sysv_hash, head, sizeof(head));
	if (r)
		return r;
	if (head[0] == 0)
		return -ENOENT;
	chains = l->sysv_hash + sizeof(head) + (uint64_t)head[0] * 4;
	r = remote_read(p->mem_fd,
			l->sysv_hash + sizeof(head) +
				(uint64_t)(hash % head[0]) * 4,
			&i, sizeof(i));
	for (int n = 0; !r && i && i < head[1] && n < CHAIN_MAX; n++) {
		if (symbol_is(l, p, i, name, out))
			return 0;
		r = remote_read(p->mem_fd, chains + (uint64_t)i * 4, &i,
				sizeof(i));
	}
	return r ? r : -ENOENT;
}

static int find_symbol(const struct library *l, struct pages *p,
		       const char *name, uint64_t *out)
{
	return l->gnu_hash ? find_by_gnu_hash(l, p, name, out) :
			     find_by_sysv_hash(l, p, name, out);
}

static int symbol_word(const struct library *l, struct pages *p,
		       const char *name, uint64_t *out)
{
	uint64_t address;
	int r = find_symbol(l, p, name, &address);

	return r ? r : remote_read(p->mem_fd, address, out, sizeof(*out));
}

/* ---- the tables ---- */

/* A table: where it is, how far apart its entries are, and where in an entry
 * the parts we want lie. */
struct table {
	uint64_t at, stride;
	uint64_t part[6];
};

struct table_names {
	const char *table, *stride;
	const char *part[6]; /* NULL: no more */
};

enum { TYPE_NAME, FIELD_NAME, TYPE_STRING, IS_STATIC, OFFSET, ADDRESS };
enum { CONSTANT_NAME, CONSTANT_VALUE };

static int find_table(struct table *t, const struct library *l,
		      struct pages *p, const struct table_names *n)
{
	int r;

	if ((r = symbol_word(l, p, n->table, &t->at)) ||
	    (r = symbol_word(l, p, n->stride, &t->stride)))
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(n->part) && n->part[i]; i++) {
		r = symbol_word(l, p, n->part[i], &t->part[i]);
		if (r)
			return r;
		if (t->stride > STRIDE_MAX || t->stride < 8 ||
		    t->part[i] > t->stride - 8)
			return -EBADMSG;
	}
	return 0;
}

static uint64_t word_at(const uint8_t *entry, uint64_t part)
{
	uint64_t word;

	memcpy(&word, entry + part, sizeof(word));
	return word;
}

static int32_t int_at(const uint8_t *entry, uint64_t part)
{
	int32_t number;

	memcpy(&number, entry + part, sizeof(number));
	return number;
}

static void note_field(struct vm_layout *out, struct pages *p,
		       const struct table *t, const uint8_t *entry)
{
	char type[NAME_MAX_LEN], name[NAME_MAX_LEN], string[NAME_MAX_LEN];

	if (!read_name(p, word_at(entry, t->part[TYPE_NAME]), type) ||
	    !read_name(p, word_at(entry, t->part[FIELD_NAME]), name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		enum vm_field f = wanted[i].field;
		bool is_static;

		if (strcmp(wanted[i].type, type) != 0 ||
		    strcmp(wanted[i].name, name) != 0)
			continue;
		is_static = int_at(entry, t->part[IS_STATIC]) != 0;
		out->field[f].at = word_at(
			entry, t->part[is_static ? ADDRESS : OFFSET]);
		out->field[f].known = true;
		out->field[f].pointer =
			read_name(p, word_at(entry, t->part[TYPE_STRING]),
				  string) && strchr(string, '*');
		return;
	}
}

static int read_fields(struct vm_layout *out, const struct library *l,
		       struct pages *p)
{
	static const struct table_names names = {
		"gHotSpotVMStructs", "gHotSpotVMStructEntryArrayStride",
		{ [TYPE_NAME] = "gHotSpotVMStructEntryTypeNameOffset",
		  [FIELD_NAME] = "gHotSpotVMStructEntryFieldNameOffset",
		  [TYPE_STRING] = "gHotSpotVMStructEntryTypeStringOffset",
		  [IS_STATIC] = "gHotSpotVMStructEntryIsStaticOffset",
		  [OFFSET] = "gHotSpotVMStructEntryOffsetOffset",
		  [ADDRESS] = "gHotSpotVMStructEntryAddressOffset" },
	};
	uint8_t entry[STRIDE_MAX];
	struct table t;
	int r;

	r = find_table(&t, l, p, &names);
	for (uint64_t i = 0; !r && i < ENTRIES_MAX; i++) {
		r = remote_read(p->mem_fd, t.at + i * t.stride, entry, t.stride);
		if (r || !word_at(entry, t.part[TYPE_NAME]))
			break;
		note_field(out, p, &t, entry);
	}
	return r;
}

static int read_constants(struct vm_layout *out, const struct library *l,
			  struct pages *p)
{
	static const struct table_names names = {
		"gHotSpotVMIntConstants",
		"gHotSpotVMIntConstantEntryArrayStride",
		{ [CONSTANT_NAME] = "gHotSpotVMIntConstantEntryNameOffset",
		  [CONSTANT_VALUE] = "gHotSpotVMIntConstantEntryValueOffset" },
	};
	uint8_t entry[STRIDE_MAX];
	char name[NAME_MAX_LEN];
	struct table t;
	int r;

	r = find_table(&t, l, p, &names);
	for (uint64_t i = 0; !r && i < ENTRIES_MAX; i++) {
		uint64_t at;

		r = remote_read(p->mem_fd, t.at + i * t.stride, entry, t.stride);
		at = r ? 0 : word_at(entry, t.part[CONSTANT_NAME]);
		if (!at)
			break;
		if (read_name(p, at, name) &&
		    (strcmp(name, "HeapRegionType::FreeTag") == 0 ||
		     strcmp(name, "G1HeapRegionType::FreeTag") == 0)) {
			out->g1_free_tag =
				int_at(entry, t.part[CONSTANT_VALUE]);
			out->g1_free_tag_known = true;
		}
	}
	return r;
}

int vmstructs_read(struct vm_layout *out, int mem_fd, uint64_t library)
{
	own(freep) struct pages *p = calloc(1, sizeof(*p));
	struct vm_layout layout = { 0 };
	struct library l = { 0 };
	int r;

	if (!p)
		return -ENOMEM;
	p->mem_fd = mem_fd;
	if ((r = open_library(&l, mem_fd, library)) ||
	    (r = read_fields(&layout, &l, p)) ||
	    (r = read_constants(&layout, &l, p)))
		return r;
	*out = layout;
	return 0;
}
