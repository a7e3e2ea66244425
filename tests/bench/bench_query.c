/*
 * bench_query - a panel over 6 h of 500 processes, without and with the
 * cache: milliseconds of each refresh, ten seconds apart.
 */
#include <stdio.h>
#include <time.h>

#include "../store_fixture.h"
#include "server/query/cache.h"
#include "server/query/query.h"

#define PROCESSES 500
#define TICKS	  2160 /* 6 h, one in 10 s */
#define ROUNDS	  15

static void fill(struct store *s)
{
	for (int i = 1; i <= TICKS; i++) {
		struct batch *b = tick_of(at(T0 + i * 10000));

		for (uint32_t n = 1; n <= PROCESSES; n++) {
			if (i == 1)
				add_process(b, n, (pid_t)(100 + n));
			batch_add_sample(b, n, COL_HEAP_USED_BYTES,
					 (double)((n * 7919u + (unsigned)i) % 100000));
		}
		ck_ok(store_append(s, b));
	}
	ck_ok(store_flush(s));
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static double refresh(struct store *s, int round, struct effort *effort)
{
	static const struct query_limits limits = { 5000, 1000000, 50000000 };
	own(view_closep) struct view *v = NULL;
	struct problem p = { 0 };
	struct frame *f = NULL;
	int64_t to_ms = T0 + (TICKS - ROUNDS + round) * 10000, begin = now_ns();
	struct query q = {
		.metric = METRIC_HEAP_USED_BYTES,
		.from_ms = to_ms - 5 * 3600000,
		.to_ms = to_ms,
		.max_points = 700,
		.agg = AGG_MAX,
		.effort = effort,
	};

	ck_ok(view_open(&v, s));
	ck_assert_msg(query_run(&f, &q, v, &limits, &p) == 0, "%s", p.text);
	frame_free(f);
	return (double)(now_ns() - begin) / 1e6;
}

START_TEST(bench)
{
	struct effort effort = { .settled = { T0 + TICKS * 10000, 0 } };
	struct store *s = fixture_fresh(fixture_options());

	fill(s);
	ck_ok(cache_new(&effort.cache, 8 << 20, 0));
	for (int i = 0; i < ROUNDS; i++)
		printf("without %.2f ms, with %.2f ms\n", refresh(s, i, NULL),
		       refresh(s, i, &effort));
	cache_free(effort.cache);
	store_close(s);
}
END_TEST

TEST_MAIN("bench_query", bench)
