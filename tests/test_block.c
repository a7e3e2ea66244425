/* The codec of ticks gives back what it was given, and fears no bytes. */
#include <math.h>

#include "common/own.h"
#include "server/store/block.h"
#include "server/store/crc32c.h"
#include "test.h"

#define TICKS  24
#define SERIES 40

static struct tick *ticks[TICKS];

static struct tick *make(int64_t time_ms, size_t count)
{
	struct tick *t;

	ck_ok(tick_new(&t, time_ms, 0, count));
	for (size_t i = 0; i < count; i++)
		t->ids[i] = (uint32_t)(3 * i + 1);
	return t;
}

static void drop(void)
{
	for (size_t i = 0; i < TICKS; i++)
		tick_unref(take(ticks[i]));
}

/* Values of all kinds: what collectors bring, and what they never will. */
static double any_value(unsigned *seed, size_t series)
{
	static const double odd[] = {
		-0.0,
		0.0,
		0.1 + 0.2,
		1e308,
		-1e308,
		5e-324,
		1.0 / 3,
		9007199254740992.0,
		-9007199254740993.0,
		1e15 + .5,
		123456.789,
		1e22,
	};
	uint64_t bits;
	double value;

	switch (series % 6) {
	case 0:
		return 4096.0 * (rand_r(seed) % 100000);
	case 1:
		return (rand_r(seed) % 1000000) / 1e6;
	case 2:
		return 42;
	case 3:
		return odd[(size_t)rand_r(seed) % ARRAY_SIZE(odd)];
	case 4:
		return -(double)rand_r(seed);
	default:
		bits = (uint64_t)rand_r(seed) << 33 ^
		       (uint64_t)rand_r(seed) << 11 ^ (uint64_t)rand_r(seed);
		bits &= ~(1ull << 62); /* finite */
		memcpy(&value, &bits, sizeof(value));
		return value;
	}
}

struct seen {
	struct tick *const *ticks;
	size_t count;
};

/* It is one of the ticks', bit for bit. */
static bool check_point(struct seen *s, size_t which, int64_t time_ms,
			double value)
{

	for (size_t t = 0; t < TICKS && s->ticks[t]; t++) {
		if (s->ticks[t]->time_ms != time_ms)
			continue;
		for (size_t i = 0; i < s->ticks[t]->count; i++) {
			if (s->ticks[t]->ids[i] != which)
				continue;
			if (memcmp(&s->ticks[t]->values[i], &value, 8) != 0)
				ck_abort_msg("%g is not what was written",
					     value);
			s->count++;
			return true;
		}
	}
	ck_abort_msg("a point that nobody wrote");
	return true;
}

static bool check_points(void *arg, size_t which, const int64_t *times_ms,
			 const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_point(arg, which, times_ms[i], values[i]);
	return true;
}

static size_t fill(unsigned *seed, bool holes)
{
	size_t points = 0;

	for (size_t t = 0; t < TICKS; t++) {
		size_t n = 0;

		ticks[t] =
			make(1900000000000 + (int64_t)t * 1000 + (t % 7 == 3),
			     SERIES);
		for (size_t i = 0; i < SERIES; i++) {
			if (holes && rand_r(seed) % 4 == 0 && i != 5)
				continue;
			ticks[t]->ids[n] = (uint32_t)(3 * i + 1);
			ticks[t]->values[n++] = any_value(seed, i);
		}
		ticks[t]->count = n;
		points += n;
	}
	return points;
}

static void round_trip(bool holes, bool index, size_t per_block)
{
	struct block_state coder = {0}, reader_state = {0};
	struct seen seen = {ticks, 0};
	struct block_reader reader = {NULL, 0, check_points, &seen};
	unsigned seed = 7;
	size_t points = fill(&seed, holes);

	for (size_t t = 0; t < TICKS; t += per_block) {
		own(buf_fini) struct buf out = BUF_INIT;

		ck_ok(block_encode(&out, &coder, ticks + t, per_block, index));
		ck_ok(block_decode(&reader_state, out.data, out.len, &reader));
	}
	ck_assert_uint_eq(seen.count, points);
	block_state_reset(&coder);
	block_state_reset(&reader_state);
	drop();
}

START_TEST(every_bit_comes_back)
{
	for (int holes = 0; holes < 2; holes++) {
		for (size_t n = 1; n <= TICKS; n *= 2) {
			if (TICKS % n == 0)
				round_trip(holes, false, n);
		}
		round_trip(holes, true, 8);
		round_trip(holes, true, 24);
	}
}
END_TEST

static bool only_wanted(void *arg, size_t which, const int64_t *times_ms,
			const double *values, size_t count)
{
	(void)times_ms;
	ck_assert_uint_lt(which, 2);
	for (size_t i = 0; i < count; i++)
		ck_assert_double_eq(values[i], which == 0 ? 10 : 30);
	*(size_t *)arg += count;
	return true;
}

