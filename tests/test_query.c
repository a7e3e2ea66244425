/*
 * One question at a time against a store of arrays (fake_view.c).
 */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "common/clock.h"
#include "server/query/query.h"

#include "fake_view.c"

#define T0 1700000040000ll /* a full minute */

static const struct query_limits generous = { 1000, 100000, 1000000 };

/* heap_used_bytes over (T0, T0 + 60 s] by 10 s. */
static struct query question(enum metric metric)
{
	return (struct query){
		.ref_id = (char *)"A",
		.metric = metric,
		.from_ms = T0,
		.to_ms = T0 + 60000,
		.step_ms = 10000,
	};
}

static struct frame *answer(const struct query *q, struct view *v)
{
	struct problem p = { 0 };
	struct frame *f = NULL;
	int r = query_run(&f, q, v, &generous, &p);

	ck_assert_msg(r == 0, "%d: %s", r, p.text);
	return f;
}

/* "1 2 - 4": the cells of a field, "-" for null. */
static const char *cells_text(const struct field *field)
{
	static char text[2048];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < field->cells->count; i++) {
		const char *gap = i ? " " : "";

		if (!cells_valid(field->cells, i))
			used += (size_t)sprintf(text + used, "%s-", gap);
		else if (field->cells->type == FIELD_F64)
			used += (size_t)sprintf(text + used, "%s%.10g", gap,
						field->cells->f64[i]);
		else if (field->cells->type == FIELD_STRING)
			used += (size_t)sprintf(text + used, "%s%s", gap,
						field->cells->string[i]);
		else
			used += (size_t)sprintf(
				text + used, "%s%lld", gap,
				(long long)(field->cells->i64[i] - T0));
	}
	return text;
}

static const char *labels_text(const struct labels *l)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < l->count; i++)
		used += (size_t)sprintf(text + used, "%s%s=%s", i ? "," : "",
					l->items[i].name, l->items[i].value);
	return text;
}

#define CELLS(frame, i, expected)                                              \
	ck_assert_str_eq(cells_text(&(frame)->fields[i]), expected)

START_TEST(value_at_t_stands_for_the_window_open_on_the_left)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct frame *f;

	fake_point(s, T0, 1, 1);         /* before the first window */
	fake_point(s, T0 + 1, 2, 1);     /* in (T0, T0 + 10 s] */
	fake_point(s, T0 + 10000, 3, 1); /* its last moment */
	fake_point(s, T0 + 10001, 4, 1);
	f = answer(&q, &v);
	ck_assert_int_eq(f->type, FRAME_TIMESERIES);
	ck_assert_uint_eq(f->field_count, 2);
	CELLS(f, 0, "10000 20000 30000 40000 50000 60000");
	CELLS(f, 1, "3 4 - - - -");
	ck_assert_int_eq(f->fields[0].interval_ms, 10000);
	ck_assert_str_eq(f->fields[1].unit, "bytes");
	ck_assert_str_eq(f->ref_id, "A");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(every_window_that_touches_the_range_is_answered_whole)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct frame *f;

	fake_point(s, T0 + 1000, 1, 1);
	fake_point(s, T0 + 29000, 2, 1);
	q.from_ms = T0 + 5000;
	q.to_ms = T0 + 20001;
	f = answer(&q, &v);
	CELLS(f, 0, "10000 20000 30000");
	CELLS(f, 1, "1 - 2");
	ck_assert_int_eq(v.scanned_from_ms, T0);
	ck_assert_int_eq(v.scanned_to_ms, T0 + 30000);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

/* Six points a minute, 10 s apart, from T0 + 10 s on. */
static struct frame *over_time(enum column column, enum fn fn, int64_t step,
			       const double *values, size_t count)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, column, "node=a");
	struct query q = question(column_info(column)->metric);
	struct frame *f;

	fake_points(s, T0 + 10000, 10000, count, values);
	q.fn = fn;
	q.step_ms = step;
	f = answer(&q, &v);
	fake_view_fini(&v);
	return f;
}

static void expect(enum column column, enum fn fn, int64_t step,
		   const double *values, const char *expected)
{
	struct frame *f = over_time(column, fn, step, values, 6);

	CELLS(f, 1, expected);
	frame_free(f);
}

START_TEST(fold_is_the_metrics_own)
{
	static const double v[] = { 3, 9, 4, 5, 1, 2 };

	expect(COL_HEAP_USED_BYTES, FN_FOLD, 30000, v, "9 5"); /* max */
	expect(COL_FRAG_RATIO, FN_FOLD, 30000, v, "3 1");      /* min */
	expect(COL_HEAP_MAX_BYTES, FN_FOLD, 30000, v, "4 2");  /* last */
}
END_TEST

START_TEST(fn_makes_one_value_of_the_points_of_a_step)
{
	static const double v[] = { 3, 9, 4, 5, 1, 2 };

	expect(COL_HEAP_USED_BYTES, FN_LAST, 30000, v, "4 2");
	expect(COL_HEAP_USED_BYTES, FN_MAX, 30000, v, "9 5");
	expect(COL_HEAP_USED_BYTES, FN_MIN, 30000, v, "3 1");
	expect(COL_HEAP_USED_BYTES, FN_AVG, 30000, v,
	       "5.333333333 2.666666667");
	/* from the first point in the window; from the point before it */
	expect(COL_HEAP_USED_BYTES, FN_DELTA, 30000, v, "1 -2");
}
END_TEST

START_TEST(counters_rise_from_the_point_before_the_window)
{
	static const double v[] = { 100, 110, 130, 160, 200, 250 };

	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_INCREASE, 30000, v,
	       "30 120");
	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_RATE, 30000, v, "1.5 4");
	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_RATE, 10000, v,
	       "- 1 2 3 4 5");
}
END_TEST

START_TEST(reset_of_a_counter_is_never_negative)
{
	static const double v[] = { 100, 110, 5, 15, 0, 40 };

	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_INCREASE, 10000, v,
	       "- 10 5 10 0 40");
	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_RATE, 30000, v,
	       "0.75 1.666666667");
}
END_TEST

