#include "test.h"

#include <ctype.h>
#include <stdbool.h>

#include "common/column.h"

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && strcmp(text + len - tail, end) == 0;
}

START_TEST(names_are_unique_and_found)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_info((enum metric)i)->name;

		ck_assert_msg(name != NULL, "metric %d has no row", i);
		ck_assert_msg(metric_find(name) == (enum metric)i,
			      "%s is there twice", name);
	}
	ck_assert_int_eq(metric_find("heap"), METRIC_COUNT);
	ck_assert_int_eq(metric_find(""), METRIC_COUNT);
}
END_TEST

START_TEST(names_keep_the_conventions)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *m = metric_info((enum metric)i);

		for (const char *c = m->name; *c; c++)
			ck_assert_msg(islower((unsigned char)*c) ||
				      isdigit((unsigned char)*c) || *c == '_',
				      "%s", m->name);
		ck_assert_msg(ends_with(m->name, "_total") ==
			      (m->kind == METRIC_COUNTER),
			      "%s: _total is for counters", m->name);
	}
}
END_TEST

/* bytes, seconds and ratios are in the name and in Grafana's unit alike. */
START_TEST(units_are_base_units_and_agree_with_the_name)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *m = metric_info((enum metric)i);
		bool bytes = strstr(m->name, "_bytes") != NULL;
		bool seconds = strstr(m->name, "_seconds") != NULL;

		ck_assert_msg(strcmp(m->unit, "bytes") == 0 ||
			      strcmp(m->unit, "s") == 0 ||
			      strcmp(m->unit, "percentunit") == 0 ||
			      strcmp(m->unit, "short") == 0 ||
			      strcmp(m->unit, "dateTimeFromNow") == 0,
			      "%s: unit %s", m->name, m->unit);
		ck_assert_msg((strcmp(m->unit, "bytes") == 0) == bytes, "%s",
			      m->name);
		ck_assert_msg((strcmp(m->unit, "s") == 0 ||
			       strcmp(m->unit, "dateTimeFromNow") == 0) ==
			      seconds, "%s", m->name);
		ck_assert_msg(!ends_with(m->name, "_ratio") ||
			      strcmp(m->unit, "percentunit") == 0, "%s",
			      m->name);
	}
}
END_TEST

START_TEST(help_is_one_sentence_without_full_stop)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *m = metric_info((enum metric)i);

		ck_assert_msg(m->help && strlen(m->help) > 5, "%s", m->name);
		ck_assert_msg(!ends_with(m->help, "."), "%s", m->name);
		ck_assert_msg(!strchr(m->help, '\n'), "%s", m->name);
		ck_assert_msg(!islower((unsigned char)m->help[0]) ||
			      strncmp(m->help, "eBPF", 4) == 0, "%s", m->name);
		ck_assert_msg(m->runtimes != 0, "%s is for nobody", m->name);
		ck_assert_msg(m->kind != METRIC_COUNTER ||
			      m->fold == FOLD_LAST,
			      "%s: counters fold to their last", m->name);
	}
}
END_TEST

START_TEST(every_metric_has_a_column)
{
	bool found[METRIC_COUNT] = { false };

	for (int c = 0; c < COL_COUNT; c++)
		found[column_info((enum column)c)->metric] = true;
	for (int i = 0; i < METRIC_COUNT; i++)
		ck_assert_msg(found[i], "%s has no column",
			      metric_info((enum metric)i)->name);
}
END_TEST

START_TEST(every_column_is_found_by_its_name)
{
	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);
		const char *name = metric_info(info->metric)->name;

		ck_assert_msg(!info->dim == !info->value, "column %d", c);
		ck_assert_msg(column_find(name, info->dim, info->value) ==
			      (enum column)c, "%s is there twice", name);
	}
	ck_assert_int_eq(column_find("heap_util_rate", "", ""),
			 COL_HEAP_UTIL_RATE);
	ck_assert_int_eq(column_find("frag_ratio", "basis", "regions"),
			 COL_COUNT);
}
END_TEST

/* A missing row of a designated table would be metric 0 in disguise. */
START_TEST(no_column_was_forgotten)
{
	for (int c = 1; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);

		ck_assert_msg(info->metric != METRIC_HEAP_UTIL_RATE,
			      "column %d has no row", c);
	}
}
END_TEST

START_TEST(column_is_for_some_of_those_who_have_the_metric)
{
	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);
		const struct metric_info *m = metric_info(info->metric);

		ck_assert_msg((info->runtimes & ~m->runtimes) == 0,
			      "column %d of %s", c, m->name);
	}
}
END_TEST

/* Labels of entities would be overwritten by a dimension of that name. */
START_TEST(dimensions_are_no_labels_of_entities)
{
	static const char *const taken[] = {
		"node", "service", "instance", "runtime", "pid",
	};

	for (int c = 0; c < COL_COUNT; c++) {
		const char *dim = column_info((enum column)c)->dim;

		for (size_t i = 0; dim && i < 5; i++)
			ck_assert_str_ne(dim, taken[i]);
	}
}
END_TEST

START_TEST(words_are_told)
{
	ck_assert_str_eq(fold_word(FOLD_LAST), "last");
	ck_assert_str_eq(fold_word(FOLD_MAX), "max");
	ck_assert_str_eq(fold_word(FOLD_MIN), "min");
	ck_assert_str_eq(fold_word(FOLD_SUM), "sum");
	ck_assert_str_eq(metric_kind_word(METRIC_COUNTER), "counter");
	ck_assert_str_eq(metric_kind_word(METRIC_GAUGE), "gauge");
}
END_TEST

TEST_MAIN("metric", names_are_unique_and_found, names_keep_the_conventions,
	  units_are_base_units_and_agree_with_the_name,
	  help_is_one_sentence_without_full_stop, every_metric_has_a_column,
	  every_column_is_found_by_its_name, no_column_was_forgotten,
	  column_is_for_some_of_those_who_have_the_metric,
	  dimensions_are_no_labels_of_entities, words_are_told)
