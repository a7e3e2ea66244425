#pragma once
/*
 * hsperf.h - the counters a HotSpot JVM publishes, from a copy of their bytes.
 *
 * The block (a file below /tmp, or PerfMemory of the process) is a prologue
 * and a list of named entries; layout: HotSpot, runtime/perfMemory.hpp and
 * perfData.hpp, version 2.0. Where an entry lies stays the same until entries
 * are added, so it is looked up once and then read by offset.
 *
 * The bytes come from another process: nothing in them is trusted, every
 * offset is checked against the length given. No allocation, no I/O.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest block that is looked at; HotSpot's default is 32 KiB
 * (-XX:PerfDataMemorySize). */
#define HSPERF_BYTES_MAX (1u << 20)

/* The counters we want; names in hsperf.c. */
enum hsperf_counter {
	HSPERF_VM_VERSION,  /* text */
	HSPERF_FREQUENCY,   /* ticks a second of all times */
	HSPERF_TICKS,       /* only there while the JVM samples (until 24) */
	HSPERF_GC_CAUSE,    /* text; of the collection under way */
	HSPERF_GC_LAST_CAUSE, /* text; of the one before */
	HSPERF_POLICY_NAME, /* text; Serial, Parallel and G1 */
	/* sun.gc.collector.N; one group after another */
	HSPERF_COLLECTOR_0_NAME,
	HSPERF_COLLECTOR_0_COUNT,
	HSPERF_COLLECTOR_0_TIME,
	HSPERF_COLLECTOR_0_ENTRY,
	HSPERF_COLLECTOR_0_EXIT,
	HSPERF_COLLECTOR_1_NAME,
	HSPERF_COLLECTOR_1_COUNT,
	HSPERF_COLLECTOR_1_TIME,
	HSPERF_COLLECTOR_1_ENTRY,
	HSPERF_COLLECTOR_1_EXIT,
	HSPERF_COLLECTOR_2_NAME,
	HSPERF_COLLECTOR_2_COUNT,
	HSPERF_COLLECTOR_2_TIME,
	HSPERF_COLLECTOR_2_ENTRY,
	HSPERF_COLLECTOR_2_EXIT,
	HSPERF_YOUNG_MAX,
	HSPERF_EDEN_USED,
	HSPERF_EDEN_CAPACITY,
	HSPERF_EDEN_MAX,
	HSPERF_S0_USED,
	HSPERF_S0_CAPACITY,
	HSPERF_S0_MAX,
	HSPERF_S1_USED,
	HSPERF_S1_CAPACITY,
	HSPERF_OLD_NAME, /* text */
	HSPERF_OLD_MAX,
	HSPERF_OLD_USED,
	HSPERF_OLD_CAPACITY,
	HSPERF_METASPACE_USED,
	HSPERF_CLASSES_LOADED,
	HSPERF_CLASSES_LOADED_SHARED,
	HSPERF_CLASSES_UNLOADED,
	HSPERF_CLASSES_UNLOADED_SHARED,
	HSPERF_COUNT
};

/* COUNT, TIME, ENTRY, EXIT of sun.gc.collector.N, N from 0 to 2. */
#define HSPERF_COLLECTOR(n, what)                                              \
	((enum hsperf_counter)(HSPERF_COLLECTOR_0_##what +                     \
			       (n) * (HSPERF_COLLECTOR_1_NAME -                \
				      HSPERF_COLLECTOR_0_NAME)))

/* Where the wanted entries lie in one block. */
struct hsperf {
	int32_t used, entries;     /* of the block that was looked through */
	uint32_t at[HSPERF_COUNT]; /* offset of the value; 0: not there */
	uint32_t len[HSPERF_COUNT];
};

/*
 * Look through a block. -EAGAIN: the JVM is still setting it up;
 * -EPROTONOSUPPORT: another version or byte order; -EBADMSG: not such a
 * block, or a broken one.
 */
int hsperf_index(struct hsperf *out, const void *block, size_t len);

/* Is what was found still where it was? False: look through it again. */
bool hsperf_current(const struct hsperf *h, const void *block, size_t len);

/* One value; false when it is not there or of the other type. */
bool hsperf_number(const struct hsperf *h, const void *block, size_t len,
		   enum hsperf_counter c, int64_t *out);

/* Copied and NUL-terminated, cut at out_len; bytes that are not printable
 * ASCII become '?'. */
bool hsperf_text(const struct hsperf *h, const void *block, size_t len,
		 enum hsperf_counter c, char *out, size_t out_len);
