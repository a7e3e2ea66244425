#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/varint.h"

#include "block_format.h"

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static uint8_t get_byte(struct cursor *c)
{
	if (c->at == c->end) {
		c->bad = true;
		return 0;
	}
	return *c->at++;
}

static uint64_t get_varint_bytewise(struct cursor *c)
{
	uint64_t v = 0;

	if (!varint_get(&c->at, c->end, &v))
		c->bad = true;
	return v;
}

#define HIGH_BITS 0x8080808080808080u

/* The next eight bytes, lowest first. */
static uint64_t peek8(const uint8_t *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return le64toh(bytes);
}

/* The low seven bits of each byte, side by side. */
static uint64_t join_sevens(uint64_t x)
{
	x = (x & 0x7f007f007f007f00u) >> 1 | (x & 0x007f007f007f007fu);
	x = (x & 0x3fff00003fff0000u) >> 2 | (x & 0x00003fff00003fffu);
	return (x & 0x0fffffff00000000u) >> 4 | (x & 0x000000000fffffffu);
}

/* Most of the time of a question goes by here: up to eight bytes at once,
 * without a branch on how many they are. */
static inline uint64_t get_varint(struct cursor *c)
{
	uint64_t bytes, ends;

	if (c->end - c->at < 8)
		return get_varint_bytewise(c);
	if (*c->at < 128)
		return *c->at++;
	bytes = peek8(c->at);
	ends = ~bytes & HIGH_BITS;
	if (!ends)
		return get_varint_bytewise(c);
	c->at += (__builtin_ctzll(ends) + 1) / 8;
	/* all bits up to the lowest end */
	return join_sevens(bytes & (ends ^ (ends - 1)));
}

/* Step over n of them. */
static void pass_varints(struct cursor *c, size_t n)
{
	while (n >= 8 && c->end - c->at >= 8) {
		n -= (size_t)__builtin_popcountll(~peek8(c->at) & HIGH_BITS);
		c->at += 8;
	}
	while (n > 0 && !c->bad)
		n -= get_byte(c) < 128;
}

static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ -(v & 1);
}

/* What a block says of its series, before the values. */
struct told {
	struct cursor modes, partial; /* each at its next entry */
	uint64_t mode_left, partial_left;
	uint64_t mode_at, partial_at; /* series the next entry is for */
	int64_t times[BLOCK_TICKS_MAX];
	size_t n;
};

static void get_times(struct cursor *c, struct told *told)
{
	uint64_t n = get_varint(c), time;

	if (n == 0 || n > BLOCK_TICKS_MAX) {
		c->bad = true;
		return;
	}
	told->n = n;
	time = unzigzag(get_varint(c));
	told->times[0] = (int64_t)time;
	for (size_t t = 1; t < n; t++) {
		time += unzigzag(get_varint(c));
		told->times[t] = (int64_t)time;
	}
}

static void map_wanted(struct block_state *s, const struct block_reader *r)
{
	size_t k = 0;

	s->idle = r->want != NULL;
	for (size_t i = 0; i < s->count; i++) {
		if (!r->want) {
			s->wanted[i] = s->ids[i];
			continue;
		}
		while (k < r->want_count && r->want[k] < s->ids[i])
			k++;
		if (k == r->want_count)
			return; /* the others are 0 */
		if (r->want[k] == s->ids[i]) {
			s->wanted[i] = k + 1;
			s->idle = false;
		}
	}
}

/* Ids are above 0 and rise, so one of them takes a byte at least. */
static int get_ids(struct cursor *c, struct block_state *s, size_t n,
		   const struct block_reader *reader)
{
	uint64_t count = get_varint(c), id = 0;
	int r;

	if (c->bad || count == 0 || count > (uint64_t)(c->end - c->at) ||
	    count > BLOCK_SERIES_MAX || count > BLOCK_POINTS_MAX / n)
		return -EBADMSG;
	r = block_state_room(s, count);
	if (r)
		return r;
	for (size_t i = 0; i < count; i++) {
		uint64_t step = get_varint(c);

		if (step == 0 || step > UINT32_MAX - id) {
			c->bad = true;
			break;
		}
		id += step;
		s->ids[i] = (uint32_t)id;
	}
	if (!c->bad)
		map_wanted(s, reader);
	return c->bad ? -EBADMSG : 0;
}

