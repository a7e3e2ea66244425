/* The store: what goes in comes out, thinned, once, and after a restart. */
#include <fcntl.h>
#include <malloc.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "server/store/catalog.h"
#include "store_fixture.h"

static struct points found;

START_TEST(memory_has_every_sample)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 100; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i * 4096.0);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 100000, 1000);
	ck_assert_uint_eq(found.count, 100);
	for (int i = 1; i <= 100; i++) {
		ck_assert_int_eq(found.items[i - 1].time_ms, T0 + i * 1000);
		ck_assert_double_eq(found.items[i - 1].value, i * 4096.0);
	}
	store_close(s);
}
END_TEST

START_TEST(a_step_becomes_one_point_by_the_fold)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 30; i++) {
		struct batch *b = tick_of(at(T0 + i * 1000));

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES,
				 i % 10 == 5 ? 100 : i);
		batch_add_sample(b, 1, COL_FRAG_RATIO, i % 10 == 3 ? .25 : .5);
		batch_add_sample(b, 1, COL_HEAP_MAX_BYTES, i);
		ck_ok(store_append(s, b));
	}
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 30000, 10000);
	ck_assert_uint_eq(found.count, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(found.items[i].time_ms, T0 + (i + 1) * 10000);
		ck_assert_double_eq(found.items[i].value, 100);
	}
	scan(s, &found, METRIC_FRAG_RATIO, T0, T0 + 30000, 10000);
	ck_assert_uint_eq(found.count, 3);
	ck_assert_double_eq(found.items[2].value, .25);
	scan(s, &found, METRIC_HEAP_MAX_BYTES, T0, T0 + 30000, 10000);
	ck_assert_uint_eq(found.count, 3);
	ck_assert_double_eq(found.items[0].value, 10);
	ck_assert_double_eq(found.items[2].value, 30);
	store_close(s);
}
END_TEST

START_TEST(the_range_is_open_on_the_left)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 60; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + 5000, T0 + 8000, 0);
	ck_assert_uint_eq(found.count, 3);
	ck_assert_double_eq(found.items[0].value, 6);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + 10000, T0 + 30000, 10000);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_int_eq(found.items[0].time_ms, T0 + 20000);
	store_close(s);
}
END_TEST

START_TEST(a_restart_loses_nothing)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 25; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	store_close(s);
	s = fixture_open(fixture_options());
	for (int i = 26; i <= 45; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 100000, 10000);
	/* 10 20 25 (cut by the close) 30 40 50 (at hand) */
	ck_assert_uint_eq(found.count, 6);
	ck_assert_double_eq(found.items[0].value, 10);
	ck_assert_int_eq(found.items[2].time_ms, T0 + 25000);
	ck_assert_double_eq(found.items[2].value, 25);
	ck_assert_int_eq(found.items[3].time_ms, T0 + 30000);
	ck_assert_double_eq(found.items[3].value, 30);
	ck_assert_double_eq(found.items[5].value, 45);
	for (size_t i = 0; i < found.count; i++) {
		ck_assert_uint_eq(found.series[i], 0);
		ck_assert_uint_eq(found.items[i].epoch, 0);
	}
	store_close(s);
}
END_TEST

START_TEST(memory_and_database_meet_without_seam)
{
	struct store_options o = fixture_options();
	struct store *s;

	o.memory_ms = 120000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 1000; i++)
		put(s, T0 + i * 1000, COL_HEAP_ALLOCATED_BYTES_TOTAL, i);
	/* full resolution where memory has it, else points of 10 s */
	scan(s, &found, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, T0, T0 + 1000000,
	     1000);
	ck_assert_uint_gt(found.count, 200);
	ck_assert_uint_lt(found.count, 300);
	for (size_t i = 0; i < found.count; i++) {
		int64_t t = found.items[i].time_ms - T0;

		ck_assert_double_eq(found.items[i].value, (double)t / 1000);
		if (i > 0) {
			int64_t d = t - (found.items[i - 1].time_ms - T0);

			ck_assert(d == 1000 || d == 10000);
		}
	}
	scan(s, &found, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, T0, T0 + 1000000,
	     10000);
	ck_assert_uint_eq(found.count, 100);
	store_close(s);
}
END_TEST

START_TEST(an_open_view_keeps_its_moment)
{
	struct store *s = fixture_fresh(fixture_options());
	own(view_closep) struct view *v = NULL;
	struct series *series;
	size_t count;
	struct points *p = &found;

	for (int i = 1; i <= 55; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	ck_ok(view_open(&v, s));
	for (int i = 56; i <= 300; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	put(s, T0 + 301000, COL_GOROUTINES, 1);
	ck_ok(view_select(v, METRIC_COUNT, NULL, 0, T0, T0 + 300000, &series,
			  &count));
	ck_assert_uint_eq(count, 1);
	p->count = 0;
	ck_ok(view_scan(v, series, count, T0, T0 + 400000, 10000, collect_points,
			p));
	ck_assert_uint_eq(p->count, 6); /* five whole ones and 51..55 */
	ck_assert_double_eq(p->items[5].value, 55);
	series_free(series, count);
	view_close(take(v));
	store_close(s);
}
END_TEST

START_TEST(a_clock_that_steps_back_begins_an_epoch)
{
	struct store *s = fixture_fresh(fixture_options());
	own(view_closep) struct view *v = NULL;
	struct batch *b;

	for (int i = 1; i <= 60; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	for (int i = 1; i <= 60; i++) { /* 30 s back, boot time goes on */
		b = tick_of((struct now){at(T0 + (60 + i) * 1000).boot_ns,
					 T0 + (30 + i) * 1000});
		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, 1000 + i);
		ck_ok(store_append(s, b));
	}
	for (int full = 0; full < 2; full++) {
		scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 200000,
		     full ? 1000 : 10000);
		ck_assert_uint_eq(found.count, full ? 120 : 12);
		for (size_t i = 0; i < found.count; i++)
			ck_assert_uint_eq(found.items[i].epoch,
					  i >= found.count / 2);
	}
	ck_ok(view_open(&v, s));
	ck_assert_uint_eq(view_epochs(v, T0, T0 + 200000), 1);
	ck_assert_uint_eq(view_epochs(v, T0, T0 + 20000), 0);
	view_close(take(v));
	store_close(s);
	s = fixture_open(fixture_options());
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 200000, 10000);
	ck_assert_uint_eq(found.count, 12);
	ck_assert_double_eq(found.items[5].value, 60);
	ck_assert_int_eq(found.items[6].time_ms, T0 + 40000);
	ck_assert_uint_eq(found.items[6].epoch, 1);
	store_close(s);
}
END_TEST

START_TEST(a_process_is_the_same_entity_after_a_restart)
{
	struct store *s = fixture_fresh(fixture_options());
	struct entity *known;
	size_t count;
	struct store_stats stats;
	struct batch *b;

	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	store_close(s);
	s = fixture_open(fixture_options());
	ck_ok(store_open_entities(s, &known, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(known[0].key.pid, 100);
	ck_assert_str_eq(labels_get(&known[0].labels, "service"), "pump");
	ck_assert_str_eq(labels_get(&known[0].attributes, "version"), "1.0");
	entity_fini(&known[0]);
	free(known);
	b = tick_of(at(T0 + 2000)); /* another number in this run */
	add_process(b, 9, 100);
	batch_add_sample(b, 9, COL_HEAP_USED_BYTES, 2);
	ck_ok(store_append(s, b));
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.entities, 1);
	ck_assert_uint_eq(stats.series, 1);
	store_close(s);
}
END_TEST

/* What runs as pid 100 from now on, under another number. */
static void exec_to(struct batch *b, uint32_t number, const char *service)
{
	struct entity e = {.number = number,
			   .kind = ENTITY_PROCESS,
			   .key = {"boot-one", 100, 77},
			   .start_wall_ms = T0};

	ck_ok(labels_set(&e.labels, "node", "plc7"));
	ck_ok(labels_set(&e.labels, "service", service));
	ck_ok(labels_set(&e.labels, "pid", "100"));
	batch_add_entity(b, &e);
	entity_fini(&e);
}

/* The only open series of the metric, and its service and last value. */
static void check_open(struct store *s, const char *service, double value)
{
	own(view_closep) struct view *v = NULL;
	struct series *series;
	struct point last;
	size_t count, open = 0;
	bool has;

	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_HEAP_USED_BYTES, NULL, 0, INT64_MIN,
			  INT64_MAX, &series, &count));
	for (size_t i = 0; i < count; i++) {
		if (!series[i].open)
			continue;
		open++;
		ck_assert_str_eq(labels_get(&series[i].labels, "service"),
				 service);
		ck_ok(view_last(v, &series[i], 1, &last, &has));
		ck_assert(has);
		ck_assert_double_eq(last.value, value);
	}
	ck_assert_uint_eq(open, 1);
	series_free(series, count);
}

