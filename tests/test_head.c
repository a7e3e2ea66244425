/* Rows of many series: each metric is a part of its own. */
#include <sqlite3.h>

#include "store_fixture.h"

#define PROCESSES 90
#define TICKS	  150

static const enum column columns[] = {
	COL_HEAP_USED_BYTES, COL_GC_COLLECTIONS_YOUNG, COL_GC_COLLECTIONS_OLD,
	COL_HEAP_UTIL_RATE,  COL_GOROUTINES,
};
#define COLUMNS ARRAY_SIZE(columns)

/* Who has a value when: some come late, some pause, one metric is nowhere to
 * be had for a while. */
static bool has(size_t process, size_t column, int tick)
{
	if (process >= 80 && tick <= 40)
		return false;
	if (process % 7 == 3 && tick % 50 > 30)
		return false;
	return columns[column] != COL_HEAP_UTIL_RATE || tick < 60 || tick > 75;
}

static double value(size_t process, size_t column, int tick)
{
	double n = (double)(process * 1000 + (unsigned)tick);

	switch (columns[column]) {
	case COL_HEAP_UTIL_RATE:
		return n / 1e6;
	case COL_GOROUTINES:
		return (double)process;
	case COL_GC_COLLECTIONS_OLD:
		return n / 7;
	default:
		return n * (tick % 3 ? 4096 : 8);
	}
}

static void fill(struct store *s)
{
	for (int i = 1; i <= TICKS; i++) {
		struct batch *b = tick_of(at(T0 + i * 10000));

		for (uint32_t p = 0; p < PROCESSES; p++) {
			if (i == 1)
				add_process(b, p + 1, (pid_t)(100 + p));
			for (size_t c = 0; c < COLUMNS; c++) {
				if (has(p, c, i))
					batch_add_sample(b, p + 1, columns[c],
							 value(p, c, i));
			}
		}
		ck_ok(store_append(s, b));
	}
}

/* What a question brought, each point once and in its order. */
struct heard {
	const struct series *series;
	size_t count;
	int last[1000]; /* by series: tick */
};

static size_t process_of(const struct series *s)
{
	return (size_t)atoi(labels_get(&s->labels, "pid")) - 100;
}

static size_t column_of(const struct series *s)
{
	size_t c = 0;

	while (columns[c] != s->column)
		c++;
	return c;
}

static int check_points(void *arg, size_t index, const struct stretch *p)
{
	struct heard *h = arg;
	size_t process = process_of(&h->series[index]);
	size_t column = column_of(&h->series[index]);

	ck_assert_uint_gt(p->count, 0);
	for (size_t i = 0; i < p->count; i++) {
		int tick = (int)((p->times_ms[i] - T0) / 10000);
		double want = value(process, column, tick);

		if (!has(process, column, tick) || tick <= h->last[index] ||
		    memcmp(&p->values[i], &want, sizeof(want)) != 0)
			ck_abort_msg("process %zu column %zu tick %d", process,
				     column, tick);
		h->last[index] = tick;
		h->count++;
	}
	return 0;
}

static size_t ask(struct store *s, enum metric metric, const struct matcher *m,
		  size_t matcher_count, int from, int to)
{
	static struct heard h;
	own(view_closep) struct view *v = NULL;
	struct series *series;
	size_t count;

	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, metric, m, matcher_count, T0 + from * 10000,
			  T0 + to * 10000, &series, &count));
	h = (struct heard){ .series = series };
	ck_ok(view_scan(v, series, count, T0 + from * 10000, T0 + to * 10000,
			10000, check_points, &h));
	series_free(series, count);
	return h.count;
}

static size_t expected(enum metric metric, size_t first, size_t last, int from,
		       int to)
{
	size_t count = 0;

	for (size_t c = 0; c < COLUMNS; c++) {
		if (metric != METRIC_COUNT &&
		    column_info(columns[c])->metric != metric)
			continue;
		for (size_t p = first; p <= last; p++) {
			for (int i = from + 1; i <= to; i++)
				count += has(p, c, i);
		}
	}
	return count;
}

static const enum metric metrics[] = {
	METRIC_HEAP_USED_BYTES, METRIC_GC_COLLECTIONS_TOTAL,
	METRIC_HEAP_UTIL_RATE,	METRIC_GOROUTINES,
	METRIC_COUNT,
};

static void ask_all(struct store *s)
{
	static const int ranges[][2] = { { 0, TICKS }, { 0, 1 },
					 { 37, 44 },   { 55, 80 },
					 { 62, 70 },   { 140, TICKS } };
	struct problem problem = { 0 };
	struct matcher m;

	ck_ok(matcher_init(&m, "pid", MATCH_EQUAL, "185", &problem));
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(ranges); k++) {
			int from = ranges[k][0], to = ranges[k][1];

			ck_assert_uint_eq(ask(s, metrics[i], NULL, 0, from, to),
					  expected(metrics[i], 0, PROCESSES - 1,
						   from, to));
			ck_assert_uint_eq(
				ask(s, metrics[i], &m, 1, from, to),
				expected(metrics[i], 85, 85, from, to));
		}
	}
	matcher_fini(&m);
}

