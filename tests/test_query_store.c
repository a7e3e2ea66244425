/*
 * Questions to the real store: what the fake one of test_query.c promises
 * must hold there too.
 */
#include "store_fixture.h"

#include "common/clock.h"
#include "server/query/cache.h"
#include "server/query/query.h"

static const struct query_limits generous = { 1000, 100000, 1000000 };

static struct query question(enum metric metric, int64_t seconds, int64_t step)
{
	return (struct query){
		.metric = metric,
		.from_ms = T0,
		.to_ms = T0 + seconds * 1000,
		.step_ms = step,
	};
}

static struct frame *answer(const struct query *q, struct store *s)
{
	own(view_closep) struct view *v = NULL;
	struct problem p = { 0 };
	struct frame *f = NULL;
	int r;

	ck_ok(view_open(&v, s));
	r = query_run(&f, q, v, &generous, &p);
	ck_assert_msg(r == 0, "%d: %s", r, p.text);
	return f;
}

/* Two minutes: every second a value and a counter that rises by 100. */
static struct store *two_minutes(struct store_options o)
{
	struct store *s = fixture_fresh(o);

	for (int i = 1; i <= 120; i++) {
		struct batch *b = tick_of(at(T0 + i * 1000));

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
		batch_add_sample(b, 1, COL_HEAP_ALLOCATED_BYTES_TOTAL,
				 i * 100.0);
		ck_ok(store_append(s, b));
	}
	return s;
}

/* Every cell of the first value field is there and as the rule says. */
static void check_all(const struct frame *f, size_t count,
		      double (*rule)(size_t i))
{
	const struct cells *c;

	ck_assert_uint_eq(f->field_count, 2);
	c = f->fields[1].cells;
	ck_assert_uint_eq(c->count, count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_msg(cells_valid(c, i), "step %zu is empty", i);
		ck_assert_double_eq(c->f64[i], rule(i));
	}
}

static double each_second(size_t i)
{
	return (double)(i + 1);
}

static double each_ten(size_t i)
{
	return (double)(i + 1) * 10;
}

START_TEST(memory_answers_each_second)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 1000);
	struct frame *f = answer(&q, s);

	check_all(f, 120, each_second);
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(answer_is_the_same_from_memory_and_from_disk)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 10000);
	struct frame *f = answer(&q, s);

	check_all(f, 12, each_ten);
	frame_free(f);
	store_close(s);
	s = fixture_open(fixture_options()); /* memory is empty now */
	f = answer(&q, s);
	check_all(f, 12, each_ten);
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(missing_ticks_are_a_gap_at_full_resolution)
{
	struct store_options o = fixture_options();
	struct query q = question(METRIC_HEAP_USED_BYTES, 20, 1000);
	const struct cells *c;
	struct frame *f;
	struct store *s;

	o.tick_ms = 1000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 20; i++) {
		/* 14 and 15 come late: 13 stands, and 14 is seen at 14.2 */
		if (i < 6 || i > 11)
			put(s, T0 + i * 1000 + (i == 14 || i == 15) * 200,
			    COL_HEAP_USED_BYTES, i);
	}
	f = answer(&q, s);
	c = f->fields[1].cells;
	ck_assert_uint_eq(c->count, 20);
	for (size_t i = 0; i < 20; i++) {
		int second = (int)i + 1;

		ck_assert_msg(cells_valid(c, i) == (second < 6 || second > 11),
			      "second %d", second);
	}
	/* 13 to 14.2: a late tick, not a missing one */
	ck_assert_double_eq(c->f64[13], 14);
	frame_free(f);
	store_close(s);
}
END_TEST

/* The stored point stands for its ten seconds. */
static double ten_seconds_each(size_t i)
{
	return (double)(i / 2 + 1) * 10;
}

START_TEST(finer_steps_than_stored_have_no_holes)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 5000);
	struct frame *f;

	store_close(s);
	s = fixture_open(fixture_options());
	q.from_ms += 10000;
	f = answer(&q, s);
	ck_assert_uint_eq(f->fields[1].cells->count, 22);
	for (size_t i = 1; i < 22; i++) {
		ck_assert(cells_valid(f->fields[1].cells, i));
		ck_assert_double_eq(f->fields[1].cells->f64[i],
				    ten_seconds_each(i) + 10);
	}
	frame_free(f);
	store_close(s);
}
END_TEST

static double hundred(size_t i)
{
	(void)i;
	return 100;
}

