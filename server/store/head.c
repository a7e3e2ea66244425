#include "head.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "db.h"

#define RAW_MAX (64 << 20) /* bytes of one unpacked row */

/* ---- where chains lie ---- */

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

/* ---- rows ---- */

static void put_u64(unsigned char *out, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)(v >> 8 * i);
}

/* Over all of the row, its id too: a row in the wrong place is damaged. */
static uint32_t row_crc(const struct row *r)
{
	const uint64_t numbers[] = {(uint64_t)r->id,
				    r->chain,
				    r->epoch,
				    (uint64_t)r->first_ms,
				    (uint64_t)r->last_ms,
				    r->ticks,
				    r->raw_len};
	unsigned char bytes[sizeof(numbers)];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		put_u64(bytes + 8 * i, numbers[i]);
	return crc32c(crc32c(0, bytes, sizeof(bytes)), r->data, r->len);
}

static int insert_row(sqlite3_stmt *insert, struct row *r)
{
	int e;

	r->crc = row_crc(r);
	e = db_bind(insert, "iiiiiiiib", r->id, (int64_t)r->chain,
		    (int64_t)r->epoch, r->first_ms, r->last_ms,
		    (int64_t)r->ticks, (int64_t)r->raw_len, (int64_t)r->crc,
		    r->data, r->len);
	if (e == 0)
		e = db_run(insert);
	sqlite3_clear_bindings(insert);
	return e;
}

int head_write(sqlite3_stmt *insert, struct block_state *state, struct row *row,
	       struct tick *const *ticks, size_t n, size_t *written)
{
	own(buf_fini) struct buf raw = BUF_INIT;
	own(freep) char *packed = NULL;
	int r, room, len;

	r = block_encode(&raw, state, ticks, n, false);
	if (r)
		return r;
	if (raw.len > RAW_MAX)
		return -E2BIG;
	room = LZ4_compressBound((int)raw.len);
	packed = malloc((size_t)room);
	if (!packed)
		return -ENOMEM;
	len = LZ4_compress_default(raw.data, packed, (int)raw.len, room);
	if (len <= 0)
		return -EIO;
	row->epoch = ticks[0]->epoch;
	row->first_ms = ticks[0]->time_ms;
	row->last_ms = ticks[n - 1]->time_ms;
	row->ticks = (uint32_t)n;
	row->raw_len = (uint32_t)raw.len;
	row->data = packed;
	row->len = (size_t)len;
	*written = row->len;
	r = insert_row(insert, row);
	row->data = NULL;
	return r;
}

static void read_row(sqlite3_stmt *s, struct row *r)
{
	r->id = sqlite3_column_int64(s, 0);
	r->chain = sqlite3_column_int64(s, 1) == 1;
	r->epoch = (uint32_t)sqlite3_column_int64(s, 2);
	r->first_ms = sqlite3_column_int64(s, 3);
	r->last_ms = sqlite3_column_int64(s, 4);
	r->ticks = (uint32_t)sqlite3_column_int64(s, 5);
	r->raw_len = (uint32_t)sqlite3_column_int64(s, 6);
	r->crc = (uint32_t)sqlite3_column_int64(s, 7);
	r->data = sqlite3_column_blob(s, 8);
	r->len = (size_t)sqlite3_column_bytes(s, 8);
}

/* ---- scanning ---- */

struct scanner {
	const struct head_scan *scan;
	struct block_reader reader;
	struct block_state state;
	uint32_t epoch; /* of the row at hand */
	char *raw;	/* owned */
	size_t raw_cap;
	bool broken; /* the chain is; wait for the next */
	int64_t damaged_ms;
};

static void scanner_fini(struct scanner *s)
{
	block_state_reset(&s->state);
	free(s->raw);
}

static bool pass_point(void *arg, size_t which, int64_t time_ms, double value)
{
	const struct scanner *s = arg;

	if (time_ms <= s->scan->from_ms || time_ms > s->scan->to_ms)
		return true;
	return s->scan->point(s->scan->arg, which, time_ms, value, s->epoch);
}

static int raw_room(struct scanner *s, size_t len)
{
	char *grown;

	if (len <= s->raw_cap)
		return 0;
	grown = realloc(s->raw, len);
	if (!grown)
		return -ENOMEM;
	s->raw = grown;
	s->raw_cap = len;
	return 0;
}