START_TEST(point_before_the_range_is_where_the_first_rate_starts)
{
	struct view v = { 0 };
	struct fake_series *s =
		fake_add(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL, "node=a");
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL);
	struct frame *f;

	fake_point(s, T0 - 10000, 100, 1);
	fake_point(s, T0 + 10000, 300, 1);
	q.fn = FN_RATE;
	f = answer(&q, &v);
	CELLS(f, 1, "10 - - - - -");
	ck_assert_str_eq(f->fields[1].unit, "Bps");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(look_back_of_a_rate_is_bounded)
{
	struct view v = { 0 };
	struct fake_series *s =
		fake_add(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL, "node=a");
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL);
	struct frame *f;

	/* 31 s before the window: three resolutions are 30 s */
	fake_point(s, T0 - 31000, 100, 1);
	fake_point(s, T0 + 5000, 300, 1);
	fake_point(s, T0 + 15000, 400, 1);
	q.fn = FN_INCREASE;
	f = answer(&q, &v);
	CELLS(f, 1, "- 100 - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

/* Stored points lie on the edges of steps, so this is no rare chance. */
START_TEST(farthest_point_that_counts_is_read_too)
{
	struct view v = { 0 };
	struct fake_series *s =
		fake_add(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL, "node=a");
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL);
	struct frame *f;

	fake_point(s, T0 - 30000, 100, 1);
	fake_point(s, T0 + 10000, 300, 1);
	q.fn = FN_INCREASE;
	f = answer(&q, &v);
	CELLS(f, 1, "200 - - - - -");
	frame_free(f);
	q.from_ms = T0 - 20000; /* the same window in a longer range */
	f = answer(&q, &v);
	CELLS(f, 1, "- - 200 - - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(rate_of_a_gauge_is_refused_with_a_way_out)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL;

	q.fn = FN_RATE;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_BAD_REQUEST);
	ck_assert_str_eq(p.text, "fn: rate needs a counter and "
				 "heap_used_bytes is a gauge; use delta");
	ck_assert_ptr_null(f);
}
END_TEST

START_TEST(steps_finer_than_the_resolution_repeat_its_value)
{
	static const double v[] = { 1, 2, 3, 4, 5, 6 };

	/* 10 s apart in steps of 5 s: the stored point covers both halves */
	expect(COL_HEAP_MAX_BYTES, FN_FOLD, 5000, v,
	       "- 1 2 2 3 3 4 4 5 5 6 6");
	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_RATE, 5000, v,
	       "- - 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1");
	expect(COL_HEAP_ALLOCATED_BYTES_TOTAL, FN_INCREASE, 5000, v,
	       "- - - 1 - 1 - 1 - 1 - 1");
}
END_TEST

START_TEST(point_at_the_left_edge_belongs_to_the_window_before)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_USED_BYTES, "node=a");
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	fake_point(s, T0, 9, 1);
	fake_point(s, T0 + 4000, 1, 1);
	q.step_ms = 5000; /* finer than stored: the edge is read as well */
	f = answer(&q, &v);
	CELLS(f, 1, "1 - - - - - - - - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(gap_longer_than_the_resolution_stays_a_gap)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct frame *f;

	fake_point(s, T0 + 10000, 1, 1);
	fake_point(s, T0 + 30000, 2, 1);
	q.step_ms = 5000;
	f = answer(&q, &v);
	CELLS(f, 1, "- 1 - - - 2 - - - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

/* Three services, two nodes. */
static void plant(struct view *v)
{
	static const double scada[] = { 1, 2, 3 };
	static const double hist[] = { 10, 20, 30 };
	static const double edge[] = { 5, 5 };

	fake_points(fake_add(v, COL_HEAP_USED_BYTES,
			     "node=n1,service=scada,instance=0,runtime=jvm,"
			     "pid=10,site=west"),
		    T0 + 10000, 10000, 3, scada);
	fake_points(fake_add(v, COL_HEAP_USED_BYTES,
			     "node=n1,service=hist,instance=0,runtime=go,"
			     "pid=11,site=west"),
		    T0 + 10000, 10000, 3, hist);
	fake_points(fake_add(v, COL_HEAP_USED_BYTES,
			     "node=n2,service=scada,instance=0,runtime=jvm,"
			     "pid=12,site=west"),
		    T0 + 20000, 10000, 2, edge);
}

static void expect_agg(enum agg agg, const char *by, const char *first,
		       const char *second)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	char *names[] = { (char *)by };
	struct frame *f;

	plant(&v);
	q.to_ms = T0 + 30000;
	q.agg = agg;
	q.by = names;
	q.by_count = by ? 1 : 0;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, second ? 3 : 2);
	CELLS(f, 1, first);
	if (second)
		CELLS(f, 2, second);
	frame_free(f);
	fake_view_fini(&v);
}

START_TEST(agg_makes_one_value_of_several_series)
{
	expect_agg(AGG_AVG, NULL, "5.5 9 12.66666667", NULL);
	expect_agg(AGG_MIN, NULL, "1 2 3", NULL);
	expect_agg(AGG_MAX, NULL, "10 20 30", NULL);
	expect_agg(AGG_SUM, NULL, "11 27 38", NULL);
	expect_agg(AGG_COUNT, NULL, "2 3 3", NULL);
}
END_TEST

START_TEST(agg_keeps_the_labels_of_by)
{
	expect_agg(AGG_SUM, "node", "11 22 33", "- 5 5");
	expect_agg(AGG_SUM, "service", "10 20 30", "1 7 8");
}
END_TEST

START_TEST(only_what_matches_is_counted)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct matcher m;
	struct problem p = { 0 };
	struct frame *f;

	plant(&v);
	ck_ok(matcher_init(&m, "service", MATCH_REGEX, "sc.*", &p));
	q.matchers = &m;
	q.matcher_count = 1;
	q.to_ms = T0 + 30000;
	q.agg = AGG_SUM;
	f = answer(&q, &v);
	CELLS(f, 1, "1 7 8");
	frame_free(f);
	matcher_fini(&m);
	fake_view_fini(&v);
}
END_TEST

START_TEST(quantile_lies_between_the_two_nearest_ranks)
{
	expect_agg(AGG_P50, NULL, "5.5 5 5", NULL);
	expect_agg(AGG_P95, NULL, "9.55 18.5 27.5", NULL);
	expect_agg(AGG_P99, NULL, "9.91 19.7 29.5", NULL);
	expect_agg(AGG_P50, "service", "10 20 30", "1 3.5 4");
}
END_TEST

