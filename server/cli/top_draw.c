/* The rows as a table of text, or as JSON. */
#include "top.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

enum cell {
	CELL_STATE,
	CELL_WHO,
	CELL_RUNTIME,
	CELL_PID,
	CELL_VALUE,
	CELL_TREND,
	CELL_WHY
};

/* How a value is written. */
enum shape { SHAPE_NONE, SHAPE_PERCENT, SHAPE_COUNT, SHAPE_RATIO, SHAPE_BYTES };

#define WHY_LEAST 16
#define WHO_LEAST 6
#define WHO_KEEP  12
#define STATE_KEEP 11

static const struct column {
	char key;	  /* sorts by it; 0: cannot */
	const char *word; /* of the key, for people */
	const char *title;
	int width;
	int keep; /* the least goes first where the screen is narrow */
	enum cell cell;
	enum top_value value;
	enum shape shape;
} columns[] = {
	{ 't', "state", "STATE", 13, STATE_KEEP, CELL_STATE, 0, 0 },
	{ 's', "service", "SERVICE/INSTANCE", 20, WHO_KEEP, CELL_WHO, 0, 0 },
	{ 0, NULL, "RUNTIME", 15, 2, CELL_RUNTIME, 0, 0 },
	{ 'i', "pid", "PID", 7, 5, CELL_PID, 0, 0 },
	{ 'u', "util", "UTIL", 6, 10, CELL_VALUE, TOP_UTIL, SHAPE_PERCENT },
	{ 'l', "live", "LIVE", 7, 6, CELL_VALUE, TOP_LIVE, SHAPE_PERCENT },
	{ 'p', "gc", "GC/min", 7, 9, CELL_VALUE, TOP_GC, SHAPE_COUNT },
	{ 'f', "frag", "FRAG", 7, 8, CELL_VALUE, TOP_FRAG, SHAPE_RATIO },
	{ 'h', "heap", "HEAP", 6, 7, CELL_VALUE, TOP_HEAP, SHAPE_BYTES },
	{ 'm', "max", "MAX", 6, 1, CELL_VALUE, TOP_MAX, SHAPE_BYTES },
	{ 'r', "rss", "RSS", 6, 4, CELL_VALUE, TOP_RSS, SHAPE_BYTES },
	{ 'c', "cpu", "CPU", 6, 3, CELL_VALUE, TOP_CPU, SHAPE_PERCENT },
	{ 0, NULL, "UTIL, 10 min", TOP_TREND, 5, CELL_TREND, 0, 0 },
	{ 0, NULL, "WHY", WHY_LEAST, 0, CELL_WHY, 0, 0 },
};

#define COLUMNS ARRAY_SIZE(columns)

/* Widths on this screen; 0: not shown. */
struct layout {
	int widths[COLUMNS];
};

/* ---- text ---- */

/* Only what no terminal takes for an order. */
static void plain_add(struct buf *out, const char *text, int width)
{
	int n = 0;

	for (; text[n] && n < width; n++)
		buf_putc(out, text[n] < ' ' || text[n] > '~' ? '?' : text[n]);
	while (n++ < width)
		buf_putc(out, ' ');
}

static void bytes_text(char out[16], double value)
{
	static const char units[] = "KMGTPE";
	int unit = -1;

	while (fabs(value) >= 999.5 && unit + 1 < (int)sizeof(units) - 1) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(out, 16, "%.0f", value);
	else
		snprintf(out, 16, "%.*f%c", value < 9.95, value, units[unit]);
}

static void value_text(char out[16], enum shape shape, double value)
{
	if (isnan(value) || fabs(value) > 1e18)
		snprintf(out, 16, "-");
	else if (shape == SHAPE_PERCENT)
		snprintf(out, 16, "%.*f%%", fabs(value) < 0.0995, value * 100);
	else if (shape == SHAPE_COUNT)
		snprintf(out, 16, "%.0f", value);
	else if (shape == SHAPE_RATIO)
		snprintf(out, 16, "%.2f", value);
	else
		bytes_text(out, value);
}

