#include "writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/log.h"

#define WAIT_MS 1000

struct writer {
	struct store *store;
	struct queue *queue;
	atomic_ullong beats;
	pthread_t thread;
};

/* What the disk refuses is counted and logged by the store, which keeps the
 * samples for the next try. */
static void *run(void *arg)
{
	struct writer *w = arg;
	struct batch *b;
	int r;

	pthread_setname_np(pthread_self(), "writer");
	for (;;) {
		r = queue_pop(w->queue, &b, WAIT_MS);
		atomic_fetch_add(&w->beats, 1);
		if (r == -EPIPE)
			break;
		if (r == 0)
			store_append(w->store, b);
	}
	r = store_flush(w->store);
	if (r)
		log_err(r, "the last samples could not be written");
	return NULL;
}

int writer_start(struct writer **out, struct store *store, struct queue *queue)
{
	struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->store = store;
	w->queue = queue;
	r = pthread_create(&w->thread, NULL, run, w);
	if (r) {
		free(w);
		return -r;
	}
	*out = w;
	return 0;
}

uint64_t writer_beats(const struct writer *w)
{
	return atomic_load(&w->beats);
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	queue_close(w->queue);
	pthread_join(w->thread, NULL);
	free(w);
}
