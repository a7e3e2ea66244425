#include "test.h"

#include <poll.h>
#include <stdbool.h>

#include "common/order.h"
#include "common/own.h"

static int done_count, done_result;

static void done(void *arg, int result)
{
	(void)arg;
	done_count++;
	done_result = result;
}

static struct order scan(pid_t pid)
{
	return (struct order){ .kind = ORDER_SCAN, .pid = pid, .done = done };
}

static bool readable(const struct order_book *b)
{
	struct pollfd p = { order_book_fd(b), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

START_TEST(orders_come_in_turn_and_wake_the_collector)
{
	own(order_book_freep) struct order_book *b = NULL;
	struct order first = scan(1), second = scan(2), got;

	ck_ok(order_book_new(&b));
	ck_assert(!readable(b));
	ck_err(order_next(b, &got), EAGAIN);
	ck_ok(order_submit(b, &first));
	ck_ok(order_submit(b, &second));
	ck_assert(readable(b));
	ck_ok(order_next(b, &got));
	ck_assert_int_eq(got.pid, 1);
	ck_assert(readable(b));
	ck_ok(order_next(b, &got));
	ck_assert_int_eq(got.pid, 2);
	ck_assert(!readable(b));
	ck_err(order_next(b, &got), EAGAIN);
	ck_assert_int_eq(done_count, 0);
}
END_TEST

START_TEST(book_is_bounded)
{
	own(order_book_freep) struct order_book *b = NULL;
	struct order o = scan(1);
	int taken = 0, r;

	ck_ok(order_book_new(&b));
	while ((r = order_submit(b, &o)) == 0 && taken < 10000)
		taken++;
	ck_assert_int_eq(r, -EBUSY);
	ck_assert_int_gt(taken, 0);
	done_count = 0;
	order_book_close(b);
	ck_assert_int_eq(done_count, taken);
	ck_assert_int_eq(done_result, -ECANCELED);
	ck_err(order_submit(b, &o), EPIPE);
	ck_assert_int_eq(done_count, taken);
}
END_TEST

START_TEST(freed_book_completes_what_is_inside)
{
	struct order_book *b = NULL;
	struct order o = scan(1);

	ck_ok(order_book_new(&b));
	ck_ok(order_submit(b, &o));
	done_count = 0;
	order_book_free(b);
	ck_assert_int_eq(done_count, 1);
	order_book_free(NULL);
}
END_TEST

TEST_MAIN("order", orders_come_in_turn_and_wake_the_collector,
	  book_is_bounded, freed_book_completes_what_is_inside)
