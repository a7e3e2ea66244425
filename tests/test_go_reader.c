/* What follows from one reading of a Go runtime; and a reading of a memory
 * made by hand. */
#include "test.h"

#include <sys/mman.h>

#include "collector/go/reader.h"
#include "common/own.h"

#define MB (1ull << 20)

/* 100 MB used, 120 mapped and ready, no limit. */
static struct go_reading quiet(void)
{
	return (struct go_reading){
		.memory_limit = INT64_MAX,
		.gc_percent_heap_goal = 150 * MB,
		.triggered = UINT64_MAX,
		.heap_live = 100 * MB,
		.heap_marked = 75 * MB,
		.heap_in_use = 104 * MB,
		.heap_free = 6 * MB,
		.mapped_ready = 120 * MB,
		.total_alloc = 500 * MB,
		.total_free = 400 * MB,
		.numgc = 7,
		.sweepgen = 14,
		.pages_in_use = 13312,
		.goroutines = 5,
	};
}

START_TEST(without_a_limit_the_percentage_sets_the_goal)
{
	struct go_reading r = quiet();

	ck_assert_uint_eq(go_used(&r), 100 * MB);
	ck_assert_uint_eq(go_heap_goal(&r, 26), 150 * MB);
	r.sweep_dist_min_trigger = 151 * MB;
	ck_assert_uint_eq(go_heap_goal(&r, 26), 151 * MB);
	r.triggered = 152 * MB;
	ck_assert_uint_eq(go_heap_goal(&r, 26), 152 * MB + 65536);
}
END_TEST

START_TEST(a_limit_sets_the_goal_less_the_headroom_of_its_version)
{
	struct go_reading r = quiet();
	/* 14 MB are not heap: 120 - 6 - 100. */
	uint64_t left = (128 - 14) * MB;

	r.memory_limit = 128 * MB;
	ck_assert_uint_eq(go_heap_goal(&r, 20), left - MB);
	ck_assert_uint_eq(go_heap_goal(&r, 21), left - left / 100 * 3);
	/* Nothing of this moves the goal under a limit. */
	r.sweep_dist_min_trigger = r.triggered = 140 * MB;
	ck_assert_uint_eq(go_heap_goal(&r, 20), left - MB);
}
END_TEST

START_TEST(a_limit_that_is_exceeded_leaves_what_is_live)
{
	struct go_reading r = quiet();

	r.memory_limit = 10 * MB;
	ck_assert_uint_eq(go_heap_goal(&r, 26), 75 * MB);
	r.memory_limit = 100 * MB; /* 100 - 14 - 20 over - 3 % is below it */
	ck_assert_uint_eq(go_heap_goal(&r, 26), 75 * MB);
	r.heap_marked = 0;
	ck_assert_uint_eq(go_heap_goal(&r, 26), 66 * MB - 66 * MB / 100 * 3);
	r.memory_limit = 35 * MB; /* 14 + 85 over */
	ck_assert_uint_eq(go_heap_goal(&r, 26), 0);
}
END_TEST

START_TEST(cycles_of_the_last_minute_are_counted)
{
	struct go_reading r = quiet();
	uint64_t now = 1800000000000000000, window = 60000000000;
	bool complete;

	for (uint32_t i = 0; i < 7; i++)
		r.pause_end[i] = now - 70000000000 + i * 5000000000;
	/* 70 65 60 55 50 45 40 s ago: the window is open at its begin. */
	ck_assert_uint_eq(go_recent_cycles(&r, now, window, &complete), 4);
	ck_assert(complete);
	r.numgc = 0;
	ck_assert_uint_eq(go_recent_cycles(&r, now, window, &complete), 0);
	ck_assert(complete);
}
END_TEST

START_TEST(a_ring_full_of_recent_cycles_says_so)
{
	struct go_reading r = quiet();
	uint64_t now = 1800000000000000000, window = 60000000000;
	bool complete;

	for (uint32_t i = 0; i < GO_PAUSES; i++)
		r.pause_end[i] = now - 1000;
	r.numgc = 256;
	ck_assert_uint_eq(go_recent_cycles(&r, now, window, &complete), 256);
	ck_assert(complete); /* there never were more */
	r.numgc = 300;
	ck_assert_uint_eq(go_recent_cycles(&r, now, window, &complete), 256);
	ck_assert(!complete);
	r.pause_end[300 % 256] = now - window; /* the oldest one */
	ck_assert_uint_eq(go_recent_cycles(&r, now, window, &complete), 255);
	ck_assert(complete);
}
END_TEST