START_TEST(only_the_series_wanted_come)
{
	static const uint32_t want[] = {4, 10, 1000};
	struct block_state coder = {0}, state = {0};
	own(buf_fini) struct buf out = BUF_INIT;
	size_t count = 0;
	struct block_reader reader = {want, 3, only_wanted, &count};

	for (size_t t = 0; t < 8; t++) {
		ticks[t] = make((int64_t)t, SERIES);
		for (size_t i = 0; i < SERIES; i++)
			ticks[t]->values[i] = 10.0 * (double)i;
	}
	for (int index = 0; index < 2; index++) {
		buf_reset(&out);
		count = 0;
		ck_ok(block_encode(&out, &coder, ticks, 8, index));
		ck_ok(block_decode(&state, out.data, out.len, &reader));
		ck_assert_uint_eq(count, 16);
		block_state_reset(&coder);
		block_state_reset(&state);
	}
	drop();
}
END_TEST

struct chosen {
	struct seen seen;
	const uint32_t *want;
};

static bool check_chosen(void *arg, size_t which, const int64_t *times_ms,
			 const double *values, size_t count)
{
	struct chosen *c = arg;

	return check_points(&c->seen, c->want[which], times_ms, values, count);
}

/* How many points of the ticks are of series that are wanted. */
static size_t count_wanted(const uint32_t *want, size_t count)
{
	size_t points = 0;

	for (size_t t = 0; t < TICKS; t++) {
		for (size_t i = 0; i < ticks[t]->count; i++) {
			for (size_t k = 0; k < count; k++)
				points += ticks[t]->ids[i] == want[k];
		}
	}
	return points;
}

/* A chain of three blocks, of which few series are read. */
static void read_few(unsigned seed, size_t stride, bool index)
{
	uint32_t want[SERIES + 1];
	size_t n = 0, points;
	struct block_state coder = {0}, state = {0};

	for (size_t i = seed % stride; i < SERIES; i += stride)
		want[n++] = (uint32_t)(3 * i + 1);
	want[n++] = 1000;
	fill(&seed, seed % 2);
	points = count_wanted(want, n);
	{
		struct chosen chosen = {{ticks, 0}, want};
		struct block_reader reader = {want, n, check_chosen, &chosen};

		for (size_t t = 0; t < TICKS; t += TICKS / 3) {
			own(buf_fini) struct buf out = BUF_INIT;

			ck_ok(block_encode(&out, &coder, ticks + t, TICKS / 3,
					   index));
			ck_ok(block_decode(&state, out.data, out.len,
					   &reader));
		}
		ck_assert_uint_eq(chosen.seen.count, points);
	}
	block_state_reset(&coder);
	block_state_reset(&state);
	drop();
}

START_TEST(few_of_a_chain_are_what_all_would_be)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		read_few(seed, 1 + seed % 11, false);
		read_few(seed, 1 + seed % 11, true);
	}
}
END_TEST

START_TEST(what_stands_still_costs_next_to_nothing)
{
	struct block_state coder = {0};
	own(buf_fini) struct buf first = BUF_INIT, next = BUF_INIT;

	for (size_t t = 0; t < 2; t++) {
		ticks[t] = make(1900000000000 + (int64_t)t * 10000, SERIES);
		for (size_t i = 0; i < SERIES; i++)
			ticks[t]->values[i] = 1e9 + (double)i;
	}
	ck_ok(block_encode(&first, &coder, ticks, 1, false));
	ck_ok(block_encode(&next, &coder, ticks + 1, 1, false));
	ck_assert_uint_lt(next.len, SERIES + 16); /* a byte each */
	block_state_reset(&coder);
	drop();
}
END_TEST

START_TEST(a_new_series_begins_a_chain)
{
	struct block_state coder = {0}, state = {0};
	own(buf_fini) struct buf a = BUF_INIT, b = BUF_INIT;
	struct seen seen = {ticks, 0};
	struct block_reader reader = {NULL, 0, check_points, &seen};

	ticks[0] = make(1000, 3);
	ticks[1] = make(2000, 4);
	for (size_t i = 0; i < 4; i++)
		ticks[0]->values[i % 3] = ticks[1]->values[i] = (double)i;
	ck_ok(block_encode(&a, &coder, ticks, 1, false));
	ck_ok(block_encode(&b, &coder, ticks + 1, 1, false));
	/* so it can be read without the one before */
	ck_ok(block_decode(&state, b.data, b.len, &reader));
	ck_assert_uint_eq(seen.count, 4);
	block_state_reset(&coder);
	block_state_reset(&state);
	drop();
}
END_TEST