static void span_text(char out[16], int64_t ms)
{
	int64_t s = ms < 0 ? 0 : ms / 1000;

	if (s < 120)
		snprintf(out, 16, "%ds", (int)s);
	else if (s < 120 * 60)
		snprintf(out, 16, "%dm", (int)(s / 60));
	else if (s < 48 * 3600)
		snprintf(out, 16, "%dh", (int)(s / 3600));
	else
		snprintf(out, 16, "%dd", (int)(s / 86400 % 10000));
}

static void paint(struct buf *out, const struct top_view *view, const char *sgr)
{
	if (view->colour)
		buf_printf(out, "\033[%sm", sgr);
}

static const char *grade_colour(enum grade g)
{
	return g == GRADE_CRITICAL ? "1;31" : g == GRADE_WARNING ? "33" : "32";
}

/* ---- state ---- */

/* How bad, for order and colour: 3 critical, 2 warning, 1 not known or not
 * to be disturbed by, 0 ok. */
static int severity(const struct top_row *r)
{
	if (r->silenced)
		return 1;
	if (strcmp(r->state, "critical") == 0)
		return 3;
	if (strcmp(r->state, "warning") == 0)
		return 2;
	if (strcmp(r->state, "ok") == 0)
		return 0;
	if (*r->state || !r->watched)
		return 1;
	return r->worst == GRADE_CRITICAL ? 3 :
	       r->worst == GRADE_WARNING  ? 2 :
					    0;
}

static const char *severity_colour(int s)
{
	static const char *const colours[] = { "32", "36", "33", "1;31" };

	return colours[s];
}

static const char *severity_word(int s)
{
	static const char *const words[] = { "ok", "unknown", "warning",
					     "critical" };

	return words[s];
}

static void state_add(struct buf *out, const struct top *t,
		      const struct top_row *r, int width)
{
	char text[48], since[16] = "";

	if (r->state_since_ms && t->time_ms)
		span_text(since, t->time_ms - r->state_since_ms);
	snprintf(text, sizeof(text), "%s%s%s%s%s", r->silenced ? "(" : "",
		 *r->state ? r->state : severity_word(severity(r)),
		 r->silenced ? ")" : "", *since ? " " : "", since);
	plain_add(out, text, width);
}

/* ---- cells ---- */

/* "91%!!": what is beyond a limit is told without colour too. */
static void value_add(struct buf *out, const struct top *t,
		      const struct top_row *r, const struct column *c,
		      const struct top_view *view)
{
	enum grade g = top_grade(t, r, c->value);
	char number[16], text[24];
	bool judged = t->thresholds[c->value].direction != 0 &&
		      !isnan(r->values[c->value]);

	value_text(number, c->shape, r->values[c->value]);
	snprintf(text, sizeof(text), "%s%s%s",
		 r->basis[c->value] == 'f' ? "~" : "", number,
		 g == GRADE_CRITICAL ? "!!" :
		 g == GRADE_WARNING  ? "!" :
				       "");
	if (judged)
		paint(out, view, grade_colour(g));
	buf_printf(out, "%*.*s", c->width, c->width, text);
	if (judged)
		paint(out, view, "0");
}

/* 0 to 1 as height; what is absent is a gap. */
static void trend_add(struct buf *out, const struct top_row *r,
		      const struct top_view *view)
{
	static const char *const ascii[] = { "_", ".", "-", "=",
					     "+", "*", "#", "@" };
	static const char *const blocks[] = { "▁", "▂", "▃", "▄",
					      "▅", "▆", "▇", "█" };

	for (int i = 0; i < TOP_TREND; i++) {
		double v = r->trend[i];
		int level = v >= 1 ? 7 : v > 0 ? (int)(v * 8) : 0;

		buf_puts(out, isnan(v)	 ? " " :
			      view->utf8 ? blocks[level] :
					   ascii[level]);
	}
}

static void why_add(struct buf *out, const struct top_row *r, int width)
{
	if (!r->watched && *r->reason)
		plain_add(out, r->reason, width);
	else
		plain_add(out, r->state_reason, width);
}

