#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/varint.h"

#include "db.h"
#include "head.h"

#define DIRECTORY_MAX (3 + PARTS_MAX * (5 + 5 + 4))

/* Smaller rows are read at once. */
#define WHOLE_MAX "8192"

/* ---- reading rows ---- */

/* The columns of a row, as read_row() takes them: data only where it is so
 * small that it costs nothing to have it at once. */
#define ROW_COLUMNS                                                            \
	"id, chain, epoch, first_ms, last_ms, ticks, raw_len, crc,"           \
	" length(data),"                                                       \
	" CASE WHEN length(data) <= " WHOLE_MAX " THEN data END"

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
	r->len = (size_t)sqlite3_column_int64(s, 8);
	r->data = sqlite3_column_blob(s, 9);
}

/* ---- scanning ---- */

/* What a reader knows of one part of the chain at hand. */
struct part {
	struct block_state state;
	bool idle;   /* no series of it is wanted */
	bool broken; /* damaged; wait for the next chain */
	/* in the row at hand: */
	uint32_t raw_len, len, crc;
	size_t offset;
};

struct scanner {
	const struct head_scan *scan;
	struct block_reader reader;
	sqlite3 *db;
	sqlite3_blob *blob; /* owned; data of the row last read from, or NULL */
	struct part *parts; /* owned; PARTS_MAX */
	size_t part_count;  /* of the chain at hand; 0: wait for the next */
	size_t series;      /* known of its parts together */
	uint32_t epoch;	    /* of the row at hand */
	int64_t next_id;    /* the row after it */
	char *packed, *raw; /* owned */
	size_t packed_cap, raw_cap;
};

static void forget_chain(struct scanner *s)
{
	for (size_t p = 0; p < s->part_count; p++)
		block_state_reset(&s->parts[p].state);
	s->part_count = s->series = 0;
}

static void scanner_fini(struct scanner *s)
{
	forget_chain(s);
	sqlite3_blob_close(s->blob);
	free(s->parts);
	free(s->packed);
	free(s->raw);
}

static int scanner_init(struct scanner *s)
{
	s->parts = calloc(PARTS_MAX, sizeof(s->parts[0]));
	return s->parts ? 0 : -ENOMEM;
}

static bool pass_points(void *arg, size_t which, const int64_t *times_ms,
			const double *values, size_t count)
{
	const struct scanner *s = arg;

	return s->scan->points(s->scan->arg, which, times_ms, values, count,
			       s->epoch);
}

static int room(char **data, size_t *cap, size_t len)
{
	char *grown;

	if (len <= *cap)
		return 0;
	grown = realloc(*data, len);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*cap = len;
	return 0;
}

/* The blob of a row; one handle goes from row to row. */
static int open_blob(struct scanner *s, int64_t id)
{
	int code = s->blob ? sqlite3_blob_reopen(s->blob, id)
			   : sqlite3_blob_open(s->db, "main", "head", "data",
					       id, 0, &s->blob);

	if (code == SQLITE_OK)
		return 0;
	sqlite3_blob_close(s->blob);
	s->blob = NULL;
	return db_error(code);
}

/* Bytes of data, which stay until the next call. */
static int get_bytes(struct scanner *s, const struct row *row, size_t offset,
		     size_t len, const char **out)
{
	int r;

	if (row->data) {
		*out = (const char *)row->data + offset;
		return 0;
	}
	r = room(&s->packed, &s->packed_cap, len);
	if (r == 0)
		r = db_error(sqlite3_blob_read(s->blob, s->packed, (int)len,
					       (int)offset));
	*out = s->packed;
	return r;
}

struct bytes {
	const uint8_t *at, *end;
};