/* order 0: the close in the same batch; 1: in the one before; 2: after. */
static struct store *after_exec(const char *service, int order)
{
	struct store *s = fixture_fresh(fixture_options());
	struct batch *b;

	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	b = tick_of(at(T0 + 2000));
	if (order != 2)
		batch_add_close(b, 1, b->now.boot_ns, "replaced by exec");
	if (order == 1) {
		ck_ok(store_append(s, b));
		b = tick_of(at(T0 + 3000));
	}
	exec_to(b, 2, service);
	batch_add_sample(b, 2, COL_HEAP_USED_BYTES, 2);
	ck_ok(store_append(s, b));
	b = tick_of(at(T0 + 4000));
	if (order == 2)
		batch_add_close(b, 1, b->now.boot_ns, "replaced by exec");
	batch_add_sample(b, 2, COL_HEAP_USED_BYTES, 3);
	ck_ok(store_append(s, b));
	return s;
}

START_TEST(an_exec_to_another_program_is_another_entity)
{
	for (int order = 0; order < 3; order++) {
		struct store *s = after_exec("valve", order);
		struct store_stats stats;

		check_open(s, "valve", 3);
		store_stats(s, &stats);
		ck_assert_uint_eq(stats.entities, 2);
		store_close(s);
		s = fixture_open(fixture_options()); /* and stays so */
		store_stats(s, &stats);
		ck_assert_uint_eq(stats.entities, 2);
		store_close(s);
	}
}
END_TEST

START_TEST(an_exec_to_the_same_program_goes_on)
{
	for (int order = 0; order < 3; order++) {
		struct store *s = after_exec("pump", order);
		struct store_stats stats;

		check_open(s, "pump", 3);
		store_stats(s, &stats);
		ck_assert_uint_eq(stats.entities, 1);
		store_close(s);
	}
}
END_TEST

START_TEST(a_process_renamed_between_two_runs_is_open_once)
{
	struct store *s = fixture_fresh(fixture_options());
	struct batch *b;

	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	store_close(s);
	s = fixture_open(fixture_options());
	b = tick_of(at(T0 + 2000));
	exec_to(b, 1, "valve");
	batch_add_sample(b, 1, COL_HEAP_USED_BYTES, 2);
	ck_ok(store_append(s, b));
	check_open(s, "valve", 2);
	store_close(s);
}
END_TEST

START_TEST(a_closed_series_has_no_last)
{
	struct store *s = fixture_fresh(fixture_options());
	struct store_stats stats;
	struct entity *known;
	struct series *series;
	struct point last;
	struct view *v;
	struct batch *b;
	size_t count;
	bool has;

	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 7);
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_HEAP_USED_BYTES, NULL, 0, T0, T0 + 1000,
			  &series, &count));
	ck_ok(view_last(v, series, 1, &last, &has));
	ck_assert(has && last.value == 7 && last.time_ms == T0 + 1000);
	ck_assert_int_eq(view_gap(v, series), GAP_NONE);
	b = tick_of(at(T0 + 2000));
	batch_add_close(b, 1, at(T0 + 1500).boot_ns, "exited");
	ck_ok(store_append(s, b));
	ck_ok(view_last(v, series, 1, &last, &has));
	ck_assert(has); /* the view stays at its moment */
	series_free(series, count);
	view_close(v);
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_HEAP_USED_BYTES, NULL, 0, T0, T0 + 1000,
			  &series, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert(!series[0].open);
	ck_ok(view_last(v, series, 1, &last, &has));
	ck_assert(!has);
	ck_assert_int_eq(view_gap(v, series), GAP_EXITED);
	series_free(series, count);
	ck_ok(view_select(v, METRIC_HEAP_USED_BYTES, NULL, 0, T0 + 60000,
			  T0 + 90000, &series, &count));
	ck_assert_uint_eq(count, 0); /* it was gone by then */
	series_free(series, count);
	view_close(v);
	store_close(s);
	s = fixture_open(fixture_options());
	ck_ok(store_open_entities(s, &known, &count));
	ck_assert_uint_eq(count, 0);
	free(known);
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.entities, 1);
	store_close(s);
}
END_TEST

START_TEST(a_gap_has_a_reason_and_no_last)
{
	struct store *s = fixture_fresh(fixture_options());
	struct series *series;
	struct point last;
	struct view *v;
	struct batch *b;
	size_t count;
	bool has;

	put(s, T0 + 1000, COL_GC_PRESSURE, 7);
	b = tick_of(at(T0 + 2000));
	batch_add_gap(b, 1, COL_GC_PRESSURE, GAP_UNREADABLE);
	batch_add_gap(b, 1, COL_HEAP_LIVE_BYTES, GAP_NOT_YET);
	ck_ok(store_append(s, b));
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_COUNT, NULL, 0, T0, T0 + 9000, &series,
			  &count));
	ck_assert_uint_eq(count, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_ok(view_last(v, &series[i], 1, &last, &has));
		ck_assert(!has);
		ck_assert_int_eq(view_gap(v, &series[i]),
				 series[i].column == COL_GC_PRESSURE
					 ? GAP_UNREADABLE
					 : GAP_NOT_YET);
	}
	series_free(series, count);
	view_close(v);
	put(s, T0 + 3000, COL_GC_PRESSURE, 8);
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_GC_PRESSURE, NULL, 0, T0, T0 + 9000,
			  &series, &count));
	ck_ok(view_last(v, series, 1, &last, &has));
	ck_assert(has && last.value == 8);
	ck_assert_int_eq(view_gap(v, series), GAP_NONE);
	series_free(series, count);
	view_close(v);
	store_close(s);
}
END_TEST

START_TEST(gaps_and_attributes_are_dated)
{
	struct store *s = fixture_fresh(fixture_options());
	struct entity e = {.number = 1,
			   .kind = ENTITY_PROCESS,
			   .key = {"boot-one", 100, 77}};
	sqlite3_stmt *q;
	sqlite3 *db;
	struct batch *b;

	put(s, T0 + 1000, COL_GC_PRESSURE, 7);
	b = tick_of(at(T0 + 2000));
	batch_add_gap(b, 1, COL_GC_PRESSURE, GAP_UNREADABLE);
	ck_ok(store_append(s, b));
	ck_ok(store_flush(s));
	b = tick_of(at(T0 + 5000));
	ck_ok(labels_set(&e.attributes, "version", "2.0\nbeta\\"));
	batch_add_entity(b, &e);
	batch_add_sample(b, 1, COL_GC_PRESSURE, 8);
	ck_ok(store_append(s, b));
	entity_fini(&e);
	store_close(s);
	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(
				 db, "SELECT from_ms, to_ms, reason FROM gaps",
				 -1, &q, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int64(q, 0), T0 + 2000);
	ck_assert_int_eq(sqlite3_column_int64(q, 1), T0 + 5000);
	ck_assert_str_eq((const char *)sqlite3_column_text(q, 2), "unreadable");
	ck_assert_int_eq(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db,
				   "SELECT from_ms, labels FROM attributes"
				   " ORDER BY from_ms",
				   -1, &q, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(q, 1),
			 "version=1.0\n");
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int64(q, 0), T0 + 5000);
	ck_assert_str_eq((const char *)sqlite3_column_text(q, 1),
			 "version=2.0\\nbeta\\\\\n");
	sqlite3_finalize(q);
	sqlite3_close(db);
}
END_TEST

static int collect_event(void *arg, const struct stored_event *e)
{
	char *text = arg;

	strcat(text, e->text);
	strcat(text, labels_get(e->labels, "service") ? "+ " : " ");
	return 0;
}

START_TEST(events_come_back_oldest_first)
{
	struct store *s = fixture_fresh(fixture_options());
	struct view *v;
	struct batch *b;
	char text[256];

	for (int flushed = 0; flushed < 2; flushed++) {
		if (flushed == 0) {
			b = tick_of(at(T0 + 5000));
			add_process(b, 1, 100);
			batch_add_event(b, EVENT_TARGET_STARTED, 1,
					at(T0 + 2000).boot_ns, "two");
			batch_add_event(b, EVENT_HEAPWATCH_STARTED, 0,
					at(T0 + 1000).boot_ns, "one");
			ck_ok(store_append(s, b));
			ck_ok(store_flush(s));
			b = tick_of(at(T0 + 6000));
			batch_add_event(b, EVENT_TARGET_EXITED, 1,
					at(T0 + 1500).boot_ns, "middle");
			ck_ok(store_append(s, b));
		} else {
			ck_ok(store_flush(s));
		}
		ck_ok(view_open(&v, s));
		*text = '\0';
		ck_ok(view_events(v, EVENTS_ALL, NULL, 0, T0, T0 + 9000, collect_event,
				  text));
		ck_assert_str_eq(text, "one middle+ two+ ");
		*text = '\0';
		ck_ok(view_events(v, EVENTS_ALL, NULL, 0, T0 + 1000, T0 + 1500,
				  collect_event, text));
		ck_assert_str_eq(text, "middle+ ");
		view_close(v);
	}
	store_close(s);
}
END_TEST

