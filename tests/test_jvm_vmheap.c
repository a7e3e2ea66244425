/* A heap's own structures, good and hostile: this process plays the JVM. */
#include "test.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>

#include "collector/jvm/vmheap.h"
#include "common/own.h"

/* ---- a Shenandoah heap of four regions ---- */

struct region {
	int32_t state;
};

static struct {
	uint64_t used, committed, count;
	struct region **regions;
} heap;
static struct region regions[4] = { { 0 }, { 1 }, { 2 }, { 9 } };
static struct region *table[4];
static void *universe;
static struct vm_layout layout;

static void know(enum vm_field f, uint64_t at)
{
	layout.field[f].known = true;
	layout.field[f].at = at;
}

#define OFFSET(member) ((uint64_t)__builtin_offsetof(__typeof__(heap), member))

static void setup(void)
{
	memset(&layout, 0, sizeof(layout));
	for (int i = 0; i < 4; i++)
		table[i] = &regions[i];
	heap.used = 30;
	heap.committed = 40;
	heap.count = 4;
	heap.regions = table;
	universe = &heap;
	know(VM_HEAP, (uint64_t)(uintptr_t)&universe);
	know(VM_SHENANDOAH_USED, OFFSET(used));
	know(VM_SHENANDOAH_COMMITTED, OFFSET(committed));
	know(VM_SHENANDOAH_REGION_COUNT, OFFSET(count));
	know(VM_SHENANDOAH_REGIONS, OFFSET(regions));
	know(VM_SHENANDOAH_STATE, 0);
}

static int look(struct vm_heap *out)
{
	own(fd_closep) int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return vmheap_read(out, &layout, fd, JVM_SHENANDOAH);
}

START_TEST(empty_regions_are_free)
{
	struct vm_heap h;

	setup();
	ck_ok(look(&h));
	ck_assert_double_eq(h.heap.used, 30);
	ck_assert_double_eq(h.total_regions, 4);
	ck_assert_double_eq(h.free_regions, 2);
}
END_TEST

START_TEST(region_never_committed_is_free)
{
	struct vm_heap h;

	setup();
	table[3] = NULL;
	ck_ok(look(&h));
	ck_assert_double_eq(h.free_regions, 3);
}
END_TEST

START_TEST(implausible_numbers_are_refused)
{
	struct vm_heap h;

	setup();
	heap.count = VM_REGIONS_MAX + 1;
	ck_err(look(&h), EBADMSG);
	heap.count = 0;
	ck_err(look(&h), EBADMSG);
	setup();
	heap.used = 41; /* more than is committed */
	ck_err(look(&h), EBADMSG);
	setup();
	heap.used = UINT64_MAX;
	ck_err(look(&h), EBADMSG);
}
END_TEST

START_TEST(pointers_to_nowhere_are_refused)
{
	struct vm_heap h;

	setup();
	universe = NULL;
	ck_err(look(&h), EFAULT);
	universe = (void *)(uintptr_t)INTPTR_MIN;
	ck_err(look(&h), EFAULT);
	setup();
	heap.regions = (void *)8;
	ck_err(look(&h), EFAULT);
	setup();
	table[1] = (void *)8;
	ck_err(look(&h), EFAULT);
}
END_TEST

START_TEST(last_region_of_a_mapping_is_read)
{
	struct vm_heap h;
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(munmap(pages + 4096, 4096), 0);
	setup();
	table[2] = (struct region *)(pages + 4096) - 1;
	ck_ok(look(&h));
	ck_assert_double_eq(h.free_regions, 3);
	munmap(pages, 4096);
}
END_TEST

START_TEST(jvm_without_the_fields_is_told_apart)
{
	struct vm_heap h;

	setup();
	layout.field[VM_SHENANDOAH_REGIONS].known = false; /* JDK 11 */
	ck_ok(look(&h));
	ck_assert(isnan(h.free_regions));
	layout.field[VM_SHENANDOAH_USED].known = false;
	ck_err(look(&h), ENOENT);
	layout.field[VM_HEAP].known = false;
	ck_err(look(&h), ENOENT);
}
END_TEST

START_TEST(library_that_is_none_is_refused)
{
	own(fd_closep) int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	static char junk[4096] = "\177ELF\002 but no more than that";
	struct vm_layout l;

	ck_err(vmstructs_read(&l, fd, (uint64_t)(uintptr_t)junk), ENOENT);
	ck_err(vmstructs_read(&l, fd, 8), EFAULT);
}
END_TEST

TEST_MAIN("jvm_vmheap", empty_regions_are_free, region_never_committed_is_free,
	  implausible_numbers_are_refused, pointers_to_nowhere_are_refused,
	  last_region_of_a_mapping_is_read,
	  jvm_without_the_fields_is_told_apart,
	  library_that_is_none_is_refused)
