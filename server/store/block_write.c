#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/own.h"

#include "block_format.h"

#define INTEGER_MAX 9007199254740992.0 /* 2^53: integers are exact below */

/* From so many ticks on it pays to say that a series did not change. */
#define SAME_MIN 4

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static void put_delta(struct buf *b, int64_t delta)
{
	if (delta != 0 && delta % PAGE == 0)
		buf_put_varint(b, zigzag(delta / PAGE) << 1 | 1);
	else
		buf_put_varint(b, zigzag(delta) << 1);
}

static void put_raw(struct buf *b, double value)
{
	uint64_t bits;
	char *room = buf_reserve(b, 8);

	if (!room)
		return;
	memcpy(&bits, &value, 8);
	for (int i = 0; i < 8; i++)
		room[i] = (char)(bits >> 8 * i);
	b->len += 8;
}

/* Whether value x 10^places is an integer that gives the same bits back. */
static bool scale(double value, int places, int64_t *out)
{
	double scaled = value * block_power[places], back;

	if (!(fabs(scaled) < INTEGER_MAX))
		return false;
	*out = llrint(scaled);
	back = (double)*out / block_power[places];
	return memcmp(&back, &value, sizeof(back)) == 0;
}

static bool scale_all(const double *values, size_t n, int places, int64_t *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!scale(values[i], places, &out[i]))
			return false;
	}
	return true;
}

/* The mode for these values, that of the block before if it will do. */
static int choose(const double *values, size_t n, int before, int64_t *out)
{
	if (before <= MODE_PLACES_MAX && scale_all(values, n, before, out))
		return before;
	for (int places = 0; places <= MODE_PLACES_MAX; places++) {
		if (places != before && scale_all(values, n, places, out))
			return places;
	}
	return MODE_RAW;
}

static bool all_same(const double *values, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (memcmp(&values[i], &values[0], sizeof(values[0])) != 0)
			return false;
	}
	return true;
}

/* The parts of a block that grow side by side. */
struct parts {
	struct buf modes, partial, lens, values;
	size_t mode_count, partial_count;
	size_t mode_next, partial_next; /* first series not yet spoken of */
};

static void parts_fini(struct parts *p)
{
	buf_fini(&p->modes);
	buf_fini(&p->partial);
	buf_fini(&p->lens);
	buf_fini(&p->values);
}

static void tell_mode(struct parts *p, size_t series, int mode)
{
	buf_put_varint(&p->modes, series - p->mode_next);
	buf_putc(&p->modes, (char)mode);
	p->mode_next = series + 1;
	p->mode_count++;
}

static void tell_partial(struct parts *p, size_t series, const uint8_t *bits,
			 size_t n)
{
	buf_put_varint(&p->partial, series - p->partial_next);
	buf_add(&p->partial, bits, (n + 7) / 8);
	p->partial_next = series + 1;
	p->partial_count++;
}

static void put_values(struct buf *b, int mode, const double *values,
		       const int64_t *scaled, size_t n, int64_t last)
{
	if (mode & MODE_SAME)
		n = 1;
	for (size_t i = 0; i < n; i++) {
		if (mode & MODE_RAW) {
			put_raw(b, values[i]);
		} else {
			put_delta(b, scaled[i] - last);
			last = scaled[i];
		}
	}
}

static void put_series(struct parts *p, struct block_state *s, size_t i,
		       const double *values, size_t n)
{
	int64_t scaled[BLOCK_TICKS_MAX];
	int before = s->modes[i];
	int mode = choose(values, n, before, scaled);
	int64_t last = mode == before && mode != MODE_RAW ? s->last[i] : 0;
	int told = mode;

	if (n >= SAME_MIN && all_same(values, n))
		told |= MODE_SAME;
	if (told != before)
		tell_mode(p, i, told);
	put_values(&p->values, told, values, scaled, n, last);
	s->modes[i] = (uint8_t)mode;
	s->last[i] = mode == MODE_RAW ? 0 : scaled[n - 1];
}