START_TEST(select_matches_and_sorts)
{
	struct store *s = fixture_fresh(fixture_options());
	struct batch *b = tick_of(at(T0 + 1000));
	struct problem p = {0};
	struct matcher m[2];
	struct series *series;
	struct view *v;
	size_t count;
	char **strings;

	for (int i = 0; i < 5; i++) {
		add_process(b, (uint32_t)(5 - i), 205 - i);
		batch_add_sample(b, (uint32_t)(5 - i), COL_GC_COLLECTIONS_YOUNG,
				 1);
		batch_add_sample(b, (uint32_t)(5 - i),
				 COL_GC_COLLECTIONS_FORCED, 1);
	}
	ck_ok(store_append(s, b));
	ck_ok(matcher_init(&m[0], "pid", MATCH_REGEX, "20[1-3]", &p));
	ck_ok(matcher_init(&m[1], "kind", MATCH_EQUAL, "young", &p));
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_GC_COLLECTIONS_TOTAL, m, 2, T0, T0 + 1000,
			  &series, &count));
	ck_assert_uint_eq(count, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(labels_get(&series[i].labels, "pid")[2],
				 '1' + (int)i);
		ck_assert_str_eq(labels_get(&series[i].labels, "kind"),
				 "young");
		ck_assert_str_eq(labels_get(series[i].attributes, "version"),
				 "1.0");
		ck_assert_int_eq(series[i].resolution_ms, 10000);
	}
	series_free(series, count);
	ck_ok(view_label_values(v, "kind", NULL, 0, &strings, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(strings[0], "forced");
	strings_free(strings, count);
	ck_ok(view_label_names(v, m, 2, &strings, &count));
	ck_assert_uint_eq(count, 4);
	ck_assert_str_eq(strings[0], "kind");
	ck_assert_str_eq(strings[3], "service");
	strings_free(strings, count);
	view_close(v);
	matcher_fini(&m[0]);
	matcher_fini(&m[1]);
	store_close(s);
}
END_TEST

START_TEST(plant_labels_join_at_the_answer)
{
	struct store *s = fixture_fresh(fixture_options());
	struct plant *plant = calloc(1, sizeof(*plant));
	struct series *series;
	struct matcher m;
	struct problem p = {0};
	struct view *v;
	size_t count;

	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	plant->rules = calloc(1, sizeof(plant->rules[0]));
	plant->count = 1;
	ck_ok(labels_set(&plant->rules[0].labels, "line", "L2"));
	store_set_plant(s, plant);
	ck_ok(matcher_init(&m, "line", MATCH_EQUAL, "L2", &p));
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_COUNT, &m, 1, T0, T0 + 1000, &series,
			  &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(labels_get(&series[0].labels, "line"), "L2");
	series_free(series, count);
	view_close(v);
	matcher_fini(&m);
	store_close(s);
}
END_TEST

/* One rule: everything has this site. */
static struct plant *plant_of(const char *site)
{
	struct plant *plant = calloc(1, sizeof(*plant));

	plant->rules = calloc(1, sizeof(plant->rules[0]));
	plant->count = 1;
	ck_ok(labels_set(&plant->rules[0].labels, "site", site));
	return plant;
}

/* The site of the only series in (to - 1 s, to], "" when it has none. */
static const char *site_at(struct store *s, int64_t to_ms)
{
	static char site[32];
	own(view_closep) struct view *v = NULL;
	struct series *series = NULL;
	const char *value;
	size_t count = 0;

	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_COUNT, NULL, 0, to_ms - 1000, to_ms,
			  &series, &count));
	ck_assert_uint_eq(count, 1);
	value = labels_get(&series[0].labels, "site");
	snprintf(site, sizeof(site), "%s", value ? value : "");
	series_free(series, count);
	return site;
}

static int64_t clock_ms; /* the wall clock */

static struct now test_clock(void)
{
	return at(clock_ms);
}

START_TEST(plant_labels_are_dated_and_survive)
{
	struct store *s = fixture_fresh(fixture_options());

	clock_set_source(test_clock);
	clock_ms = T0;
	store_set_plant(s, plant_of("north"));
	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	clock_ms = T0 + 50000;
	store_set_plant(s, plant_of("south"));
	store_set_plant(s, plant_of("south"));
	put(s, T0 + 90000, COL_HEAP_USED_BYTES, 1);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(site_at(s, T0 + 1000), "north");
		ck_assert_str_eq(site_at(s, T0 + 49999), "north");
		ck_assert_str_eq(site_at(s, T0 + 50000), "south");
		store_close(s);
		s = fixture_open(fixture_options());
	}
	/* No rules are rules too. */
	clock_ms = T0 + 95000;
	store_set_plant(s, calloc(1, sizeof(struct plant)));
	ck_assert_str_eq(site_at(s, T0 + 90000), "south");
	ck_assert_str_eq(site_at(s, T0 + 96000), "");
	store_close(s);
	clock_set_source(NULL);
}
END_TEST

START_TEST(plant_labels_follow_a_clock_that_steps_back)
{
	struct store *s = fixture_fresh(fixture_options());

	clock_set_source(test_clock);
	clock_ms = T0;
	store_set_plant(s, plant_of("north"));
	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	clock_ms = T0 + 50000;
	store_set_plant(s, plant_of("south"));
	put(s, T0 + 51000, COL_HEAP_USED_BYTES, 1);
	put(s, T0 + 20000, COL_HEAP_USED_BYTES, 1);
	ck_assert_str_eq(site_at(s, T0 + 20000), "south");
	ck_assert_str_eq(site_at(s, T0 + 19000), "north");
	store_close(s);
	clock_set_source(NULL);
}
END_TEST

START_TEST(plant_labels_wait_for_a_right_clock)
{
	struct store_options o = fixture_options();
	struct store *s;

	o.clock_floor_ms = T0;
	s = fixture_fresh(o);
	clock_set_source(test_clock);
	clock_ms = T0 + 1000;
	store_set_plant(s, plant_of("north"));
	put(s, T0 + 1000, COL_HEAP_USED_BYTES, 1);
	clock_ms = 1000; /* 1970 */
	store_set_plant(s, plant_of("south"));
	ck_assert_str_eq(site_at(s, T0 + 5000), "north");
	put(s, T0 + 60000, COL_HEAP_USED_BYTES, 1);
	ck_assert_str_eq(site_at(s, T0 + 5000), "north");
	ck_assert_str_eq(site_at(s, T0 + 60000), "south");
	store_close(s);
	clock_set_source(NULL);
}
END_TEST

START_TEST(facts_of_a_batch_are_written_at_once)
{
	struct store *s = fixture_fresh(fixture_options());
	struct batch *b = tick_of(at(T0 + 1000));
	own(freep) char *value = NULL;

	batch_add_fact(b, "maintenance", "old");
	batch_add_fact(b, "maintenance", "new");
	ck_ok(store_append(s, b));
	ck_ok(store_meta_get(s, "maintenance", &value));
	ck_assert_str_eq(value, "new");
	store_close(s);
}
END_TEST

START_TEST(retention_changes_while_it_runs)
{
	struct store *s = fixture_fresh(fixture_options());
	struct points p;

	for (int i = 1; i <= 200; i++)
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i);
	ck_ok(store_flush(s));
	scan(s, &p, METRIC_HEAP_USED_BYTES, 0, INT64_MAX, 10000);
	ck_assert_uint_eq(p.count, 200);
	store_set_retention(s, 600000, 0);
	for (int i = 201; i <= 400; i++) /* an hour is over */
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i);
	ck_ok(store_flush(s));
	scan(s, &p, METRIC_HEAP_USED_BYTES, 0, T0 + 1000000, 10000);
	ck_assert_uint_eq(p.count, 0);
	scan(s, &p, METRIC_HEAP_USED_BYTES, T0 + 3500000, INT64_MAX, 10000);
	ck_assert_uint_eq(p.count, 50);
	store_close(s);
}
END_TEST