static bool ignore(void *arg, size_t which, const int64_t *times_ms,
		   const double *values, size_t count)
{
	(void)which;
	(void)times_ms;
	/* millions of them; an assertion each would take minutes */
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(values[i]))
			ck_abort_msg("a value that is none");
	}
	*(size_t *)arg += count;
	return true;
}

START_TEST(a_block_cut_anywhere_is_refused)
{
	struct block_state coder = {0};
	own(buf_fini) struct buf out = BUF_INIT;
	size_t count = 0;
	struct block_reader reader = {NULL, 0, ignore, &count};
	unsigned seed = 3;

	fill(&seed, true);
	ck_ok(block_encode(&out, &coder, ticks, TICKS, false));
	for (size_t len = 0; len < out.len; len++) {
		struct block_state state = {0};

		ck_err(block_decode(&state, out.data, len, &reader), EBADMSG);
		block_state_reset(&state);
	}
	block_state_reset(&coder);
	drop();
}
END_TEST

START_TEST(a_continuation_without_its_chain_is_refused)
{
	struct block_state coder = {0}, state = {0};
	own(buf_fini) struct buf a = BUF_INIT, b = BUF_INIT;
	size_t count = 0;
	struct block_reader reader = {NULL, 0, ignore, &count};
	unsigned seed = 3;

	fill(&seed, false);
	ck_ok(block_encode(&a, &coder, ticks, 1, false));
	ck_ok(block_encode(&b, &coder, ticks + 1, 1, false));
	ck_err(block_decode(&state, b.data, b.len, &reader), EBADMSG);
	block_state_reset(&coder);
	block_state_reset(&state);
	drop();
}
END_TEST

/* A tick's list of ids is a byte each, which packs to almost nothing. */
START_TEST(more_series_than_a_block_may_have_are_refused)
{
	static const size_t counts[] = { BLOCK_SERIES_MAX + 1, 1u << 23 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct block_state state = {0};
		own(buf_fini) struct buf forged = BUF_INIT;
		struct block_reader reader = {NULL, 0, ignore, &(size_t){0}};

		buf_putc(&forged, 0);
		buf_put_varint(&forged, 1); /* ticks */
		buf_put_varint(&forged, 2); /* the time of the first */
		buf_put_varint(&forged, counts[i]);
		for (size_t k = 0; k < counts[i]; k++)
			buf_putc(&forged, 1);
		for (size_t k = 0; k < counts[i] + 2; k++)
			buf_putc(&forged, 0); /* no modes, all in it; values */
		ck_err(block_decode(&state, forged.data, forged.len, &reader),
		       EBADMSG);
		ck_assert_uint_eq(state.count, 0);
		block_state_reset(&state);
	}
}
END_TEST

START_TEST(flipped_bits_are_survived)
{
	struct block_state coder = {0};
	own(buf_fini) struct buf out = BUF_INIT;
	size_t count = 0;
	struct block_reader reader = {NULL, 0, ignore, &count};
	unsigned seed = 5;

	fill(&seed, true);
	ck_ok(block_encode(&out, &coder, ticks, TICKS, true));
	for (size_t bit = 0; bit < out.len * 8; bit += 3) {
		struct block_state state = {0};
		int r;

		out.data[bit / 8] ^= (char)(1 << bit % 8);
		r = block_decode(&state, out.data, out.len, &reader);
		ck_assert(r == 0 || r == -EBADMSG);
		out.data[bit / 8] ^= (char)(1 << bit % 8);
		block_state_reset(&state);
	}
	ck_assert_uint_gt(count, 0);
	block_state_reset(&coder);
	drop();
}
END_TEST

START_TEST(the_processor_sums_as_the_table_does)
{
	unsigned char bytes[300];
	unsigned seed = 11;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)rand_r(&seed);
	for (size_t len = 0; len < sizeof(bytes); len++)
		ck_assert_uint_eq(crc32c(7, bytes + len % 8, len / 2),
				  crc32c_portable(7, bytes + len % 8, len / 2));
}
END_TEST

START_TEST(the_checksum_is_castagnolis)
{
	unsigned char bytes[32] = {0};

	/* RFC 3720, B.4 */
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x62a8ab43);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}
END_TEST

TEST_MAIN("block", every_bit_comes_back, only_the_series_wanted_come,
	  few_of_a_chain_are_what_all_would_be,
	  what_stands_still_costs_next_to_nothing, a_new_series_begins_a_chain,
	  a_block_cut_anywhere_is_refused,
	  a_continuation_without_its_chain_is_refused,
	  more_series_than_a_block_may_have_are_refused,
	  flipped_bits_are_survived, the_processor_sums_as_the_table_does,
	  the_checksum_is_castagnolis)
