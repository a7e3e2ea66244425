#include "head.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "db.h"

#define RAW_MAX (64 << 20) /* bytes of one unpacked row */

/* A part of fewer points takes in the next group: each part costs some 15
 * bytes, and a point about one. */
#define PART_POINTS_MIN 512

/* A part of more points is divided, for questions about few processes. */
#define PART_POINTS_MAX 8192

/* From so many on it pays to tell how long each series is. */
#define INDEX_TICKS_MIN	 16
#define INDEX_SERIES_MIN 32

#define DIRECTORY_MAX (3 + PARTS_MAX * (5 + 5 + 4))

/* Smaller rows are read at once. */
#define WHOLE_MAX "8192"

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

static uint32_t crc_of(const uint64_t *numbers, size_t count, const void *data,
		       size_t len)
{
	unsigned char bytes[8 * 8];

	assert(count <= 8);
	for (size_t i = 0; i < count; i++)
		put_u64(bytes + 8 * i, numbers[i]);
	return crc32c(crc32c(0, bytes, 8 * count), data, len);
}

/* Over the row but its parts, its id too: a row in the wrong place is
 * damaged. */
static uint32_t row_crc(const struct row *r, const void *directory, size_t len)
{
	const uint64_t numbers[] = {(uint64_t)r->id,
				    r->chain,
				    r->epoch,
				    (uint64_t)r->first_ms,
				    (uint64_t)r->last_ms,
				    r->ticks,
				    r->raw_len};

	return crc_of(numbers, ARRAY_SIZE(numbers), directory, len);
}

static uint32_t part_crc(const struct row *r, size_t part, const void *data,
			 size_t len)
{
	const uint64_t numbers[] = {r->epoch, (uint64_t)r->id, part};

	return crc_of(numbers, ARRAY_SIZE(numbers), data, len);
}

/* ---- writing: which series stand together ---- */

void chain_state_reset(struct chain_state *s)
{
	for (size_t p = 0; s->parts && p < s->part_count; p++)
		block_state_reset(&s->parts[p]);
	free(s->parts);
	free(s->ids);
	free(s->part_of);
	*s = (struct chain_state){0};
}

/* Where the id stands; count when it does not. */
static size_t find_id(const struct chain_state *s, uint32_t id, size_t from)
{
	size_t low = from, high = s->count;

	if (low < high && s->ids[low] == id)
		return low; /* the usual case: one after the other */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->ids[low] == id ? low : s->count;
}

bool chain_continues(const struct chain_state *s, const struct tick *t)
{
	return s->count > 0 && tick_within(t, s->ids, s->count);
}

/* Where the series of a group stand. */
struct place {
	size_t count; /* of them */
	size_t share; /* so many in one part, */
	size_t part;  /* this one first */
	size_t seen;  /* placed already */
};

/* Most series of a group in one part, so that there are never too many. */
static size_t share_of(const struct chain_state *s, size_t ticks)
{
	size_t share = PART_POINTS_MAX / ticks;
	size_t least = s->count / (PARTS_MAX / 2) + 1;

	return share > least ? share : least;
}

/* Groups in their order: small ones together until a part has points enough,
 * large ones in several. */
static void lay_parts(struct chain_state *s, struct place *places, size_t ticks)
{
	size_t points = 0, share = share_of(s, ticks);

	for (size_t g = 0; g < GROUPS_MAX; g++) {
		struct place *p = &places[g];
		size_t more = p->count ? (p->count - 1) / share : 0;

		if (p->count == 0)
			continue;
		if (points == 0 && s->part_count < PARTS_MAX / 2)
			s->part_count++;
		p->part = s->part_count - 1;
		p->share = share;
		points += p->count * ticks;
		s->part_count += more;
		if (points >= PART_POINTS_MIN)
			points = 0;
	}
}

static unsigned group_of(const struct grouping *g, uint32_t id)
{
	unsigned group = g->of(g->arg, id);

	return group < GROUPS_MAX ? group : GROUPS_MAX - 1;
}

