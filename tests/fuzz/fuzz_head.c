/*
 * Any bytes as rows of the table head, whose sums are right: what is behind
 * the sums must stand by itself. A row of the input: flags, how many parts,
 * their lengths as they shall stand in the row, their bytes.
 */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/crc32c.h"
#include "server/store/db.h"
#include "server/store/head.h"

#define ROWS_MAX 8
#define LARGE	 9000 /* bytes that make a row be read piece by piece */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CHAIN = 1, EPOCH = 2, LARGER = 4, SKIP = 8, WRONG_SUM = 16, SHORT = 32 };

struct input {
	const uint8_t *at, *end;
};

static sqlite3 *db;
static size_t left; /* a small row may stand for millions of points */

static void need(bool well)
{
	if (!well)
		abort();
}

static void set_up(void)
{
	need(sqlite3_open(":memory:", &db) == SQLITE_OK);
	need(db_exec(db, "CREATE TABLE head (id INTEGER PRIMARY KEY, chain INT,"
			 " epoch INT, first_ms INT, last_ms INT, ticks INT,"
			 " raw_len INT, crc INT, data BLOB);"
			 "CREATE TABLE chains (first INTEGER PRIMARY KEY,"
			 " last INT, epoch INT, first_ms INT, last_ms INT);"
			 "CREATE TABLE epochs (id INTEGER PRIMARY KEY,"
			 " begin_ms INT, left_ms INT)") == 0);
}

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* A varint, however it is written, as it stands. */
static size_t copy_number(struct buf *out, struct input *in)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = byte(in);
		v |= shift < 64 ? (uint64_t)(b & 127) << shift : 0;
		shift += 7;
		buf_putc(out, (char)b);
	} while (b & 128);
	return v < LARGE ? (size_t)v : LARGE;
}

/* The sum of head.h: numbers of 8 bytes each, then the bytes. */
static uint32_t sum(const int64_t *numbers, size_t count, const void *data,
		    size_t len)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t v = htole64((uint64_t)numbers[i]);

		crc = crc32c(crc, &v, sizeof(v));
	}
	return crc32c(crc, data, len);
}

struct made {
	struct buf directory, parts;
	size_t sums[PARTS_MAX]; /* where they stand in the directory */
	size_t lens[PARTS_MAX];
	size_t count;
};

static void made_fini(struct made *m)
{
	buf_fini(&m->directory);
	buf_fini(&m->parts);
}

static void make_list(struct made *m, struct input *in, bool larger)
{
	static const char no_sum[4];

	buf_put_varint(&m->directory, m->count + larger);
	for (size_t p = 0; p < m->count; p++) {
		copy_number(&m->directory, in);
		m->lens[p] = copy_number(&m->directory, in);
		m->sums[p] = m->directory.len;
		buf_add(&m->directory, no_sum, sizeof(no_sum));
	}
	if (!larger)
		return;
	m->lens[m->count] = LARGE;
	buf_put_varint(&m->directory, LARGE);
	buf_put_varint(&m->directory, LARGE);
	m->sums[m->count++] = m->directory.len;
	buf_add(&m->directory, no_sum, sizeof(no_sum));
}

static void make_parts(struct made *m, struct input *in, const struct row *r,
		       bool is_short)
{
	static const char zeros[LARGE];

	for (size_t p = 0; p < m->count; p++) {
		const int64_t numbers[] = { r->epoch, r->id, (int64_t)p };
		size_t begin = m->parts.len, there = (size_t)(in->end - in->at);
		uint32_t crc;

		there = there < m->lens[p] ? there : m->lens[p];
		if (there)
			buf_add(&m->parts, in->at, there);
		in->at += there;
		if (there < m->lens[p] && !is_short)
			buf_add(&m->parts, zeros, m->lens[p] - there);
		if (!m->parts.data)
			continue;
		crc = htole32(sum(numbers, 3, m->parts.data + begin,
				  m->parts.len - begin));
		memcpy(m->directory.data + m->sums[p], &crc, sizeof(crc));
	}
}

static void insert(const struct row *r)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;

	need(db_prepare(db, &s, HEAD_INSERT) == 0);
	need(db_bind(s, "iiiiiiiib", r->id, (int64_t)r->chain,
		     (int64_t)r->epoch, r->first_ms, r->last_ms,
		     (int64_t)r->ticks, (int64_t)r->raw_len, (int64_t)r->crc,
		     r->data, r->len) == 0);
	need(db_run(s) == 0);
}

static void make_row(struct input *in, int64_t *id)
{
	own(made_fini) struct made m = { 0 };
	unsigned flags = byte(in);
	struct row r = { .id = *id += flags & SKIP ? 2 : 1,
			 .chain = flags & CHAIN,
			 .epoch = !!(flags & EPOCH),
			 .first_ms = 1000,
			 .last_ms = 2000,
			 .ticks = 1 };
	const int64_t numbers[] = { r.id,      r.chain, r.epoch,  r.first_ms,
				    r.last_ms, r.ticks, r.raw_len };

	m.count = byte(in);
	make_list(&m, in, flags & LARGER);
	make_parts(&m, in, &r, flags & SHORT);
	r.crc = sum(numbers, ARRAY_SIZE(numbers), m.directory.data,
		    m.directory.len) +
		!!(flags & WRONG_SUM);
	if (m.parts.len)
		buf_add(&m.directory, m.parts.data, m.parts.len);
	need(buf_error(&m.directory) == 0);
	r.data = m.directory.data;
	r.len = m.directory.len;
	insert(&r);
}

static bool points(void *arg, size_t which, const int64_t *times_ms,
		   const double *values, size_t count, uint32_t epoch)
{
	const struct head_scan *scan = arg;

	(void)times_ms;
	need(epoch <= 1 && count > 0 && which < scan->want_count);
	for (size_t i = 0; i < count; i++)
		need(isfinite(values[i]));
	if (count > left)
		return false;
	left -= count;
	return true;
}

static void ask(void)
{
	static const uint32_t want[] = { 0, 1, 2, 5, 300 };
	own(history_unrefp) struct history *h = NULL;
	uint64_t damaged = 0;
	struct head_scan scan = { .from_ms = 0,
				  .to_ms = 5000,
				  .damaged = &damaged,
				  .want = want,
				  .want_count = ARRAY_SIZE(want),
				  .points = points,
				  .arg = &scan };
	uint32_t highest = 0;
	int64_t next = 0;
	int r;

	left = 100000;
	need(history_load(db, &h, &next) == 0);
	scan.history = h;
	r = head_scan(db, &scan);
	need(r == 0 || r == 1);
	need(damaged <= ROWS_MAX);
	need(head_max_series(db, &highest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, data + len };
	int64_t id = 0;

	if (!db)
		set_up();
	need(db_exec(db, "DELETE FROM head") == 0);
	for (int i = 0; i < ROWS_MAX && in.at < in.end; i++)
		make_row(&in, &id);
	ask();
	return 0;
}
