/* The nth allocation or write of the store fails: an error is told, nothing
 * is lost, nothing leaks. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>

#include "store_fixture.h"

/* ---- allocations that fail on demand ---- */

/* ThreadSanitizer wants malloc before it can give one, so that build fails
 * writes only; what it looks for needs two threads anyway. */
#ifndef __SANITIZE_THREAD__

#ifdef __SANITIZE_ADDRESS__
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

void *BELOW(malloc)(size_t);
void *BELOW(calloc)(size_t, size_t);
void *BELOW(realloc)(void *, size_t);
void BELOW(free)(void *);

static long fail_malloc = -1; /* so many more succeed; -1: all do */
static long live;	      /* blocks that are not freed */

static bool refuse(void)
{
	if (fail_malloc < 0)
		return false;
	if (fail_malloc > 0) {
		fail_malloc--;
		return false;
	}
	return true; /* and all that follow, until it is set anew */
}

void *malloc(size_t len)
{
	void *p = refuse() ? NULL : BELOW(malloc)(len);

	live += p != NULL;
	return p;
}

void *calloc(size_t n, size_t len)
{
	void *p = refuse() ? NULL : BELOW(calloc)(n, len);

	live += p != NULL;
	return p;
}

void *realloc(void *old, size_t len)
{
	void *p;

	if (refuse())
		return NULL;
	p = BELOW(realloc)(old, len);
	live += !old && p;
	return p;
}

void free(void *p)
{
	live -= p != NULL;
	BELOW(free)(p);
}

#endif

static struct points found;

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* A tick for two processes with a bit of everything. */
static struct batch *busy_tick(int i)
{
	struct batch *b = tick_of(at(T0 + i * 1000));

	for (uint32_t e = 1; e <= 2; e++) {
		add_process(b, e, (pid_t)(100 + e));
		batch_add_sample(b, e, COL_HEAP_ALLOCATED_BYTES_TOTAL, i);
		batch_add_gap(b, e, COL_HEAP_LIVE_BYTES,
			      i % 3 ? GAP_NOT_YET : GAP_NONE);
	}
	batch_add_event(b, EVENT_PROBE_ATTACHED, 1, b->now.boot_ns, "it %d", i);
	ck_ok(batch_error(b));
	return b;
}

/* Points of the counter in the database, by a fresh run: one of each ten
 * seconds and series, no hole, no repetition. */
static void check_whole(int seconds)
{
	struct store *s = fixture_open(fixture_options());
	int next[2] = {1, 1};

	scan(s, &found, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, T0,
	     T0 + seconds * 1000, 10000);
	ck_assert_uint_eq(found.count, (size_t)seconds / 10 * 2);
	for (size_t i = 0; i < found.count; i++) {
		int n = next[found.series[i]]++;

		ck_assert_int_eq(found.items[i].time_ms, T0 + n * 10000);
		ck_assert_double_eq(found.items[i].value, n * 10);
	}
	store_close(s);
}

START_TEST(a_failed_write_is_made_up_for)
{
	log_set_sink(quiet);
	for (long nth = 0; nth < 60; nth++) {
		struct store *s = fixture_fresh(fixture_options());
		struct store_stats stats;
		bool failed = false;

		for (int i = 1; i <= 60; i++) {
			int r;

			if (i == 21) {
				faulty.code = nth % 2 ? SQLITE_FULL
						      : SQLITE_IOERR_WRITE;
				faulty.fail_after = nth % 30;
				faulty.fail_count = nth < 30 ? 1 : 5;
			}
			r = store_append(s, busy_tick(i));
			ck_assert(r == 0 || r == -ENOSPC || r == -EIO);
			failed = failed || r;
		}
		faulty.fail_after = -1;
		ck_ok(store_flush(s));
		store_stats(s, &stats);
		ck_assert_uint_eq(stats.write_errors > 0, failed);
		ck_assert_uint_eq(stats.lost_samples, 0);
		ck_assert_str_eq(stats.last_error, "");
		store_close(s);
		/* a full disk may cost the oldest rows */
		if (faulty.code != SQLITE_FULL)
			check_whole(60);
	}
	log_set_sink(NULL);
}
END_TEST

START_TEST(while_the_disk_is_full_memory_answers)
{
	struct store *s = fixture_fresh(fixture_options());
	struct store_stats stats;
	int errors = 0;

	log_set_sink(quiet);
	faulty.code = SQLITE_FULL;
	faulty.fail_after = 0;
	faulty.fail_count = 0;
	for (int i = 1; i <= 100; i++)
		errors += store_append(s, busy_tick(i)) == -ENOSPC;
	ck_assert_int_gt(errors, 3);
	ck_assert_int_lt(errors, 25); /* tried every 5 s */
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.lost_samples, 0);
	ck_assert(strstr(stats.last_error, "cannot write") != NULL);
	scan(s, &found, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, T0, T0 + 100000,
	     1000);
	ck_assert_uint_eq(found.count, 200);
	scan(s, &found, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, T0, T0 + 100000,
	     10000);
	ck_assert_uint_eq(found.count, 20);
	faulty.fail_after = -1;
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_str_eq(stats.last_error, "");
	store_close(s);
	check_whole(100);
	log_set_sink(NULL);
}
END_TEST

