#include "test.h"

#include <stdio.h>

#include "common/labels.h"

START_TEST(pairs_are_sorted_and_unique)
{
	struct labels l = { 0 };

	ck_ok(labels_set(&l, "service", "scada"));
	ck_ok(labels_set(&l, "node", "a"));
	ck_ok(labels_set(&l, "pid", "7"));
	ck_ok(labels_set(&l, "node", "b"));
	ck_assert_uint_eq(l.count, 3);
	ck_assert_str_eq(l.items[0].name, "node");
	ck_assert_str_eq(l.items[0].value, "b");
	ck_assert_str_eq(l.items[2].name, "service");
	ck_assert_str_eq(labels_get(&l, "pid"), "7");
	ck_assert_ptr_null(labels_get(&l, "area"));
	labels_fini(&l);
}
END_TEST

START_TEST(empty_value_removes)
{
	struct labels l = { 0 };

	ck_ok(labels_set(&l, "a", "1"));
	ck_ok(labels_set(&l, "b", "2"));
	ck_ok(labels_set(&l, "a", ""));
	ck_ok(labels_set(&l, "c", ""));
	ck_assert_uint_eq(l.count, 1);
	ck_assert_str_eq(l.items[0].name, "b");
	labels_fini(&l);
}
END_TEST

START_TEST(malformed_names_are_refused)
{
	struct labels l = { 0 };
	char name[LABEL_NAME_MAX + 2];

	ck_err(labels_set(&l, "", "x"), EINVAL);
	ck_err(labels_set(&l, "1a", "x"), EINVAL);
	ck_err(labels_set(&l, "a-b", "x"), EINVAL);
	ck_err(labels_set(&l, "\xc3\xa4", "x"), EINVAL);
	memset(name, 'a', sizeof(name));
	name[LABEL_NAME_MAX + 1] = '\0';
	ck_err(labels_set(&l, name, "x"), EINVAL);
	name[LABEL_NAME_MAX] = '\0';
	ck_ok(labels_set(&l, name, "x"));
	ck_ok(labels_set(&l, "_1", "x"));
	labels_fini(&l);
}
END_TEST

START_TEST(set_is_bounded)
{
	struct labels l = { 0 };
	char name[16];

	for (int i = 0; i < LABELS_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_ok(labels_set(&l, name, "x"));
	}
	ck_err(labels_set(&l, "more", "x"), ENOSPC);
	ck_ok(labels_set(&l, "n3", "y"));
	ck_assert_uint_eq(l.count, LABELS_MAX);
	labels_fini(&l);
}
END_TEST

START_TEST(long_value_is_cut_between_characters)
{
	struct labels l = { 0 };
	char value[400];

	memset(value, 'a', sizeof(value));
	memcpy(value + LABEL_VALUE_MAX - 1, "\xe2\x82\xac", 3);
	value[399] = '\0';
	ck_ok(labels_set(&l, "v", value));
	ck_assert_uint_eq(strlen(labels_get(&l, "v")), LABEL_VALUE_MAX - 1);
	/* no UTF-8 at all is still a value */
	memset(value, 0x80, sizeof(value) - 1);
	ck_ok(labels_set(&l, "v", value));
	ck_assert_uint_ge(strlen(labels_get(&l, "v")), LABEL_VALUE_MAX - 3);
	labels_fini(&l);
}
END_TEST

START_TEST(merge_replaces_and_copy_is_deep)
{
	struct labels a = { 0 }, b = { 0 }, copy = { 0 };

	ck_ok(labels_set(&a, "x", "1"));
	ck_ok(labels_set(&b, "x", "2"));
	ck_ok(labels_set(&b, "y", "3"));
	ck_ok(labels_merge(&a, &b));
	ck_ok(labels_copy(&copy, &a));
	labels_fini(&a);
	ck_assert_str_eq(labels_get(&copy, "x"), "2");
	ck_assert_int_eq(labels_compare(&copy, &b), 0);
	labels_fini(&copy);
	labels_fini(&b);
}
END_TEST

START_TEST(order_is_by_pairs_then_count)
{
	struct labels a = { 0 }, b = { 0 };

	ck_ok(labels_set(&a, "x", "1"));
	ck_assert_int_gt(labels_compare(&a, &b), 0);
	ck_ok(labels_set(&b, "x", "1"));
	ck_ok(labels_set(&b, "y", "1"));
	ck_assert_int_lt(labels_compare(&a, &b), 0);
	ck_ok(labels_set(&a, "x", "2"));
	ck_assert_int_gt(labels_compare(&a, &b), 0);
	ck_ok(labels_set(&a, "a", "2"));
	ck_assert_int_lt(labels_compare(&a, &b), 0);
	labels_fini(&a);
	labels_fini(&b);
}
END_TEST

TEST_MAIN("labels", pairs_are_sorted_and_unique, empty_value_removes,
	  malformed_names_are_refused, set_is_bounded,
	  long_value_is_cut_between_characters,
	  merge_replaces_and_copy_is_deep, order_is_by_pairs_then_count)
