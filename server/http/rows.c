#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/map.h"

/* ---- cells ---- */

static int copy_cell(struct cells *to, const struct cells *from, size_t row)
{
	if (row >= from->count || !cells_valid(from, row))
		return cells_add_null(to);
	switch (from->type) {
	case FIELD_F64:
		return cells_add_f64(to, from->f64[row]);
	case FIELD_BOOL:
		return cells_add_bool(to, from->boolean[row]);
	case FIELD_STRING:
		return cells_add_string(to, from->string[row]);
	default:
		return cells_add_i64(to, from->i64[row]);
	}
}

static enum field_type column_type(const struct row_page *page,
				   enum field_type type)
{
	return type == FIELD_TIME_MS && page->epoch ? FIELD_I64 : type;
}

static int add_column(struct frame *out, const struct row_page *page,
		      const char *name, enum field_type type)
{
	struct field *field;

	return frame_add_field(out, &field, name, column_type(page, type),
			       NULL);
}

/* What the questions wanted to say goes along. */
static int table_new(struct frame **out, struct frame *const *frames,
		     size_t count)
{
	own(frame_freep) struct frame *f = NULL;
	int r = frame_new(&f, "", "rows", FRAME_TABLE);

	for (size_t i = 0; i < count && r == 0; i++) {
		for (size_t k = 0; k < frames[i]->notice_count && r == 0; k++)
			r = frame_notice(f, frames[i]->notices[k].severity,
					 "%s", frames[i]->notices[k].text);
	}
	if (r == 0)
		*out = take(f);
	return r;
}

/* Whether row i of all is on the page. */
static bool on_page(struct row_page *page, size_t i)
{
	if (i < page->offset)
		return false;
	page->more |= i - page->offset >= page->limit;
	return !page->more;
}

/* ---- long ---- */

/* One frame on its way: rows of a table, or fields of a numeric one. */
struct source {
	const struct frame *frame;
	size_t at, count;
};

struct merge {
	struct frame *out; /* owned */
	struct source *sources; /* owned */
	size_t count;
	const char **labels; /* owned; borrowed texts, sorted */
	size_t label_count;
	bool timed, several;
	struct row_page *page;
};

static void merge_fini(struct merge *m)
{
	frame_free(m->out);
	free(m->sources);
	free(m->labels);
}

static bool is_numeric(const struct source *s)
{
	return s->frame->type == FRAME_NUMERIC;
}

static int64_t time_at(const struct source *s)
{
	return is_numeric(s) ? 0 : s->frame->fields[0].cells->i64[s->at];
}