START_TEST(rate_is_the_same_from_memory_and_from_disk)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL, 120,
				  10000);
	struct frame *f;

	q.fn = FN_RATE;
	q.from_ms += 20000; /* a point before the first window */
	f = answer(&q, s);
	check_all(f, 10, hundred);
	frame_free(f);
	store_close(s);
	s = fixture_open(fixture_options());
	f = answer(&q, s);
	check_all(f, 10, hundred);
	frame_free(f);
	store_close(s);
}
END_TEST

static struct now after_two_minutes(void)
{
	return at(T0 + 121000);
}

START_TEST(closed_process_has_no_latest_value)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 0);
	struct batch *b = tick_of(at(T0 + 121000));
	struct frame *f;

	q.format = QUERY_LATEST;
	f = answer(&q, s);
	ck_assert_uint_eq(f->field_count, 1);
	ck_assert_double_eq(f->fields[0].cells->f64[0], 120);
	frame_free(f);
	batch_add_close(b, 1, b->now.boot_ns, "exited");
	ck_ok(store_append(s, b));
	f = answer(&q, s);
	ck_assert_uint_eq(f->field_count, 0);
	frame_free(f);
	q.format = QUERY_TIMESERIES; /* but its past stays */
	f = answer(&q, s);
	ck_assert_uint_eq(f->field_count, 2);
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(gap_tells_its_reason)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 0);
	struct batch *b = tick_of(at(T0 + 121000));
	struct frame *f;

	batch_add_gap(b, 1, COL_HEAP_USED_BYTES, GAP_UNREADABLE);
	ck_ok(store_append(s, b));
	q.format = QUERY_LATEST;
	q.to_ms = T0 + 121000;
	f = answer(&q, s);
	ck_assert_uint_eq(f->field_count, 0);
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_str_eq(f->notices[0].text,
			 "heap_used_bytes of pump/?: reading it failed");
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(series_that_never_had_a_value_tells_why)
{
	struct store *s = fixture_fresh(fixture_options());
	struct query q = question(METRIC_GC_PRESSURE, 2, 0);
	struct batch *b = tick_of(at(T0 + 1000));
	struct frame *f;

	add_process(b, 1, 100);
	batch_add_gap(b, 1, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	ck_ok(store_append(s, b));
	q.format = QUERY_LATEST;
	f = answer(&q, s);
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_str_eq(f->notices[0].text,
			 "gc_pressure of pump/?: watched for less than the "
			 "60 s it needs");
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(clock_that_steps_back_is_told)
{
	struct store *s = two_minutes(fixture_options());
	struct query q = question(METRIC_HEAP_USED_BYTES, 120, 10000);
	struct frame *f;

	for (int i = 1; i <= 60; i++) {
		/* boot time goes on, the wall clock begins again at T0 */
		struct batch *b = tick_of((struct now){
			at(T0 + (120 + i) * 1000).boot_ns, T0 + i * 1000
		});

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, 1000 + i);
		ck_ok(store_append(s, b));
	}
	f = answer(&q, s);
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_ptr_nonnull(strstr(f->notices[0].text, "stepped back"));
	/* the fold is max: no breach is lost, whichever pass it is of */
	ck_assert_double_eq(f->fields[1].cells->f64[0], 1010);
	ck_assert_double_eq(f->fields[1].cells->f64[11], 120);
	frame_free(f);
	store_close(s);
}
END_TEST

START_TEST(latest_of_everything_has_attributes)
{
	struct store *s = two_minutes(fixture_options());
	own(view_closep) struct view *v = NULL;
	struct frame **all = NULL;
	struct problem p = { 0 };
	size_t count = 0;

	clock_set_source(after_two_minutes);
	ck_ok(view_open(&v, s));
	ck_ok(query_latest_all(&all, &count, v, NULL, 0, &p));
	clock_set_source(NULL);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(all[0]->name, "heap_used_bytes");
	ck_assert_double_eq(all[1]->fields[0].cells->f64[0], 12000);
	ck_assert_str_eq(labels_get(&all[2]->fields[0].labels, "version"),
			 "1.0");
	ck_assert_str_eq(labels_get(&all[2]->fields[0].labels, "pid"), "100");
	frames_free(all, count);
	view_close(take(v));
	store_close(s);
}
END_TEST

static int64_t present_ms;

static struct now present(void)
{
	return at(present_ms);
}

/* Both ways at one moment of the store, bit for bit. */
static void same_with_cache(struct query *q, struct store *s,
			    struct effort *effort)
{
	struct frame *plain, *kept;

	q->effort = NULL;
	plain = answer(q, s);
	q->effort = effort;
	effort->settled = store_settled(s);
	kept = answer(q, s);
	ck_assert_uint_eq(kept->field_count, plain->field_count);
	ck_assert_uint_eq(kept->notice_count, plain->notice_count);
	for (size_t k = 0; k < plain->field_count; k++) {
		const struct cells *a = plain->fields[k].cells;
		const struct cells *b = kept->fields[k].cells;

		ck_assert_uint_eq(a->count, b->count);
		for (size_t i = 0; i < a->count; i++) {
			ck_assert_int_eq(cells_valid(a, i), cells_valid(b, i));
			ck_assert(!cells_valid(a, i) || a->i64[i] == b->i64[i]);
		}
	}
	frame_free(plain);
	frame_free(kept);
}

/* A panel refreshed while ticks come in, points are flushed and memory moves
 * on: what was kept of settled time never differs from what is there. */
START_TEST(kept_values_are_true_while_the_store_moves_on)
{
	static const enum fn fns[] = { FN_FOLD, FN_AVG, FN_RATE, FN_ABOVE };
	struct store_options o = fixture_options();
	struct effort effort = { 0 };
	struct store *s;

	o.memory_ms = 60000;
	s = fixture_fresh(o);
	ck_ok(cache_new(&effort.cache, 1 << 20, 0));
	clock_set_source(present);
	for (int i = 1; i <= 400; i++) {
		struct batch *b = tick_of(at(T0 + i * 1000));

		add_process(b, 1, 100);
		if (i % 90 < 70) /* with gaps */
			batch_add_sample(b, 1, COL_HEAP_ALLOCATED_BYTES_TOTAL,
					 i * i % 977);
		ck_ok(store_append(s, b));
		present_ms = T0 + i * 1000 + 500;
		for (size_t k = 0; i % 3 == 0 && k < ARRAY_SIZE(fns); k++) {
			struct query q =
				question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL, i,
					 k % 2 ? 10000 : 30000);

			q.from_ms += i > 200 ? (i - 200) * 1000 : 0;
			q.fn = fns[k];
			q.limit = LIMIT_NUMBER;
			q.limit_value = 500;
			same_with_cache(&q, s, &effort);
		}
	}
	clock_set_source(NULL);
	ck_assert_int_gt(effort.reused, 1000);
	cache_free(effort.cache);
	store_close(s);
}
END_TEST

