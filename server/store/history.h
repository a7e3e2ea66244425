#pragma once
/*
 * history.h - where the chains of rows (head.h) lie, and which epochs there
 * were: kept in memory, so that no row is looked at in vain.
 */
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/own.h"

struct chain {
	int64_t first, last; /* ids of rows */
	int64_t first_ms, last_ms;
	uint32_t epoch;
	bool recorded; /* in the table chains as it is */
};

/* The wall clock stepped back from left_ms to begin_ms. */
struct epoch {
	uint32_t id;
	int64_t begin_ms, left_ms;
	bool recorded;
};

/* Immutable once published; counted references. */
struct history {
	atomic_uint references;
	struct chain *chains; /* owned; oldest first */
	size_t chain_count;
	struct epoch *epochs; /* owned; oldest first */
	size_t epoch_count;
};

/* A copy with room for more chains and epochs; h NULL: empty. -ENOMEM. */
int history_copy(struct history **out, const struct history *h,
		 size_t more_chains, size_t more_epochs);
struct history *history_ref(struct history *h);
void history_unref(struct history *h);
OWN_DEFINE(struct history *, history_unref)

/* The chains there are; reads the table and the rows behind it. */
int history_load(sqlite3 *db, struct history **out, int64_t *next_row);