START_TEST(metrics_that_have_a_series_are_told)
{
	struct store *s = fixture_fresh(fixture_options());
	bool present[METRIC_COUNT];
	struct view *v;
	int count = 0;

	put(s, T0 + 1000, COL_GOROUTINES, 1);
	ck_ok(view_open(&v, s));
	ck_ok(view_metrics(v, present));
	for (int i = 0; i < METRIC_COUNT; i++)
		count += present[i];
	ck_assert_int_eq(count, 1);
	ck_assert(present[METRIC_GOROUTINES]);
	view_close(v);
	store_close(s);
}
END_TEST

START_TEST(too_many_views_are_busy)
{
	struct store *s = fixture_fresh(fixture_options());
	struct view *v[8], *more;

	for (int i = 0; i < 8; i++)
		ck_ok(view_open(&v[i], s));
	ck_err(view_open(&more, s), EBUSY);
	view_close(v[3]);
	ck_ok(view_open(&v[3], s));
	for (int i = 0; i < 8; i++)
		view_close(v[i]);
	store_close(s);
}
END_TEST

START_TEST(meta_outlives_a_run)
{
	struct store *s = fixture_fresh(fixture_options());
	char *value;

	ck_err(store_meta_get(s, "node", &value), ENOENT);
	ck_ok(store_meta_set(s, "node", "plc6"));
	ck_ok(store_meta_set(s, "node", "plc7"));
	store_close(s);
	s = fixture_open(fixture_options());
	ck_ok(store_meta_get(s, "node", &value));
	ck_assert_str_eq(value, "plc7");
	free(value);
	store_close(s);
}
END_TEST

START_TEST(data_waits_for_a_right_clock)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;
	struct batch *b;

	o.clock_floor_ms = T0;
	s = fixture_fresh(o);
	for (int i = 1; i <= 20; i++) { /* 1970 */
		b = tick_of((struct now){at(T0 + i * 1000).boot_ns, i});
		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
		ck_ok(store_append(s, b));
	}
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.held_batches, 20);
	scan(s, &found, METRIC_HEAP_USED_BYTES, 0, T0 * 2, 0);
	ck_assert_uint_eq(found.count, 0);
	put(s, T0 + 21000, COL_HEAP_USED_BYTES, 21);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 30000, 0);
	ck_assert_uint_eq(found.count, 21);
	ck_assert_int_eq(found.items[0].time_ms, T0 + 1000);
	ck_assert_double_eq(found.items[20].value, 21);
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.held_batches, 0);
	ck_assert_uint_eq(stats.lost_samples, 0);
	store_close(s);
}
END_TEST

static int stop_at_third(void *arg, size_t index, const struct stretch *p)
{
	(void)index;
	(void)p;
	return ++*(int *)arg == 3 ? 33 : 0;
}

START_TEST(a_scan_ends_when_the_caller_says_so)
{
	struct store *s = fixture_fresh(fixture_options());
	struct series *series;
	struct view *v;
	size_t count;

	for (int i = 1; i <= 1500; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, METRIC_COUNT, NULL, 0, T0, T0 * 2, &series,
			  &count));
	for (int step = 0; step < 2; step++) {
		/* out of rows, out of memory */
		int64_t from = step ? T0 : T0 + 1400000;
		int seen = 0;

		ck_assert_int_eq(view_scan(v, series, count, from, T0 * 2,
					   step ? 10000 : 0, stop_at_third,
					   &seen),
				 33);
		ck_assert_int_eq(seen, 3);
	}
	series_free(series, count);
	view_close(v);
	store_close(s);
}
END_TEST

START_TEST(every_second_can_be_stored)
{
	struct store_options o = fixture_options();
	struct store *s;

	o.resolution_ms = 1000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 500; i++) /* ticks come a little late */
		put(s, T0 + i * 1000 - 300, COL_HEAP_USED_BYTES, i / 7.0);
	store_close(s);
	s = fixture_open(o);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 500000, 0);
	ck_assert_uint_eq(found.count, 500);
	for (int i = 1; i < 500; i++) {
		ck_assert_int_eq(found.items[i - 1].time_ms, T0 + i * 1000);
		ck_assert_double_eq(found.items[i - 1].value, i / 7.0);
	}
	/* the last step was cut by the close */
	ck_assert_int_eq(found.items[499].time_ms, T0 + 499700);
	store_close(s);
}
END_TEST

START_TEST(rows_are_there_by_the_flush_interval)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	o.resolution_ms = 1000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 100; i++)
		put(s, T0 + i * 1000, COL_HEAP_USED_BYTES, i);
	store_stats(s, &stats);
	ck_assert_uint_ge(stats.rows, 9);
	ck_assert_uint_le(stats.rows, 12); /* not one a second */
	ck_assert_uint_eq(stats.samples, 100);
	ck_assert_uint_eq(stats.batches, 100);
	ck_assert_int_ge(stats.last_flush_wall_ms, T0 + 90000);
	ck_assert_int_eq(stats.oldest_ms, T0 + 1000);
	ck_assert_int_gt(stats.file_bytes, 0);
	ck_assert_uint_gt(stats.memory_bytes, 0);
	store_close(s);
}
END_TEST

/* ---- opening ---- */

static void foreign(const char *sql);

START_TEST(columns_are_known_by_their_names)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 20; i++) {
		struct batch *b = tick_of(at(T0 + i * 1000));

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, 1);
		batch_add_sample(b, 1, COL_GOROUTINES, 2);
		batch_add_sample(b, 1, COL_THREADS, 3);
		ck_ok(store_append(s, b));
	}
	store_close(s);
	/* another program's table: one renamed, one it alone knows */
	foreign("UPDATE columns SET metric = 'resident_bytes'"
		" WHERE metric = 'goroutines';"
		"UPDATE columns SET metric = 'from_the_future'"
		" WHERE metric = 'threads'");
	s = fixture_open(fixture_options());
	scan(s, &found, METRIC_RESIDENT_BYTES, T0, T0 + 20000, 0);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_double_eq(found.items[0].value, 2);
	scan(s, &found, METRIC_THREADS, T0, T0 + 20000, 0);
	ck_assert_uint_eq(found.count, 0);
	put(s, T0 + 30000, COL_THREADS, 4);
	scan(s, &found, METRIC_THREADS, T0, T0 + 40000, 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_double_eq(found.items[0].value, 4);
	store_close(s);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void refused(const char *path, const char *word)
{
	struct store_options o = fixture_options();
	struct problem p = {0};
	struct store *s;

	o.path = path;
	ck_err(store_open(&s, &o, &p), EINVAL);
	ck_assert_msg(strstr(p.text, word) != NULL, "%s", p.text);
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* A series that the file cannot know yet. */
static void add_other(struct store *s, int64_t wall_ms)
{
	struct batch *b = tick_of(at(wall_ms));

	add_process(b, 2, 200);
	batch_add_sample(b, 2, COL_HEAP_USED_BYTES, 5);
	ck_ok(store_append(s, b));
}

static void foreign(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(what_is_no_database_of_ours_is_refused)
{
	mkdir("folder", 0755);
	refused("folder", "is a directory");
	unlink("pipe");
	ck_assert_int_eq(mkfifo("pipe", 0644), 0);
	refused("pipe", "is no file");
	refused("nowhere/x.db", "check that its directory exists");
	write_file("text.db", "this is a letter to my aunt, not a database");
	refused("text.db", "not a database of heapwatch");
	fixture_wipe();
	foreign("CREATE TABLE t (a)");
	refused(DB, "another program");
	store_close(fixture_fresh(fixture_options()));
	foreign("PRAGMA user_version=99");
	refused(DB, "newer heapwatch");
}
END_TEST

START_TEST(a_database_in_use_is_refused)
{
	struct store *s = fixture_fresh(fixture_options());

	refused(DB, "in use by another heapwatch");
	store_close(s);
	store_close(fixture_open(fixture_options()));
}
END_TEST

/* Another file stands at its place meanwhile. */
START_TEST(a_salvage_under_way_is_left_alone)
{
	struct store *s = fixture_fresh(fixture_options());

	ck_assert_int_eq(rename(DB, DB "-damaged"), 0);
	write_file(DB "-salvaging", "");
	refused(DB, "in use by another heapwatch");
	ck_assert_int_eq(access(DB "-damaged", F_OK), 0);
	ck_assert_int_eq(access(DB "-salvaging", F_OK), 0);
	ck_assert_int_eq(unlink(DB "-salvaging"), 0);
	ck_assert_int_eq(rename(DB "-damaged", DB), 0);
	store_close(s);
}
END_TEST

START_TEST(a_file_removed_underneath_is_told)
{
	struct store *s = fixture_fresh(fixture_options());
	struct store_stats stats;

	log_set_sink(quiet);
	put(s, T0 + 10000, COL_HEAP_USED_BYTES, 1);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_str_eq(stats.last_error, "");
	ck_assert_int_eq(rename(DB, DB "-away"), 0);
	write_file(DB, "");
	put(s, T0 + 20000, COL_HEAP_USED_BYTES, 2);
	ck_err(store_flush(s), ESTALE);
	store_stats(s, &stats);
	ck_assert_ptr_nonnull(strstr(stats.last_error, "removed or replaced"));
	ck_assert_int_eq(rename(DB "-away", DB), 0);
	put(s, T0 + 30000, COL_HEAP_USED_BYTES, 3);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_str_eq(stats.last_error, "");
	store_close(s);
	log_set_sink(NULL);
}
END_TEST

START_TEST(all_files_stand_beside_what_a_link_leads_to)
{
	struct stat st;

	fixture_wipe();
	mkdir("far", 0755);
	ck_assert_int_eq(symlink("far/real.db", DB), 0);
	log_set_sink(quiet);
	for (int i = 0; i < 2; i++) { /* the second time it is damaged */
		struct store *s = fixture_open(fixture_options());

		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, 1);
		store_close(s);
		ck_assert_int_eq(access("far/real.db-ballast", F_OK), 0);
		if (i == 0)
			foreign("DROP TABLE head");
	}
	ck_assert_int_eq(access("far/real.db-damaged", F_OK), 0);
	ck_assert_int_eq(lstat(DB, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	unlink(DB);
	log_set_sink(NULL);
}
END_TEST

START_TEST(a_row_without_its_text_is_no_end)
{
	struct store *s = fixture_fresh(fixture_options());

	put(s, T0 + 10000, COL_HEAP_USED_BYTES, 1);
	store_close(s);
	foreign("DROP TABLE meta; CREATE TABLE meta (name TEXT PRIMARY KEY,"
		" value TEXT) WITHOUT ROWID;"
		"INSERT INTO meta VALUES ('next_ids', NULL), ('plant', NULL)");
	log_set_sink(quiet);
	store_close(fixture_open(fixture_options()));
	log_set_sink(NULL);
}
END_TEST

START_TEST(the_file_says_whose_it_is)
{
	unsigned char head[100];
	int fd;

	store_close(fixture_fresh(fixture_options()));
	fd = open(DB, O_RDONLY);
	ck_assert_int_eq(read(fd, head, sizeof(head)), sizeof(head));
	close(fd);
	ck_assert_int_eq(head[63], 2);			   /* user_version */
	ck_assert_int_eq(memcmp(head + 68, "hwds", 4), 0); /* application_id */
}
END_TEST

START_TEST(a_damaged_row_is_skipped_and_counted)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	s = fixture_fresh(o);
	for (int i = 1; i <= 1000; i++)
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i);
	store_close(s);
	foreign("UPDATE head SET data = zeroblob(length(data)) WHERE id = 70");
	s = fixture_open(o);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 10000000, 10000);
	/* the second chain of 60 breaks at its tenth row */
	ck_assert_uint_eq(found.count, 1000 - 51);
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.damaged_rows, 51);
	store_close(s);
}
END_TEST

