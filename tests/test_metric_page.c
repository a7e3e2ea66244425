/*
 * docs/metrics.md is made from the tables of metrics and columns:
 *
 *   build/tests/test_metric_page --print > docs/metrics.md
 *
 * Without the argument this is a test: the page must be what would be made.
 */
#include "test.h"

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/column.h"
#include "common/threshold.h"

static const char intro[] =
	"<!-- made by: build/tests/test_metric_page --print > docs/metrics.md -->\n"
	"# Metrics\n"
	"\n"
	"Every metric heapwatch knows, as `common/metric.c` and "
	"`common/column.c` define them.\n"
	"\n"
	"- **Unit** is Grafana's unit id: `percentunit` is a ratio from 0 to "
	"1, `s` seconds, `short` a plain count, `dateTimeFromNow` Unix time "
	"in seconds.\n"
	"- **Fold** is how several values of one step become one, in rollups "
	"and in graphs alike, so that a breach never disappears by "
	"averaging.\n"
	"- **Label** lists the values of the label that tells series of one "
	"metric apart; *none* is the series without it.\n"
	"- A number that cannot be had is absent and its reason is told; it "
	"is never zero and never a guess.\n";

static const struct {
	unsigned runtimes;
	const char *title;
} parts[] = {
	{ RUNTIME_GO | RUNTIME_JVM, "Go and JVM" },
	{ RUNTIME_GO, "Go" },
	{ RUNTIME_JVM, "JVM" },
	{ RUNTIME_ANY, "Any process" },
	{ RUNTIME_MACHINE, "Machine and heapwatch itself" },
};

/* A bar would end the cell of a table. */
static void put_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
}

/* For whom a value exists, where not for all that have the metric. */
static const char *only_for(unsigned runtimes)
{
	if (runtimes == RUNTIME_GO)
		return " (Go)";
	return runtimes == RUNTIME_JVM ? " (JVM)" : "";
}

static void put_dimension(struct buf *out, enum metric m)
{
	const char *between = "";
	bool plain = false, dim = false;

	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);

		if (info->metric != m)
			continue;
		plain |= !info->dim;
		if (!info->dim)
			continue;
		if (!dim)
			buf_printf(out, "`%s`: ", info->dim);
		buf_printf(out, "%s%s%s", between, info->value,
			   only_for(info->runtimes));
		between = ", ";
		dim = true;
	}
	if (plain && dim)
		buf_puts(out, ", *none*");
}

static void put_metric(struct buf *out, enum metric m)
{
	const struct metric_info *info = metric_info(m);

	buf_printf(out, "| `%s` | %s | %s | %s | ", info->name, info->unit,
		   metric_kind_word(info->kind), fold_word(info->fold));
	put_dimension(out, m);
	buf_puts(out, " | ");
	put_cell(out, info->help);
	buf_puts(out, " |\n");
}

static void put_part(struct buf *out, unsigned runtimes, const char *title)
{
	buf_printf(out, "\n## %s\n\n", title);
	buf_puts(out, "| Name | Unit | Kind | Fold | Label | Meaning |\n"
		      "|---|---|---|---|---|---|\n");
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (metric_info((enum metric)i)->runtimes == runtimes)
			put_metric(out, (enum metric)i);
	}
}

static void put_thresholds(struct buf *out)
{
	buf_puts(out, "\n## Default limits\n\n"
		      "The limit itself is still healthy. The configuration "
		      "may set others.\n\n"
		      "| Metric | Warning | Critical |\n|---|---|---|\n");
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct threshold *t = threshold_default((enum metric)i);
		char sign = t && t->direction < 0 ? '<' : '>';

		if (t)
			buf_printf(out, "| `%s` | %c %g | %c %g |\n",
				   metric_info((enum metric)i)->name, sign,
				   t->warning, sign, t->critical);
	}
}

static void put_page(struct buf *out)
{
	buf_puts(out, intro);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		put_part(out, parts[i].runtimes, parts[i].title);
	put_thresholds(out);
}

static void read_page(struct buf *out)
{
	char self[PATH_MAX / 2] = "", path[PATH_MAX];
	FILE *file;
	int c;

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1),
			 0);
	snprintf(path, sizeof(path), "%s/../../docs/metrics.md",
		 dirname(self));
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	while ((c = getc(file)) != EOF)
		buf_putc(out, (char)c);
	fclose(file);
}

START_TEST(page_is_what_the_tables_say)
{
	struct buf want = BUF_INIT, page = BUF_INIT;

	put_page(&want);
	read_page(&page);
	ck_assert_msg(strcmp(buf_cstr(&want), buf_cstr(&page)) == 0,
		      "docs/metrics.md is out of date: make it again with "
		      "test_metric_page --print > docs/metrics.md");
	buf_fini(&want);
	buf_fini(&page);
}
END_TEST

START_TEST(every_metric_is_in_one_part)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		size_t found = 0;

		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			found += metric_info((enum metric)i)->runtimes ==
				 parts[k].runtimes;
		ck_assert_msg(found == 1, "%s is in %zu parts",
			      metric_info((enum metric)i)->name, found);
	}
}
END_TEST

static int run_tests(void);

int main(int argc, char **argv)
{
	struct buf page = BUF_INIT;

	if (argc < 2 || strcmp(argv[1], "--print") != 0)
		return run_tests();
	put_page(&page);
	fputs(buf_cstr(&page), stdout);
	buf_fini(&page);
	return 0;
}

#define main run_tests
static TEST_MAIN("metric_page", page_is_what_the_tables_say,
		 every_metric_is_in_one_part)
