#include "test.h"

#include <stdio.h>

#include "common/map.h"

static int values[10000];

START_TEST(numbers_are_found_again)
{
	struct map m = MAP_INIT;

	ck_assert_ptr_null(map_get(&m, 0));
	for (uint64_t i = 0; i < 10000; i++)
		ck_ok(map_set(&m, i << 32, &values[i]));
	ck_assert_uint_eq(m.count, 10000);
	for (uint64_t i = 0; i < 10000; i++)
		ck_assert_ptr_eq(map_get(&m, i << 32), &values[i]);
	ck_assert_ptr_null(map_get(&m, 1));
	map_fini(&m);
	ck_assert_ptr_null(map_get(&m, 0));
}
END_TEST

START_TEST(texts_are_copied)
{
	struct map m = MAP_INIT;
	char key[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_ok(map_set_str(&m, key, &values[i]));
	}
	ck_ok(map_set_str(&m, "k5", &values[5000]));
	ck_assert_uint_eq(m.count, 1000);
	ck_assert_ptr_eq(map_get_str(&m, "k5"), &values[5000]);
	ck_assert_ptr_eq(map_get_str(&m, "k999"), &values[999]);
	ck_assert_ptr_null(map_get_str(&m, ""));
	map_fini(&m);
}
END_TEST

START_TEST(removed_is_gone_and_may_come_back)
{
	struct map m = MAP_INIT;

	/* many times round: deleted slots must not fill the table */
	for (uint64_t i = 0; i < 10000; i++) {
		ck_ok(map_set(&m, i, &values[i]));
		if (i >= 10)
			ck_assert_ptr_eq(map_remove(&m, i - 10),
					 &values[i - 10]);
	}
	ck_assert_uint_eq(m.count, 10);
	ck_assert_uint_le(m.cap, 64);
	ck_assert_ptr_null(map_remove(&m, 3));
	ck_ok(map_set(&m, 3, &values[3]));
	ck_assert_ptr_eq(map_get(&m, 3), &values[3]);
	ck_ok(map_set_str(&m, "x", &values[1]));
	ck_assert_ptr_eq(map_remove_str(&m, "x"), &values[1]);
	ck_assert_ptr_null(map_remove_str(&m, "x"));
	map_fini(&m);
}
END_TEST

START_TEST(walk_meets_each_once_and_may_remove)
{
	struct map m = MAP_INIT;
	size_t position = 0, met = 0;
	int *value;

	for (uint64_t i = 0; i < 100; i++)
		ck_ok(map_set(&m, i, &values[i]));
	while ((value = map_next(&m, &position))) {
		met++;
		ck_assert_ptr_eq(map_remove(&m, (uint64_t)(value - values)),
				 value);
	}
	ck_assert_uint_eq(met, 100);
	ck_assert_uint_eq(m.count, 0);
	map_fini(&m);
}
END_TEST

TEST_MAIN("map", numbers_are_found_again, texts_are_copied,
	  removed_is_gone_and_may_come_back,
	  walk_meets_each_once_and_may_remove)