/* Overwrites count pages from the one with this number on; 1 is the first. */
static void overwrite(off_t page, int count)
{
	char junk[4096];
	int fd = open(DB, O_RDWR);

	memset(junk, 0xa5, sizeof(junk));
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(pwrite(fd, junk, 4096, (page - 1 + i) * 4096),
				 4096);
	close(fd);
}

/* A page with rows of head: so far into the file by its part in 256. */
static off_t page_at(int part)
{
	struct stat st;

	ck_assert_int_eq(stat(DB, &st), 0);
	return st.st_size / 4096 * part / 256;
}

static void fill(int steps)
{
	struct store *s = fixture_fresh(fixture_options());

	unlink(DB "-damaged");
	for (int i = 1; i <= steps; i++)
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i * 1.7);
	store_close(s);
}

/* Every point found is one that was put, and none is there twice. */
static size_t true_points(struct store *s, int steps)
{
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + steps * 10000ll,
	     10000);
	for (size_t i = 0; i < found.count; i++) {
		int64_t n = (found.items[i].time_ms - T0) / 10000;

		ck_assert_double_eq(found.items[i].value, (double)n * 1.7);
		ck_assert(i == 0 || found.items[i].time_ms >
					    found.items[i - 1].time_ms);
	}
	return found.count;
}

START_TEST(three_overwritten_pages_cost_little)
{
	struct store_stats stats;
	struct store *s;

	log_set_sink(quiet);
	fill(4000);
	ck_assert_int_gt(page_at(255), 50);
	for (int part = 100; part <= 220; part += 60)
		overwrite(page_at(part), 1);
	s = fixture_open(fixture_options());
	store_stats(s, &stats);
	ck_assert_str_eq(stats.salvaged_from, DB "-damaged");
	ck_assert_uint_gt(stats.salvage_holes, 0);
	ck_assert_uint_gt(stats.salvaged_rows, 3000);
	/* some sixty rows a page, the rest of three chains, and the notes */
	ck_assert_uint_gt(true_points(s, 4000), 3300);
	put(s, T0 + 40010000, COL_HEAP_USED_BYTES, 4001 * 1.7);
	store_close(s);
	ck_assert_int_eq(access(DB "-damaged", F_OK), 0);
	s = fixture_open(fixture_options());
	store_stats(s, &stats);
	ck_assert_str_eq(stats.salvaged_from, "");
	ck_assert_uint_gt(true_points(s, 4001), 3301);
	ck_assert_int_eq(found.items[found.count - 1].time_ms, T0 + 40010000);
	store_close(s);
	log_set_sink(NULL);
}
END_TEST

/* Killed while it copied: a sound but half empty file stands at the place. */
START_TEST(an_interrupted_salvage_begins_again)
{
	struct store *s;
	FILE *mark;

	log_set_sink(quiet);
	fill(4000);
	overwrite(page_at(100), 1);
	ck_assert_int_eq(rename(DB, DB "-aside"), 0);
	fill(2);
	ck_assert_int_eq(rename(DB "-aside", DB "-damaged"), 0);
	mark = fopen(DB "-salvaging", "w");
	ck_assert_ptr_nonnull(mark);
	fclose(mark);
	s = fixture_open(fixture_options());
	ck_assert_uint_gt(true_points(s, 4000), 3300);
	ck_assert_int_ne(access(DB "-salvaging", F_OK), 0);
	store_close(s);
	log_set_sink(NULL);
}
END_TEST

START_TEST(a_step_not_over_yet_is_told_at_its_newest_sample)
{
	struct store *s = fixture_fresh(fixture_options());

	for (int i = 1; i <= 13; i++)
		put(s, T0 + i * 1000, COL_CPU_SECONDS_TOTAL, i);
	scan(s, &found, METRIC_CPU_SECONDS_TOTAL, T0, T0 + 20000, 10000);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_int_eq(found.items[0].time_ms, T0 + 10000);
	/* three seconds' worth, three seconds later: the rate is still 1 */
	ck_assert_int_eq(found.items[1].time_ms, T0 + 13000);
	ck_assert_double_eq(found.items[1].value, 13);
	store_close(s);
}
END_TEST

/* Killed while it moved the files aside: the log is there, the file is not. */
START_TEST(a_salvage_killed_between_two_renames_keeps_the_log)
{
	struct store *s;

	log_set_sink(quiet);
	fill(1000);
	s = fixture_open(fixture_options());
	for (int i = 1001; i <= 1200; i++)
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i * 1.7);
	ck_ok(store_flush(s));
	ck_assert_int_eq(system("cp " DB " kept && cp " DB "-wal kept-wal"), 0);
	store_close(s);
	ck_assert_int_eq(rename("kept", DB), 0);
	ck_assert_int_eq(rename("kept-wal", DB "-damaged-wal"), 0);
	ck_assert_int_eq(system("touch " DB "-salvaging"), 0);
	s = fixture_open(fixture_options());
	ck_assert_uint_eq(true_points(s, 1200), 1200);
	store_close(s);
	ck_assert_int_eq(access(DB "-damaged", F_OK), 0);
	log_set_sink(NULL);
}
END_TEST

/* Pages of text that no retention counts beforehand. */
static void put_pages(struct store *s, int64_t time_ms, int count)
{
	struct batch *b = tick_of(at(time_ms));
	char text[4000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < count; i++)
		batch_add_event(b, EVENT_RELOADED, 0, at(time_ms).boot_ns, "%s",
				text);
	ck_ok(store_append(s, b));
}

