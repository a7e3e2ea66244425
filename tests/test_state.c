/* The state of a target: hysteresis, the worst SLI, stale and unknown. */
#include <math.h>
#include <stdio.h>

#include "collector/internal.h"
#include "test.h"

#define SECOND 1000000000ll

static const struct state_times times = { 10 * SECOND, 60 * SECOND };
static const struct threshold live = { METRIC_HEAP_LIVE_RATE, 0.75, 0.90, 1 };

/* Feed one value a second for so long; the grade at the end. */
static enum grade feed(struct grading *g, int64_t *now_ns, double value,
		       int seconds)
{
	for (int i = 0; i < seconds; i++) {
		*now_ns += SECOND;
		grading_add(g, &live, value, *now_ns, &times);
	}
	return g->grade;
}

START_TEST(worse_must_hold_without_a_break)
{
	struct grading g = { 0 };
	int64_t now_ns = SECOND;

	ck_assert_int_eq(feed(&g, &now_ns, 0.8, 10), GRADE_OK);
	ck_assert_int_eq(feed(&g, &now_ns, 0.7, 1), GRADE_OK);
	ck_assert_int_eq(feed(&g, &now_ns, 0.8, 10), GRADE_OK);
	ck_assert_int_eq(feed(&g, &now_ns, 0.8, 1), GRADE_WARNING);
	ck_assert_int_eq(feed(&g, &now_ns, 0.95, 10), GRADE_WARNING);
	ck_assert_int_eq(feed(&g, &now_ns, 0.95, 1), GRADE_CRITICAL);
}
END_TEST

START_TEST(mixed_breach_is_as_bad_as_its_mildest_moment)
{
	struct grading g = { 0 };
	int64_t now_ns = SECOND;

	feed(&g, &now_ns, 0.95, 9);
	ck_assert_int_eq(feed(&g, &now_ns, 0.8, 2), GRADE_WARNING);
	ck_assert_int_eq(g.beyond_ns, 2 * SECOND);
}
END_TEST

START_TEST(better_wants_a_margin_and_more_time)
{
	struct grading g = { 0 };
	int64_t now_ns = SECOND;

	feed(&g, &now_ns, 0.95, 11);
	/* Within the limit, but by less than 5 % of it. */
	ck_assert_int_eq(feed(&g, &now_ns, 0.89, 200), GRADE_CRITICAL);
	ck_assert_int_eq(feed(&g, &now_ns, 0.74, 61), GRADE_WARNING);
	ck_assert_int_eq(feed(&g, &now_ns, 0.74, 200), GRADE_WARNING);
	ck_assert_int_eq(feed(&g, &now_ns, 0.6, 60), GRADE_WARNING);
	ck_assert_int_eq(feed(&g, &now_ns, 0.6, 1), GRADE_OK);
}
END_TEST

START_TEST(worsening_at_once_ends_what_was_better_before_it)
{
	const struct state_times at_once = { 0, 60 * SECOND };
	struct grading g = { 0 };

	grading_add(&g, &live, 0.8, SECOND, &at_once);
	ck_assert_int_eq(g.grade, GRADE_WARNING);
	grading_add(&g, &live, 0.5, 2 * SECOND, &at_once);
	grading_add(&g, &live, 0.95, 3 * SECOND, &at_once);
	ck_assert_int_eq(g.grade, GRADE_CRITICAL);
	/* A minute after it was better, but not after the break. */
	grading_add(&g, &live, 0.5, 61 * SECOND, &at_once);
	grading_add(&g, &live, 0.5, 63 * SECOND, &at_once);
	ck_assert_int_eq(g.grade, GRADE_CRITICAL);
	grading_add(&g, &live, 0.5, 121 * SECOND, &at_once);
	ck_assert_int_eq(g.grade, GRADE_OK);
}
END_TEST

START_TEST(margin_lies_on_the_healthy_side_of_each_limit)
{
	const struct threshold frag = { METRIC_FRAG_RATIO, 0.3, 0.1, -1 };

	ck_assert_int_eq(threshold_grade_strict(&live, 0.72), GRADE_WARNING);
	ck_assert_int_eq(threshold_grade_strict(&live, 0.71), GRADE_OK);
	ck_assert_int_eq(threshold_grade_strict(&frag, 0.31), GRADE_WARNING);
	ck_assert_int_eq(threshold_grade_strict(&frag, 0.32), GRADE_OK);
}
END_TEST

/* ---- a whole target ---- */

static struct collector c;
static struct watch_settings settings;
static struct target t;
static struct threshold general[2];