START_TEST(a_reading_that_makes_sense_passes)
{
	struct go_reading r = quiet();
	const char *why;

	ck_ok(go_check(&r, &why));
	r.sweepgen = 16; /* read while the world stood still */
	ck_ok(go_check(&r, &why));
}
END_TEST

START_TEST(a_runtime_that_has_not_started_says_try_again)
{
	struct go_reading r = { 0 };
	const char *why;

	ck_err(go_check(&r, &why), EAGAIN);
	r = quiet();
	r.goroutines = 0;
	ck_err(go_check(&r, &why), EAGAIN);
}
END_TEST

START_TEST(nonsense_is_named)
{
	struct go_reading wrong[] = { quiet(), quiet(), quiet(),
				      quiet(), quiet(), quiet() };
	const char *why;

	wrong[0].memory_limit = -5;
	wrong[1].heap_live = 1ull << 60;
	wrong[2].sweepgen = 4000;
	wrong[3].numforcedgc = 8;
	wrong[4].pages_in_use = 1ull << 40;
	wrong[5].gc_cpu_fraction = 3.5e300;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		ck_err(go_check(&wrong[i], &why), EINVAL);
		ck_assert(*why);
	}
}
END_TEST

/* ---- a memory made by hand: a file in place of /proc/PID/mem ---- */

struct memory {
	int fd;
	struct go_layout layout;
};

static void put(const struct memory *m, uint64_t address, const void *data,
		size_t len)
{
	ck_assert_int_eq(pwrite(m->fd, data, len, (off_t)address),
			 (ssize_t)len);
}

static void put_u64(const struct memory *m, enum go_root root,
		    enum go_field field, uint64_t value)
{
	put(m, m->layout.vaddr[root] + m->layout.offset[field], &value, 8);
}

static void put_u32(const struct memory *m, enum go_root root,
		    enum go_field field, uint32_t value)
{
	put(m, m->layout.vaddr[root] + m->layout.offset[field], &value, 4);
}

/* Three processors with 1, 2 and 3 free goroutines, and a small heap. */
static void make_memory(struct memory *m, int minor)
{
	uint64_t slice[3] = { 0x300000, 3, 4 };
	uint64_t procs[3] = { 0x310000, 0x320000, 0x330000 }, all = 50;

	m->fd = memfd_create("memory", MFD_CLOEXEC);
	ck_assert_int_ge(m->fd, 0);
	ck_assert_int_eq(ftruncate(m->fd, 0x400000), 0);
	ck_assert(go_layout_table(minor, m->layout.offset));
	for (int i = 0; i < GO_GLOBAL_COUNT; i++)
		m->layout.vaddr[i] = 0x10000 + (uint64_t)i * 0x20000;
	put_u64(m, GO_GC_CONTROLLER, GO_TOTAL_ALLOC, 5000);
	put_u64(m, GO_GC_CONTROLLER, GO_TOTAL_FREE, 1000);
	put_u64(m, GO_GC_CONTROLLER, GO_HEAP_FREE, 2000);
	put_u64(m, GO_GC_CONTROLLER, GO_MAPPED_READY, 9000);
	put_u32(m, GO_MEMSTATS, GO_NUMGC, 3);
	put_u32(m, GO_MHEAP, GO_SWEEPGEN, 6);
	put_u32(m, GO_SCHED, GO_SCHED_GFREE, 7);
	put_u32(m, GO_SCHED, GO_NGSYS, 4);
	put(m, m->layout.vaddr[GO_ALLGLEN], &all, 8);
	put(m, m->layout.vaddr[GO_ALLP], slice, sizeof(slice));
	put(m, slice[0], procs, sizeof(procs));
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n = i + 1;

		put(m, procs[i] + m->layout.offset[GO_P_GFREE], &n, 4);
	}
}