START_TEST(group_shows_the_labels_it_was_made_by)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	char *names[] = { (char *)"service", (char *)"site" };
	struct frame *f;

	plant(&v);
	q.agg = AGG_MAX;
	q.by = names;
	q.by_count = 2;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 3);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "service=hist,site=west");
	ck_assert_str_eq(f->fields[1].display_name, "hist");
	ck_assert_str_eq(f->fields[2].display_name, "scada");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(series_shows_who_it_is_and_what_differs)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 4);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "instance=0,node=n1,runtime=go,service=hist");
	ck_assert_str_eq(f->fields[1].display_name, "n1/hist");
	ck_assert_str_eq(labels_text(&f->fields[3].labels),
			 "instance=0,node=n2,runtime=jvm,service=scada");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(name_says_no_more_than_it_must)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_POOL_USED_BYTES);
	struct frame *f;

	fake_point(fake_add(&v, COL_HEAP_POOL_USED_EDEN, "node=a,service=s"),
		   T0 + 5000, 1, 1);
	fake_point(fake_add(&v, COL_HEAP_POOL_USED_OLD, "node=a,service=s"),
		   T0 + 5000, 2, 1);
	f = answer(&q, &v);
	ck_assert_str_eq(f->fields[1].display_name, "eden");
	ck_assert_str_eq(f->fields[2].display_name, "old");
	frame_free(f);
	fake_point(fake_add(&v, COL_HEAP_POOL_USED_OLD, "node=a,service=t"),
		   T0 + 5000, 3, 1);
	f = answer(&q, &v);
	ck_assert_str_eq(f->fields[1].display_name, "s/eden");
	ck_assert_str_eq(f->fields[3].display_name, "t/old");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(pid_shows_only_where_nothing_else_tells_apart)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct frame *f;

	fake_point(fake_add(&v, COL_HEAP_MAX_BYTES,
			    "node=a,service=s,instance=0,pid=7"),
		   T0 + 5000, 1, 1);
	f = answer(&q, &v);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "instance=0,node=a,service=s");
	ck_assert_str_eq(f->fields[1].display_name, "a/s/0");
	frame_free(f);
	fake_point(fake_add(&v, COL_HEAP_MAX_BYTES,
			    "node=a,service=s,instance=0,pid=8"),
		   T0 + 25000, 2, 1);
	f = answer(&q, &v);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "instance=0,node=a,pid=7,service=s");
	ck_assert_str_eq(f->fields[2].display_name, "8");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(a_machine_is_one_line_before_and_after_a_restart)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct fake_series *before = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct fake_series *after = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct frame *f;

	before->series.open = false;
	fake_point(before, T0 + 10000, 1, 1);
	fake_point(after, T0 + 40000, 2, 1);
	q.step_ms = 10000;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 2);
	CELLS(f, 1, "1 - - 2 - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(dimension_of_a_column_is_always_shown)
{
	struct view v = { 0 };
	struct query q = question(METRIC_FRAG_RATIO);
	struct frame *f;

	fake_point(fake_add(&v, COL_FRAG_RATIO_BYTES, "node=a,service=s"),
		   T0 + 5000, 0.5, 1);
	f = answer(&q, &v);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "basis=bytes,node=a,service=s");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

static void expect_legend(const char *legend, const char *expected)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES,
					 "node=a,service=s,instance=0");
	struct frame *f;

	fake_point(s, T0 + 5000, 1, 1);
	ck_ok(labels_set(&s->attributes, "version", "1.2"));
	q.legend = (char *)legend;
	f = answer(&q, &v);
	ck_assert_str_eq(f->fields[1].display_name, expected);
	frame_free(f);
	fake_view_fini(&v);
}

START_TEST(legend_is_a_template_over_labels_and_attributes)
{
	expect_legend("{{service}}/{{instance}}", "s/0");
	expect_legend("{{ service }} {{version}}: {{metric}}",
		      "s 1.2: heap_max_bytes");
	expect_legend("{{nothing}}x", "x");
	expect_legend("{{service", "{{service");
	expect_legend("}}{{}}", "}}");
	expect_legend("plain", "plain");
}
END_TEST

START_TEST(label_of_the_legend_is_shown)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	q.legend = (char *)"{{ site }}";
	f = answer(&q, &v);
	ck_assert_str_eq(labels_get(&f->fields[1].labels, "site"), "west");
	ck_assert_str_eq(f->fields[1].display_name, "west");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(top_keeps_the_highest_and_says_what_is_missing)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	q.top = 2;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 3);
	ck_assert_str_eq(f->fields[1].display_name, "n1/hist");
	ck_assert_str_eq(f->fields[2].display_name, "n2/scada");
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_str_eq(f->notices[0].text,
			 "highest 2 of 3 series are shown");
	frame_free(f);
	q.top = -1;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 2);
	ck_assert_str_eq(f->fields[1].display_name, "n1/scada");
	ck_assert_str_eq(f->notices[0].text, "lowest 1 of 3 series are shown");
	frame_free(f);
	q.top = 3;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->notice_count, 0);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(tables_tell_the_top_by_rank_and_pictures_by_label)
{
	static const char *const lines[] = { "n1/hist", "n1/scada",
					     "n2/scada" };
	static const char *const worst[] = { "n1/hist", "n2/scada",
					     "n1/scada" };
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	q.top = 3;
	f = answer(&q, &v);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(f->fields[1 + i].display_name, lines[i]);
	frame_free(f);
	q.format = QUERY_LATEST;
	f = answer(&q, &v);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(f->fields[i].display_name, worst[i]);
	frame_free(f);
	q.top = -3;
	f = answer(&q, &v);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(f->fields[i].display_name, worst[2 - i]);
	frame_free(f);
	q.top = 0; /* not asked for, so not ranked */
	f = answer(&q, &v);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(f->fields[i].display_name, lines[i]);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(shift_asks_for_earlier_and_answers_now)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct frame *f;

	fake_point(s, T0 - 3600000 + 15000, 7, 1);
	q.shift_ms = 3600000;
	f = answer(&q, &v);
	CELLS(f, 0, "10000 20000 30000 40000 50000 60000");
	CELLS(f, 1, "- 7 - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(table_is_long_and_sorted_by_time)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	q.to_ms = T0 + 20000;
	q.format = QUERY_TABLE;
	f = answer(&q, &v);
	ck_assert_int_eq(f->type, FRAME_TABLE);
	ck_assert_uint_eq(frame_rows(f), 5);
	ck_assert_str_eq(f->fields[0].name, "time");
	CELLS(f, 0, "10000 10000 20000 20000 20000");
	ck_assert_str_eq(f->fields[1].name, "node");
	CELLS(f, 1, "n1 n1 n1 n1 n2");
	ck_assert_str_eq(f->fields[2].name, "service");
	CELLS(f, 2, "hist scada hist scada scada");
	ck_assert_str_eq(f->fields[f->field_count - 1].name,
			 "heap_used_bytes");
	CELLS(f, f->field_count - 1, "10 1 20 2 5");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(latest_is_the_newest_value_of_open_series)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	plant(&v);
	v.items[0].series.open = false;
	q.format = QUERY_LATEST;
	f = answer(&q, &v);
	ck_assert_int_eq(f->type, FRAME_NUMERIC);
	ck_assert_uint_eq(f->field_count, 2);
	CELLS(f, 0, "30");
	CELLS(f, 1, "5");
	ck_assert_uint_eq(v.scans, 0);
	ck_assert_uint_eq(f->notice_count, 1); /* the range ends long ago */
	ck_assert_str_eq(f->notices[0].text,
			 "the newest values, not those of "
			 "2023-11-14T22:15:00Z, where the range ends");
	frame_free(f);
	q.to_ms = clock_now().wall_ms;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 2);
	ck_assert_uint_eq(f->notice_count, 0);
	frame_free(f);
	q.agg = AGG_SUM;
	f = answer(&q, &v);
	CELLS(f, 0, "35");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(latest_rate_is_that_of_the_last_minute)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL);
	struct fake_series *s =
		fake_add(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL, "node=a");
	struct frame *f;

	fake_point(s, T0 - 5000, 100, 1);
	fake_point(s, T0 + 55000, 700, 1);
	q.format = QUERY_LATEST;
	q.fn = FN_RATE;
	q.step_ms = 0;
	f = answer(&q, &v);
	CELLS(f, 0, "10");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