START_TEST(damaged_files_are_kept_and_go_before_any_point)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;
	int i = 1001;

	log_set_sink(quiet);
	fill(1000);
	for (int n = 0; n < 3; n++) {
		overwrite(page_at(100), 1);
		s = fixture_open(o);
		store_stats(s, &stats);
		ck_assert_str_eq(stats.salvaged_from, DB "-damaged");
		ck_assert_int_eq(stats.salvage_error, 0);
		store_close(s);
	}
	ck_assert_int_eq(truncate(DB "-damaged.2", 300000), 0);
	o.retention_bytes = 2 << 20;
	s = fixture_open(o);
	do {
		put_pages(s, T0 + i * 10000ll, 8);
		store_flush(s); /* what there is no room for yet waits */
		store_stats(s, &stats);
		ck_assert_int_le(stats.file_bytes, 2 << 20);
		ck_assert(stats.dropped_rows == 0 ||
			  stats.damaged_bytes < 300000);
	} while (++i < 1100 && stats.damaged_bytes > 300000);
	ck_assert_int_gt(i, 1005);
	ck_assert_int_ne(access(DB "-damaged.2", F_OK), 0);
	ck_assert_int_eq(access(DB "-damaged", F_OK), 0);
	store_close(s);
	/* One that leaves no room for a database goes at once. */
	ck_assert_int_eq(truncate(DB "-damaged", 1 << 20), 0);
	s = fixture_open(o);
	put_pages(s, T0 + 20000000, 1);
	store_flush(s);
	store_stats(s, &stats);
	ck_assert_int_eq(stats.damaged_bytes, 0);
	ck_assert_int_le(stats.file_bytes, 2 << 20);
	store_close(s);
	log_set_sink(NULL);
}
END_TEST

/* Whichever page it is: it starts, and what it tells is true. */
START_TEST(any_overwritten_page_is_survived)
{
	log_set_sink(quiet);
	for (off_t page = 2; page <= 40; page++) {
		struct store *s;

		fill(1000);
		overwrite(page, 1);
		s = fixture_open(fixture_options());
		true_points(s, 1000);
		add_other(s, T0 + 10010000);
		ck_ok(store_flush(s));
		true_points(s, 1000);
		store_close(s);
	}
	log_set_sink(NULL);
}
END_TEST

START_TEST(a_file_without_any_sound_page_gives_a_new_one)
{
	struct store_stats stats;
	struct store *s;

	log_set_sink(quiet);
	fill(1000);
	overwrite(2, (int)page_at(256) - 1);
	s = fixture_open(fixture_options());
	store_stats(s, &stats);
	ck_assert_str_eq(stats.salvaged_from, DB "-damaged");
	put(s, T0 + 10010000, COL_HEAP_USED_BYTES, 1001 * 1.7);
	ck_assert_uint_eq(true_points(s, 1001), 1);
	store_close(s);
	log_set_sink(NULL);
}
END_TEST

/* As a power cut may leave it; nobody comes by to move it away. */
START_TEST(a_file_without_its_first_bytes_gives_a_new_one)
{
	static const off_t lens[] = {4096, 5, 4096 * 20};
	static const char zeros[4096];

	log_set_sink(quiet);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct store_stats stats;
		struct store *s;
		int fd;

		fill(1000);
		fd = open(DB, O_RDWR);
		ck_assert_int_eq(pwrite(fd, zeros, 4096, 0), 4096);
		ck_assert_int_eq(ftruncate(fd, lens[i]), 0);
		close(fd);
		s = fixture_open(fixture_options());
		store_stats(s, &stats);
		ck_assert_str_eq(stats.salvaged_from, DB "-damaged");
		put(s, T0 + 10010000, COL_HEAP_USED_BYTES, 1001 * 1.7);
		ck_assert_uint_eq(true_points(s, 1001), 1);
		store_close(s);
	}
	log_set_sink(NULL);
}
END_TEST

START_TEST(a_garbled_first_page_is_not_ours_to_move)
{
	char zero[4] = {0};
	int fd;

	fill(10);
	overwrite(2, 3);
	fd = open(DB, O_RDWR);
	ck_assert_int_eq(pwrite(fd, zero, 4, 68), 4); /* application id */
	close(fd);
	refused(DB, "another program");
	ck_assert_int_ne(access(DB "-damaged", F_OK), 0);
}
END_TEST

/* ---- retention ---- */

START_TEST(old_rows_go)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	o.retention_ms = 3600000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 2000; i++)
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i);
	store_stats(s, &stats);
	ck_assert_uint_gt(stats.dropped_rows, 1000);
	/* at most a chain of 60 rows, 10 min, longer than asked */
	ck_assert_int_ge(stats.oldest_ms, T0 + 20000000 - 3600000 - 1200000);
	ck_assert_int_le(stats.oldest_ms, T0 + 20000000 - 3600000);
	store_close(s);
	s = fixture_open(o); /* a week later */
	for (int i = 0; i < 70; i++)
		put(s, T0 + 7 * 86400000ll + i * 60000, COL_HEAP_USED_BYTES, 1);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_int_ge(stats.oldest_ms, T0 + 6 * 86400000ll);
	store_close(s);
}
END_TEST

/* Minutes from..to, the wall clock wrong by that much. */
static void minutes(struct store *s, int from, int to, int64_t wrong_ms)
{
	for (int i = from; i < to; i++) {
		struct now now = at(T0 + i * 60000);
		struct batch *b;

		now.wall_ms += wrong_ms;
		b = tick_of(now);
		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
		ck_ok(store_append(s, b));
	}
}

START_TEST(age_holds_at_once_where_the_clock_goes_on)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	o.retention_ms = 2 * 3600000;
	s = fixture_fresh(o);
	minutes(s, 0, 150, 0);
	store_close(s);
	o.retention_ms = 3600000;
	s = fixture_open(o); /* ten minutes later */
	minutes(s, 160, 165, 0);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	/* a chain of the loop is an hour long */
	ck_assert_int_eq(stats.oldest_ms, T0 + 60 * 60000);
	store_close(s);
	s = fixture_open(o); /* two hours later: it may be wrong */
	minutes(s, 290, 295, 0);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_int_eq(stats.oldest_ms, T0 + 60 * 60000);
	store_close(s);
}
END_TEST

START_TEST(collections_are_the_first_notes_that_go)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	char text[1 << 12] = "";
	struct store *s;
	struct view *v;

	o.retention_bytes = 2 << 20;
	s = fixture_fresh(o);
	for (int i = 1; i <= 600; i++) {
		struct now now = at(T0 + i * 10000);
		struct batch *b = tick_of(now);

		if (i % 200 == 1)
			batch_add_event(b, EVENT_RELOADED, 0, now.boot_ns,
					"rare");
		for (int k = 0; k < 60; k++)
			batch_add_event(b, EVENT_COLLECTION, 0, now.boot_ns,
					"young: Copy; Allocation Failure; "
					"%d -> 5 bytes; paused for 7 us", k);
		ck_ok(store_append(s, b));
	}
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_uint_gt(stats.dropped_rows, 4000);
	ck_assert_uint_eq(stats.lost_events, 0);
	ck_ok(view_open(&v, s));
	ck_ok(view_events(v, EVENTS_NOTABLE, NULL, 0, 0, INT64_MAX,
			  collect_event, text));
	ck_assert_str_eq(text, "rare rare rare ");
	view_close(v);
	store_close(s);
}
END_TEST

START_TEST(a_clock_wrong_for_a_while_drops_nothing)
{
	struct store_options o = fixture_options();
	int64_t years = 4 * 365 * 86400000ll;
	struct store_stats stats;
	struct store *s;

	o.retention_ms = 3600000;
	s = fixture_fresh(o);
	minutes(s, 1, 60, 0);
	minutes(s, 60, 75, years);
	ck_ok(store_flush(s));
	minutes(s, 75, 80, 0);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.dropped_rows, 0);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 80 * 60000, 60000);
	ck_assert_uint_eq(found.count, 64);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + years,
	     T0 + years + 80 * 60000, 60000);
	ck_assert_uint_eq(found.count, 15);
	/* Nor does a run that begins with it, */
	store_close(s);
	s = fixture_open(o);
	minutes(s, 80, 85, years);
	minutes(s, 85, 90, 0);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.dropped_rows, 0);
	/* but what is too old goes, also what claims to be of the future. */
	minutes(s, 90, 300, 0);
	ck_ok(store_flush(s));
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 80 * 60000, 60000);
	ck_assert_uint_eq(found.count, 0);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + years,
	     T0 + years + 90 * 60000, 60000);
	ck_assert_uint_eq(found.count, 0);
	store_close(s);
}
END_TEST