static void who_add(struct buf *out, const struct top_row *r, int width)
{
	char text[LABEL_VALUE_MAX + 32];
	size_t service = strlen(r->service), rest = strlen(r->instance) + 1;

	/* A long name is cut before the instance, which tells two apart. */
	if (service + rest > (size_t)width && (size_t)width > rest)
		service = (size_t)width - rest;
	snprintf(text, sizeof(text), "%.*s/%s", (int)service, r->service,
		 r->instance);
	plain_add(out, text, width);
}

static void runtime_add(struct buf *out, const struct top_row *r, int width)
{
	char text[80];
	bool named = strncmp(r->version, r->runtime, strlen(r->runtime)) == 0;

	snprintf(text, sizeof(text), "%s%s%s", named ? "" : r->runtime,
		 named ? "" : " ", r->version);
	plain_add(out, text, width);
}

static void cell_add(struct buf *out, const struct top *t,
		     const struct top_row *r, size_t i, int width,
		     const struct top_view *view)
{
	switch (columns[i].cell) {
	case CELL_STATE:
		paint(out, view, severity_colour(severity(r)));
		state_add(out, t, r, width);
		paint(out, view, "0");
		break;
	case CELL_WHO:
		who_add(out, r, width);
		break;
	case CELL_RUNTIME:
		runtime_add(out, r, width);
		break;
	case CELL_PID:
		buf_printf(out, "%*lld", width, (long long)r->pid);
		break;
	case CELL_VALUE:
		value_add(out, t, r, &columns[i], view);
		break;
	case CELL_TREND:
		trend_add(out, r, view);
		break;
	case CELL_WHY:
		why_add(out, r, width);
		break;
	}
}

/* ---- what fits ---- */

static int layout_sum(const struct layout *l)
{
	int sum = -1;

	for (size_t i = 0; i < COLUMNS; i++)
		sum += l->widths[i] ? l->widths[i] + 1 : 0;
	return sum;
}

/* Without the column that is kept least; false: only who and state are left. */
static bool layout_drop_least(struct layout *l)
{
	size_t least = COLUMNS;

	for (size_t i = 0; i < COLUMNS; i++) {
		if (l->widths[i] &&
		    (least == COLUMNS || columns[i].keep < columns[least].keep))
			least = i;
	}
	if (least == COLUMNS || columns[least].keep >= STATE_KEEP)
		return false;
	l->widths[least] = 0;
	return true;
}

/* A display of 20 characters tells who is ill, with the name cut; a narrower
 * one only who is there. */
static void layout_narrow(struct layout *l, int width)
{
	int over = layout_sum(l) - width;

	if (over <= 0)
		return;
	l->widths[1] -= over;
	if (l->widths[1] >= WHO_LEAST)
		return;
	l->widths[0] = 0;
	l->widths[1] = width < columns[1].width ? width : columns[1].width;
}

/* What is wrong is told where anything is wrong, else the room is free. */
static bool why_wanted(const struct top *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct top_row *r = &t->rows[i];

		if ((!r->watched && *r->reason) || *r->state_reason)
			return true;
	}
	return false;
}

static struct layout layout_make(const struct top *t, int width)
{
	struct layout l;
	int room;

	for (size_t i = 0; i < COLUMNS; i++)
		l.widths[i] = columns[i].width;
	if (!why_wanted(t))
		l.widths[COLUMNS - 1] = 0;
	while (layout_sum(&l) > width && layout_drop_least(&l))
		;
	layout_narrow(&l, width);
	room = width - layout_sum(&l);
	if (room > 0 && l.widths[COLUMNS - 1])
		l.widths[COLUMNS - 1] += room > 64 ? 64 : room;
	else if (room > 0)
		l.widths[1] += room > 20 ? 20 : room;
	return l;
}

/* ---- order ---- */

bool top_sort_key(char key)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (columns[i].key && columns[i].key == key)
			return true;
	}
	return false;
}

char top_sort_word(const char *word)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const char key[] = { columns[i].key, '\0' };

		if (columns[i].key && (strcmp(word, columns[i].word) == 0 ||
				       strcmp(word, key) == 0))
			return columns[i].key;
	}
	return 0;
}

void top_sort_list(struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < COLUMNS; i++) {
		if (!columns[i].key)
			continue;
		buf_printf(out, "%s%c %s", between, columns[i].key,
			   columns[i].word);
		between = ", ";
	}
}

