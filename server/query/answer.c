/*
 * The frame of an answer.
 */
#include "parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"

#define GAP_NOTICES_MAX 5
#define STALE_POINTS	3 /* so many missed in a row are no chance */

/* Grafana's unit of a value per second, or of the number of series. */
static const char *unit_of(const struct query *q)
{
	const char *unit = metric_info(q->metric)->unit;

	if (q->agg == AGG_COUNT || q->agg == AGG_STATES ||
	    q->agg == AGG_HISTOGRAM)
		return "short";
	if (q->fn >= FN_ABOVE)
		return "percentunit";
	if (q->fn != FN_RATE)
		return unit;
	if (strcmp(unit, "bytes") == 0)
		return "Bps";
	return strcmp(unit, "s") == 0 ? "percentunit" : "cps";
}

static int64_t time_of(const struct run *r, size_t step)
{
	return r->axis.begin_ms + (int64_t)(step + 1) * r->axis.step_ms +
	       r->q->shift_ms;
}

/* Unit, name and labels of a row. */
static int describe(struct run *r, struct field *field, size_t row)
{
	int err = legend_text(&field->display_name, r, row);

	if (err)
		return err;
	field->unit = strdup(unit_of(r->q));
	if (!field->unit)
		return -ENOMEM;
	for (size_t i = 0; i < r->names.count && err == 0; i++) {
		const char *value = row_label(r, row, r->names.items[i]);

		if (value)
			err = labels_set(&field->labels, r->names.items[i],
					 value);
	}
	return err;
}

static int fill(struct cells *cells, const double *values, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		err = isnan(values[i]) ? cells_add_null(cells) :
					 cells_add_f64(cells, values[i]);
	}
	return err;
}

static int add_times(struct frame *f, const struct run *r)
{
	struct field *field;
	int err = frame_add_field(f, &field, "time", FIELD_TIME_MS, NULL);

	if (err)
		return err;
	field->interval_ms = r->axis.step_ms;
	for (size_t i = 0; r->found && i < r->rows.shown && err == 0; i++)
		err = cells_add_i64(field->cells, time_of(r, i));
	return err;
}

/* One value field per row; also for the single step of "latest". */
static int wide(struct frame *f, struct run *r)
{
	int err = 0;

	for (size_t i = 0; i < r->answered && err == 0; i++) {
		size_t row = r->order[i];
		struct field *field;

		err = frame_add_field(f, &field,
				      metric_info(r->q->metric)->name,
				      FIELD_F64, NULL);
		if (err == 0)
			err = describe(r, field, row);
		if (err == 0)
			err = fill(field->cells,
				   r->rows.values + row * r->rows.steps,
				   r->rows.shown);
	}
	return err;
}

/* The columns of a long table: time, labels, value. */
static int long_columns(struct frame *f, struct run *r)
{
	int err = frame_add_column(f, "time", FIELD_TIME_MS, NULL);

	for (size_t i = 0; i < r->names.count && err == 0; i++)
		err = frame_add_column(f, r->names.items[i], FIELD_STRING,
				       NULL);
	if (err == 0)
		err = frame_add_column(f, metric_info(r->q->metric)->name,
				       FIELD_F64, unit_of(r->q));
	if (err == 0)
		f->fields[0].interval_ms = r->axis.step_ms;
	return err;
}

static int long_row(struct frame *f, struct run *r, size_t step, size_t row,
		    double cell)
{
	int err = cells_add_i64(f->fields[0].cells, time_of(r, step));

	for (size_t i = 0; i < r->names.count && err == 0; i++) {
		const char *value = row_label(r, row, r->names.items[i]);
		struct cells *cells = f->fields[1 + i].cells;

		err = value ? cells_add_string(cells, value) :
			      cells_add_null(cells);
	}
	if (err == 0)
		err = cells_add_f64(f->fields[1 + r->names.count].cells, cell);
	return err;
}

static int long_table(struct frame *f, struct run *r)
{
	int err = long_columns(f, r);

	for (size_t step = 0; step < r->rows.shown && err == 0; step++) {
		for (size_t i = 0; i < r->answered && err == 0; i++) {
			size_t row = r->order[i];
			double cell = r->rows.values[row * r->rows.steps +
						     step];

			if (!isnan(cell))
				err = long_row(f, r, step, row, cell);
		}
	}
	return err;
}