static struct now noon(void)
{
	return (struct now){ 0, T0 + 60000 };
}

#define ONLY_NOTICE(f, words)                                                  \
	do {                                                                   \
		ck_assert_uint_eq((f)->notice_count, 1);                       \
		ck_assert_str_eq((f)->notices[0].text, words);                 \
	} while (0)

START_TEST(absent_value_tells_its_reason)
{
	struct view v = { 0 };
	struct query q = question(METRIC_GC_PRESSURE);
	struct fake_series *s = fake_add(&v, COL_GC_PRESSURE,
					 "node=a,service=scada,instance=0");
	struct frame *f;

	s->gap = GAP_WINDOW_FILLING;
	clock_set_source(noon);
	f = answer(&q, &v);
	clock_set_source(NULL);
	ck_assert_uint_eq(f->field_count, 1);
	ck_assert_uint_eq(frame_rows(f), 0);
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_str_eq(f->notices[0].text,
			 "gc_pressure of scada/0: watched for less than the "
			 "60 s it needs");
	frame_free(f);
	q.format = QUERY_LATEST;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 0);
	ck_assert_uint_eq(f->notice_count, 1);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(reason_of_today_is_not_told_about_yesterday)
{
	struct view v = { 0 };
	struct query q = question(METRIC_GC_PRESSURE);
	struct frame *f;

	fake_add(&v, COL_GC_PRESSURE, "node=a")->gap = GAP_UNREADABLE;
	f = answer(&q, &v); /* the clock stands years after T0 */
	ONLY_NOTICE(f, "no value of gc_pressure lies in this range");
	frame_free(f);
	clock_set_source(noon);
	q.shift_ms = 3600000;
	f = answer(&q, &v);
	ONLY_NOTICE(f, "no value of gc_pressure lies in this range");
	frame_free(f);
	clock_set_source(NULL);
	fake_view_fini(&v);
}
END_TEST

START_TEST(many_reasons_are_summed_up)
{
	struct view v = { 0 };
	struct query q = question(METRIC_GC_PRESSURE);
	struct frame *f;

	for (int i = 0; i < 8; i++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "service=s,instance=%d", i);
		fake_add(&v, COL_GC_PRESSURE, labels)->gap = GAP_NOT_SHARED;
	}
	clock_set_source(noon);
	f = answer(&q, &v);
	clock_set_source(NULL);
	ck_assert_uint_eq(f->notice_count, 6);
	ck_assert_str_eq(f->notices[5].text,
			 "gc_pressure: 3 more without a value");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(reason_is_not_told_where_there_are_values)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct fake_series *s = fake_add(&v, COL_HEAP_MAX_BYTES, "node=a");
	struct frame *f;

	fake_point(s, T0 + 55000, 1, 1);
	s->gap = GAP_UNREADABLE; /* since a moment ago, after the range */
	clock_set_source(noon);
	f = answer(&q, &v);
	clock_set_source(NULL);
	ck_assert_uint_eq(f->notice_count, 0);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

#define STALE_SINCE "2023-11-14T22:14:20Z" /* T0 + 20 s */

START_TEST(series_that_ends_before_the_present_is_stale)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct fake_series *s =
		fake_add(&v, COL_HEAP_MAX_BYTES, "service=scada,instance=0");
	struct frame *f;

	fake_point(s, T0 + 20000, 1, 1);
	clock_set_source(noon);
	f = answer(&q, &v);
	ck_assert_int_eq(f->notices[0].severity, NOTICE_WARNING);
	ONLY_NOTICE(f, "stale: heap_max_bytes of scada/0 ends at "
		       STALE_SINCE);
	frame_free(f);
	s->gap = GAP_UNREADABLE;
	f = answer(&q, &v);
	ONLY_NOTICE(f, "stale: heap_max_bytes of scada/0 ends at " STALE_SINCE
		       ": reading it failed");
	frame_free(f);
	s->gap = GAP_NONE;
	fake_point(s, T0 + 40000, 1, 1); /* the newest lies a little behind */
	f = answer(&q, &v);
	ck_assert_uint_eq(f->notice_count, 0);
	frame_free(f);
	clock_set_source(NULL);
	fake_view_fini(&v);
}
END_TEST

START_TEST(latest_of_what_is_not_read_is_stale_not_silent)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct fake_series *s =
		fake_add(&v, COL_HEAP_MAX_BYTES, "service=scada,instance=0");
	struct frame *f;

	q.format = QUERY_LATEST;
	clock_set_source(noon);
	f = answer(&q, &v);
	ONLY_NOTICE(f, "stale: heap_max_bytes of scada/0 was not read lately");
	frame_free(f);
	fake_point(s, T0 + 59000, 1, 1);
	f = answer(&q, &v);
	ck_assert_uint_eq(f->notice_count, 0);
	frame_free(f);
	s->series.open = false; /* it ended: nobody waits for it */
	f = answer(&q, &v);
	ONLY_NOTICE(f, "no series of heap_max_bytes matches now");
	frame_free(f);
	clock_set_source(NULL);
	fake_view_fini(&v);
}
END_TEST

START_TEST(no_event_is_said_to_be_none)
{
	struct view v = { 0 };
	struct query q = question(METRIC_COUNT);
	struct frame *f;

	q.format = QUERY_EVENTS;
	f = answer(&q, &v);
	ONLY_NOTICE(f, "no event matches in this range");
	frame_free(f);
}
END_TEST