/* By which column, and which way; qsort_r gives it to the comparison. */
struct order_by {
	const struct column *column;
	const struct top *top;
	bool reversed;
};

static int order_numbers(double a, double b)
{
	return (a > b) - (a < b);
}

/* An order needs every pair to compare: what is absent is less than all. */
static double util_or_less(const struct top_row *r)
{
	return isnan(r->values[TOP_UTIL]) ? -1 : r->values[TOP_UTIL];
}

/* Below zero: a comes first. Worst or most first; what is absent, last. */
static int order_rows(const struct top_row *a, const struct top_row *b,
		      const struct order_by *o)
{
	enum top_value v = o->column->value;
	int r = 0;

	switch (o->column->cell) {
	case CELL_STATE:
		r = severity(b) - severity(a);
		return r ? r : order_numbers(util_or_less(b), util_or_less(a));
	case CELL_PID:
		return order_numbers((double)a->pid, (double)b->pid);
	case CELL_VALUE:
		r = order_numbers(b->values[v], a->values[v]);
		return o->top->thresholds[v].direction < 0 ? -r : r;
	default:
		return 0; /* by name, below */
	}
}

static int order_compare(const void *left, const void *right, void *arg)
{
	const struct top_row *a = left, *b = right;
	const struct order_by *o = arg;
	int r;

	if (o->column->cell == CELL_VALUE) {
		bool no_a = isnan(a->values[o->column->value]);
		bool no_b = isnan(b->values[o->column->value]);

		if (no_a != no_b)
			return no_a ? 1 : -1;
	}
	r = order_rows(a, b, o);
	if (!r)
		r = strcmp(a->service, b->service);
	if (!r)
		r = strcmp(a->instance, b->instance);
	if (!r)
		r = order_numbers((double)a->pid, (double)b->pid);
	return o->reversed ? -r : r;
}

void top_sort(struct top *t, const struct top_view *view)
{
	struct order_by o = { &columns[0], t, view->reversed };

	for (size_t i = 0; i < COLUMNS; i++) {
		if (columns[i].key && columns[i].key == view->sort)
			o.column = &columns[i];
	}
	qsort_r(t->rows, t->count, sizeof(*t->rows), order_compare, &o);
}

/* ---- the screen ---- */