static void set_up(void)
{
	c = (struct collector){ .settings = &settings, .windows_version = 1 };
	c.options.tick_ms = 1000;
	general[0] = live;
	general[1] = *threshold_default(METRIC_GC_PRESSURE);
	settings = (struct watch_settings){ .improve_ms = 60000 };
	settings.thresholds.items = general;
	settings.thresholds.count = 2;
	t = (struct target){ .found_boot_ns = SECOND };
	ck_ok(labels_set(&t.entity.labels, "service", "pump"));
	ck_ok(labels_set(&t.entity.labels, "instance", "0"));
	ck_ok(batch_new(&c.batch, (struct now){ SECOND, 0 }));
	t.batch = c.batch;
}

static void tear_down(void)
{
	batch_free(c.batch);
	labels_fini(&t.entity.labels);
	windows_fini(&c.windows);
}

/* One tick at this second with these values; NAN: absent. */
static enum process_state tick(int second, bool read, double rate, double gcs)
{
	struct now now = { second * SECOND, 0 };

	memset(t.told, 0, sizeof(t.told));
	if (read)
		t.last_read_boot_ns = now.boot_ns;
	if (isnan(rate))
		target_miss(&t, COL_HEAP_LIVE_RATE, GAP_NOT_YET);
	else
		target_put(&t, COL_HEAP_LIVE_RATE, rate);
	if (isnan(gcs))
		target_miss(&t, COL_GC_PRESSURE, GAP_WINDOW_FILLING);
	else
		target_put(&t, COL_GC_PRESSURE, gcs);
	state_update(&c, &t, now);
	return t.grade.state;
}

START_TEST(worst_sli_is_the_state_and_says_why)
{
	set_up();
	ck_assert_int_eq(tick(2, true, 0.5, 1), STATE_OK);
	ck_assert_int_eq(tick(3, true, 0.8, 30), STATE_CRITICAL);
	ck_assert_str_eq(t.grade.reason, "gc_pressure 30 is above 20 (critical)");
	tick(3, true, 0.8, 197654);
	ck_assert_str_eq(t.grade.reason,
			 "gc_pressure 197654 is above 20 (critical)");
	ck_assert_int_eq(t.grade.since_ns, 3 * SECOND);
	ck_assert(t.last[COL_TARGET_STATE] == 4);
	ck_assert_int_eq(tick(4, true, 0.8, 18), STATE_CRITICAL);
	ck_assert_str_eq(t.grade.reason,
			 "gc_pressure 18 is back within 20 (critical)");
	tear_down();
}
END_TEST

START_TEST(nothing_to_grade_is_unknown)
{
	set_up();
	ck_assert_int_eq(tick(2, true, NAN, NAN), STATE_UNKNOWN);
	ck_assert_int_eq(tick(3, true, NAN, 1), STATE_OK);
	ck_assert_int_eq(tick(4, true, NAN, NAN), STATE_UNKNOWN);
	tear_down();
}
END_TEST

START_TEST(failed_reads_are_stale_after_a_while_and_told_with_their_span)
{
	const struct event *e;

	set_up();
	ck_assert_int_eq(tick(2, true, 0.8, 1), STATE_WARNING);
	ck_assert_int_eq(tick(3, false, NAN, NAN), STATE_WARNING);
	ck_assert_int_eq(tick(6, false, NAN, NAN), STATE_WARNING);
	ck_assert_int_eq(tick(7, false, NAN, NAN), STATE_STALE);
	ck_assert_str_eq(t.grade.reason, "no read succeeded for 5 s");
	ck_assert_int_eq(tick(9, true, 0.8, 1), STATE_WARNING);
	e = &c.batch->events[c.batch->event_count - 1];
	ck_assert_int_eq(e->kind, EVENT_TARGET_READABLE);
	ck_assert_int_eq(e->boot_ns, 7 * SECOND);
	ck_assert_int_eq(e->end_boot_ns, 9 * SECOND);
	tear_down();
}
END_TEST

START_TEST(rule_of_the_service_wins_and_a_reload_is_taken)
{
	struct threshold loose = { METRIC_HEAP_LIVE_RATE, 0.95, 0.99, 1 };
	struct threshold_rule rule = { .items = &loose, .count = 1 };
	struct problem p = { 0 };

	set_up();
	ck_ok(pattern_compile(&rule.service, "pump|fan", &p));
	settings.thresholds.rules = &rule;
	settings.thresholds.rule_count = 1;
	ck_assert_int_eq(tick(2, true, 0.93, 1), STATE_OK);
	settings.thresholds.rule_count = 0;
	t.grade.has_limits = false;
	ck_assert_int_eq(tick(3, true, 0.93, 1), STATE_CRITICAL);
	pattern_free(rule.service);
	tear_down();
}
END_TEST