START_TEST(clock_that_stepped_back_folds_into_the_same_steps)
{
	struct view v = { .steps_back = 1 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct fake_series *s = fake_add(&v, COL_HEAP_USED_BYTES, "node=a");
	struct frame *f;

	fake_point(s, T0 + 5000, 9, 1);
	fake_point(s, T0 + 15000, 2, 1);
	fake_point(s, T0 + 6000, 4, 2);
	fake_point(s, T0 + 16000, 8, 2);
	f = answer(&q, &v);
	CELLS(f, 1, "9 8 - - - -");
	ck_assert_uint_eq(f->notice_count, 1);
	ck_assert_int_eq(f->notices[0].severity, NOTICE_WARNING);
	ck_assert_ptr_nonnull(strstr(f->notices[0].text,
				     "stepped back (1)"));
	frame_free(f);
	q.agg = AGG_COUNT; /* one series, however often it brings a step */
	f = answer(&q, &v);
	CELLS(f, 1, "1 1 - - - -");
	frame_free(f);
	q.agg = AGG_SUM;
	f = answer(&q, &v);
	CELLS(f, 1, "9 2 - - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(no_rate_spans_a_step_of_the_clock)
{
	struct view v = { .steps_back = 1 };
	struct query q = question(METRIC_HEAP_ALLOCATED_BYTES_TOTAL);
	struct fake_series *s =
		fake_add(&v, COL_HEAP_ALLOCATED_BYTES_TOTAL, "node=a");
	struct frame *f;

	fake_point(s, T0 + 40000, 100, 1);
	fake_point(s, T0 + 15000, 200, 2);
	fake_point(s, T0 + 25000, 250, 2);
	q.fn = FN_RATE;
	f = answer(&q, &v);
	CELLS(f, 1, "- - 5 - - -");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

static void expect_limit(enum query_format format, struct query_limits limits,
			 const char *text)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL;

	plant(&v);
	q.format = format;
	ck_err(query_run(&f, &q, &v, &limits, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_TOO_MUCH);
	ck_assert_str_eq(p.text, text);
	if (limits.scan_max > 100)
		ck_assert_uint_eq(v.handed_out, 0);
	fake_view_fini(&v);
}

START_TEST(limit_names_itself_the_figure_and_what_to_change)
{
	expect_limit(QUERY_TIMESERIES,
		     (struct query_limits){ 2, 1000, 1000 },
		     "3 series of heap_used_bytes match, the limit is 2: add "
		     "a filter on a label");
	expect_limit(QUERY_TIMESERIES,
		     (struct query_limits){ 10, 17, 1000 },
		     "3 series x 6 steps are 18 values, the limit is 17: ask "
		     "for a larger step, a shorter range or fewer series");
	expect_limit(QUERY_TIMESERIES,
		     (struct query_limits){ 10, 18, 7 },
		     "more than 7 stored points lie in this question, which "
		     "is the limit: ask for a shorter range or fewer series");
	/* time, four labels and the value in each row */
	expect_limit(QUERY_TABLE, (struct query_limits){ 10, 107, 1000 },
		     "3 series x 6 steps x 6 columns are 108 values, the "
		     "limit is 107: ask for a larger step, a shorter range or "
		     "fewer series");
}
END_TEST

START_TEST(memory_for_repeated_steps_counts_against_the_limit)
{
	struct view v = { .steps_back = 1 };
	struct query_limits limits = { 1000, 100, 1000000 };
	struct query q = question(METRIC_HEAP_MAX_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL;
	char labels[32];

	for (int i = 0; i < 64; i++) {
		snprintf(labels, sizeof(labels), "node=%d", i);
		fake_point(fake_add(&v, COL_HEAP_MAX_BYTES, labels),
			   T0 + 10000, 1, 1);
	}
	q.agg = AGG_SUM;
	q.to_ms = q.from_ms + 60 * 10000; /* 60 steps of one row, but two */
	q.step_ms = 10000;
	ck_err(query_run(&f, &q, &v, &limits, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_TOO_MUCH);
	v.steps_back = 0; /* values' worth of bits for each */
	ck_ok(query_run(&f, &q, &v, &limits, &p));
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(huge_range_is_refused_before_any_work)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL;

	plant(&v);
	q.from_ms = 0;
	q.max_points = INT64_MAX;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_TOO_MUCH);
	q.to_ms = INT64_MAX;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_BAD_REQUEST);
	q.from_ms = q.to_ms = T0;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_str_eq(p.text, "range: from must lie before to");
	fake_view_fini(&v);
}
END_TEST

START_TEST(misspelt_label_is_told)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct matcher m[3];
	struct problem p = { 0 };
	struct frame *f;

	plant(&v);
	ck_ok(labels_set(&fake_add(&v, COL_TARGET_UP, "pid=10")->attributes,
			 "version", "1.2"));
	ck_ok(matcher_init(&m[0], "topk", MATCH_EQUAL, "5", &p));
	ck_ok(matcher_init(&m[1], "node", MATCH_EQUAL, "n1", &p));
	ck_ok(matcher_init(&m[2], "version", MATCH_EQUAL, "9", &p));
	q.matchers = m;
	q.matcher_count = ARRAY_SIZE(m);
	f = answer(&q, &v);
	ck_assert_uint_eq(f->notice_count, 2); /* an attribute is a label too */
	ck_assert_str_eq(f->notices[1].text, "no series has a label \"topk\"");
	frame_free(f);
	for (size_t i = 0; i < ARRAY_SIZE(m); i++)
		matcher_fini(&m[i]);
	fake_view_fini(&v);
}
END_TEST

START_TEST(long_lists_and_legends_are_refused)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL;
	char *by[LABELS_MAX + 1] = { 0 };
	char legend[300];

	q.by = by;
	q.by_count = LABELS_MAX + 1;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_str_eq(p.text, "by: 25 labels, there may be 24");
	q.by_count = 0;
	memset(legend, 'x', sizeof(legend));
	legend[sizeof(legend) - 1] = '\0';
	q.legend = legend;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_str_eq(p.text, "legend: longer than 256 bytes");
}
END_TEST

START_TEST(store_that_cannot_be_read_is_told)
{
	struct view v = { .error = -EIO };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f = NULL, **all = NULL;
	size_t count;

	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_UNAVAILABLE);
	p = (struct problem){ 0 };
	ck_err(query_latest_all(&all, &count, &v, NULL, 0, &p), EINVAL);
	ck_assert_int_eq(p.code, PROBLEM_UNAVAILABLE);
}
END_TEST

START_TEST(nothing_matches_is_an_answer)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct frame *f;

	q.threshold = threshold_default(METRIC_HEAP_UTIL_RATE);
	for (int agg = 0; agg < AGG_WORD_COUNT; agg++) {
		q.agg = (enum agg)agg;
		f = answer(&q, &v);
		ck_assert_uint_eq(frame_rows(f), 0);
		ck_assert_str_eq(f->notices[0].text,
				 "no series of heap_used_bytes matches in "
				 "this range");
		frame_free(f);
	}
}
END_TEST