static void line_put(struct buf *out, const struct top_view *view,
		     struct buf *line)
{
	plain_add(out, buf_cstr(line), view->width);
	while (!view->colour && out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_puts(out, view->line_end);
	buf_reset(line);
}

static void summary_add(struct buf *out, const struct top *t,
			const struct top_view *view)
{
	own(buf_fini) struct buf line = BUF_INIT;
	size_t bad[4] = { 0 };

	for (size_t i = 0; i < t->count; i++)
		bad[severity(&t->rows[i])]++;
	buf_printf(&line, "heapwatch %s  %s  %zu of %zu watched", t->version,
		   t->node, t->watched, t->count);
	buf_printf(&line, "  %zu critical  %zu warning", bad[3], bad[2]);
	if (t->lacks)
		buf_printf(&line, "  %zu missing rights: heapwatch doctor",
			   t->lacks);
	if (!t->ready)
		buf_puts(&line, "  first scan still runs");
	buf_printf(&line, "  %s", view->url);
	line_put(out, view, &line);
}

static void problem_add(struct buf *out, const struct top_view *view)
{
	own(buf_fini) struct buf line = BUF_INIT;

	if (!view->problem)
		return;
	paint(out, view, "1;31");
	buf_puts(&line, view->problem);
	line_put(out, view, &line);
	paint(out, view, "0");
}

static void titles_add(struct buf *out, const struct layout *l,
		       const struct top_view *view)
{
	own(buf_fini) struct buf line = BUF_INIT;

	for (size_t i = 0; i < COLUMNS; i++) {
		bool right = columns[i].cell == CELL_VALUE ||
			     columns[i].cell == CELL_PID;

		if (l->widths[i])
			buf_printf(&line, right ? "%*s " : "%-*s ",
				   l->widths[i], columns[i].title);
	}
	paint(out, view, "7");
	line_put(out, view, &line);
	paint(out, view, "0");
}

static void row_add(struct buf *out, const struct top *t,
		    const struct top_row *r, const struct layout *l,
		    const struct top_view *view)
{
	bool first = true;

	for (size_t i = 0; i < COLUMNS; i++) {
		if (!l->widths[i])
			continue;
		if (!first)
			buf_putc(out, ' ');
		first = false;
		cell_add(out, t, r, i, l->widths[i], view);
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_puts(out, view->line_end);
}

static void footer_add(struct buf *out, const struct top *t,
		       const struct top_view *view, size_t shown)
{
	own(buf_fini) struct buf line = BUF_INIT;

	buf_puts(&line, "q quit  v turn  ");
	if (t && shown < t->count)
		buf_printf(&line, "j k space b scroll: %zu-%zu of %zu  ",
			   view->first + 1, view->first + shown, t->count);
	buf_puts(&line, "sort: ");
	top_sort_list(&line);
	line_put(out, view, &line);
	/* The last line has no successor: a full screen must not scroll. */
	out->len -=
		out->len >= strlen(view->line_end) ? strlen(view->line_end) : 0;
}

static size_t rows_that_fit(const struct top *t, const struct top_view *view)
{
	int fixed = 3 + (view->problem != NULL);

	if (!view->height)
		return t->count;
	return view->height > fixed ? (size_t)(view->height - fixed) : 1;
}

static size_t rows_add(struct buf *out, const struct top *t,
		       struct top_view *view)
{
	struct layout l = layout_make(t, view->width);
	size_t room = rows_that_fit(t, view), shown = 0;

	view->page = room;
	if (view->first + room > t->count)
		view->first = t->count > room ? t->count - room : 0;
	titles_add(out, &l, view);
	for (; shown < room && view->first + shown < t->count; shown++)
		row_add(out, t, &t->rows[view->first + shown], &l, view);
	return shown;
}

void top_draw(struct buf *out, const struct top *t, struct top_view *view,
	      bool footer)
{
	size_t shown = 0;

	problem_add(out, view);
	if (t) {
		summary_add(out, t, view);
		shown = rows_add(out, t, view);
	}
	if (footer)
		footer_add(out, t, view, shown);
}

/* ---- for programs ---- */

static void json_row(struct json *j, const struct top_row *r)
{
	json_object(j);
	json_put_int(j, "pid", r->pid);
	json_put_string(j, "service", r->service);
	json_put_string(j, "instance", r->instance);
	json_put_string(j, "runtime", r->runtime);
	json_put_string(j, "version", r->version);
	json_put_bool(j, "watched", r->watched);
	if (*r->reason)
		json_put_string(j, "reason", r->reason);
	/* Of the numbers now; the state waits before it changes. */
	json_put_string(j, "grade",
			severity_word(r->worst == GRADE_CRITICAL ? 3 :
				      r->worst == GRADE_WARNING	 ? 2 :
								   0));
	if (*r->state)
		json_put_string(j, "state", r->state);
	if (*r->state_reason)
		json_put_string(j, "state_reason", r->state_reason);
	if (r->silenced)
		json_put_bool(j, "silenced", true);
	if (r->state_since_ms)
		json_put_int(j, "state_since_ms", r->state_since_ms);
	for (int v = 0; v < TOP_VALUES; v++) {
		if (!isnan(r->values[v]))
			json_put_double(j, top_name((enum top_value)v),
					r->values[v]);
	}
	json_key(j, "trend");
	json_array(j);
	for (int i = 0; i < TOP_TREND; i++)
		json_double(j, r->trend[i]);
	json_end(j);
	json_end(j);
}

void top_json(struct buf *out, const struct top *t, const char *url)
{
	struct json j = json_writer(out);

	json_object(&j);
	json_put_string(&j, "url", url);
	json_put_string(&j, "node", t->node);
	json_put_string(&j, "version", t->version);
	json_put_bool(&j, "ready", t->ready);
	json_put_int(&j, "time_ms", t->time_ms);
	json_key(&j, "targets");
	json_array(&j);
	for (size_t i = 0; i < t->count; i++)
		json_row(&j, &t->rows[i]);
	json_end(&j);
	json_end(&j);
	buf_putc(out, '\n');
}