/* At most 32 bits; false for what is none. */
static bool get_number(struct bytes *b, uint32_t *out)
{
	uint64_t v;

	if (!varint_get(&b->at, b->end, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_part(struct bytes *b, struct part *p)
{
	if (!get_number(b, &p->raw_len) || !get_number(b, &p->len) ||
	    b->end - b->at < 4)
		return false;
	memcpy(&p->crc, b->at, 4);
	p->crc = le32toh(p->crc);
	b->at += 4;
	return p->raw_len <= ROW_RAW_MAX && p->len <= p->raw_len;
}

/* The list of parts; what it says must be all of data. */
static bool parse_directory(struct scanner *s, const struct row *row,
			    struct bytes *b)
{
	const uint8_t *begin = b->at;
	size_t offset, raw_len = 0;
	uint32_t count;

	if (!get_number(b, &count) || count == 0 || count > PARTS_MAX ||
	    (s->part_count && count != s->part_count))
		return false;
	for (size_t p = 0; p < count; p++) {
		if (!get_part(b, &s->parts[p]))
			return false;
		raw_len += s->parts[p].raw_len;
	}
	if (raw_len > ROW_RAW_MAX)
		return false;
	if (row->crc != row_crc(row, begin, (size_t)(b->at - begin)))
		return false;
	offset = (size_t)(b->at - begin);
	for (size_t p = 0; p < count; p++) {
		s->parts[p].offset = offset;
		offset += s->parts[p].len;
	}
	s->part_count = count;
	return offset == row->len;
}

static int read_directory(struct scanner *s, const struct row *row)
{
	size_t len = row->len < DIRECTORY_MAX ? row->len : DIRECTORY_MAX;
	const char *bytes;
	struct bytes b;
	int r = 0;

	if (row->len == 0 || row->len > ROW_RAW_MAX + DIRECTORY_MAX)
		return -EBADMSG;
	if (!row->data)
		r = open_blob(s, row->id);
	if (r == 0)
		r = get_bytes(s, row, 0, len, &bytes);
	if (r)
		return r;
	b.at = (const uint8_t *)bytes;
	b.end = b.at + len;
	return parse_directory(s, row, &b) ? 0 : -EBADMSG;
}

/* So that no row, whoever made it, takes more memory than one block may. */
static int decode_part(struct scanner *s, struct part *p, const char *data)
{
	bool too_many;
	int r;

	s->series -= p->state.count;
	r = block_decode(&p->state, data, p->raw_len, &s->reader);
	p->idle = p->state.idle;
	too_many = s->series + p->state.count > BLOCK_SERIES_MAX;
	if (too_many || (p->idle && s->scan)) /* else ids are asked for */
		block_state_reset(&p->state);
	s->series += p->state.count;
	return too_many ? -EBADMSG : r;
}

/* 0, 1 (enough), -EBADMSG for a damaged part, -ENOMEM. */
static int scan_part(struct scanner *s, const struct row *row, size_t part)
{
	struct part *p = &s->parts[part];
	const char *data;
	int r = get_bytes(s, row, p->offset, p->len, &data);

	if (r)
		return r;
	if (p->crc != part_crc(row, part, data, p->len))
		return -EBADMSG;
	if (p->len < p->raw_len) {
		r = room(&s->raw, &s->raw_cap, p->raw_len);
		if (r)
			return r;
		if (LZ4_decompress_safe(data, s->raw, (int)p->len,
					(int)p->raw_len) != (int)p->raw_len)
			return -EBADMSG;
		data = s->raw;
	}
	return decode_part(s, p, data);
}

/* 0, 1, -EBADMSG when any part that is wanted is damaged, -ENOMEM. */
static int scan_row(struct scanner *s, const struct row *row)
{
	bool damaged = false;
	int r = read_directory(s, row);

	if (r == -EBADMSG)
		forget_chain(s); /* the rest builds on this row */
	s->epoch = row->epoch;
	for (size_t i = 0; i < s->part_count && r == 0; i++) {
		struct part *p = &s->parts[i];

		if (row->chain)
			p->idle = p->broken = false;
		if (p->idle || (p->raw_len == 0 && !row->chain && !p->broken))
			continue;
		r = p->broken ? -EBADMSG : scan_part(s, row, i);
		if (r == -EBADMSG) {
			p->broken = damaged = true;
			r = 0;
		}
	}
	return r == 0 && damaged ? -EBADMSG : r;
}

static int scan_next(struct scanner *s, const struct row *row)
{
	if (row->chain || row->id != s->next_id)
		forget_chain(s);
	s->next_id = row->id + 1;
	if (!row->chain && s->part_count == 0) /* one before it is lost */
		return -EBADMSG;
	return scan_row(s, row);
}

static bool touches(const struct chain *c, const struct head_scan *scan)
{
	return c->last_ms > scan->from_ms && c->first_ms <= scan->to_ms;
}

/* Until the first row behind the time asked for. */
static int scan_rows(struct scanner *s, sqlite3_stmt *rows, int64_t first,
		     int64_t last)
{
	int r = db_bind(rows, "ii", first, last);

	while (r == 0) {
		struct row row;

		r = db_step(rows);
		if (r <= 0)
			break;
		read_row(rows, &row);
		if (row.first_ms > s->scan->to_ms) {
			r = 0;
			break;
		}
		r = scan_next(s, &row);
		if (r == -EBADMSG) {
			++*s->scan->damaged;
			r = 0;
		}
	}
	sqlite3_reset(rows);
	return r;
}

int head_scan(sqlite3 *db, const struct head_scan *scan)
{
	own(scanner_fini) struct scanner s = {.scan = scan, .db = db};
	own(stmt_finalp) sqlite3_stmt *rows = NULL;
	const struct history *h = scan->history;
	int r = scanner_init(&s);

	s.reader = (struct block_reader){scan->want, scan->want_count,
					 pass_points, &s};
	if (r == 0)
		r = db_prepare(db, &rows,
			       "SELECT " ROW_COLUMNS " FROM head"
			       " WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
	for (size_t i = 0; i < h->chain_count && r == 0; i++) {
		if (!touches(&h->chains[i], scan))
			continue;
		forget_chain(&s); /* until its first row is seen */
		r = scan_rows(&s, rows, h->chains[i].first, h->chains[i].last);
	}
	return r;
}

static bool pass_no_points(void *arg, size_t which, const int64_t *times_ms,
			   const double *values, size_t count)
{
	(void)arg;
	(void)which;
	(void)times_ms;
	(void)values;
	(void)count;
	return true;
}

static uint32_t highest_id(const struct scanner *s)
{
	uint32_t highest = 0;

	for (size_t p = 0; p < s->part_count; p++) {
		const struct block_state *b = &s->parts[p].state;

		if (b->count > 0 && b->ids[b->count - 1] > highest)
			highest = b->ids[b->count - 1];
	}
	return highest;
}

/* The row that begins a chain lists the chain's series. */
int head_max_series(sqlite3 *db, uint32_t *out)
{
	static const uint32_t nothing[1];
	own(scanner_fini) struct scanner s = {
		.reader = {nothing, 0, pass_no_points, NULL}, .db = db};
	own(stmt_finalp) sqlite3_stmt *rows = NULL;
	int r = scanner_init(&s);

	if (r == 0)
		r = db_prepare(db, &rows,
			       "SELECT " ROW_COLUMNS " FROM head"
			       " WHERE chain = 1");
	*out = 0;
	while (r == 0 && (r = db_step(rows)) > 0) {
		struct row row;
		uint32_t highest;

		read_row(rows, &row);
		r = scan_next(&s, &row);
		highest = highest_id(&s);
		if (highest > *out)
			*out = highest;
		if (r == -EBADMSG)
			r = 0;
	}
	return r;
}