START_TEST(latest_of_everything_is_one_frame_per_metric)
{
	struct view v = { 0 };
	struct problem p = { 0 };
	struct frame **all;
	size_t count;

	plant(&v);
	fake_point(fake_add(&v, COL_FRAG_RATIO_BYTES,
			    "node=n1,service=scada,instance=0,pid=10"),
		   T0 + 30000, 0.5, 1);
	v.items[3].series.entity = v.items[0].series.entity;
	ck_ok(labels_set(&v.items[0].attributes, "bound", "xmx"));
	ck_ok(labels_set(&v.items[3].attributes, "bound", "xmx"));
	clock_set_source(noon);
	ck_ok(query_latest_all(&all, &count, &v, NULL, 0, &p));
	clock_set_source(NULL);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(all[0]->name, "frag_ratio");
	ck_assert_str_eq(labels_text(&all[0]->fields[0].labels),
			 "basis=bytes,instance=0,node=n1,service=scada");
	ck_assert_str_eq(all[1]->name, "heap_used_bytes");
	ck_assert_uint_eq(all[1]->field_count, 3);
	CELLS(all[1], 2, "5");
	ck_assert_str_eq(all[2]->name, "heapwatch_target_info");
	ck_assert_uint_eq(all[2]->field_count, 3);
	ck_assert_str_eq(labels_text(&all[2]->fields[0].labels),
			 "bound=xmx,instance=0,node=n1,pid=10,service=scada");
	frames_free(all, count);
	fake_view_fini(&v);
}
END_TEST

static int64_t step_for(int64_t range_ms, int64_t max_points, int64_t step_ms)
{
	struct query q = {
		.from_ms = T0,
		.to_ms = T0 + range_ms,
		.max_points = max_points,
		.step_ms = step_ms,
	};

	return query_step(&q);
}

START_TEST(step_is_a_width_that_people_read)
{
	const int64_t minute = 60000, hour = 60 * minute, day = 24 * hour;

	ck_assert_int_eq(step_for(15 * minute, 900, 0), 1000);
	ck_assert_int_eq(step_for(15 * minute, 899, 0), 2000);
	ck_assert_int_eq(step_for(6 * hour, 700, 0), minute);
	ck_assert_int_eq(step_for(6 * hour, 0, 0), 30000);
	ck_assert_int_eq(step_for(day, 500, 0), 5 * minute);
	ck_assert_int_eq(step_for(90 * day, 100, 0), day);
	ck_assert_int_eq(step_for(400 * day, 100, 0), 4 * day);
	ck_assert_int_eq(step_for(hour, 1000, 1), 5000);
	ck_assert_int_eq(step_for(hour, 1000, 7000), 10000);
	ck_assert_int_eq(step_for(1, 1000, 1), 1000);
	ck_assert_int_eq(step_for(hour, 1000, 30 * hour), 2 * day);
}
END_TEST

START_TEST(words_are_read_and_written)
{
	enum agg agg;
	enum fn fn;

	for (int i = 0; i < AGG_WORD_COUNT; i++) {
		ck_ok(agg_parse(&agg, agg_word((enum agg)i)));
		ck_assert_int_eq(agg, i);
	}
	for (int i = 0; i < FN_WORD_COUNT; i++) {
		ck_ok(fn_parse(&fn, fn_word((enum fn)i)));
		ck_assert_int_eq(fn, i);
	}
	ck_ok(agg_parse(&agg, ""));
	ck_assert_int_eq(agg, AGG_NONE);
	ck_ok(fn_parse(&fn, ""));
	ck_assert_int_eq(fn, FN_FOLD);
	ck_err(agg_parse(&agg, "p90"), EINVAL);
	ck_err(fn_parse(&fn, "Rate"), EINVAL);
}
END_TEST

START_TEST(unknown_name_gets_near_ones)
{
	char out[200];

	ck_assert_str_eq(query_suggest("heap_util", out, sizeof(out)),
			 "heap_util_rate");
	ck_assert_str_eq(query_suggest("gc_presure", out, sizeof(out)),
			 "gc_pressure");
	ck_assert_str_eq(query_suggest("heap_used", out, sizeof(out)),
			 "heap_used_bytes");
	/* the beginning of a name is near it, however long the rest is */
	query_suggest("heap_usd", out, sizeof(out));
	ck_assert_int_eq(strncmp(out, "heap_used_bytes", 15), 0);
	ck_assert_str_eq(query_suggest("heap", out, sizeof(out)),
			 "heap_util_rate, heap_live_rate, "
			 "heap_slot_waste_ratio");
	ck_assert_str_eq(query_suggest("temperature_kelvin", out,
				       sizeof(out)), "");
	ck_assert_str_eq(query_suggest("", out, sizeof(out)), "");
	/* no room for a second name: it is left out, not cut */
	ck_assert_str_eq(query_suggest("heap", out, 20), "heap_util_rate");
}
END_TEST

START_TEST(question_owns_what_it_holds)
{
	struct query q = {
		.ref_id = strdup("A"),
		.legend = strdup("{{node}}"),
		.by = calloc(1, sizeof(char *)),
		.by_count = 1,
	};

	q.by[0] = strdup("node");
	query_fini(&q);
	ck_assert_ptr_null(q.by);
	query_fini(&q);
}
END_TEST

/* ---- shares, states, buckets, attributes, events ---- */

static const struct threshold limits_of_util = { METRIC_HEAP_UTIL_RATE, 0.75,
						 0.9, 1 };

