/* Configuration: units, defaults, the file, flags, and where errors stand. */
#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "common/units.h"
#include "server/config.h"
#include "test.h"

static struct config c;
static struct problem p;

/* Read this text as a file over the defaults. */
static int read_text(const char *text)
{
	FILE *file = fopen("heapwatch.yaml", "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	ck_ok(config_init(&c));
	p = (struct problem){ 0 };
	return config_read(&c, "heapwatch.yaml", &p);
}

/* It is refused at this place, in words that contain this. */
static void refused(const char *text, int line, int column, const char *words)
{
	ck_err(read_text(text), EINVAL);
	ck_assert_msg(p.line == line && p.column == column,
		      "%d:%d, expected %d:%d: %s", p.line, p.column, line,
		      column, p.text);
	ck_assert_msg(strstr(p.text, words) != NULL, "\"%s\" lacks \"%s\"",
		      p.text, words);
	ck_assert_int_eq(p.code, PROBLEM_USAGE);
	config_fini(&c);
}

START_TEST(percentages_are_read)
{
	static const char *const wrong[] = { "", "%", "0.5", "1.%", ".5%",
					     "0.12345%", "-1%", "1 %", "1e2%",
					     "9999999999%" };
	int64_t ppm = 0;

	ck_ok(percent_parse(&ppm, "0.5%"));
	ck_assert_int_eq(ppm, 5000);
	ck_ok(percent_parse(&ppm, "100%"));
	ck_assert_int_eq(ppm, 1000000);
	ck_ok(percent_parse(&ppm, "0.0001%"));
	ck_assert_int_eq(ppm, 1);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_err(percent_parse(&ppm, wrong[i]), EINVAL);
}
END_TEST

START_TEST(durations_are_milliseconds)
{
	int64_t ms = -1;

	ck_ok(duration_parse(&ms, "10s"));
	ck_assert_int_eq(ms, 10000);
	ck_ok(duration_parse(&ms, "1h30m"));
	ck_assert_int_eq(ms, 90 * 60000);
	ck_ok(duration_parse(&ms, "250ms"));
	ck_assert_int_eq(ms, 250);
	ck_ok(duration_parse(&ms, "30d"));
	ck_assert_int_eq(ms, 30 * 86400000ll);
	ck_ok(duration_parse(&ms, "0"));
	ck_assert_int_eq(ms, 0);
}
END_TEST

START_TEST(malformed_durations_leave_the_result_alone)
{
	static const char *const bad[] = { "",
					   "10",
					   "s",
					   "10 s",
					   "-5s",
					   "1.5h",
					   "10sm5",
					   "10x",
					   "99999999999999999999s",
					   "9223372036854775807w" };
	int64_t ms = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_err(duration_parse(&ms, bad[i]), EINVAL);
	ck_assert_int_eq(ms, 7);
}
END_TEST

START_TEST(sizes_are_bytes)
{
	int64_t bytes = -1;

	ck_ok(bytes_parse(&bytes, "64KiB"));
	ck_assert_int_eq(bytes, 65536);
	ck_ok(bytes_parse(&bytes, "1GiB"));
	ck_assert_int_eq(bytes, 1073741824);
	ck_ok(bytes_parse(&bytes, "10MB"));
	ck_assert_int_eq(bytes, 10000000);
	ck_ok(bytes_parse(&bytes, "4096"));
	ck_assert_int_eq(bytes, 4096);
	ck_err(bytes_parse(&bytes, "64kib"), EINVAL);
	ck_err(bytes_parse(&bytes, "1.5GiB"), EINVAL);
	ck_err(bytes_parse(&bytes, "9999999999GiB"), EINVAL);
	ck_err(bytes_parse(&bytes, ""), EINVAL);
	ck_assert_int_eq(bytes, 4096);
}
END_TEST

START_TEST(every_key_has_a_default_that_its_own_parser_takes)
{
	ck_ok(config_init(&c));
	ck_assert_str_eq(c.listen, "127.0.0.1:9817");
	ck_assert_int_eq(c.resolution_ms, 10000);
	ck_assert_int_eq(c.memory_ms, 15 * 60000);
	ck_assert_int_eq(c.retention_ms, 30 * 86400000ll);
	ck_assert_int_eq(c.retention_bytes, 1 << 30);
	ck_assert_int_eq(c.log_level, LOG_LEVEL_INFO);
	ck_assert(c.report);
	ck_assert_uint_eq(c.threshold_count, 4);
	ck_ok(config_check(&c, &p));
	config_fini(&c);
}
END_TEST

START_TEST(an_empty_file_keeps_the_defaults)
{
	ck_ok(read_text(""));
	ck_assert_int_eq(c.resolution_ms, 10000);
	config_fini(&c);
	ck_ok(read_text("# nothing\nretention:\nnode:\n"));
	ck_assert_str_eq(c.node, "");
	config_fini(&c);
}
END_TEST

START_TEST(a_file_sets_scalars_of_every_type)
{
	ck_ok(read_text("listen: '[::1]:1'\nresolution: 1s\n"
			"retention: {age: 0, bytes: 64MiB}\n"
			"collector:\n  targets_max: 20\n"
			"log: {level: debug}\nreport: false\n"));
	ck_assert_str_eq(c.listen, "[::1]:1");
	ck_assert_int_eq(c.resolution_ms, 1000);
	ck_assert_int_eq(c.retention_ms, 0);
	ck_assert_int_eq(c.retention_bytes, 64 << 20);
	ck_assert_int_eq(c.target_max, 20);
	ck_assert_int_eq(c.log_level, LOG_LEVEL_DEBUG);
	ck_assert(!c.report);
	config_fini(&c);
}
END_TEST

START_TEST(watch_rules_keep_their_order)
{
	ck_ok(read_text("watch:\n"
			"- {action: exclude, exe: /usr/.*, user: ci}\n"
			"- action: include\n  service: scada-.*\n"));
	ck_assert_uint_eq(c.rule_count, 2);
	ck_assert(!c.rules[0].include);
	ck_assert(pattern_matches(c.rules[0].exe, "/usr/bin/x"));
	ck_assert(!pattern_matches(c.rules[0].exe, "/opt/usr/bin/x"));
	ck_assert_ptr_null(c.rules[0].service);
	ck_assert(c.rules[1].include);
	ck_assert(pattern_matches(c.rules[1].service, "scada-7"));
	config_fini(&c);
}
END_TEST

START_TEST(plant_rules_carry_labels)
{
	ck_ok(read_text("plant:\n- node: gw-.*\n"
			"  labels: {site: north, line: 7}\n"));
	ck_assert_uint_eq(c.plant->count, 1);
	ck_assert(pattern_matches(c.plant->rules[0].node, "gw-1"));
	ck_assert_str_eq(labels_get(&c.plant->rules[0].labels, "line"), "7");
	config_fini(&c);
}
END_TEST

START_TEST(thresholds_change_only_what_they_name)
{
	ck_ok(read_text("thresholds:\n  gc_pressure: {warning: 7}\n"));
	for (size_t i = 0; i < c.threshold_count; i++) {
		if (c.thresholds[i].metric != METRIC_GC_PRESSURE)
			continue;
		ck_assert(c.thresholds[i].warning == 7);
		ck_assert(c.thresholds[i].critical == 20);
	}
	config_fini(&c);
}
END_TEST

START_TEST(thresholds_of_services_stand_in_for_the_general_ones)
{
	const struct threshold *t;

	ck_ok(read_text("thresholds_by_service:\n"
			"  - service: pump-.*\n"
			"    frag_ratio: {warning: 0.2, critical: 0.05}\n"));
	ck_assert_uint_eq(c.threshold_rule_count, 1);
	ck_assert(pattern_matches(c.threshold_rules[0].service, "pump-7"));
	t = &c.threshold_rules[0].items[0];
	ck_assert_int_eq(t->metric, METRIC_FRAG_RATIO);
	ck_assert(t->warning == 0.2 && t->critical == 0.05);
	ck_assert_int_eq(t->direction, -1);
	config_fini(&c);
	refused("thresholds_by_service:\n  - frag_ratio: {warning: 0.2, "
		"critical: 0.1}\n", 2, 5, "wants a service");
	refused("thresholds_by_service:\n  - service: a\n    frag_ratio: "
		"{warning: 0.2}\n", 3, 17, "wants warning and critical");
	refused("thresholds_by_service:\n  - service: a\n    color: red\n", 3, 5,
		"no metric with limits");
}
END_TEST

START_TEST(keys_that_a_reload_cannot_apply_are_named)
{
	own(buf_fini) struct buf names = BUF_INIT;
	struct config old;

	ck_ok(config_init(&old));
	ck_ok(read_text("listen: 127.0.0.1:1\nretention: {age: 1d}\n"
			"report: false\nlog: {level: debug}\n"));
	ck_assert_uint_eq(config_restart_keys(&old, &c, &names), 2);
	ck_assert_str_eq(buf_cstr(&names), "listen, report");
	config_fini(&c);
	config_fini(&old);
}
END_TEST

START_TEST(an_unknown_key_is_told_with_its_place)
{
	refused("db: x\nresolutoin: 10s\n", 2, 1, "unknown key resolutoin");
	refused("retention:\n  ages: 1d\n", 2, 3, "unknown key retention.ages");
	refused("retention.age: 1d\n", 1, 1,
		"retention.age is written as a mapping: retention, and below "
		"it age");
	refused("watch:\n- {action: include, exec: x}\n", 2, 21, "no exec");
	refused("plant:\n- {label: {}}\n", 2, 4, "no label");
	refused("thresholds: {threads: {warning: 1}}\n", 1, 14,
		"no metric with limits");
}
END_TEST

START_TEST(a_wrong_type_is_told_with_its_place)
{
	refused("resolution: [10s]\n", 1, 13, "must be a duration");
	refused("resolution: 10 parsecs\n", 1, 13, "must be a duration");
	refused("listen: {}\n", 1, 9, "must be text");
	refused("retention: 30d\n", 1, 12, "must be a mapping");
	refused("retention: {bytes: much}\n", 1, 20, "must be a size");
	refused("report: yes\n", 1, 9, "true or false");
	refused("log: {level: loud}\n", 1, 14, "debug, info, warn or error");
	refused("watch: {}\n", 1, 8, "a list of rules");
	refused("watch:\n- exclude\n", 2, 3, "must be a mapping");
	refused("- a\n", 1, 1, "keys and values");
	refused("collector: {targets_max: -1}\n", 1, 26, "whole number");
}
END_TEST

START_TEST(a_number_out_of_bounds_is_told_with_the_bounds)
{
	refused("resolution: 1ms\n", 1, 13, "from 1s to 1h");
	refused("http: {body_max: 1}\n", 1, 18, "from 1KiB to 64MiB");
}
END_TEST

START_TEST(a_duplicate_key_is_told_with_its_place)
{
	refused("db: a\nnode: n\ndb: b\n", 3, 1, "first in line 1");
	refused("retention: {age: 1d, age: 2d}\n", 1, 22, "given twice");
}
END_TEST

START_TEST(a_malformed_expression_is_told_with_its_place)
{
	refused("watch:\n- action: include\n  exe: '['\n", 3, 8, "exe: ");
	refused("watch:\n- exe: x\n", 2, 3, "wants an action");
	refused("watch:\n- action: maybe\n", 2, 11, "include or exclude");
}
END_TEST

START_TEST(the_plant_cannot_take_labels_of_the_process)
{
	refused("plant:\n- labels: {pid: 1}\n", 2, 12, "process itself");
	refused("plant:\n- labels: {9: x}\n", 2, 12, "no name of a label");
}
END_TEST

START_TEST(critical_lies_beyond_warning)
{
	refused("thresholds: {frag_ratio: {warning: 0.1, critical: 0.3}}\n", 1,
		26, "beyond warning");
	refused("thresholds: {gc_pressure: {warning: x}}\n", 1, 37, "a number");
}
END_TEST

START_TEST(anchors_aliases_and_tags_are_refused)
{
	refused("db: &a x\n", 1, 5, "anchors");
	refused("db: *a\n", 1, 5, "aliases");
	refused("db: !!str x\n", 1, 5, "tags");
	refused("a: &a [x]\nb: [*a,*a]\n", 1, 4, "anchors");
}
END_TEST

START_TEST(broken_yaml_is_told_with_its_place)
{
	refused("db: x\n  node: y\n", 2, 7, "mapping values");
	refused("db: [a\n", 2, 1, "");
	refused("db: x\n---\ndb: y\n", 2, 1, "only one document");
	refused("a: [[[[[[[[[[[[x]]]]]]]]]]]]\n", 1, 11, "too deeply");
}
END_TEST

struct told {
	size_t count;
	int lines[16];
	char texts[16][80];
};

static void note(void *arg, const struct problem *why)
{
	struct told *t = arg;

	ck_assert_uint_lt(t->count, 16);
	ck_assert_int_eq(why->code, PROBLEM_USAGE);
	snprintf(t->texts[t->count], sizeof(t->texts[0]), "%.79s",
		 why->text);
	t->lines[t->count++] = why->line;
}

/* Everything that is wrong with this text, by config_examine. */
static struct told examined(const char *text)
{
	struct told t = { 0 };

	(void)read_text(text);
	config_fini(&c);
	ck_ok(config_init(&c));
	ck_assert_uint_eq(config_examine(&c, "heapwatch.yaml", note, &t),
			  t.count);
	return t;
}

START_TEST(every_problem_of_a_file_is_told_once)
{
	static const int lines[] = { 1, 3, 4, 6, 8, 10, 11, 12 };
	struct told t = examined("resolutoin: 1s\nhttp:\n  threads: many\n"
				 "  body_maks: 1\nwatch:\n"
				 "  - action: maybe\n  - action: include\n"
				 "    exec: x\n  - action: exclude\n"
				 "    exe: '['\nplant: {labels: x}\n"
				 "thresholds: {gc_pressure: {warning: x}}\n"
				 "flush: 2s\n");

	ck_assert_uint_eq(t.count, ARRAY_SIZE(lines));
	for (size_t i = 0; i < t.count; i++)
		ck_assert_msg(t.lines[i] == lines[i], "%d: %s", t.lines[i],
			      t.texts[i]);
	ck_assert_int_eq(c.flush_ms, 2000); /* what is right was read */
	config_fini(&c);
}
END_TEST

START_TEST(a_file_that_is_no_file_of_ours_has_one_problem)
{
	struct told t = examined("db: [a\n");

	ck_assert_uint_eq(t.count, 1);
	config_fini(&c);
	t = examined("- a\n- b\n");
	ck_assert_uint_eq(t.count, 1);
	config_fini(&c);
	t = (struct told){ 0 };
	ck_ok(config_init(&c));
	ck_assert_uint_eq(config_examine(&c, "none.yaml", note, &t), 1);
	ck_assert_ptr_nonnull(strstr(t.texts[0], "cannot be opened"));
	t = (struct told){ 0 };
	ck_assert_uint_eq(config_examine(&c, ".", note, &t), 1);
	ck_assert_ptr_nonnull(strstr(t.texts[0], "Is a directory"));
	config_fini(&c);
	t = examined("watch: {}\nretention:\n");
	ck_assert_uint_eq(t.count, 1);
	config_fini(&c);
}
END_TEST

START_TEST(an_unknown_key_is_told_what_is_near)
{
	struct told t = examined("resolutoin: 1s\nretention: {ages: 1d}\n"
				 "threads: 4\nxyzzy: 1\n");

	ck_assert_str_eq(t.texts[0], "unknown key resolutoin; close to it: "
				     "resolution");
	ck_assert_ptr_nonnull(strstr(t.texts[1], "close to it: retention.age"));
	ck_assert_ptr_nonnull(strstr(t.texts[2], "close to it: http.threads"));
	ck_assert_ptr_nonnull(strstr(t.texts[3], "lists all"));
	config_fini(&c);
}
END_TEST

START_TEST(what_does_not_fit_together_is_told_with_its_place)
{
	p = (struct problem){ 0 };
	ck_ok(read_text("db: x\n\nresolution: 1500ms\n"));
	ck_err(config_check(&c, &p), EINVAL);
	ck_assert_int_eq(p.line, 3);
	ck_assert_int_eq(p.column, 13);
	ck_ok(config_set(&c, config_flag_find("resolution", 10), "2500ms", &p));
	p = (struct problem){ 0 };
	ck_err(config_check(&c, &p), EINVAL);
	ck_assert_int_eq(p.line, 0); /* the flag's fault, not the file's */
	config_fini(&c);
}
END_TEST

START_TEST(a_large_file_is_refused)
{
	FILE *file = fopen("heapwatch.yaml", "we");

	for (int i = 0; i < 70000; i++)
		fputs("# a long comment\n", file);
	fclose(file);
	ck_ok(config_init(&c));
	ck_err(config_read(&c, "heapwatch.yaml", &p), EFBIG);
	config_fini(&c);
}
END_TEST

START_TEST(a_missing_file_is_told_apart)
{
	ck_ok(config_init(&c));
	ck_err(config_read(&c, "none.yaml", &p), ENOENT);
	ck_assert_int_eq(problem_exit_code(p.code), 2);
	config_fini(&c);
}
END_TEST

START_TEST(flags_are_keys_with_dashes)
{
	const struct config_key *key = config_flag_find("retention-age", 13);

	ck_assert_str_eq(key->key, "retention.age");
	ck_assert_ptr_nonnull(config_flag_find("http-body-max", 13));
	ck_assert_ptr_null(config_flag_find("watch", 5));
	ck_assert_ptr_null(config_flag_find("retention", 9));
	ck_ok(config_init(&c));
	ck_ok(config_set(&c, key, "2h", &p));
	ck_assert_int_eq(c.retention_ms, 7200000);
	ck_err(config_set(&c, key, "soon", &p), EINVAL);
	ck_assert_ptr_nonnull(strstr(p.text, "retention.age"));
	ck_assert_int_eq(c.retention_ms, 7200000);
	config_fini(&c);
}
END_TEST

START_TEST(help_and_table_tell_every_key)
{
	struct buf help = BUF_INIT, table = BUF_INIT;
	const struct config_key *keys;
	size_t count;
	char cell[96];

	keys = config_keys(&count);
	config_help(&help);
	config_markdown(&table);
	for (size_t i = 0; i < count; i++) {
		snprintf(cell, sizeof(cell), "| `%s` |", keys[i].key);
		ck_assert_ptr_nonnull(strstr(buf_cstr(&table), cell));
		ck_assert(keys[i].type >= CONFIG_WATCH ||
			  strstr(buf_cstr(&help), keys[i].help));
	}
	buf_fini(&help);
	buf_fini(&table);
}
END_TEST

TEST_MAIN("config", percentages_are_read, durations_are_milliseconds,
	  malformed_durations_leave_the_result_alone, sizes_are_bytes,
	  every_key_has_a_default_that_its_own_parser_takes,
	  an_empty_file_keeps_the_defaults, a_file_sets_scalars_of_every_type,
	  watch_rules_keep_their_order, plant_rules_carry_labels,
	  thresholds_change_only_what_they_name,
	  thresholds_of_services_stand_in_for_the_general_ones,
	  keys_that_a_reload_cannot_apply_are_named,
	  an_unknown_key_is_told_with_its_place,
	  a_wrong_type_is_told_with_its_place,
	  a_number_out_of_bounds_is_told_with_the_bounds,
	  a_duplicate_key_is_told_with_its_place,
	  a_malformed_expression_is_told_with_its_place,
	  the_plant_cannot_take_labels_of_the_process,
	  critical_lies_beyond_warning, anchors_aliases_and_tags_are_refused,
	  broken_yaml_is_told_with_its_place,
	  every_problem_of_a_file_is_told_once,
	  a_file_that_is_no_file_of_ours_has_one_problem,
	  an_unknown_key_is_told_what_is_near,
	  what_does_not_fit_together_is_told_with_its_place,
	  a_large_file_is_refused,
	  a_missing_file_is_told_apart, flags_are_keys_with_dashes,
	  help_and_table_tell_every_key)