/* 0, 1 (enough), -EBADMSG for a damaged row, -ENOMEM. */
static int scan_row(struct scanner *s, const struct row *row)
{
	int r, len;

	if (!row->data || row->raw_len > RAW_MAX || row->crc != row_crc(row))
		return -EBADMSG;
	r = raw_room(s, row->raw_len + 1);
	if (r)
		return r;
	len = LZ4_decompress_safe(row->data, s->raw, (int)row->len,
				  (int)row->raw_len);
	if (len != (int)row->raw_len)
		return -EBADMSG;
	if (row->chain)
		block_state_reset(&s->state);
	s->epoch = row->epoch;
	return block_decode(&s->state, s->raw, (size_t)len, &s->reader);
}

static int scan_next(struct scanner *s, sqlite3_stmt *rows)
{
	struct row row;
	int r;

	read_row(rows, &row);
	if (row.chain)
		s->broken = false;
	if (s->broken)
		r = -EBADMSG;
	else
		r = scan_row(s, &row);
	if (r == -EBADMSG) {
		s->broken = true;
		++*s->scan->damaged;
		return 0;
	}
	return r;
}

static bool touches(const struct chain *c, const struct head_scan *scan)
{
	return c->last_ms > scan->from_ms && c->first_ms <= scan->to_ms;
}

static int scan_rows(struct scanner *s, sqlite3_stmt *rows, int64_t first,
		     int64_t last)
{
	int r = db_bind(rows, "ii", first, last);

	while (r == 0) {
		r = db_step(rows);
		if (r <= 0)
			break;
		r = scan_next(s, rows);
	}
	sqlite3_reset(rows);
	return r;
}

int head_scan(sqlite3 *db, const struct head_scan *scan)
{
	own(scanner_fini) struct scanner s = {.scan = scan};
	own(stmt_finalp) sqlite3_stmt *rows = NULL;
	const struct history *h = scan->history;
	int r;

	s.reader = (struct block_reader){scan->want, scan->want_count,
					 pass_point, &s};
	r = db_prepare(db, &rows,
		       "SELECT id, chain, epoch, first_ms, last_ms, ticks,"
		       " raw_len, crc, data FROM head"
		       " WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
	for (size_t i = 0; i < h->chain_count && r == 0; i++) {
		if (!touches(&h->chains[i], scan))
			continue;
		s.broken = true; /* until its first row is seen */
		r = scan_rows(&s, rows, h->chains[i].first, h->chains[i].last);
	}
	return r;
}

static bool pass_no_point(void *arg, size_t which, int64_t time_ms,
			  double value)
{
	(void)arg;
	(void)which;
	(void)time_ms;
	(void)value;
	return true;
}

/* The row that begins a chain lists the chain's series. */
int head_max_series(sqlite3 *db, uint32_t *out)
{
	static const uint32_t nothing[1];
	own(scanner_fini) struct scanner s = {
		.reader = {nothing, 0, pass_no_point, NULL}};
	own(stmt_finalp) sqlite3_stmt *rows = NULL;
	int r = db_prepare(db, &rows,
			   "SELECT id, chain, epoch, first_ms, last_ms, ticks,"
			   " raw_len, crc, data FROM head WHERE chain = 1");

	*out = 0;
	while (r == 0 && (r = db_step(rows)) > 0) {
		struct row row;
		size_t n;

		read_row(rows, &row);
		r = scan_row(&s, &row);
		n = s.state.count;
		if (r == 0 && n > 0 && s.state.ids[n - 1] > *out)
			*out = s.state.ids[n - 1];
		if (r == -EBADMSG)
			r = 0;
	}
	return r;
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
	struct row row;
	struct chain *last, c;

	read_row(s, &row);
	last = (*h)->chain_count ? &(*h)->chains[(*h)->chain_count - 1] : NULL;
	if (!row.chain && last && !last->recorded && last->epoch == row.epoch) {
		last->last = row.id;
		if (row.last_ms > last->last_ms)
			last->last_ms = row.last_ms;
		return 0;
	}
	c = (struct chain){.first = row.id,
			   .last = row.id,
			   .epoch = row.epoch,
			   .first_ms = row.first_ms,
			   .last_ms = row.last_ms};
	return add_chain(h, &c);
}

static int load_rows(sqlite3 *db, struct history **h, int64_t *next_row)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	size_t count = (*h)->chain_count;
	int64_t after = count ? (*h)->chains[count - 1].last : 0;
	int r = db_prepare(db, &s,
			   "SELECT id, chain, epoch, first_ms, last_ms, ticks,"
			   " raw_len, crc, NULL FROM head WHERE id > ?1"
			   " ORDER BY id");

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

int head_load(sqlite3 *db, struct history **out, int64_t *next_row)
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
