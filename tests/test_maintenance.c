/* Windows of maintenance: a bounded list that survives as text. */
#include <stdio.h>

#include "common/maintenance.h"
#include "test.h"

static int put(struct windows *w, const char *service, const char *reason,
	       int64_t until_ms)
{
	own(window_freep) struct window *item = NULL;
	struct problem p = { 0 };

	ck_ok(window_new(&item, service, reason, &p));
	item->from_ms = until_ms - 1000;
	item->until_ms = until_ms;
	return windows_put(w, item);
}

START_TEST(same_service_takes_the_place_of_the_older)
{
	struct windows w = { 0 };

	ck_ok(put(&w, "a.*", "one", 1));
	ck_ok(put(&w, "b", "two", 2));
	ck_ok(put(&w, "a.*", "three", 3));
	ck_assert_uint_eq(w.count, 2);
	ck_assert_str_eq(windows_find(&w, "abc")->reason, "three");
	ck_assert_ptr_null(windows_find(&w, "bc"));
	ck_ok(windows_remove(&w, "a.*"));
	ck_err(windows_remove(&w, "a.*"), ENOENT);
	ck_assert_ptr_null(windows_find(&w, "abc"));
	windows_fini(&w);
}
END_TEST

START_TEST(of_several_windows_the_one_that_ends_last_tells)
{
	struct windows w = { 0 };

	ck_ok(put(&w, "a.*", "one", 10));
	ck_ok(put(&w, "ab.*", "two", 30));
	ck_ok(put(&w, "abc", "three", 20));
	ck_assert_str_eq(windows_find(&w, "abc")->reason, "two");
	ck_assert_str_eq(windows_find(&w, "ax")->reason, "one");
	windows_fini(&w);
}
END_TEST

START_TEST(list_is_bounded)
{
	struct windows w = { 0 };
	char name[16];

	for (int i = 0; i < WINDOWS_MAX; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		ck_ok(put(&w, name, "", i));
	}
	ck_err(put(&w, "more", "", 0), ENOSPC);
	ck_ok(put(&w, "s0", "again", 0));
	windows_fini(&w);
}
END_TEST

START_TEST(text_brings_back_what_was_written)
{
	own(buf_fini) struct buf text = BUF_INIT;
	struct windows w = { 0 }, back = { 0 }, copy;

	ck_ok(put(&w, "scada-\\d+", "pump 7, \"north\"", 1900000000000));
	ck_ok(put(&w, "x|y", "", 5));
	windows_write(&text, &w);
	ck_ok(windows_read(&back, buf_cstr(&text)));
	ck_assert_uint_eq(back.count, 2);
	ck_assert_str_eq(back.items[0].reason, "pump 7, \"north\"");
	ck_assert_int_eq(back.items[0].until_ms, 1900000000000);
	ck_assert_ptr_eq(windows_find(&back, "scada-12"), &back.items[0]);
	ck_ok(windows_copy(&copy, &back));
	ck_assert_str_eq(copy.items[1].service, "x|y");
	windows_fini(&copy);
	windows_fini(&back);
	windows_fini(&w);
}
END_TEST

START_TEST(damaged_text_gives_what_is_whole)
{
	static const char *const damaged[] = {
		"", "\n", "1 2", "1 2\n(\nbad pattern\n", "x y\na\nb\n",
		"1 2\na\n", "\n\n\n\n", "5 5\nno\nlength\n",
		"0 9000000000000\ntoo\nlong\n",
		"-9223372036854775807 9223372036854775807\ntoo\nlong\n",
		"-2 -1\ntoo\nearly\n",
		"9000000000000 9000000000001\ntoo\nlate\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		struct windows w = { 0 };

		ck_ok(windows_read(&w, damaged[i]));
		ck_assert_uint_eq(w.count, 0);
		windows_fini(&w);
	}
}
END_TEST

TEST_MAIN("maintenance", same_service_takes_the_place_of_the_older,
	  of_several_windows_the_one_that_ends_last_tells,
	  list_is_bounded, text_brings_back_what_was_written,
	  damaged_text_gives_what_is_whole)
