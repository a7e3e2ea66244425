#include "test.h"

#include "common/array.h"

START_TEST(array_grows_and_keeps_what_it_has)
{
	size_t *items = NULL, count = 0, cap = 0, moves = 0;

	while (count < 1000) {
		size_t before = cap;

		ck_ok(array_room(&items, count, &cap));
		ck_assert_uint_gt(cap, count);
		moves += cap != before;
		items[count] = count;
		count++;
	}
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(items[i], i);
	ck_assert_uint_eq(moves, 7); /* 16, doubled six times */
	free(items);
}
END_TEST

START_TEST(array_without_memory_is_what_it_was)
{
	struct huge {
		char bytes[1ul << 59]; /* 16 are more than there can be */
	} *items = NULL;
	size_t cap = 0;

	ck_err(array_room(&items, 0, &cap), ENOMEM);
	ck_assert_ptr_null(items);
	ck_assert_uint_eq(cap, 0);
}
END_TEST

TEST_MAIN("array", array_grows_and_keeps_what_it_has,
	  array_without_memory_is_what_it_was)
