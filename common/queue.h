#pragma once
/*
 * queue.h - batches on their way from the collector to the writer.
 *
 * Bounded: when the writer does not keep up, the newest batch is dropped and
 * counted, and the collector never waits.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "batch.h"

struct queue;

int queue_new(struct queue **out);

/* Frees what is still inside. No thread may use the queue any more. */
void queue_free(struct queue *q);
OWN_DEFINE(struct queue *, queue_free)

/*
 * Takes the batch in every case. -ENOSPC: the queue was full, the batch is
 * dropped and counted. Entities, closes and events of a dropped batch are
 * not lost: they go ahead of the next one that finds room.
 */
int queue_push(struct queue *q, struct batch *b);

/*
 * The oldest batch, owned by the caller. Waits at most timeout_ms; -ETIMEDOUT
 * then, -EPIPE once closed and empty.
 */
int queue_pop(struct queue *q, struct batch **out, int timeout_ms);

/* No more pushes; pops drain what is left. */
void queue_close(struct queue *q);

/* Batches whose samples were dropped since the start; any thread. */
unsigned long queue_dropped(const struct queue *q);

/* Batches waiting now; any thread. */
size_t queue_depth(struct queue *q);