#ifndef __SANITIZE_THREAD__

/* Asserts nothing: check itself allocates. */
static int count_points(void *arg, size_t index, const struct stretch *p)
{
	(void)index;
	(void)p;
	++*(size_t *)arg;
	return 0;
}

/* All questions once; the first error ends it. */
static int ask(struct store *s)
{
	own(view_closep) struct view *v = NULL;
	struct series *series = NULL;
	size_t count = 0;
	char **strings = NULL;
	int r;

	r = view_open(&v, s);
	if (r)
		return r;
	r = view_label_names(v, NULL, 0, &strings, &count);
	if (r)
		return r;
	strings_free(strings, count);
	count = found.count = 0;
	r = view_select(v, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, NULL, 0, T0,
			T0 + 60000, &series, &count);
	if (r == 0)
		r = view_scan(v, series, count, T0, T0 + 60000, 10000,
			      count_points, &found.count);
	series_free(series, count);
	return r;
}

START_TEST(a_question_without_memory_is_told)
{
	struct store *s = fixture_fresh(fixture_options());
	int refused = 0, r = -1;

	for (int i = 1; i <= 65; i++)
		ck_ok(store_append(s, busy_tick(i)));
	ck_ok(ask(s)); /* opens the connection */
	for (long nth = 0; r; nth++) {
		long before = live;

		fail_malloc = nth;
		r = ask(s);
		fail_malloc = -1;
		if (r) {
			ck_assert_int_eq(r, -ENOMEM);
			refused++;
			/* SQLite may keep a page or two for the next time */
			ck_assert_int_le(live - before, 8);
		}
		ck_assert_int_lt(nth, 10000);
	}
	ck_assert_int_gt(refused, 20);
	ck_assert_uint_eq(found.count, 12);
	store_close(s);
}
END_TEST

START_TEST(a_flush_without_memory_loses_nothing)
{
	int refused = 0, r = -1;

	log_set_sink(quiet);
	for (long nth = 0; r; nth++) {
		struct store *s = fixture_fresh(fixture_options());

		for (int i = 1; i <= 10; i++)
			ck_ok(store_append(s, busy_tick(i)));
		fail_malloc = nth;
		r = store_flush(s);
		fail_malloc = -1;
		if (r) {
			ck_assert_int_eq(r, -ENOMEM);
			refused++;
		}
		ck_ok(store_flush(s));
		for (int i = 11; i <= 20; i++)
			ck_ok(store_append(s, busy_tick(i)));
		store_close(s);
		/* the step that could not even be made a tick is lost, and
		 * only that */
		if (nth > 2)
			check_whole(20);
	}
	ck_assert_int_gt(refused, 20);
	log_set_sink(NULL);
}
END_TEST

START_TEST(an_append_without_memory_is_told)
{
	int refused = 0, r = -1;

	log_set_sink(quiet);
	for (long nth = 0; r; nth++) {
		struct store *s = fixture_fresh(fixture_options());
		struct batch *b = busy_tick(1);

		fail_malloc = nth;
		r = store_append(s, b);
		fail_malloc = -1;
		if (r) {
			ck_assert_int_eq(r, -ENOMEM);
			refused++;
		}
		for (int i = 2; i <= 30; i++)
			ck_ok(store_append(s, busy_tick(i)));
		store_close(s);
		check_whole(30);
	}
	ck_assert_int_gt(refused, 10);
	log_set_sink(NULL);
}
END_TEST

START_TEST(an_opening_without_memory_is_told)
{
	struct store_options o = fixture_options();
	int refused = 0, r = -1;
	struct store *s = fixture_fresh(o);

	log_set_sink(quiet);
	for (int i = 1; i <= 30; i++)
		ck_ok(store_append(s, busy_tick(i)));
	store_close(s);
	for (long nth = 0; r; nth++) {
		struct problem p = {0};

		fail_malloc = nth;
		r = store_open(&s, &o, &p);
		fail_malloc = -1;
		if (r) {
			ck_assert(r == -ENOMEM || r == -EINVAL);
			ck_assert_str_ne(p.text, "");
			refused++;
		}
	}
	ck_assert_int_gt(refused, 20);
	store_close(s);
	check_whole(30);
	log_set_sink(NULL);
}
END_TEST

TEST_MAIN("fault", a_failed_write_is_made_up_for,
	  while_the_disk_is_full_memory_answers,
	  a_question_without_memory_is_told,
	  a_flush_without_memory_loses_nothing,
	  an_append_without_memory_is_told, an_opening_without_memory_is_told)

#else

TEST_MAIN("fault", a_failed_write_is_made_up_for,
	  while_the_disk_is_full_memory_answers)

#endif
