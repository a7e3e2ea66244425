#pragma once
/*
 * writer.h - the thread that carries batches from the queue into the store.
 */
#include "common/own.h"
#include "common/queue.h"
#include "server/store/store.h"

struct writer;

/* Borrows both, which must outlive it. */
int writer_start(struct writer **out, struct store *store,
		 struct queue *queue);

/* Rises at least once a second while the writer is not stuck in the disk; any
 * thread. */
uint64_t writer_beats(const struct writer *w);

/* Closes the queue, stores what is still inside, flushes. */
void writer_stop(struct writer *w);
OWN_DEFINE(struct writer *, writer_stop)