static int add_labels_of(struct merge *m, const struct frame *f)
{
	size_t most = 0;
	const char **labels;

	for (size_t i = 0; i < f->field_count; i++)
		most += 1 + f->fields[i].labels.count;
	labels = realloc(m->labels,
			 (m->label_count + most + 1) * sizeof(labels[0]));
	if (!labels)
		return -ENOMEM;
	m->labels = labels;
	for (size_t i = 0; i < f->field_count; i++) {
		const struct field *field = &f->fields[i];

		if (f->type == FRAME_TABLE && i > 0 && i + 1 < f->field_count)
			labels[m->label_count++] = field->name;
		for (size_t k = 0; f->type == FRAME_NUMERIC &&
				   k < field->labels.count;
		     k++)
			labels[m->label_count++] = field->labels.items[k].name;
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect_labels(struct merge *m)
{
	size_t unique = 0;
	int r = 0;

	for (size_t i = 0; i < m->count && r == 0; i++)
		r = add_labels_of(m, m->sources[i].frame);
	if (r || m->label_count == 0)
		return r;
	qsort(m->labels, m->label_count, sizeof(m->labels[0]), by_text);
	for (size_t i = 0; i < m->label_count; i++) {
		if (!unique || strcmp(m->labels[unique - 1], m->labels[i]))
			m->labels[unique++] = m->labels[i];
	}
	m->label_count = unique;
	return 0;
}

static int make_columns(struct merge *m, const char *metric)
{
	int r = m->timed ? add_column(m->out, m->page, "time", FIELD_TIME_MS) :
			   0;

	for (size_t i = 0; i < m->label_count && r == 0; i++)
		r = add_column(m->out, m->page, m->labels[i], FIELD_STRING);
	if (r == 0 && m->several)
		r = add_column(m->out, m->page, "metric", FIELD_STRING);
	if (r == 0)
		r = add_column(m->out, m->page, m->several ? "value" : metric,
			       FIELD_F64);
	return r;
}

static int copy_label(struct cells *to, const struct source *s,
		      const char *name)
{
	const struct frame *f = s->frame;

	if (is_numeric(s)) {
		const char *value = labels_get(&f->fields[s->at].labels, name);

		return value ? cells_add_string(to, value) : cells_add_null(to);
	}
	for (size_t i = 1; i + 1 < f->field_count; i++) {
		if (strcmp(f->fields[i].name, name) == 0)
			return copy_cell(to, f->fields[i].cells, s->at);
	}
	return cells_add_null(to);
}

static int copy_row(struct merge *m, const struct source *s)
{
	const struct frame *f = s->frame;
	struct field *to = m->out->fields;
	int r = 0;

	if (m->timed)
		r = copy_cell((to++)->cells, f->fields[0].cells, s->at);
	for (size_t i = 0; i < m->label_count && r == 0; i++)
		r = copy_label((to++)->cells, s, m->labels[i]);
	if (r == 0 && m->several)
		r = cells_add_string((to++)->cells, f->name);
	if (r)
		return r;
	if (is_numeric(s))
		return copy_cell(to->cells, f->fields[s->at].cells, 0);
	return copy_cell(to->cells, f->fields[f->field_count - 1].cells, s->at);
}

/* The source with the earliest row, the first of equals; NULL at the end. */
static struct source *earliest(struct merge *m)
{
	struct source *best = NULL;

	for (size_t i = 0; i < m->count; i++) {
		struct source *s = &m->sources[i];

		if (s->at < s->count && (!best || time_at(s) < time_at(best)))
			best = s;
	}
	return best;
}

static int merge_rows(struct merge *m)
{
	struct source *s;
	int r = 0;

	for (size_t i = 0; r == 0 && !m->page->more && (s = earliest(m)); i++) {
		if (on_page(m->page, i))
			r = copy_row(m, s);
		s->at++;
	}
	return r;
}

static void add_source(struct merge *m, const struct frame *f)
{
	size_t rows = f->type == FRAME_NUMERIC ? f->field_count :
						 frame_rows(f);

	if (f->type == FRAME_TIMESERIES) /* an error */
		return;
	m->timed |= f->type == FRAME_TABLE;
	m->sources[m->count++] = (struct source){ f, 0, rows };
}

int rows_long(struct frame **out, struct frame *const *frames, size_t count,
	      struct row_page *page)
{
	own(merge_fini) struct merge m = { .several = count > 1, .page = page };
	int r = table_new(&m.out, frames, count);

	if (r)
		return r;
	m.sources = calloc(count + 1, sizeof(m.sources[0]));
	if (!m.sources)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		add_source(&m, frames[i]);
	if ((r = collect_labels(&m)) ||
	    (r = make_columns(&m, count ? frames[0]->name : "value")) ||
	    (r = merge_rows(&m)))
		return r;
	*out = take(m.out);
	return 0;
}

/* ---- wide ---- */

/* A key twice in one object would lose one of the two. */
static int add_unique(struct frame *out, struct map *names, const char *name)
{
	struct row_page page = { 0 };
	char text[512];
	int r;

	snprintf(text, sizeof(text), "%s", name);
	for (unsigned i = 2; map_get_str(names, text); i++)
		snprintf(text, sizeof(text), "%.480s (%u)", name, i);
	r = map_set_str(names, text, out);
	return r ? r : add_column(out, &page, text, FIELD_F64);
}

static int wide_columns(struct frame *out, struct frame *const *frames,
			size_t count, const struct row_page *page)
{
	struct map names = MAP_INIT;
	int r = add_column(out, page, "time", FIELD_TIME_MS);

	if (r == 0)
		r = map_set_str(&names, "time", out);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 1; k < frames[i]->field_count && r == 0; k++) {
			const struct field *f = &frames[i]->fields[k];
			char name[512];

			snprintf(name, sizeof(name), "%s%s%s",
				 count > 1 ? frames[i]->name : "",
				 count > 1 ? " " : "",
				 f->display_name ? f->display_name : f->name);
			r = add_unique(out, &names, name);
		}
	}
	map_fini(&names);
	return r;
}

static int wide_row(struct frame *out, struct frame *const *frames,
		    size_t count, const struct cells *times, size_t row)
{
	struct field *to = out->fields;
	int r = copy_cell((to++)->cells, times, row);

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 1; k < frames[i]->field_count && r == 0; k++)
			r = copy_cell((to++)->cells,
				      frames[i]->fields[k].cells, row);
	}
	return r;
}

int rows_wide(struct frame **out, struct frame *const *frames, size_t count,
	      struct row_page *page)
{
	own(frame_freep) struct frame *f = NULL;
	const struct frame *longest = NULL;
	int r = table_new(&f, frames, count);

	if (r == 0)
		r = wide_columns(f, frames, count, page);
	for (size_t i = 0; i < count; i++) {
		if (!longest || frame_rows(frames[i]) > frame_rows(longest))
			longest = frames[i];
	}
	for (size_t i = 0; longest && i < frame_rows(longest) && r == 0 &&
			   !page->more;
	     i++) {
		if (on_page(page, i))
			r = wide_row(f, frames, count,
				     longest->fields[0].cells, i);
	}
	if (r == 0)
		*out = take(f);
	return r;
}

int rows_cut(struct frame **out, const struct frame *f, struct row_page *page)
{
	own(frame_freep) struct frame *cut = NULL;
	struct frame *all[] = { (struct frame *)f };
	int r = table_new(&cut, all, 1);

	for (size_t i = 0; i < f->field_count && r == 0; i++)
		r = add_column(cut, page, f->fields[i].name,
			       f->fields[i].cells->type);
	for (size_t row = 0; row < frame_rows(f) && r == 0 && !page->more;
	     row++) {
		if (!on_page(page, row))
			continue;
		for (size_t i = 0; i < f->field_count && r == 0; i++)
			r = copy_cell(cut->fields[i].cells, f->fields[i].cells,
				      row);
	}
	if (r == 0)
		*out = take(cut);
	return r;
}