/* One column of words per row, for state timelines. */
static int states(struct frame *f, struct run *r)
{
	int err = 0;

	for (size_t k = 0; k < r->answered && err == 0; k++) {
		size_t row = r->order[k];
		const double *values = r->rows.values + row * r->rows.steps;
		struct field *field;

		err = frame_add_field(f, &field, metric_info(r->q->metric)->name,
				      FIELD_STRING, NULL);
		if (err == 0)
			err = describe(r, field, row);
		if (err == 0) { /* words have no unit */
			free(field->unit);
			field->unit = NULL;
		}
		for (size_t i = 0; i < r->rows.shown && err == 0; i++) {
			const char *word = query_state_word(r->q, values[i]);

			err = word ? cells_add_string(field->cells, word) :
				     cells_add_null(field->cells);
		}
	}
	return err;
}

static int fill_frame(struct frame *f, struct run *r)
{
	enum query_format format = r->q->format;
	int err = 0;

	if (format != QUERY_TABLE && format != QUERY_LATEST)
		err = add_times(f, r);
	if (err)
		return err;
	if (format == QUERY_TABLE)
		return long_table(f, r);
	return format == QUERY_STATES ? states(f, r) : wide(f, r);
}

int answer_frame(struct frame **out, struct run *r)
{
	static const enum frame_type types[] = {
		[QUERY_TIMESERIES] = FRAME_TIMESERIES,
		[QUERY_TABLE] = FRAME_TABLE,
		[QUERY_LATEST] = FRAME_NUMERIC,
		[QUERY_HEATMAP] = FRAME_HEATMAP,
		[QUERY_STATES] = FRAME_TABLE,
	};
	own(frame_freep) struct frame *f = NULL;
	const struct query *q = r->q;
	int err = frame_new(&f, q->ref_id ? q->ref_id : "",
			    metric_info(q->metric)->name, types[q->format]);

	if (err == 0)
		err = fill_frame(f, r);
	if (err == 0)
		err = answer_notices(f, r);
	if (err == 0)
		*out = take(f);
	return err;
}

/* When it was read last, or a little before that; 0: not in this range. Of
 * kept values only the step is known. */
static int64_t newest_ms(const struct run *r, size_t i)
{
	const struct window *w = &r->windows[i];

	if (w->known_ms > w->last_ms)
		return w->known_ms - r->axis.step_ms + 1;
	return w->last_ms > r->axis.begin_ms ? w->last_ms : 0;
}

static int on_newest(void *arg, size_t i, const struct stretch *p)
{
	struct window *w = arg;

	(void)i;
	w->last_ms = p->times_ms[p->count - 1];
	w->known_ms = 0;
	return 0;
}

/* What people are told is the moment, kept or not. Points that made no value,
 * one alone for a rate, are not among what is kept. */
static void look_closer(struct run *r, size_t i)
{
	struct window *w = &r->windows[i];
	int64_t newest = newest_ms(r, i);

	if (!w->kept || (newest && newest == w->last_ms))
		return;
	/* without the moment the step will do */
	(void)view_scan(r->view, &r->series[i], 1,
			newest ? newest - 1 : r->axis.begin_ms,
			axis_end(&r->axis), r->axis.step_ms, on_newest, w);
}

/*
 * Its newest windows are empty, though its process is there. Where the store
 * knows no reason, it is silent only once points are missing: the newest one
 * lies a little behind.
 */
static bool is_silent(const struct run *r, size_t i, enum gap gap)
{
	const struct axis *a = &r->axis;
	int64_t end_ms = a->begin_ms + (int64_t)r->rows.shown * a->step_ms;
	int64_t points_ms = STALE_POINTS * r->series[i].resolution_ms;
	int64_t slack_ms = 2 * a->step_ms, now_ms = clock_now().wall_ms;

	if (gap == GAP_NONE) {
		if (end_ms > now_ms)
			end_ms = now_ms;
		if (slack_ms < points_ms)
			slack_ms = points_ms;
		if (slack_ms < 2 * r->q->stale_ms)
			slack_ms = 2 * r->q->stale_ms;
	}
	return newest_ms(r, i) <= end_ms - slack_ms;
}