/* Seconds from..to of the run, with the wall clock ahead by so many. */
static void run_ahead(struct store *s, int from, int to, int ahead)
{
	for (int i = from; i <= to; i++) {
		struct batch *b = tick_of((struct now){
			at(T0 + i * 1000).boot_ns, T0 + (i + ahead) * 1000
		});

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
		ck_ok(store_append(s, b));
	}
}

/* A wrong time server, for a moment: what it left empty is filled later. */
START_TEST(what_a_clock_far_ahead_left_empty_is_not_kept)
{
	struct query q = question(METRIC_HEAP_USED_BYTES, 400, 10000);
	struct effort effort = { 0 };
	struct store *s = fixture_fresh(fixture_options());
	struct frame *f;

	ck_ok(cache_new(&effort.cache, 1 << 20, 0));
	run_ahead(s, 1, 100, 0);
	run_ahead(s, 101, 200, 3600);
	same_with_cache(&q, s, &effort); /* 300 s of nothing */
	run_ahead(s, 201, 400, 0);
	same_with_cache(&q, s, &effort);
	q.effort = &effort;
	f = answer(&q, s);
	ck_assert_uint_eq(f->field_count, 2);
	ck_assert_double_eq(f->fields[1].cells->f64[25], 260);
	frame_free(f);
	cache_free(effort.cache);
	store_close(s);
}
END_TEST

TEST_MAIN("query_store", memory_answers_each_second,
	  missing_ticks_are_a_gap_at_full_resolution,
	  answer_is_the_same_from_memory_and_from_disk,
	  finer_steps_than_stored_have_no_holes,
	  rate_is_the_same_from_memory_and_from_disk,
	  closed_process_has_no_latest_value, gap_tells_its_reason,
	  series_that_never_had_a_value_tells_why,
	  clock_that_steps_back_is_told, latest_of_everything_has_attributes,
	  kept_values_are_true_while_the_store_moves_on,
	  what_a_clock_far_ahead_left_empty_is_not_kept)