START_TEST(share_of_time_beyond_a_limit)
{
	static const double values[] = { 0.5, 0.8, 0.95, 0.9, 0.75, 0.7 };
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_UTIL_RATE, "node=a");
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	struct frame *f;

	fake_points(s, T0 + 10000, 10000, 6, values);
	q.step_ms = 60000;
	q.fn = FN_BEYOND;
	q.threshold = &limits_of_util;
	f = answer(&q, &v);
	CELLS(f, 1, "0.5"); /* the limit itself is healthy */
	ck_assert_str_eq(f->fields[1].unit, "percentunit");
	frame_free(f);
	q.limit = LIMIT_CRITICAL;
	f = answer(&q, &v);
	CELLS(f, 1, "0.1666666667");
	frame_free(f);
	q.fn = FN_BELOW;
	q.limit = LIMIT_NUMBER;
	q.limit_value = 0.6;
	q.step_ms = 30000;
	f = answer(&q, &v);
	CELLS(f, 1, "0.3333333333 0");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(a_share_weighs_points_by_their_time)
{
	struct view v = { 0 };
	struct fake_series *s = fake_add(&v, COL_HEAP_UTIL_RATE, "node=a");
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	struct frame *f;

	/* one stored point for 10 s, then one each second */
	fake_point(s, T0 + 10000, 0, 1);
	for (int i = 1; i <= 5; i++)
		fake_point(s, T0 + 10000 + i * 1000, 1, 1);
	q.to_ms = T0 + 20000;
	q.step_ms = 20000;
	q.fn = FN_ABOVE;
	q.limit = LIMIT_NUMBER;
	q.limit_value = 0.5;
	f = answer(&q, &v);
	CELLS(f, 1, "0.3333333333");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(a_limit_that_does_not_exist_is_told)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_USED_BYTES);
	struct problem p = { 0 };
	struct frame *f;

	q.fn = FN_ABOVE;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_ptr_nonnull(strstr(p.text, "threshold as a number"));
	q.fn = FN_FOLD;
	q.format = QUERY_STATES;
	ck_err(query_run(&f, &q, &v, &generous, &p), EINVAL);
	ck_assert_ptr_nonnull(strstr(p.text, "has no states"));
}
END_TEST

/* Four processes of two services: 0.5, 0.8 of a; 0.95 and one gone of b. */
static void fleet(struct view *v)
{
	fake_point(fake_add(v, COL_HEAP_UTIL_RATE, "service=a,instance=0"),
		   T0 + 10000, 0.5, 1);
	fake_point(fake_add(v, COL_HEAP_UTIL_RATE, "service=a,instance=1"),
		   T0 + 10000, 0.8, 1);
	fake_point(fake_add(v, COL_HEAP_UTIL_RATE, "service=b,instance=0"),
		   T0 + 10000, 0.95, 1);
	fake_point(fake_add(v, COL_HEAP_UTIL_RATE, "service=b,instance=1"),
		   T0 + 20000, 0.7, 1);
}

START_TEST(processes_are_counted_by_state)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	char *by[] = { (char *)"service" };
	struct frame *f;

	fleet(&v);
	q.to_ms = T0 + 20000;
	q.agg = AGG_STATES;
	q.threshold = &limits_of_util;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 4);
	ck_assert_str_eq(labels_text(&f->fields[1].labels), "state=ok");
	CELLS(f, 1, "1 1");
	ck_assert_str_eq(f->fields[2].display_name, "warning");
	CELLS(f, 2, "1 0");
	CELLS(f, 3, "1 0");
	ck_assert_str_eq(f->fields[3].unit, "short");
	frame_free(f);
	q.by = by;
	q.by_count = 1;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 7);
	ck_assert_str_eq(labels_text(&f->fields[4].labels),
			 "service=b,state=ok");
	CELLS(f, 4, "0 1");
	CELLS(f, 6, "1 0");
	CELLS(f, 1, "1 -"); /* a has no value at all in the second step */
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(a_heatmap_counts_series_per_bucket)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	struct frame *f;

	fleet(&v);
	q.to_ms = T0 + 10000;
	q.agg = AGG_HISTOGRAM;
	q.format = QUERY_HEATMAP;
	f = answer(&q, &v);
	ck_assert_int_eq(f->type, FRAME_HEATMAP);
	ck_assert_uint_eq(f->field_count, 1 + 10); /* 0.5 .. 0.95 */
	ck_assert_str_eq(f->fields[1].display_name, "0.5");
	CELLS(f, 1, "1");
	CELLS(f, 2, "0");
	ck_assert_str_eq(f->fields[10].display_name, "0.95");
	CELLS(f, 10, "1");
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(states_are_words)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	struct frame *f;

	fleet(&v);
	q.to_ms = T0 + 20000;
	q.format = QUERY_STATES;
	q.threshold = &limits_of_util;
	f = answer(&q, &v);
	ck_assert_int_eq(f->type, FRAME_TABLE);
	ck_assert_str_eq(f->fields[2].cells->string[0], "warning");
	ck_assert(!cells_valid(f->fields[2].cells, 1));
	ck_assert_str_eq(f->fields[3].cells->string[0], "critical");
	ck_assert_str_eq(f->fields[4].cells->string[1], "ok");
	ck_assert_ptr_null(f->fields[2].unit);
	frame_free(f);
	fake_view_fini(&v);
}
END_TEST

START_TEST(attributes_stand_where_labels_may)
{
	struct view v = { 0 };
	struct query q = question(METRIC_HEAP_UTIL_RATE);
	char *by[] = { (char *)"version" };
	struct problem p = { 0 };
	struct matcher m;
	struct frame *f;

	fleet(&v);
	ck_ok(labels_set(&v.items[0].attributes, "version", "1.2"));
	ck_ok(labels_set(&v.items[1].attributes, "version", "1.3"));
	ck_ok(labels_set(&v.items[2].attributes, "version", "1.3"));
	q.to_ms = T0 + 10000;
	q.agg = AGG_MAX;
	q.by = by;
	q.by_count = 1;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 3);
	ck_assert_str_eq(labels_text(&f->fields[1].labels), "version=1.2");
	CELLS(f, 1, "0.5");
	CELLS(f, 2, "0.95");
	frame_free(f);
	ck_ok(matcher_init(&m, "version", MATCH_NOT_EQUAL, "1.3", &p));
	q.matchers = &m;
	q.matcher_count = 1;
	q.agg = AGG_NONE;
	f = answer(&q, &v);
	ck_assert_uint_eq(f->field_count, 2);
	ck_assert_str_eq(labels_text(&f->fields[1].labels),
			 "instance=0,service=a,version=1.2");
	frame_free(f);
	matcher_fini(&m);
	fake_view_fini(&v);
}
END_TEST

