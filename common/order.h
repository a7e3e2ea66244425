#pragma once
/*
 * order.h - what is asked of the collector, and the answer.
 *
 * A bounded queue with one completion each. Whoever asks never waits inside
 * a handler: it gets its completion called, once, on the collector thread,
 * and wakes itself from there.
 */
#include <sys/types.h>

enum order_kind {
	ORDER_SCAN, /* look at all processes now and read them once */
	ORDER_RELOAD, /* what: struct watch_settings (collector.h) */
	ORDER_MAINTENANCE_START, /* what: struct window */
	ORDER_MAINTENANCE_END,   /* what: text of the window's service */
};

struct order {
	enum order_kind kind;
	pid_t pid; /* for orders about one process */

	/*
	 * Called exactly once with 0 or -errno; -ECANCELED when the collector
	 * stops first. On the collector thread, or on the thread that frees
	 * the book: short, and never blocking. NULL: nobody waits.
	 */
	void (*done)(void *arg, int result);
	void *arg;

	void *what; /* owned by the order until it is handled, or NULL */
	void (*drop)(void *what); /* frees it when it is not handled */
};

struct order_book;

int order_book_new(struct order_book **out);

/* Orders still inside complete with -ECANCELED. */
void order_book_free(struct order_book *b);

static inline void order_book_freep(struct order_book **b)
{
	order_book_free(*b);
}

/* Any thread. Copies the order, which has then taken what. -EBUSY when too many wait, -EPIPE after
 * order_book_close(): done is not called then. */
int order_submit(struct order_book *b, const struct order *o);

/* The next order, or -EAGAIN. Collector thread. */
int order_next(struct order_book *b, struct order *out);

/* Its completion; frees what was not taken out of it. */
void order_complete(struct order *o, int result);

/* Readable (eventfd) while orders wait; for the collector's epoll. */
int order_book_fd(const struct order_book *b);

/* No more orders; those inside complete with -ECANCELED. */
void order_book_close(struct order_book *b);
