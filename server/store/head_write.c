#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>

#include "db.h"
#include "head.h"

/* A part of fewer points takes in the next group: each part costs some 15
 * bytes, and a point about one. */
#define PART_POINTS_MIN 512

/* A part of more points is divided, for questions about few processes. */
#define PART_POINTS_MAX 8192

/* From so many on it pays to tell how long each series is. */
#define INDEX_TICKS_MIN	 16
#define INDEX_SERIES_MIN 32

/* ---- which series stand together ---- */

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

/* ---- rows ---- */

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
		if (r == 0 && w->raw_len > ROW_RAW_MAX)
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
