#include "test.h"

#include "common/buf.h"

START_TEST(appends_follow_each_other)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "one");
	buf_putc(&b, ' ');
	buf_printf(&b, "%d+%s", 2, "x");
	buf_add(&b, "", 0);
	ck_assert_str_eq(buf_cstr(&b), "one 2+x");
	ck_assert_uint_eq(b.len, 7);
	ck_ok(buf_error(&b));
	buf_fini(&b);
	ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(grows_as_far_as_asked)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 100000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	ck_assert_uint_eq(b.len, 100000);
	ck_assert_int_eq(b.data[99999], 'a' + 99999 % 26);
	buf_fini(&b);
}
END_TEST

START_TEST(error_at_the_limit_sticks)
{
	struct buf b = { .limit = 5 };

	buf_puts(&b, "1234");
	ck_ok(buf_error(&b));
	buf_puts(&b, "56");
	ck_err(buf_error(&b), EFBIG);
	buf_putc(&b, 'x'); /* would fit, but something is missing before it */
	ck_assert_uint_eq(b.len, 4);
	ck_assert_ptr_null(buf_reserve(&b, 1));
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_reset(&b);
	ck_ok(buf_error(&b));
	ck_assert_uint_eq(b.len, 0);
	buf_puts(&b, "x");
	ck_assert_str_eq(buf_cstr(&b), "x");
	buf_fini(&b);
}
END_TEST

START_TEST(limit_may_be_used_up)
{
	struct buf b = { .limit = 5 };

	buf_printf(&b, "%s", "12345");
	ck_ok(buf_error(&b));
	ck_assert_uint_eq(b.len, 5);
	ck_assert_str_eq(buf_cstr(&b), "12345");
	buf_printf(&b, "%s", "6");
	ck_err(buf_error(&b), EFBIG);
	buf_fini(&b);
}
END_TEST

START_TEST(absurd_length_is_refused)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "x");
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX - 1));
	ck_err(buf_error(&b), EFBIG);
	buf_fini(&b);
}
END_TEST

START_TEST(reserved_room_is_written_in_place)
{
	struct buf b = BUF_INIT;
	char *room = buf_reserve(&b, 1000);

	ck_assert_ptr_nonnull(room);
	memset(room, 'z', 1000);
	ck_assert_uint_eq(b.len, 0);
	b.len += 3;
	ck_assert_str_eq(buf_cstr(&b), "zzz");
	buf_fini(&b);
}
END_TEST

TEST_MAIN("buf", appends_follow_each_other, grows_as_far_as_asked,
	  error_at_the_limit_sticks, limit_may_be_used_up,
	  absurd_length_is_refused, reserved_room_is_written_in_place)