/* A batch in 1970 with so many samples of process 1. */
static struct batch *held_tick(int i, size_t samples)
{
	struct batch *b = tick_of((struct now){at(T0 + i * 1000).boot_ns, i});

	if (i == 1)
		add_process(b, 1, 100);
	for (size_t k = 0; k < samples; k++)
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
	return b;
}

START_TEST(what_waits_for_the_clock_is_bounded)
{
	enum { MANY = 100000, COUNT = 100 };
	struct store_options o = fixture_options();
	own(freep) char *fact = NULL;
	struct store_stats stats;
	struct mallinfo2 before, after;
	struct store *s;

	o.clock_floor_ms = T0;
	s = fixture_fresh(o);
	before = mallinfo2();
	for (int i = 1; i <= COUNT; i++) {
		struct batch *b = held_tick(i, MANY);
		uint32_t n = (uint32_t)i + 1;

		add_process(b, n, (pid_t)n + 1000); /* for a tick */
		if (i > 1)
			batch_add_close(b, n - 1, b->now.boot_ns, "exited");
		batch_add_event(b, EVENT_TARGET_STARTED, n, b->now.boot_ns,
				"came");
		if (i == 2)
			batch_add_fact(b, "windows", "a pump is changed");
		ck_ok(store_append(s, b));
	}
	after = mallinfo2();
	/* 32 MB, in arrays that may be twice as large */
	ck_assert_uint_lt(after.uordblks + after.hblkhd, before.uordblks +
							 before.hblkhd +
							 (70 << 20));
	store_stats(s, &stats);
	ck_assert_uint_lt(stats.held_batches, 25);
	ck_assert_uint_gt(stats.lost_samples, (COUNT - 25) * MANY);
	put(s, T0 + (COUNT + 1) * 1000, COL_HEAP_USED_BYTES, 7);
	store_stats(s, &stats);
	ck_assert_uint_eq(stats.entities, COUNT + 1);
	ck_assert_uint_eq(stats.lost_events, 0);
	ck_ok(store_flush(s));
	ck_ok(store_meta_get(s, "windows", &fact));
	ck_assert_str_eq(fact, "a pump is changed");
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 1000000, 10000);
	ck_assert_uint_gt(found.count, 1);
	ck_assert_double_eq(found.items[found.count - 2].value, COUNT);
	store_close(s);
}
END_TEST

START_TEST(batches_without_samples_are_bounded_too)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	o.clock_floor_ms = T0;
	s = fixture_fresh(o);
	for (int i = 1; i <= 50000; i++)
		ck_ok(store_append(s, held_tick(i, 0)));
	store_stats(s, &stats);
	ck_assert_uint_lt(stats.held_batches, 40000);
	store_close(s);
}
END_TEST

START_TEST(a_clock_far_ahead_for_a_moment_repeats_no_time)
{
	struct store *s = fixture_fresh(fixture_options());
	int64_t year = 365 * 86400000ll;
	own(view_closep) struct view *v = NULL;

	minutes(s, 1, 10, 0);
	minutes(s, 10, 12, year);
	minutes(s, 12, 30, 0);
	ck_ok(view_open(&v, s));
	ck_assert_uint_eq(view_epochs(v, T0, T0 + 40 * 60000), 0);
	ck_assert_uint_eq(view_epochs(v, T0, T0 + 2 * year), 1);
	view_close(take(v));
	store_close(s);
}
END_TEST

static struct now moment;

static struct now tell_moment(void)
{
	return moment;
}

/* The last value of the only series of a metric, -1 when there is none. */
static double last_of(struct store *s, enum metric metric)
{
	own(view_closep) struct view *v = NULL;
	struct series *series;
	struct point last;
	size_t count;
	bool has;

	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, metric, NULL, 0, INT64_MIN, INT64_MAX, &series,
			  &count));
	ck_assert_uint_eq(count, 1);
	ck_ok(view_last(v, series, 1, &last, &has));
	series_free(series, count);
	return has ? last.value : -1;
}

START_TEST(what_was_not_read_for_long_is_not_the_present)
{
	struct store_options o = fixture_options();
	struct store *s;
	struct batch *b;

	o.stale_ms = 5000;
	s = fixture_fresh(o);
	clock_set_source(tell_moment);
	b = tick_of(at(T0 + 1000));
	add_process(b, 1, 100);
	batch_add_sample(b, 1, COL_HEAP_USED_BYTES, 7);
	batch_add_sample(b, 1, COL_HEAPWATCH_UP, 1);
	batch_add_sample(b, 1, COL_TARGET_READ_AGE_SECONDS, 0.5);
	ck_ok(store_append(s, b));
	/* The boot clock counts: the wall clock may have stepped. */
	moment = (struct now){at(T0 + 5000).boot_ns, T0 + 86400000};
	ck_assert_double_eq(last_of(s, METRIC_HEAP_USED_BYTES), 7);
	ck_assert_double_eq(last_of(s, METRIC_HEAPWATCH_UP), 1);
	ck_assert_double_eq(last_of(s, METRIC_TARGET_READ_AGE_SECONDS), 4.5);
	moment = (struct now){at(T0 + 61000).boot_ns, T0 + 1000};
	ck_assert_double_eq(last_of(s, METRIC_HEAP_USED_BYTES), -1);
	ck_assert_double_eq(last_of(s, METRIC_HEAPWATCH_UP), 0);
	ck_assert_double_eq(last_of(s, METRIC_TARGET_READ_AGE_SECONDS), 60.5);
	clock_set_source(NULL);
	store_close(s);
}
END_TEST

START_TEST(what_lost_all_its_data_is_forgotten)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;
	sqlite3 *db;
	sqlite3_stmt *q;

	o.retention_ms = 3600000;
	o.memory_ms = 60000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 500; i++) { /* a process a tick */
		struct batch *b = tick_of(at(T0 + i * 60000));
		uint32_t n = (uint32_t)i;

		add_process(b, n, 1000 + i);
		batch_add_sample(b, n, COL_HEAP_USED_BYTES, i);
		batch_add_gap(b, n, COL_GC_PRESSURE, GAP_NOT_YET);
		batch_add_event(b, EVENT_TARGET_STARTED, n, b->now.boot_ns,
				"it came");
		if (i > 1)
			batch_add_close(b, n - 1, b->now.boot_ns, "exited");
		ck_ok(store_append(s, b));
	}
	store_stats(s, &stats);
	ck_assert_uint_lt(stats.entities, 130);
	ck_assert_uint_gt(stats.entities, 55);
	ck_assert_uint_eq(stats.series, 2 * stats.entities);
	/* what is left still answers */
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + 470 * 60000,
	     T0 + 490 * 60000, 60000);
	ck_assert_uint_eq(found.count, 20);
	store_close(s);
	ck_assert_int_eq(sqlite3_open(DB, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db,
				   "SELECT max((SELECT count(*) FROM entities),"
				   " (SELECT count(*) FROM attributes),"
				   " (SELECT count(*) FROM gaps),"
				   " (SELECT count(*) FROM events),"
				   " (SELECT count(*) / 2 FROM series))",
				   -1, &q, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	ck_assert_int_lt(sqlite3_column_int64(q, 0), 140);
	sqlite3_finalize(q);
	sqlite3_close(db);
}
END_TEST

static void put_many(struct store *s, int64_t wall_ms, unsigned *seed)
{
	struct batch *b = tick_of(at(wall_ms));

	for (uint32_t e = 1; e <= 20; e++) {
		add_process(b, e, (pid_t)(100 + e));
		for (int c = 0; c < 40; c++)
			batch_add_sample(b, e, (enum column)c,
					 (double)(rand_r(seed)) / 3);
	}
	ck_ok(store_append(s, b));
}

START_TEST(the_byte_cap_holds)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	unsigned seed = 1;
	struct store *s;

	o.retention_bytes = 6 << 20;
	o.memory_ms = 20000;
	s = fixture_fresh(o);
	for (int i = 1; i <= 1500; i++) { /* some 10 MB */
		put_many(s, T0 + i * 10000, &seed);
		if (i % 10 == 0) {
			store_stats(s, &stats);
			ck_assert_int_le(stats.file_bytes, o.retention_bytes);
		}
	}
	ck_assert_uint_gt(stats.dropped_rows, 300);
	ck_assert_int_gt(stats.file_bytes, 4 << 20);
	ck_assert_uint_eq(stats.write_errors, 0);
	ck_assert_uint_eq(stats.lost_samples, 0);
	store_close(s);
	/* a lower cap makes the file shorter */
	o.retention_bytes = 3 << 20;
	s = fixture_open(o);
	put_many(s, T0 + 20000000, &seed);
	put_many(s, T0 + 20010000, &seed);
	ck_ok(store_flush(s));
	store_stats(s, &stats);
	ck_assert_int_le(stats.file_bytes, o.retention_bytes);
	ck_assert_uint_eq(stats.write_errors, 0);
	store_close(s);
}
END_TEST