START_TEST(events_have_the_columns_of_annotations)
{
	struct label items[] = { { (char *)"node", (char *)"gw" },
				 { (char *)"service", (char *)"scada" } };
	const struct labels labels = { items, 2 };
	const struct stored_event events[] = {
		{ 7, "target_started", T0 + 1000, 0, &labels, "it runs" },
		{ 8, "target_exited", T0 + 2000, T0 + 3000, &labels, "gone" },
	};
	struct view v = { .events = events, .event_count = 2 };
	struct query q = question(METRIC_COUNT);
	struct query_limits few = generous;
	struct problem p = { 0 };
	struct matcher m;
	struct frame *f;

	q.format = QUERY_EVENTS;
	f = answer(&q, &v);
	CELLS(f, 0, "1000 2000");
	CELLS(f, 1, "- 3000");
	CELLS(f, 2, "Target started: scada/? Target exited: scada/?");
	CELLS(f, 3, "it runs gone");
	CELLS(f, 4, "target_started,gw,scada target_exited,gw,scada");
	CELLS(f, 5, "7 8");
	frame_free(f);
	ck_ok(matcher_init(&m, "kind", MATCH_EQUAL, "target_exited", &p));
	q.matchers = &m;
	q.matcher_count = 1;
	f = answer(&q, &v);
	CELLS(f, 3, "gone");
	frame_free(f);
	matcher_fini(&m);
	q.matcher_count = 0;
	few.points_max = 10;
	ck_ok(query_run(&f, &q, &v, &few, &p));
	CELLS(f, 3, "it runs");
	ck_assert_ptr_nonnull(strstr(f->notices[0].text, "truncated"));
	frame_free(f);
}
END_TEST

START_TEST(collections_come_when_asked_for_and_with_their_numbers)
{
	struct label items[] = { { (char *)"service", (char *)"scada" } };
	const struct labels labels = { items, 1 };
	const struct stored_event events[] = {
		{ 7, "target_started", T0 + 1000, 0, &labels, "it runs" },
		{ 8, "collection", T0 + 2000, T0 + 2003, &labels,
		  "young: Copy; Allocation Failure; 500 -> 20 bytes; paused "
		  "for 2500 us; 4 before it left out" },
		{ 9, "collection", T0 + 3000, 0, &labels, "garbled" },
	};
	struct view v = { .events = events, .event_count = 3 };
	struct query q = question(METRIC_COUNT);
	struct problem p = { 0 };
	struct matcher m;
	struct frame *f;

	q.format = QUERY_EVENTS;
	f = answer(&q, &v);
	CELLS(f, 5, "7");
	ck_assert_uint_eq(f->field_count, 10);
	frame_free(f);
	q.matchers = &m;
	q.matcher_count = 1;
	ck_ok(matcher_init(&m, "kind", MATCH_NOT_EQUAL, "reloaded", &p));
	f = answer(&q, &v);
	CELLS(f, 5, "7");
	frame_free(f);
	matcher_fini(&m);
	ck_ok(matcher_init(&m, "kind", MATCH_EQUAL, "collection", &p));
	f = answer(&q, &v);
	CELLS(f, 5, "8 9");
	CELLS(f, 10, "young -");
	CELLS(f, 11, "Copy -");
	CELLS(f, 12, "Allocation Failure -");
	CELLS(f, 13, "0.0025 -");
	CELLS(f, 15, "500 -");
	CELLS(f, 16, "20 -");
	ck_assert_int_eq(f->fields[17].cells->i64[0], 4);
	ck_assert_str_eq(f->fields[15].unit, "bytes");
	frame_free(f);
	matcher_fini(&m);
	ck_ok(matcher_init(&m, "kind", MATCH_REGEX, "coll.*|target_.*", &p));
	f = answer(&q, &v);
	CELLS(f, 5, "7 8 9");
	CELLS(f, 10, "- young -");
	frame_free(f);
	matcher_fini(&m);
}
END_TEST

TEST_MAIN("query", collections_come_when_asked_for_and_with_their_numbers,
	  value_at_t_stands_for_the_window_open_on_the_left,
	  every_window_that_touches_the_range_is_answered_whole,
	  fold_is_the_metrics_own, fn_makes_one_value_of_the_points_of_a_step,
	  counters_rise_from_the_point_before_the_window,
	  reset_of_a_counter_is_never_negative,
	  point_before_the_range_is_where_the_first_rate_starts,
	  look_back_of_a_rate_is_bounded,
	  farthest_point_that_counts_is_read_too,
	  rate_of_a_gauge_is_refused_with_a_way_out,
	  steps_finer_than_the_resolution_repeat_its_value,
	  point_at_the_left_edge_belongs_to_the_window_before,
	  series_that_ends_before_the_present_is_stale,
	  latest_of_what_is_not_read_is_stale_not_silent,
	  no_event_is_said_to_be_none,
	  gap_longer_than_the_resolution_stays_a_gap,
	  agg_makes_one_value_of_several_series, agg_keeps_the_labels_of_by,
	  only_what_matches_is_counted,
	  quantile_lies_between_the_two_nearest_ranks,
	  group_shows_the_labels_it_was_made_by,
	  series_shows_who_it_is_and_what_differs,
	  name_says_no_more_than_it_must,
	  pid_shows_only_where_nothing_else_tells_apart,
	  a_machine_is_one_line_before_and_after_a_restart,
	  dimension_of_a_column_is_always_shown,
	  legend_is_a_template_over_labels_and_attributes,
	  label_of_the_legend_is_shown,
	  top_keeps_the_highest_and_says_what_is_missing,
	  tables_tell_the_top_by_rank_and_pictures_by_label,
	  shift_asks_for_earlier_and_answers_now,
	  table_is_long_and_sorted_by_time,
	  latest_is_the_newest_value_of_open_series,
	  latest_rate_is_that_of_the_last_minute,
	  absent_value_tells_its_reason, many_reasons_are_summed_up,
	  reason_of_today_is_not_told_about_yesterday,
	  reason_is_not_told_where_there_are_values,
	  clock_that_stepped_back_folds_into_the_same_steps,
	  no_rate_spans_a_step_of_the_clock,
	  limit_names_itself_the_figure_and_what_to_change,
	  memory_for_repeated_steps_counts_against_the_limit,
	  huge_range_is_refused_before_any_work,
	  misspelt_label_is_told,
	  long_lists_and_legends_are_refused,
	  store_that_cannot_be_read_is_told, nothing_matches_is_an_answer,
	  latest_of_everything_is_one_frame_per_metric,
	  step_is_a_width_that_people_read, words_are_read_and_written,
	  unknown_name_gets_near_ones, question_owns_what_it_holds,
	  share_of_time_beyond_a_limit, a_share_weighs_points_by_their_time,
	  a_limit_that_does_not_exist_is_told, processes_are_counted_by_state,
	  a_heatmap_counts_series_per_bucket, states_are_words,
	  attributes_stand_where_labels_may,
	  events_have_the_columns_of_annotations)