START_TEST(maintenance_silences_but_does_not_change_the_state)
{
	struct window *w = NULL;
	struct problem p = { 0 };
	struct now now = { 2 * SECOND, 1000000 };

	set_up();
	ck_ok(window_new(&w, "p.*", "work", &p));
	w->until_ms = 60000; /* from 0: a minute */
	ck_ok(silence_start(&c, w, now));
	free(w);
	ck_assert_int_eq(tick(3, true, 0.95, 1), STATE_CRITICAL);
	ck_assert(t.last[COL_TARGET_SILENCED] == 1);
	silence_tick(&c, (struct now){ 61 * SECOND, 1059000 }, false);
	ck_assert_uint_eq(c.windows.count, 1);
	/* The wall clock steps; the minute is that of the boot clock. */
	silence_tick(&c, (struct now){ 61 * SECOND, 9059000 }, true);
	ck_assert_uint_eq(c.windows.count, 1);
	ck_assert_int_eq(c.windows.items[0].until_ms, 9060000);
	silence_tick(&c, (struct now){ 62 * SECOND, 9060000 }, false);
	ck_assert_uint_eq(c.windows.count, 0);
	tick(63, true, 0.95, 1);
	ck_assert(t.last[COL_TARGET_SILENCED] == 0);
	tear_down();
}
END_TEST

/* One that an earlier run began, from 1000 s to 1060 s of the wall clock. */
static void load_window(struct now now)
{
	set_up();
	silence_load(&c, "1000000 1060000\np.*\nwork\n", now);
	ck_assert_uint_eq(c.windows.count, 1);
}

START_TEST(loaded_window_ends_at_its_wall_time_once_the_clock_is_right)
{
	load_window((struct now){ 5 * SECOND, 0 }); /* no clock battery */
	silence_tick(&c, (struct now){ 6 * SECOND, 1000 }, false);
	ck_assert_uint_eq(c.windows.count, 1);
	silence_tick(&c, (struct now){ 7 * SECOND, 1050000 }, true);
	ck_assert_uint_eq(c.windows.count, 1);
	ck_assert_int_eq(c.windows.items[0].until_ms, 1060000);
	silence_tick(&c, (struct now){ 16 * SECOND, 1059000 }, false);
	ck_assert_uint_eq(c.windows.count, 1);
	silence_tick(&c, (struct now){ 17 * SECOND, 1060000 }, false);
	ck_assert_uint_eq(c.windows.count, 0);
	tear_down();
}
END_TEST

START_TEST(loaded_window_never_lasts_longer_than_it_was_to)
{
	load_window((struct now){ 5 * SECOND, 0 });
	silence_tick(&c, (struct now){ 64 * SECOND, 59000 }, false);
	ck_assert_uint_eq(c.windows.count, 1);
	silence_tick(&c, (struct now){ 65 * SECOND, 60000 }, false);
	ck_assert_uint_eq(c.windows.count, 0);
	tear_down();
}
END_TEST

START_TEST(builds_remembered_are_bounded_and_the_longest_unseen_goes)
{
	char service[16];

	c = (struct collector){ 0 };
	for (int i = 0; i < BUILDS_MAX; i++) {
		snprintf(service, sizeof(service), "s%d", i);
		ck_ok(changes_know_build(&c, service, "a", i + 1));
	}
	ck_ok(changes_know_build(&c, "s0", "b", BUILDS_MAX + 1));
	ck_ok(changes_know_build(&c, "one more", "c", BUILDS_MAX + 2));
	ck_assert_uint_eq(c.builds.count, BUILDS_MAX);
	ck_assert_str_eq(changes_last_build(&c, "s0"), "b");
	ck_assert_str_eq(changes_last_build(&c, "one more"), "c");
	ck_assert_ptr_null(changes_last_build(&c, "s1"));
	changes_fini(&c);
}
END_TEST

START_TEST(clock_steps_are_told_and_drift_is_not)
{
	set_up();
	ck_assert(!changes_note_clock(&c, (struct now){ SECOND, 5000000 }));
	ck_assert(!changes_note_clock(&c, (struct now){ 2 * SECOND, 5001400 }));
	ck_assert(changes_note_clock(&c, (struct now){ 3 * SECOND, 9002400 }));
	ck_assert(changes_note_clock(&c, (struct now){ 4 * SECOND, 5002400 }));
	ck_assert_uint_eq(c.batch->event_count, 2);
	ck_assert_str_eq(c.batch->events[0].text,
			 "the wall clock stepped forward by 4000.0 s");
	ck_assert_str_eq(c.batch->events[1].text,
			 "the wall clock stepped back by 4001.0 s");
	tear_down();
}
END_TEST