/* Every series in turn: its values out of all ticks. */
static void put_all(struct parts *p, struct block_state *s,
		    struct tick *const *ticks, size_t n)
{
	size_t at[BLOCK_TICKS_MAX] = {0};
	double values[BLOCK_TICKS_MAX];

	for (size_t i = 0; i < s->count; i++) {
		uint8_t bits[BLOCK_TICKS_MAX / 8] = {0};
		size_t begin = p->values.len, found = 0;

		for (size_t t = 0; t < n; t++) {
			if (at[t] == ticks[t]->count ||
			    ticks[t]->ids[at[t]] != s->ids[i])
				continue;
			bits[t / 8] |= (uint8_t)(1u << t % 8);
			values[found++] = ticks[t]->values[at[t]++];
		}
		if (found < n)
			tell_partial(p, i, bits, n);
		if (found > 0)
			put_series(p, s, i, values, found);
		buf_put_varint(&p->lens, p->values.len - begin);
	}
}

static bool knows_all(const struct block_state *s, struct tick *const *ticks,
		      size_t n)
{
	for (size_t t = 0; t < n; t++) {
		if (!tick_within(ticks[t], s->ids, s->count))
			return false;
	}
	return s->count > 0;
}

/* A new chain of all series that are in the ticks. */
static int begin_chain(struct block_state *s, struct tick *const *ticks,
		       size_t n)
{
	own(freep) uint32_t *ids = NULL;
	size_t count;
	int r = tick_ids(&ids, &count, ticks, n);

	if (r == 0)
		r = block_state_room(s, count);
	if (r == 0 && count > 0)
		memcpy(s->ids, ids, count * sizeof(ids[0]));
	return r;
}

static void put_times(struct buf *out, struct tick *const *ticks, size_t n)
{
	buf_put_varint(out, n);
	buf_put_varint(out, zigzag(ticks[0]->time_ms));
	for (size_t t = 1; t < n; t++)
		buf_put_varint(out,
			   zigzag(ticks[t]->time_ms - ticks[t - 1]->time_ms));
}

static void put_ids(struct buf *out, const struct block_state *s)
{
	uint32_t before = 0;

	buf_put_varint(out, s->count);
	for (size_t i = 0; i < s->count; i++) {
		buf_put_varint(out, s->ids[i] - before);
		before = s->ids[i];
	}
}

static void join_part(struct buf *out, const struct buf *part)
{
	if (part->error && !out->error)
		out->error = part->error;
	buf_add(out, part->data, part->len);
}

int block_encode(struct buf *out, struct block_state *s,
		 struct tick *const *ticks, size_t n, bool index)
{
	own(parts_fini) struct parts p = {0};
	bool continues;
	int r = 0;

	if (n == 0 || n > BLOCK_TICKS_MAX)
		return -E2BIG;
	continues = knows_all(s, ticks, n);
	if (!continues)
		r = begin_chain(s, ticks, n);
	if (r == 0 && s->count == 0)
		r = -EINVAL;
	if (r == 0 &&
	    (s->count > BLOCK_SERIES_MAX || s->count > BLOCK_POINTS_MAX / n))
		r = -E2BIG;
	if (r == 0) {
		put_all(&p, s, ticks, n);
		buf_putc(out, (char)((continues ? FLAG_CONTINUES : 0) |
				     (index ? FLAG_INDEX : 0)));
		put_times(out, ticks, n);
		if (!continues)
			put_ids(out, s);
		buf_put_varint(out, p.mode_count);
		join_part(out, &p.modes);
		buf_put_varint(out, p.partial_count);
		join_part(out, &p.partial);
		if (index)
			join_part(out, &p.lens);
		join_part(out, &p.values);
		r = buf_error(out);
	}
	if (r)
		block_state_reset(s);
	return r;
}
