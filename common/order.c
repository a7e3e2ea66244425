#include "order.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "own.h"

#define ORDERS_MAX 32

struct order_book {
	struct order orders[ORDERS_MAX];

	/* under lock: */
	size_t head, count;
	bool closed;

	int event_fd;
	pthread_mutex_t lock;
};

int order_book_new(struct order_book **out)
{
	own(fd_closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK |
						   EFD_SEMAPHORE);
	struct order_book *b;

	if (fd < 0)
		return -errno;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->event_fd = take_fd(fd);
	pthread_mutex_init(&b->lock, NULL);
	*out = b;
	return 0;
}

void order_book_free(struct order_book *b)
{
	if (!b)
		return;
	order_book_close(b);
	close(b->event_fd);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

int order_submit(struct order_book *b, const struct order *o)
{
	int r = 0;

	pthread_mutex_lock(&b->lock);
	if (b->closed)
		r = -EPIPE;
	else if (b->count == ORDERS_MAX)
		r = -EBUSY;
	else
		b->orders[(b->head + b->count++) % ORDERS_MAX] = *o;
	pthread_mutex_unlock(&b->lock);
	/* It is in the book; at worst the collector finds it a tick later. */
	if (r == 0)
		eventfd_write(b->event_fd, 1);
	return r;
}

int order_next(struct order_book *b, struct order *out)
{
	eventfd_t one;
	int r = -EAGAIN;

	pthread_mutex_lock(&b->lock);
	if (b->count > 0) {
		*out = b->orders[b->head];
		b->head = (b->head + 1) % ORDERS_MAX;
		b->count--;
		r = 0;
	}
	pthread_mutex_unlock(&b->lock);
	if (r == 0)
		eventfd_read(b->event_fd, &one);
	return r;
}

void order_complete(struct order *o, int result)
{
	if (o->what && o->drop)
		o->drop(o->what);
	o->what = NULL;
	if (o->done)
		o->done(o->arg, result);
}

int order_book_fd(const struct order_book *b)
{
	return b->event_fd;
}

void order_book_close(struct order_book *b)
{
	struct order o;

	pthread_mutex_lock(&b->lock);
	b->closed = true;
	pthread_mutex_unlock(&b->lock);
	while (order_next(b, &o) == 0)
		order_complete(&o, -ECANCELED);
}