static int begin_parts(struct chain_state *s, const struct grouping *g,
		       struct tick *const *ticks, size_t n)
{
	struct place places[GROUPS_MAX] = {0};
	int r;

	chain_state_reset(s);
	r = tick_ids(&s->ids, &s->count, ticks, n);
	if (r == 0 && s->count == 0)
		r = -EINVAL;
	if (r)
		return r;
	s->part_of = malloc(s->count * sizeof(s->part_of[0]));
	if (!s->part_of)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++)
		places[group_of(g, s->ids[i])].count++;
	lay_parts(s, places, n);
	for (size_t i = 0; i < s->count; i++) {
		struct place *p = &places[group_of(g, s->ids[i])];

		s->part_of[i] = (uint16_t)(p->part + p->seen++ / p->share);
	}
	s->parts = calloc(s->part_count, sizeof(s->parts[0]));
	return s->parts ? 0 : -ENOMEM;
}

/* ---- writing: rows ---- */

/* The ticks of a row, each part by itself: subs[part * n + tick]. */
struct split {
	struct tick **subs; /* owned, a reference each */
	size_t count;
};

static void split_fini(struct split *s)
{
	for (size_t i = 0; s->subs && i < s->count; i++)
		tick_unref(s->subs[i]);
	free(s->subs);
}

static int split_tick(struct split *out, const struct chain_state *s,
		      const struct tick *t, size_t index, size_t n)
{
	size_t sizes[PARTS_MAX] = {0}, at = 0;
	int r = 0;

	for (size_t i = 0; i < t->count; i++, at++) {
		at = find_id(s, t->ids[i], at);
		if (at == s->count)
			return -EINVAL;
		sizes[s->part_of[at]]++;
	}
	for (size_t p = 0; p < s->part_count && r == 0; p++) {
		struct tick **sub = &out->subs[p * n + index];

		r = tick_new(sub, t->time_ms, t->epoch, sizes[p]);
		if (r == 0)
			(*sub)->count = 0;
	}
	for (size_t i = at = 0; i < t->count && r == 0; i++, at++) {
		struct tick *sub;

		at = find_id(s, t->ids[i], at);
		sub = out->subs[s->part_of[at] * n + index];
		sub->ids[sub->count] = t->ids[i];
		sub->values[sub->count++] = t->values[i];
	}
	return r;
}

static int split_ticks(struct split *out, const struct chain_state *s,
		       struct tick *const *ticks, size_t n)
{
	int r = 0;

	out->count = s->part_count * n;
	out->subs = calloc(out->count, sizeof(out->subs[0]));
	if (!out->subs)
		return -ENOMEM;
	for (size_t t = 0; t < n && r == 0; t++)
		r = split_tick(out, s, ticks[t], t, n);
	return r;
}

/* Append what raw packs to, or raw itself when that gains little. */
static int pack(struct buf *out, const struct buf *raw)
{
	int bound = LZ4_compressBound((int)raw->len), len;
	char *room = buf_reserve(out, (size_t)bound);

	if (!room)
		return buf_error(out);
	len = LZ4_compress_default(raw->data, room, (int)raw->len, bound);
	if (len > 0 && (size_t)len < raw->len - raw->len / 16)
		out->len += (size_t)len;
	else
		buf_add(out, raw->data, raw->len);
	return buf_error(out);
}

struct writing {
	struct buf directory, parts;
	size_t raw_len;
};

static void writing_fini(struct writing *w)
{
	buf_fini(&w->directory);
	buf_fini(&w->parts);
}

static size_t most_series(struct tick *const *ticks, size_t n)
{
	size_t most = 0;

	for (size_t t = 0; t < n; t++) {
		if (ticks[t]->count > most)
			most = ticks[t]->count;
	}
	return most;
}