/* A counter of one of the three parts of heapStats. */
static void put_part(const struct memory *m, int part, enum go_field field,
		     uint32_t index, uint64_t value)
{
	put(m, m->layout.vaddr[GO_MEMSTATS] + m->layout.offset[GO_HEAP_STATS] +
	    (uint64_t)part * m->layout.offset[GO_DELTA_SIZE] +
	    m->layout.offset[field] + 8ull * index, &value, 8);
}

START_TEST(a_reading_adds_up_what_the_runtime_adds_up)
{
	for (int minor = GO_MINOR_FIRST; minor <= GO_MINOR_LAST; minor++) {
		struct memory m;
		struct go_reading r;

		make_memory(&m, minor);
		put_part(&m, 0, GO_SMALL_ALLOC_COUNT, 0, 10);
		put_part(&m, 1, GO_SMALL_ALLOC_COUNT, 67, 20);
		put_part(&m, 2, GO_LARGE_ALLOC_COUNT, 0, 5);
		put_part(&m, 1, GO_SMALL_FREE_COUNT, 67, 6);
		put_part(&m, 0, GO_LARGE_FREE_COUNT, 0, 1);
		put_part(&m, 2, GO_TINY_ALLOC_COUNT, 0, 100);
		ck_ok(go_read(m.fd, &m.layout, 0, &r));
		ck_assert_uint_eq(go_used(&r), 4000);
		ck_assert(r.objects_known);
		ck_assert_uint_eq(r.mallocs, 135);
		ck_assert_uint_eq(r.objects, 28);
		/* 50 - 7 - 4 - (1 + 2 + 3) */
		ck_assert_int_eq(r.goroutines, 33);
		ck_assert(minor == 19 ? r.gc_cpu_ns == -1 : r.gc_cpu_ns == 0);
		close(m.fd);
	}
}
END_TEST

START_TEST(a_set_that_stays_torn_is_refused)
{
	struct memory m;
	struct go_reading r;

	make_memory(&m, 26);
	put_u64(&m, GO_GC_CONTROLLER, GO_HEAP_FREE, 6000); /* 6000 + 4000 > */
	ck_err(go_read(m.fd, &m.layout, 0, &r), EAGAIN);
	put_u64(&m, GO_GC_CONTROLLER, GO_HEAP_FREE, UINT64_MAX - 10);
	ck_err(go_read(m.fd, &m.layout, 0, &r), EAGAIN);
	close(m.fd);
}
END_TEST

START_TEST(a_wild_list_of_processors_costs_only_the_goroutines)
{
	uint64_t slices[][3] = {
		{ 0x300000, 1u << 30, 1u << 30 }, { 0xdead00000000, 3, 3 },
		{ UINT64_MAX - 8, 3, 3 }, { 0x300000, 0, 0 },
	};
	struct memory m;
	struct go_reading r;

	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		make_memory(&m, 26);
		put(&m, m.layout.vaddr[GO_ALLP], slices[i], 24);
		/* Behind a file's end is nothing, as after an exit. */
		if (slices[i][0] == 0xdead00000000)
			ck_err(go_read(m.fd, &m.layout, 0, &r), ESRCH);
		else
			ck_ok(go_read(m.fd, &m.layout, 0, &r));
		ck_assert_int_eq(r.goroutines, 0);
		close(m.fd);
	}
}
END_TEST

START_TEST(no_memory_is_an_error)
{
	struct memory m;
	struct go_reading r;

	make_memory(&m, 26);
	ck_err(go_read(m.fd, &m.layout, 0x7000000000000000, &r), ESRCH);
	ck_err(go_read(m.fd, &m.layout, 0xf000000000000000, &r), EFAULT);
	close(m.fd);
}
END_TEST

TEST_MAIN("go_reader", without_a_limit_the_percentage_sets_the_goal,
	  a_limit_sets_the_goal_less_the_headroom_of_its_version,
	  a_limit_that_is_exceeded_leaves_what_is_live,
	  cycles_of_the_last_minute_are_counted,
	  a_ring_full_of_recent_cycles_says_so,
	  a_reading_that_makes_sense_passes,
	  a_runtime_that_has_not_started_says_try_again, nonsense_is_named,
	  a_reading_adds_up_what_the_runtime_adds_up,
	  a_set_that_stays_torn_is_refused,
	  a_wild_list_of_processors_costs_only_the_goroutines,
	  no_memory_is_an_error)