/* The fact that state_keep() puts into the batch; NULL: none. */
static const char *kept(int second)
{
	struct now now = { second * SECOND, 0 };
	size_t before = c.batch->fact_count;

	state_keep(&c, now);
	return c.batch->fact_count > before ? c.batch->facts[before].value : NULL;
}

/* Another run, of which the last one said that. */
static void run_again(const char *text, int second)
{
	struct now now = { second * SECOND, 0 };

	free(c.kept);
	c.kept = NULL;
	c.kept_count = 0;
	memset(&t.grade, 0, sizeof(t.grade));
	ck_ok(state_load(&c, text, now));
	state_recall(&c, &t);
}

START_TEST(state_outlives_heapwatch)
{
	own(freep) char *text = NULL;

	set_up();
	strcpy(c.boot_id, "b1");
	t.entity.key = (struct entity_key){ .pid = 7, .start_ticks = 70 };
	ck_ok(map_set(&c.targets, 7, &t));
	tick(10, true, 0.95, 1);
	ck_assert_int_eq(tick(11, true, 0.95, 1), STATE_CRITICAL);
	text = strdup(kept(11));
	ck_assert_ptr_null(kept(20)); /* nothing changed */
	run_again(text, 100);
	ck_assert_int_eq(t.grade.since_ns, 10 * SECOND);
	/* An SLI that is not there yet is what it was, in words. */
	ck_assert_int_eq(tick(101, true, NAN, 1), STATE_CRITICAL);
	ck_assert_str_eq(t.grade.reason, "heap_live_rate was critical when "
					 "heapwatch stopped, and is not known "
					 "yet");
	ck_assert_int_eq(tick(102, true, 0.95, 1), STATE_CRITICAL);
	ck_assert_int_eq(t.grade.since_ns, 10 * SECOND);
	ck_assert_int_eq(tick(103, true, NAN, 1), STATE_OK);
	t.entity.key.start_ticks = 71; /* the pid of another process */
	run_again(text, 100);
	ck_assert_int_eq(t.grade.since_ns, 0);
	strcpy(c.boot_id, "b2");
	t.entity.key.start_ticks = 70;
	run_again(text, 100);
	ck_assert_int_eq(t.grade.since_ns, 0);
	free(c.kept);
	map_fini(&c.targets);
	tear_down();
}
END_TEST

START_TEST(states_that_nobody_wrote_are_not_believed)
{
	static const char *const lines[] = {
		"", "7", "7 70 4 1 0 0 0 0 0 0", "7 70 4 1 0 0 0 0 0 0pump",
		"7 70 9 1 0 0 0 0 0 0 pump", "7 70 4 0 0 0 0 0 0 0 pump",
		"7 70 4 -1 0 0 0 0 0 0 pump", "7 70 4 999999999999 0 0 0 0 0 0 pump",
		"7 70 4 1 9 0 0 0 0 0 pump", "7 70 4 1 0 999999999999 0 0 0 0 pump",
		"7 70 4 1 0 0 0 0 0 0 pomp", "99999999999999999999 70 4 1 pump",
	};

	set_up();
	strcpy(c.boot_id, "b1");
	t.entity.key = (struct entity_key){ .pid = 7, .start_ticks = 70 };
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char text[200];

		snprintf(text, sizeof(text), "b1\n%s\n", lines[i]);
		run_again(text, 100);
		ck_assert_msg(t.grade.since_ns == 0, "%s", lines[i]);
	}
	run_again("b1\n7 70 4 1 0 0 0 0 0 0 pump\n", 100);
	ck_assert_int_eq(t.grade.since_ns, 1);
	run_again(NULL, 100);
	free(c.kept);
	tear_down();
}
END_TEST

TEST_MAIN("state", worse_must_hold_without_a_break,
	  mixed_breach_is_as_bad_as_its_mildest_moment,
	  better_wants_a_margin_and_more_time,
	  worsening_at_once_ends_what_was_better_before_it,
	  margin_lies_on_the_healthy_side_of_each_limit,
	  state_outlives_heapwatch,
	  states_that_nobody_wrote_are_not_believed,
	  worst_sli_is_the_state_and_says_why, nothing_to_grade_is_unknown,
	  failed_reads_are_stale_after_a_while_and_told_with_their_span,
	  rule_of_the_service_wins_and_a_reload_is_taken,
	  maintenance_silences_but_does_not_change_the_state,
	  loaded_window_ends_at_its_wall_time_once_the_clock_is_right,
	  loaded_window_never_lasts_longer_than_it_was_to,
	  builds_remembered_are_bounded_and_the_longest_unseen_goes,
	  clock_steps_are_told_and_drift_is_not)