static int write_part(struct writing *w, struct chain_state *s, size_t part,
		      const struct row *row, struct tick *const *ticks, size_t n)
{
	own(buf_fini) struct buf raw = BUF_INIT;
	size_t begin = w->parts.len, series = most_series(ticks, n);
	uint32_t crc = 0;
	int r = 0;

	if (series > 0) {
		bool index = n >= INDEX_TICKS_MIN && series >= INDEX_SERIES_MIN;

		r = block_encode(&raw, &s->parts[part], ticks, n, index);
		w->raw_len += raw.len;
		if (r == 0 && w->raw_len > RAW_MAX)
			r = -E2BIG;
		if (r == 0)
			r = pack(&w->parts, &raw);
		if (r)
			return r;
		crc = htole32(part_crc(row, part, w->parts.data + begin,
				       w->parts.len - begin));
	}
	buf_put_varint(&w->directory, raw.len);
	buf_put_varint(&w->directory, w->parts.len - begin);
	buf_add(&w->directory, &crc, sizeof(crc));
	return buf_error(&w->directory);
}

static int write_parts(struct writing *w, struct chain_state *s,
		       const struct row *row, struct tick *const *ticks,
		       size_t n)
{
	own(split_fini) struct split split = {0};
	int r = split_ticks(&split, s, ticks, n);

	buf_put_varint(&w->directory, s->part_count);
	for (size_t p = 0; p < s->part_count && r == 0; p++)
		r = write_part(w, s, p, row, split.subs + p * n, n);
	return r;
}

static int insert_row(sqlite3_stmt *insert, const struct row *r)
{
	int e = db_bind(insert, "iiiiiiiib", r->id, (int64_t)r->chain,
			(int64_t)r->epoch, r->first_ms, r->last_ms,
			(int64_t)r->ticks, (int64_t)r->raw_len,
			(int64_t)r->crc, r->data, r->len);

	if (e == 0)
		e = db_run(insert);
	sqlite3_clear_bindings(insert);
	return e;
}

int head_write(sqlite3_stmt *insert, struct chain_state *state,
	       const struct grouping *grouping, struct row *row,
	       struct tick *const *ticks, size_t n, size_t *written)
{
	own(writing_fini) struct writing w = {0};
	int r = 0;

	row->epoch = ticks[0]->epoch;
	row->first_ms = ticks[0]->time_ms;
	row->last_ms = ticks[n - 1]->time_ms;
	row->ticks = (uint32_t)n;
	if (row->chain)
		r = begin_parts(state, grouping, ticks, n);
	if (r == 0)
		r = write_parts(&w, state, row, ticks, n);
	if (r)
		return r;
	row->raw_len = (uint32_t)w.raw_len;
	row->crc = row_crc(row, w.directory.data, w.directory.len);
	buf_add(&w.directory, w.parts.data, w.parts.len);
	if (buf_error(&w.directory))
		return buf_error(&w.directory);
	row->data = w.directory.data;
	row->len = *written = w.directory.len;
	r = insert_row(insert, row);
	row->data = NULL;
	return r;
}

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
	const unsigned char *at, *end;
};

/* At most 32 bits; false for what is none. */
static bool get_number(struct bytes *b, uint32_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		if (b->at == b->end)
			return false;
		v |= (uint64_t)(*b->at & 127) << shift;
		if (*b->at++ < 128) {
			*out = (uint32_t)v;
			return v <= UINT32_MAX;
		}
	}
	return false;
}

static bool get_part(struct bytes *b, struct part *p)
{
	if (!get_number(b, &p->raw_len) || !get_number(b, &p->len) ||
	    b->end - b->at < 4)
		return false;
	memcpy(&p->crc, b->at, 4);
	p->crc = le32toh(p->crc);
	b->at += 4;
	return p->raw_len <= RAW_MAX && p->len <= p->raw_len;
}

/* The list of parts; what it says must be all of data. */
static bool parse_directory(struct scanner *s, const struct row *row,
			    struct bytes *b)
{
	const unsigned char *begin = b->at;
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
	if (raw_len > RAW_MAX)
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

	if (row->len == 0 || row->len > RAW_MAX + DIRECTORY_MAX)
		return -EBADMSG;
	if (!row->data)
		r = open_blob(s, row->id);
	if (r == 0)
		r = get_bytes(s, row, 0, len, &bytes);
	if (r)
		return r;
	b.at = (const unsigned char *)bytes;
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
			   " raw_len, crc, 0, NULL FROM head WHERE id > ?1"
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
