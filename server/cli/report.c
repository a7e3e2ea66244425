#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/units.h"
#include "common/utf8.h"

enum { PID, RUNTIME, VERSION, WHO, COLUMNS };

struct row {
	char text[COLUMNS][96];
};

static const char *word(const struct labels *l, const char *name)
{
	const char *value = labels_get(l, name);

	return value ? value : "-";
}

static void row_fill(struct row *r, const struct census_target *t)
{
	const struct labels *l = &t->entity.labels;

	snprintf(r->text[PID], sizeof(r->text[PID]), "%d", t->entity.key.pid);
	snprintf(r->text[RUNTIME], sizeof(r->text[RUNTIME]), "%s",
		 word(l, "runtime"));
	snprintf(r->text[VERSION], sizeof(r->text[VERSION]), "%s",
		 word(&t->entity.attributes, "version"));
	snprintf(r->text[WHO], sizeof(r->text[WHO]), "%.64s/%.20s",
		 word(l, "service"), word(l, "instance"));
	for (int i = 0; i < COLUMNS; i++)
		text_one_line(r->text[i]);
}

static void row_write(struct buf *out, const struct row *r,
		      const int widths[COLUMNS], const char *rest)
{
	buf_printf(out, "  %*s", widths[0], r->text[0]);
	for (int i = 1; i < COLUMNS; i++)
		buf_printf(out, "  %-*s", widths[i], r->text[i]);
	buf_printf(out, "  %s\n", rest);
}

static void rest_fill(char out[256], const struct census_target *t)
{
	const char *bound = word(&t->entity.attributes, "bound");
	char bytes[16] = "unknown";

	if (!isnan(t->heap_max_bytes))
		bytes_format(bytes, t->heap_max_bytes);
	if (t->watched)
		snprintf(out, 256, "%s (%s)", bytes, bound);
	else
		snprintf(out, 256, "not watched: %s",
			 t->reason ? t->reason : "reason unknown");
	text_one_line(out);
}

static void report_targets(struct buf *out, const struct census *c)
{
	static const struct row head = { { "PID", "RUNTIME", "VERSION",
					   "SERVICE/INSTANCE" } };
	int widths[COLUMNS];
	char rest[256];
	struct row r;

	for (int i = 0; i < COLUMNS; i++)
		widths[i] = (int)strlen(head.text[i]);
	for (size_t i = 0; i < c->target_count; i++) {
		row_fill(&r, &c->targets[i]);
		for (int k = 0; k < COLUMNS; k++) {
			int len = (int)strlen(r.text[k]);

			widths[k] = len > widths[k] ? len : widths[k];
		}
	}
	row_write(out, &head, widths, "BOUND");
	for (size_t i = 0; i < c->target_count; i++) {
		row_fill(&r, &c->targets[i]);
		rest_fill(rest, &c->targets[i]);
		row_write(out, &r, widths, rest);
	}
}

void report_write(struct buf *out, const struct census *c)
{
	size_t watched = 0;

	for (size_t i = 0; i < c->target_count; i++)
		watched += c->targets[i].watched;
	buf_printf(
		out,
		"%zu of %llu processes have a known runtime, %zu are watched\n",
		c->target_count, (unsigned long long)c->processes, watched);
	if (c->target_count)
		report_targets(out, c);
	else
		buf_puts(out, "no Go or Java process was found; those that "
			      "start later are watched too\n");
	for (size_t i = 0; i < c->lack_count; i++) {
		const struct census_lack *l = &c->lacks[i];

		buf_printf(out, "missing: %s; needs %s%s%.*s%s\n", l->what,
			   l->needs, *l->reason ? " (" : "",
			   (int)sizeof(l->reason), l->reason,
			   *l->reason ? ")" : "");
	}
}