/* One tick a row, some, all of a chain in one. */
START_TEST(every_question_gets_its_points)
{
	static const int64_t flushes_ms[] = { 10000, 70000, 400000, 3000000 };

	for (size_t i = 0; i < ARRAY_SIZE(flushes_ms); i++) {
		struct store_options o = fixture_options();
		struct store *s;

		o.flush_ms = flushes_ms[i];
		o.memory_ms = 60000;
		s = fixture_fresh(o);
		fill(s);
		ck_ok(store_flush(s));
		ask_all(s);
		store_close(s);
		s = fixture_open(o);
		ask_all(s);
		store_close(s);
	}
}
END_TEST

/* Turn over one bit of the data of the first row. */
static void flip(int64_t at, bool from_end)
{
	unsigned char byte;
	sqlite3_blob *blob;
	sqlite3 *db;
	int offset;

	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_blob_open(db, "main", "head", "data", 1, 1, &blob),
		SQLITE_OK);
	offset = (int)(from_end ? sqlite3_blob_bytes(blob) - 1 - at : at);
	ck_assert_int_eq(sqlite3_blob_read(blob, &byte, 1, offset), SQLITE_OK);
	byte ^= 16;
	ck_assert_int_eq(sqlite3_blob_write(blob, &byte, 1, offset), SQLITE_OK);
	sqlite3_blob_close(blob);
	sqlite3_close(db);
}

static uint64_t damaged(struct store *s)
{
	struct store_stats stats;

	store_stats(s, &stats);
	return stats.damaged_rows;
}

/* Parts stand in the order of metrics, so the last byte is of the last. */
START_TEST(a_damaged_part_costs_its_metric_only)
{
	struct store_options o = fixture_options();
	size_t asked = 0, whole = 0;
	struct store *s;

	o.flush_ms = 3000000;
	s = fixture_fresh(o);
	fill(s);
	store_close(s);
	flip(0, true);
	s = fixture_open(o);
	for (size_t i = 0; i + 1 < ARRAY_SIZE(metrics); i++) {
		uint64_t before = damaged(s);
		size_t points = ask(s, metrics[i], NULL, 0, 0, TICKS);
		size_t want = expected(metrics[i], 0, PROCESSES - 1, 0, TICKS);

		asked++;
		whole += points == want;
		/* who loses points is told */
		ck_assert(points == want || damaged(s) > before);
	}
	ck_assert_uint_eq(whole, asked - 1);
	store_close(s);
}
END_TEST

START_TEST(a_damaged_list_of_parts_costs_the_chain)
{
	for (int64_t at = 0; at < 40; at += 3) {
		struct store_options o = fixture_options();
		struct store *s;

		o.flush_ms = 3000000;
		s = fixture_fresh(o);
		fill(s);
		store_close(s);
		flip(at, false);
		s = fixture_open(o);
		/* what is told is true; all of it is not */
		ck_assert_uint_lt(
			ask(s, METRIC_COUNT, NULL, 0, 0, TICKS),
			expected(METRIC_COUNT, 0, PROCESSES - 1, 0, TICKS));
		ck_assert_uint_gt(damaged(s), 0);
		store_close(s);
	}
}
END_TEST

/* A row that is gone from the midst of a chain: what follows builds on it. */
START_TEST(a_missing_row_ends_its_chain)
{
	struct store_options o = fixture_options();
	struct store *s = fixture_fresh(o);
	sqlite3 *db;

	fill(s);
	store_close(s);
	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM head WHERE id = 10",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	s = fixture_open(o);
	/* a new series begins a chain at tick 41 */
	ck_assert_uint_eq(ask(s, METRIC_GOROUTINES, NULL, 0, 0, 40),
			  expected(METRIC_GOROUTINES, 0, PROCESSES - 1, 0, 9));
	ck_assert_uint_eq(
		ask(s, METRIC_GOROUTINES, NULL, 0, 40, TICKS),
		expected(METRIC_GOROUTINES, 0, PROCESSES - 1, 40, TICKS));
	store_close(s);
}
END_TEST

START_TEST(a_file_from_before_the_first_release_is_refused)
{
	struct problem p = { 0 };
	struct store_options o = fixture_options();
	struct store *s;
	sqlite3 *db;

	store_close(fixture_fresh(o));
	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(db, "PRAGMA user_version=1", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	ck_err(store_open(&s, &o, &p), EINVAL);
	ck_assert_ptr_nonnull(strstr(p.text, "before the first release"));
}
END_TEST

TEST_MAIN("head", every_question_gets_its_points,
	  a_damaged_part_costs_its_metric_only,
	  a_damaged_list_of_parts_costs_the_chain, a_missing_row_ends_its_chain,
	  a_file_from_before_the_first_release_is_refused)
