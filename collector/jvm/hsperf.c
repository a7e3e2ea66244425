#include "hsperf.h"

#include <errno.h>
#include <string.h>

#include "common/own.h"

#define ENTRIES_MAX 65536

struct prologue {
	uint8_t magic[4]; /* ca fe c0 c0, in this order on every machine */
	uint8_t byte_order, major, minor, accessible;
	int32_t used, overflow;
	int64_t modified;
	int32_t entry_offset, entries;
};
_Static_assert(sizeof(struct prologue) == 32, "as HotSpot lays it");

struct entry {
	int32_t len, name_offset, vector_len;
	uint8_t type, flags, units, variability;
	int32_t data_offset;
};
_Static_assert(sizeof(struct entry) == 20, "as HotSpot lays it");

static const struct {
	const char *name;
	char type; /* JVM descriptor: J is a long, B an array of bytes */
} wanted[HSPERF_COUNT] = {
	[HSPERF_VM_VERSION] = { "java.property.java.vm.version", 'B' },
	[HSPERF_FREQUENCY] = { "sun.os.hrt.frequency", 'J' },
	[HSPERF_TICKS] = { "sun.os.hrt.ticks", 'J' },
	[HSPERF_GC_CAUSE] = { "sun.gc.cause", 'B' },
	[HSPERF_GC_LAST_CAUSE] = { "sun.gc.lastCause", 'B' },
	[HSPERF_POLICY_NAME] = { "sun.gc.policy.name", 'B' },
#define COLLECTOR(n)                                                           \
	[HSPERF_COLLECTOR_##n##_NAME] = { "sun.gc.collector." #n ".name", 'B' }, \
	[HSPERF_COLLECTOR_##n##_COUNT] = { "sun.gc.collector." #n ".invocations", 'J' }, \
	[HSPERF_COLLECTOR_##n##_TIME] = { "sun.gc.collector." #n ".time", 'J' }, \
	[HSPERF_COLLECTOR_##n##_ENTRY] = { "sun.gc.collector." #n ".lastEntryTime", 'J' }, \
	[HSPERF_COLLECTOR_##n##_EXIT] = { "sun.gc.collector." #n ".lastExitTime", 'J' }
	COLLECTOR(0),
	COLLECTOR(1),
	COLLECTOR(2),
#define GENERATION(n) "sun.gc.generation." #n
#define SPACE(n, m)   GENERATION(n) ".space." #m
	[HSPERF_YOUNG_MAX] = { GENERATION(0) ".maxCapacity", 'J' },
	[HSPERF_EDEN_USED] = { SPACE(0, 0) ".used", 'J' },
	[HSPERF_EDEN_CAPACITY] = { SPACE(0, 0) ".capacity", 'J' },
	[HSPERF_EDEN_MAX] = { SPACE(0, 0) ".maxCapacity", 'J' },
	[HSPERF_S0_USED] = { SPACE(0, 1) ".used", 'J' },
	[HSPERF_S0_CAPACITY] = { SPACE(0, 1) ".capacity", 'J' },
	[HSPERF_S0_MAX] = { SPACE(0, 1) ".maxCapacity", 'J' },
	[HSPERF_S1_USED] = { SPACE(0, 2) ".used", 'J' },
	[HSPERF_S1_CAPACITY] = { SPACE(0, 2) ".capacity", 'J' },
	[HSPERF_OLD_NAME] = { GENERATION(1) ".name", 'B' },
	[HSPERF_OLD_MAX] = { GENERATION(1) ".maxCapacity", 'J' },
	[HSPERF_OLD_USED] = { SPACE(1, 0) ".used", 'J' },
	[HSPERF_OLD_CAPACITY] = { SPACE(1, 0) ".capacity", 'J' },
	[HSPERF_METASPACE_USED] = { "sun.gc.metaspace.used", 'J' },
	[HSPERF_CLASSES_LOADED] = { "java.cls.loadedClasses", 'J' },
	[HSPERF_CLASSES_LOADED_SHARED] = { "java.cls.sharedLoadedClasses", 'J' },
	[HSPERF_CLASSES_UNLOADED] = { "java.cls.unloadedClasses", 'J' },
	[HSPERF_CLASSES_UNLOADED_SHARED] = { "java.cls.sharedUnloadedClasses", 'J' },
};

static int read_prologue(struct prologue *p, const void *block, size_t len)
{
	static const uint8_t magic[4] = { 0xca, 0xfe, 0xc0, 0xc0 };
	const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

	if (len < sizeof(*p))
		return -EBADMSG;
	memcpy(p, block, sizeof(*p));
	/* A file is created before it is filled. */
	if (memcmp(p->magic, "\0\0\0\0", 4) == 0)
		return -EAGAIN;
	if (memcmp(p->magic, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (p->major != 2 || p->byte_order != little)
		return -EPROTONOSUPPORT;
	if (!p->accessible)
		return -EAGAIN;
	if (p->used < (int32_t)sizeof(*p) || (uint32_t)p->used > len ||
	    p->entry_offset < (int32_t)sizeof(*p) ||
	    p->entry_offset > p->used || p->entries < 0 ||
	    p->entries > ENTRIES_MAX)
		return -EBADMSG;
	return 0;
}

/* The entry at an offset; its name and value lie within it. */
static bool read_entry(struct entry *e, const uint8_t *block, uint32_t used,
		       uint32_t at)
{
	uint32_t value_len;

	if (used - at < sizeof(*e))
		return false;
	memcpy(e, block + at, sizeof(*e));
	if (e->len < (int32_t)sizeof(*e) || (uint32_t)e->len > used - at ||
	    e->vector_len < 0)
		return false;
	value_len = e->vector_len ? (uint32_t)e->vector_len : 8;
	if (e->name_offset < (int32_t)sizeof(*e) || e->name_offset >= e->len ||
	    e->data_offset < (int32_t)sizeof(*e) || e->data_offset > e->len ||
	    (uint32_t)(e->len - e->data_offset) < value_len)
		return false;
	return memchr(block + at + e->name_offset, 0,
		      (size_t)(e->len - e->name_offset)) != NULL;
}

static void note_entry(struct hsperf *h, const struct entry *e,
		       const char *name, uint32_t at)
{
	bool is_long = e->type == 'J' && e->vector_len == 0;

	if (!is_long && !(e->type == 'B' && e->vector_len > 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if ((wanted[i].type == 'J') != is_long ||
		    strcmp(wanted[i].name, name) != 0)
			continue;
		h->at[i] = at + (uint32_t)e->data_offset;
		h->len[i] = is_long ? 8 : (uint32_t)e->vector_len;
		return;
	}
}

int hsperf_index(struct hsperf *out, const void *block, size_t len)
{
	struct hsperf h = { 0 };
	const uint8_t *bytes = block;
	struct prologue p;
	struct entry e;
	uint32_t at;
	int r;

	r = read_prologue(&p, block, len);
	if (r)
		return r;
	at = (uint32_t)p.entry_offset;
	for (int32_t i = 0; i < p.entries; i++) {
		if (!read_entry(&e, bytes, (uint32_t)p.used, at))
			return -EBADMSG;
		note_entry(&h, &e, (const char *)bytes + at + e.name_offset, at);
		at += (uint32_t)e.len;
	}
	h.used = p.used;
	h.entries = p.entries;
	*out = h;
	return 0;
}

bool hsperf_current(const struct hsperf *h, const void *block, size_t len)
{
	struct prologue p;

	return read_prologue(&p, block, len) == 0 && p.used == h->used &&
	       p.entries == h->entries;
}

/* The bytes of a value, if the block still reaches so far. */
static const uint8_t *value(const struct hsperf *h, const void *block,
			    size_t len, enum hsperf_counter c)
{
	if (!h->at[c] || h->at[c] > len || len - h->at[c] < h->len[c])
		return NULL;
	return (const uint8_t *)block + h->at[c];
}

bool hsperf_number(const struct hsperf *h, const void *block, size_t len,
		   enum hsperf_counter c, int64_t *out)
{
	const uint8_t *bytes = value(h, block, len, c);

	if (!bytes || wanted[c].type != 'J')
		return false;
	memcpy(out, bytes, sizeof(*out));
	return true;
}

bool hsperf_text(const struct hsperf *h, const void *block, size_t len,
		 enum hsperf_counter c, char *out, size_t out_len)
{
	const uint8_t *bytes = value(h, block, len, c);
	size_t i;

	if (!bytes || wanted[c].type != 'B' || out_len == 0)
		return false;
	for (i = 0; i < h->len[c] && i + 1 < out_len && bytes[i]; i++)
		out[i] = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] :
							      '?';
	out[i] = '\0';
	return true;
}