/* The list of modes is read later, beside the values; step over it. */
static void pass_modes(struct cursor *c, struct told *told)
{
	told->mode_left = get_varint(c);
	told->modes = *c;
	for (uint64_t i = 0; i < told->mode_left && !c->bad; i++) {
		get_varint(c);
		get_byte(c);
	}
	if (told->mode_left > 0)
		told->mode_at = get_varint(&told->modes);
}

static void pass_partial(struct cursor *c, struct told *told)
{
	size_t len = (told->n + 7) / 8;

	told->partial_left = get_varint(c);
	told->partial = *c;
	for (uint64_t i = 0; i < told->partial_left && !c->bad; i++) {
		get_varint(c);
		if ((size_t)(c->end - c->at) < len)
			c->bad = true;
		else
			c->at += len;
	}
	if (told->partial_left > 0)
		told->partial_at = get_varint(&told->partial);
}

/* The mode told for series i, or the one it had. */
static int mode_of(struct told *told, size_t i, int before)
{
	int mode;

	if (told->mode_left == 0 || told->mode_at != i)
		return before;
	mode = get_byte(&told->modes);
	if (--told->mode_left > 0)
		told->mode_at += 1 + get_varint(&told->modes);
	return mode;
}

/* The bits of series i, or NULL when it is in every tick. */
static const uint8_t *bits_of(struct told *told, size_t i)
{
	const uint8_t *bits = told->partial.at;

	if (told->partial_left == 0 || told->partial_at != i)
		return NULL;
	told->partial.at += (told->n + 7) / 8;
	if (--told->partial_left > 0)
		told->partial_at += 1 + get_varint(&told->partial);
	return bits;
}

static bool mode_valid(int mode)
{
	mode &= ~MODE_SAME;
	return mode <= MODE_PLACES_MAX || mode == MODE_RAW;
}

/* One series while it is read. */
struct one {
	size_t present;	      /* values it has in the block */
	const int64_t *times; /* of these */
	int64_t scratch[BLOCK_TICKS_MAX];
	double values[BLOCK_TICKS_MAX];
};

/* Which ticks it is in; NULL: all. */
static void set_present(struct one *one, const struct told *told,
			const uint8_t *bits)
{
	size_t n = 0;

	if (!bits) {
		one->times = told->times;
		one->present = told->n;
		return;
	}
	for (size_t t = 0; t < told->n; t++) {
		one->scratch[n] = told->times[t];
		n += bits[t / 8] >> t % 8 & 1;
	}
	one->times = one->scratch;
	one->present = n;
}

static void get_raws(struct cursor *c, double *out, size_t n)
{
	if ((size_t)(c->end - c->at) < n * 8) {
		c->bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++, c->at += 8) {
		uint64_t bits = peek8(c->at);

		memcpy(&out[i], &bits, 8);
		if (!isfinite(out[i]))
			c->bad = true;
	}
}

/* Unsigned, so that hostile sums wrap instead of being undefined. */
static void get_scaled(struct cursor *c, double *out, size_t n, int places,
		       uint64_t *last)
{
	struct cursor at = *c;
	uint64_t sum = *last;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = get_varint(&at), delta = unzigzag(v >> 1);

		sum += v & 1 ? delta * PAGE : delta;
		out[i] = (double)(int64_t)sum;
	}
	for (size_t i = 0; places && i < n; i++)
		out[i] /= block_power[places];
	*last = sum;
	*c = at;
}

static void get_series(struct cursor *c, struct one *one, int mode,
		       uint64_t *last)
{
	size_t told = mode & MODE_SAME ? 1 : one->present;

	if (mode & MODE_RAW)
		get_raws(c, one->values, told);
	else
		get_scaled(c, one->values, told, mode & ~MODE_SAME, last);
	for (size_t i = told; i < one->present; i++)
		one->values[i] = one->values[0];
}

static void pass_series(struct cursor *c, const struct one *one, int mode)
{
	size_t told = mode & MODE_SAME ? 1 : one->present;

	if (!(mode & MODE_RAW))
		pass_varints(c, told);
	else if ((size_t)(c->end - c->at) < told * 8)
		c->bad = true;
	else
		c->at += told * 8;
}