/* Why there is no value now: there was none yet, or it is stale. */
static int tell_gap(struct frame *f, struct run *r, size_t i, enum gap gap)
{
	const char *metric = metric_info(r->q->metric)->name;
	int64_t newest = newest_ms(r, i);
	char who[128], last[CLOCK_TEXT_MAX];

	legend_who(&r->series[i], who, sizeof(who));
	if (!newest && gap != GAP_NONE)
		return frame_notice(f, NOTICE_INFO, "%s of %s: %s", metric, who,
				    gap_text(gap));
	if (!newest)
		return frame_notice(f, NOTICE_WARNING,
				    "stale: %s of %s was not read lately",
				    metric, who);
	clock_text(last, newest - newest % 1000);
	return frame_notice(f, NOTICE_WARNING, "stale: %s of %s ends at %s%s%s",
			    metric, who, last, gap == GAP_NONE ? "" : ": ",
			    gap == GAP_NONE ? "" : gap_text(gap));
}

static int tell_gaps(struct frame *f, struct run *r)
{
	const char *metric = metric_info(r->q->metric)->name;
	size_t told = 0;
	int err = 0;

	for (size_t i = 0; i < r->series_count && err == 0; i++) {
		enum gap gap;

		if (!r->series[i].open)
			continue;
		gap = view_gap(r->view, &r->series[i]);
		/* Nothing is missing where the same number stands beside. */
		if (gap == GAP_OTHER_BASIS)
			continue;
		if (told < GAP_NOTICES_MAX && is_silent(r, i, gap))
			look_closer(r, i);
		if (is_silent(r, i, gap) && told++ < GAP_NOTICES_MAX)
			err = tell_gap(f, r, i, gap);
	}
	if (err == 0 && told > GAP_NOTICES_MAX)
		err = frame_notice(f, NOTICE_INFO,
				   "%s: %zu more without a value", metric,
				   told - GAP_NOTICES_MAX);
	return err;
}

static int tell_left_out(struct frame *f, struct run *r)
{
	if (r->answered == r->found)
		return 0;
	return frame_notice(f, NOTICE_INFO, "%s %zu of %zu series are shown",
			    r->q->top < 0 ? "lowest" : "highest", r->answered,
			    r->found);
}

/* Why there is no value now tells nothing about another time. */
static bool about_now(const struct query *q)
{
	return q->shift_ms == 0 &&
	       (q->format == QUERY_LATEST ||
		q->to_ms > clock_now().wall_ms - RECENT_MS);
}

/* The newest value has no time beside it, so a look back must be told. */
static int tell_present(struct frame *f, const struct run *r)
{
	const struct query *q = r->q;
	char end[CLOCK_TEXT_MAX];

	if (q->format != QUERY_LATEST || (q->fn != FN_FOLD && q->fn != FN_LAST) ||
	    r->found == 0 || q->to_ms > clock_now().wall_ms - RECENT_MS)
		return 0;
	clock_text(end, q->to_ms - q->to_ms % 1000);
	return frame_notice(f, NOTICE_INFO,
			    "the newest values, not those of %s, where the "
			    "range ends", end);
}

static bool is_among(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Nothing matched: perhaps a label is misspelt, or a parameter was taken for
 * one. */
static int tell_nothing(struct frame *f, struct run *r)
{
	const char *metric = metric_info(r->q->metric)->name;
	int err = frame_notice(f, NOTICE_INFO,
			       "no series of %s matches %s", metric,
			       r->q->format == QUERY_LATEST ? "now" :
							      "in this range");
	char **names = NULL;
	size_t count = 0;

	if (r->q->matcher_count == 0 || err)
		return err;
	if (query_label_names(r->view, NULL, 0, &names, &count))
		return 0; /* it was a hint only */
	for (size_t i = 0; i < r->q->matcher_count && err == 0; i++) {
		const char *name = r->q->matchers[i].name;

		if (!is_among(names, count, name))
			err = frame_notice(f, NOTICE_WARNING,
					   "no series has a label \"%.64s\"",
					   name);
	}
	strings_free(names, count);
	return err;
}

int answer_notices(struct frame *f, struct run *r)
{
	int err = r->series_count ? tell_left_out(f, r) : tell_nothing(f, r);

	if (err == 0)
		err = tell_present(f, r);
	if (err == 0 && r->steps_back > 0)
		err = frame_notice(f, NOTICE_WARNING,
				   "times occur more than once in this range, "
				   "since the wall clock stepped back (%u); "
				   "they are folded into one step",
				   r->steps_back);
	if (err == 0 && about_now(r->q))
		err = tell_gaps(f, r);
	if (err == 0 && r->found == 0 && f->notice_count == 0)
		err = frame_notice(f, NOTICE_INFO,
				   "no value of %s lies in this range",
				   metric_info(r->q->metric)->name);
	return err;
}