/* One that lives for a second: sixty series, twenty with a value. */
static void short_life(struct store *s, int i)
{
	uint32_t n = (uint32_t)i + 1;
	struct batch *b = tick_of(at(T0 + i * 5000));

	add_process(b, n, (pid_t)n + 1000);
	for (int c = 0; c < 60; c++) {
		if (c < 20)
			batch_add_sample(b, n, (enum column)c, i);
		else
			batch_add_gap(b, n, (enum column)c, GAP_NOT_YET);
	}
	batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i);
	ck_ok(store_append(s, b));
	b = tick_of(at(T0 + i * 5000 + 1000));
	batch_add_close(b, n, b->now.boot_ns, "exited");
	ck_ok(store_append(s, b));
}

START_TEST(short_lives_do_not_fill_memory)
{
	struct store_options o = fixture_options();
	size_t early = 0, late = 0;
	struct store_stats stats;
	struct store *s;

	o.memory_ms = 60000;
	s = fixture_fresh(o);
	put(s, T0, COL_HEAP_USED_BYTES, 0); /* runs all the time */
	for (int i = 1; i <= 5000; i++) {
		short_life(s, i);
		if (i == 1500)
			early = mallinfo2().uordblks + mallinfo2().hblkhd;
	}
	late = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_uint_lt(late, early + (1 << 20));
	store_stats(s, &stats);
	ck_assert_uint_le(stats.entities, 1010);
	ck_assert_uint_gt(stats.entities, 800);
	/* those without a value are not kept at all */
	ck_assert_uint_lt(stats.series, stats.entities * 22);
	/* the newest answer, and the one that lives */
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0 + 4990 * 5000, INT64_MAX,
	     5000);
	ck_assert_uint_gt(found.count, 10);
	store_close(s);
	s = fixture_open(o);
	scan(s, &found, METRIC_HEAP_USED_BYTES, T0, T0 + 200000, 10000);
	ck_assert_uint_eq(found.count, 20);
	store_close(s);
}
END_TEST

/* Rows still name what was forgotten: no other series may get its id. */
START_TEST(an_id_is_never_used_again)
{
	struct store *s = fixture_fresh(fixture_options());
	struct batch *b;

	for (int i = 1; i <= 1300; i++)
		short_life(s, i);
	for (int i = 1; i <= 1300; i++) { /* longer lives crowd them out */
		uint32_t n = 2000 + (uint32_t)i;

		b = tick_of(at(T0 + 10000000 + i * 1000));
		add_process(b, n, (pid_t)n + 1000);
		batch_add_event(b, EVENT_TARGET_STARTED, n, b->now.boot_ns,
				"came");
		if (i > 100)
			batch_add_close(b, n - 100, b->now.boot_ns, "exited");
		ck_ok(store_append(s, b));
	}
	store_close(s);
	s = fixture_open(fixture_options());
	b = tick_of(at(T0 + 20000000));
	add_process(b, 1, 100);
	for (int c = 0; c < 60; c++)
		batch_add_sample(b, 1, (enum column)c, 1);
	ck_ok(store_append(s, b));
	scan(s, &found, METRIC_COUNT, T0, T0 + 9000000, 10000);
	ck_assert_uint_eq(found.count, 0);
	store_close(s);
}
END_TEST

/* Events and reasons of gaps obey it too, and leave room for points. */
START_TEST(a_flood_of_events_keeps_to_the_byte_cap)
{
	struct store_options o = fixture_options();
	struct store_stats stats;
	struct store *s;

	o.retention_bytes = 3 << 20;
	s = fixture_fresh(o);
	for (int i = 1; i <= 100; i++) {
		struct batch *b = tick_of(at(T0 + i * 10000));

		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i * 1.7);
		for (int k = 0; k < 600; k++)
			batch_add_event(b, EVENT_PROBE_ATTACHED, 1,
					b->now.boot_ns,
					"one of a great many: number %d of %d",
					k, i);
		ck_ok(store_append(s, b));
		store_stats(s, &stats);
		ck_assert_int_le(stats.file_bytes, o.retention_bytes);
	}
	ck_assert_uint_gt(stats.dropped_rows, 20000);
	ck_assert_uint_eq(stats.lost_events, 0);
	ck_assert_uint_eq(stats.write_errors, 0);
	ck_assert_uint_eq(true_points(s, 100), 100);
	store_close(s);
}
END_TEST

START_TEST(many_entities_are_forgotten_at_once)
{
	enum { MANY = 40000 };
	struct registry g;
	struct entity from = {.kind = ENTITY_PROCESS, .key = {"boot", 0, 7}};
	uint32_t moved[1];
	struct entry *e;
	int64_t cpu_ns;

	ck_ok(registry_init(&g));
	for (uint32_t i = 1; i <= MANY; i++) {
		from.key.pid = (pid_t)i;
		ck_ok(registry_entry(&g, &e, &from, 0, T0));
		ck_ok(registry_number(&g, e, i));
		e->member.open = e->dirty = false;
		e->member.to_ms = T0;
	}
	cpu_ns = clock_thread_cpu_ns();
	ck_ok(registry_forget(&g, T0 + 1, moved));
	/* Views wait meanwhile: some 10 ms, and no scan for each of them. */
	ck_assert_int_lt(clock_thread_cpu_ns() - cpu_ns, 500000000);
	ck_assert_uint_eq(g.entry_count, 0);
	ck_assert_ptr_null(map_get(&g.by_number, 1));
	ck_assert_ptr_null(map_get(&g.by_number, MANY));
	registry_fini(&g);
}
END_TEST

TEST_MAIN("store", memory_has_every_sample,
	  a_step_becomes_one_point_by_the_fold, the_range_is_open_on_the_left,
	  a_restart_loses_nothing, memory_and_database_meet_without_seam,
	  an_open_view_keeps_its_moment,
	  a_clock_that_steps_back_begins_an_epoch,
	  a_process_is_the_same_entity_after_a_restart,
	  an_exec_to_another_program_is_another_entity,
	  an_exec_to_the_same_program_goes_on,
	  a_process_renamed_between_two_runs_is_open_once,
	  a_closed_series_has_no_last, a_gap_has_a_reason_and_no_last,
	  gaps_and_attributes_are_dated, events_come_back_oldest_first,
	  select_matches_and_sorts, plant_labels_join_at_the_answer,
	  plant_labels_are_dated_and_survive,
	  plant_labels_follow_a_clock_that_steps_back,
	  plant_labels_wait_for_a_right_clock,
	  facts_of_a_batch_are_written_at_once, retention_changes_while_it_runs,
	  metrics_that_have_a_series_are_told, too_many_views_are_busy,
	  meta_outlives_a_run, a_scan_ends_when_the_caller_says_so,
	  every_second_can_be_stored, rows_are_there_by_the_flush_interval,
	  columns_are_known_by_their_names, data_waits_for_a_right_clock,
	  what_is_no_database_of_ours_is_refused, a_database_in_use_is_refused,
	  a_salvage_under_way_is_left_alone,
	  a_file_removed_underneath_is_told,
	  all_files_stand_beside_what_a_link_leads_to,
	  a_row_without_its_text_is_no_end,
	  the_file_says_whose_it_is, a_damaged_row_is_skipped_and_counted,
	  three_overwritten_pages_cost_little,
	  an_interrupted_salvage_begins_again,
	  a_step_not_over_yet_is_told_at_its_newest_sample,
	  a_salvage_killed_between_two_renames_keeps_the_log,
	  damaged_files_are_kept_and_go_before_any_point,
	  any_overwritten_page_is_survived,
	  a_file_without_any_sound_page_gives_a_new_one,
	  a_file_without_its_first_bytes_gives_a_new_one,
	  a_garbled_first_page_is_not_ours_to_move, old_rows_go,
	  age_holds_at_once_where_the_clock_goes_on,
	  collections_are_the_first_notes_that_go,
	  a_clock_wrong_for_a_while_drops_nothing,
	  what_was_not_read_for_long_is_not_the_present,
	  what_waits_for_the_clock_is_bounded,
	  batches_without_samples_are_bounded_too,
	  a_clock_far_ahead_for_a_moment_repeats_no_time,
	  a_flood_of_events_keeps_to_the_byte_cap,
	  what_lost_all_its_data_is_forgotten, many_entities_are_forgotten_at_once,
	  short_lives_do_not_fill_memory, an_id_is_never_used_again,
	  the_byte_cap_holds)