/* The values of series i; 1 when the caller has enough. */
static int read_one(struct cursor *c, struct block_state *s, size_t i,
		    struct one *one, int mode,
		    const struct block_reader *reader)
{
	int before = s->modes[i];
	uint64_t last = (mode & ~MODE_SAME) == before ? (uint64_t)s->last[i]
						      : 0;

	get_series(c, one, mode, &last);
	if (c->bad)
		return -EBADMSG;
	s->modes[i] = (uint8_t)(mode & ~MODE_SAME);
	s->last[i] = mode & MODE_RAW ? 0 : (int64_t)last;
	return reader->points(reader->arg,
			      reader->want ? s->wanted[i] - 1 : s->wanted[i],
			      one->times, one->values, one->present)
		       ? 0
		       : 1;
}

/* Step over a series that nobody wants: what is told of its length, or what
 * its values take. */
static int skip_one(struct cursor *c, struct block_state *s, size_t i,
		    const struct one *one, int mode, const uint64_t *len)
{
	s->modes[i] = (uint8_t)(mode & ~MODE_SAME);
	if (len)
		c->at += *len;
	else
		pass_series(c, one, mode);
	return c->bad ? -EBADMSG : 0;
}

/* The first series from i on that is wanted or has something told of it; those
 * before it have one integer a tick. */
static size_t next_special(const struct block_state *s,
			   const struct told *told, size_t i)
{
	size_t end = s->count;

	if (told->mode_left > 0 && told->mode_at < end)
		end = told->mode_at;
	if (told->partial_left > 0 && told->partial_at < end)
		end = told->partial_at;
	while (i < end && !s->wanted[i] && !(s->modes[i] & MODE_RAW))
		i++;
	return i;
}

/* Step over count of these at once. */
static void skip_run(struct cursor *c, const struct told *told,
		     struct cursor *lens, size_t count)
{
	if (!lens) {
		pass_varints(c, count * told->n);
		return;
	}
	while (count-- > 0) {
		uint64_t len = get_varint(lens);

		if (len > (uint64_t)(c->end - c->at)) {
			c->bad = true;
			return;
		}
		c->at += len;
	}
}

/* How many values follow each other is known only with an index. */
static int get_values(struct cursor *c, struct block_state *s,
		      struct told *told, struct cursor *lens,
		      const struct block_reader *reader)
{
	struct one one;
	int r = 0;

	for (size_t i = 0, next; i < s->count && r == 0; i++) {
		const uint8_t *bits;
		uint64_t len;
		int mode;

		next = next_special(s, told, i);
		if (next > i)
			skip_run(c, told, lens, next - i);
		i = next;
		if (i == s->count || c->bad)
			break;
		bits = bits_of(told, i);
		mode = mode_of(told, i, s->modes[i]);
		len = lens ? get_varint(lens) : 0;
		if (!mode_valid(mode) || len > (uint64_t)(c->end - c->at))
			return -EBADMSG;
		if (s->wanted[i] || !lens)
			set_present(&one, told, bits);
		if (!s->wanted[i])
			r = skip_one(c, s, i, &one, mode, lens ? &len : NULL);
		else if (one.present > 0)
			r = read_one(c, s, i, &one, mode, reader);
	}
	return r == 0 && c->bad ? -EBADMSG : r;
}

static int decode(struct block_state *s, struct cursor *c, struct told *told,
		  const struct block_reader *reader)
{
	uint8_t flags = get_byte(c);
	struct cursor lens;
	int r = 0;

	if (flags > (FLAG_INDEX | FLAG_CONTINUES))
		return -EBADMSG;
	get_times(c, told);
	if (c->bad || (flags & FLAG_CONTINUES && s->count == 0))
		return -EBADMSG;
	if (!(flags & FLAG_CONTINUES))
		r = get_ids(c, s, told->n, reader);
	if (r)
		return r;
	if (s->count > BLOCK_POINTS_MAX / told->n)
		return -EBADMSG;
	if (s->idle)
		return 0;
	pass_modes(c, told);
	pass_partial(c, told);
	lens = *c;
	if (flags & FLAG_INDEX)
		pass_varints(c, s->count);
	if (c->bad)
		return -EBADMSG;
	return get_values(c, s, told, flags & FLAG_INDEX ? &lens : NULL,
			  reader);
}

int block_decode(struct block_state *s, const void *data, size_t len,
		 const struct block_reader *reader)
{
	struct cursor c = {data, (const uint8_t *)data + len, false};
	struct told told; /* large; decode() fills what it reads */
	int r = decode(s, &c, &told, reader);

	if (r)
		block_state_reset(s);
	return r;
}
