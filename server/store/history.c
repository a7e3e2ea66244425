#include "history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"

int history_copy(struct history **out, const struct history *h,
		 size_t more_chains, size_t more_epochs)
{
	own(history_unrefp) struct history *copy = calloc(1, sizeof(*copy));
	size_t chains = h ? h->chain_count : 0;
	size_t epochs = h ? h->epoch_count : 0;

	if (!copy)
		return -ENOMEM;
	atomic_init(&copy->references, 1);
	copy->chains = calloc(chains + more_chains + 1, sizeof(struct chain));
	copy->epochs = calloc(epochs + more_epochs + 1, sizeof(struct epoch));
	if (!copy->chains || !copy->epochs)
		return -ENOMEM;
	if (chains)
		memcpy(copy->chains, h->chains, chains * sizeof(struct chain));
	if (epochs)
		memcpy(copy->epochs, h->epochs, epochs * sizeof(struct epoch));
	copy->chain_count = chains;
	copy->epoch_count = epochs;
	*out = take(copy);
	return 0;
}

struct history *history_ref(struct history *h)
{
	atomic_fetch_add(&h->references, 1);
	return h;
}

void history_unref(struct history *h)
{
	if (!h || atomic_fetch_sub(&h->references, 1) != 1)
		return;
	free(h->chains);
	free(h->epochs);
	free(h);
}

/* ---- loading ---- */

static int add_chain(struct history **h, const struct chain *c)
{
	struct history *grown;
	struct chain *chains = (*h)->chains;
	size_t count = (*h)->chain_count;

	/* Powers of two: the room doubles when the count reaches one. */
	if ((count & (count - 1)) == 0) {
		if (history_copy(&grown, *h, count + 1, 0))
			return -ENOMEM;
		history_unref(*h);
		*h = grown;
		chains = grown->chains;
	}
	chains[(*h)->chain_count++] = *c;
	return 0;
}

static int load_chains(sqlite3 *db, struct history **h)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT first, last, epoch, first_ms, last_ms"
			   " FROM chains ORDER BY first");

	while (r == 0 && (r = db_step(s)) > 0) {
		struct chain c = {
			.first = sqlite3_column_int64(s, 0),
			.last = sqlite3_column_int64(s, 1),
			.epoch = (uint32_t)sqlite3_column_int64(s, 2),
			.first_ms = sqlite3_column_int64(s, 3),
			.last_ms = sqlite3_column_int64(s, 4),
			.recorded = true,
		};

		r = add_chain(h, &c);
	}
	return r;
}

/* A row behind the recorded chains: begins a chain or prolongs the last. */
static int load_row(struct history **h, sqlite3_stmt *s)
{
	size_t count = (*h)->chain_count;
	struct chain *last = count ? &(*h)->chains[count - 1] : NULL;
	bool begins = sqlite3_column_int64(s, 1) == 1;
	struct chain c = {
		.first = sqlite3_column_int64(s, 0),
		.last = sqlite3_column_int64(s, 0),
		.epoch = (uint32_t)sqlite3_column_int64(s, 2),
		.first_ms = sqlite3_column_int64(s, 3),
		.last_ms = sqlite3_column_int64(s, 4),
	};

	if (begins || !last || last->recorded || last->epoch != c.epoch)
		return add_chain(h, &c);
	last->last = c.last;
	if (c.last_ms > last->last_ms)
		last->last_ms = c.last_ms;
	return 0;
}

static int load_rows(sqlite3 *db, struct history **h, int64_t *next_row)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	size_t count = (*h)->chain_count;
	int64_t after = count ? (*h)->chains[count - 1].last : 0;
	int r = db_prepare(db, &s,
			   "SELECT id, chain, epoch, first_ms, last_ms"
			   " FROM head WHERE id > ?1 ORDER BY id");

	if (r == 0)
		r = db_bind(s, "i", after);
	*next_row = after + 1;
	while (r == 0 && (r = db_step(s)) > 0) {
		*next_row = sqlite3_column_int64(s, 0) + 1;
		r = load_row(h, s);
	}
	return r;
}

static int load_epochs(sqlite3 *db, struct history **h)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT id, begin_ms, left_ms FROM epochs"
			   " ORDER BY id");

	while (r == 0 && (r = db_step(s)) > 0) {
		struct history *grown;

		r = history_copy(&grown, *h, 0, 1);
		if (r)
			break;
		history_unref(*h);
		*h = grown;
		grown->epochs[grown->epoch_count++] = (struct epoch){
			(uint32_t)sqlite3_column_int64(s, 0),
			sqlite3_column_int64(s, 1),
			sqlite3_column_int64(s, 2),
			true,
		};
	}
	return r;
}

int history_load(sqlite3 *db, struct history **out, int64_t *next_row)
{
	own(history_unrefp) struct history *h = NULL;
	int r = history_copy(&h, NULL, 0, 0);

	if (r == 0)
		r = load_chains(db, &h);
	if (r == 0)
		r = load_rows(db, &h, next_row);
	if (r == 0)
		r = load_epochs(db, &h);
	if (r == 0)
		*out = take(h);
	return r;
}
