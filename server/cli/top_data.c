/* What the server told, as rows. */
#include "top.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/metric.h"

static const struct {
	enum metric metric;
	const char *fn;	  /* NULL: the metric's own fold */
	const char *name; /* NULL: the metric's own name */
} values[TOP_VALUES] = {
	[TOP_UTIL] = { .metric = METRIC_HEAP_UTIL_RATE },
	[TOP_LIVE] = { .metric = METRIC_HEAP_LIVE_RATE },
	[TOP_GC] = { .metric = METRIC_GC_PRESSURE },
	[TOP_FRAG] = { .metric = METRIC_FRAG_RATIO },
	[TOP_HEAP] = { .metric = METRIC_HEAP_USED_BYTES },
	[TOP_MAX] = { .metric = METRIC_HEAP_MAX_BYTES },
	[TOP_RSS] = { .metric = METRIC_RESIDENT_BYTES },
	[TOP_CPU] = { METRIC_CPU_SECONDS_TOTAL, "rate", "cpu_rate" },
};

const char *top_metric(enum top_value v)
{
	return metric_info(values[v].metric)->name;
}

const char *top_name(enum top_value v)
{
	return values[v].name ? values[v].name : top_metric(v);
}

/* ---- texts and numbers that may be anything ---- */

static void text_get(char *out, size_t cap, const json_t *object,
		     const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(out, cap, "%s", text ? text : "");
}

static int64_t integer_get(const json_t *object, const char *key, int64_t other)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : other;
}

static double number_of(const json_t *value)
{
	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- /api/v1/status ---- */

static void threshold_get(struct threshold *out, enum top_value v,
			  const json_t *all)
{
	const json_t *told = json_object_get(all, top_metric(v));
	const char *bad = json_string_value(json_object_get(told, "bad"));

	*out = (struct threshold){
		.metric = values[v].metric,
		.warning = number_of(json_object_get(told, "warning")),
		.critical = number_of(json_object_get(told, "critical")),
	};
	if (bad && !isnan(out->warning) && !isnan(out->critical))
		out->direction = strcmp(bad, "below") == 0 ? -1 : 1;
}

static void status_get(struct top *t, const json_t *status)
{
	const json_t *collector = json_object_get(status, "collector");

	text_get(t->version, sizeof(t->version), status, "version");
	text_get(t->node, sizeof(t->node), status, "node");
	t->ready = json_is_true(json_object_get(status, "ready"));
	t->processes = integer_get(collector, "processes", -1);
	t->lacks = json_array_size(json_object_get(status, "lacks"));
	for (int v = 0; v < TOP_VALUES; v++)
		threshold_get(&t->thresholds[v], (enum top_value)v,
			      json_object_get(status, "thresholds"));
}

/* ---- /api/v1/targets ---- */

static void row_get(struct top_row *r, const json_t *target)
{
	const json_t *labels = json_object_get(target, "labels");

	r->pid = integer_get(target, "pid", 0);
	r->watched = json_is_true(json_object_get(target, "watched"));
	text_get(r->service, sizeof(r->service), labels, "service");
	text_get(r->instance, sizeof(r->instance), labels, "instance");
	text_get(r->runtime, sizeof(r->runtime), labels, "runtime");
	text_get(r->version, sizeof(r->version),
		 json_object_get(target, "attributes"), "version");
	text_get(r->reason, sizeof(r->reason), target, "reason");
	text_get(r->state, sizeof(r->state), target, "state");
	text_get(r->state_reason, sizeof(r->state_reason), target,
		 "state_reason");
	r->state_since_ms = integer_get(target, "state_since_ms", 0);
	r->silenced = json_is_true(json_object_get(target, "silenced"));
	for (int v = 0; v < TOP_VALUES; v++) {
		r->values[v] = NAN;
		threshold_get(&r->thresholds[v], (enum top_value)v,
			      json_object_get(target, "thresholds"));
	}
	for (int i = 0; i < TOP_TREND; i++)
		r->trend[i] = NAN;
}

static int row_compare(const struct top_row *a, const char *service,
		       const char *instance)
{
	int r = strcmp(a->service, service);

	return r ? r : strcmp(a->instance, instance);
}

static int rows_compare(const void *a, const void *b)
{
	const struct top_row *right = b;

	return row_compare(a, right->service, right->instance);
}

static int targets_get(struct top *t, const json_t *targets)
{
	const json_t *list = json_object_get(targets, "targets");
	size_t count = json_array_size(list);

	t->time_ms = integer_get(targets, "time_ms", 0);
	t->rows = calloc(count + 1, sizeof(*t->rows));
	if (!t->rows)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		row_get(&t->rows[i], json_array_get(list, i));
		t->watched += t->rows[i].watched;
	}
	t->count = count;
	qsort(t->rows, count, sizeof(*t->rows), rows_compare);
	return 0;
}

/* ---- /query ---- */

/* The row of these labels; a pid below zero is any. */
static struct top_row *row_find(struct top *t, const char *service,
				const char *instance, int64_t pid)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (row_compare(&t->rows[middle], service, instance) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->count; low++) {
		struct top_row *r = &t->rows[low];

		if (row_compare(r, service, instance))
			return NULL;
		if (pid < 0 || r->pid == pid)
			return r;
	}
	return NULL;
}

/* What a row of a table, or the tags of a series, say of whom they mean. */
struct who {
	const char *service, *instance, *pid, *basis;
};

static struct top_row *row_of(struct top *t, const struct who *w)
{
	if (!w->service || !w->instance)
		return NULL;
	return row_find(t, w->service, w->instance,
			w->pid ? atoll(w->pid) : -1);
}

static void who_take(struct who *w, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);

	if (strcmp(name, "service") == 0)
		w->service = text;
	else if (strcmp(name, "instance") == 0)
		w->instance = text;
	else if (strcmp(name, "pid") == 0)
		w->pid = text;
	else if (strcmp(name, "basis") == 0)
		w->basis = text;
}

/* One row of a table: a value belongs to the process its labels name. */
static void value_get(struct top *t, enum top_value v, const json_t *columns,
		      const json_t *cells)
{
	struct who w = { 0 };
	double value = NAN;
	struct top_row *r;
	size_t i;
	const json_t *column;

	json_array_foreach(columns, i, column)
	{
		const char *name =
			json_string_value(json_object_get(column, "text"));
		const json_t *cell = json_array_get(cells, i);

		if (name && strcmp(name, top_metric(v)) == 0)
			value = number_of(cell);
		else if (name)
			who_take(&w, name, cell);
	}
	r = row_of(t, &w);
	/* Where both are told, the one without a basis is what is meant. */
	if (!r || isnan(value) || (w.basis && !isnan(r->values[v])))
		return;
	r->values[v] = value;
	r->basis[v] = w.basis ? w.basis[0] : 0;
}

static void trend_get(struct top *t, const json_t *series)
{
	const json_t *tags = json_object_get(series, "tags");
	const json_t *points = json_object_get(series, "datapoints");
	size_t count = json_array_size(points);
	struct who w = {
		json_string_value(json_object_get(tags, "service")),
		json_string_value(json_object_get(tags, "instance")),
		json_string_value(json_object_get(tags, "pid")),
		NULL,
	};
	struct top_row *r = row_of(t, &w);

	for (size_t i = 0; r && i < TOP_TREND && i < count; i++)
		r->trend[TOP_TREND - 1 - i] = number_of(json_array_get(
			json_array_get(points, count - 1 - i), 0));
}

static void answer_get(struct top *t, const json_t *answer)
{
	const char *ref = json_string_value(json_object_get(answer, "refId"));
	const json_t *columns = json_object_get(answer, "columns");
	const json_t *row;
	size_t i;

	if (!ref)
		return;
	if (*ref == 't') {
		trend_get(t, answer);
		return;
	}
	if (*ref < '0' || *ref >= '0' + TOP_VALUES)
		return;
	json_array_foreach(json_object_get(answer, "rows"), i, row)
		value_get(t, (enum top_value)(*ref - '0'), columns, row);
}

static void question_write(struct buf *out)
{
	buf_printf(out,
		   "{\"range\":{\"from\":\"now-%dm\",\"to\":\"now\"},"
		   "\"maxDataPoints\":%d,\"targets\":[",
		   TOP_TREND_MINUTES, TOP_TREND);
	for (int v = 0; v < TOP_VALUES; v++) {
		buf_printf(out, "{\"refId\":\"%d\",\"target\":\"%s\",", v,
			   top_metric((enum top_value)v));
		buf_printf(out, "\"payload\":{\"format\":\"latest\"%s%s%s}},",
			   values[v].fn ? ",\"fn\":\"" : "",
			   values[v].fn ? values[v].fn : "",
			   values[v].fn ? "\",\"step\":\"10s\"" : "");
	}
	buf_printf(out,
		   "{\"refId\":\"t\",\"target\":\"%s\",\"payload\":"
		   "{\"step\":\"%ds\"}}]}",
		   top_metric(TOP_UTIL), TOP_TREND_MINUTES * 60 / TOP_TREND);
}

/* ---- all of it ---- */

enum grade top_grade(const struct top *t, const struct top_row *r,
		     enum top_value v)
{
	const struct threshold *limits = r->thresholds[v].direction ?
						 &r->thresholds[v] :
						 &t->thresholds[v];

	if (!limits->direction || isnan(r->values[v]))
		return GRADE_OK;
	return threshold_grade(limits, r->values[v]);
}

static void grades_set(struct top *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct top_row *r = &t->rows[i];

		for (int v = 0; v < TOP_VALUES; v++) {
			enum grade g = top_grade(t, r, (enum top_value)v);

			r->worst = g > r->worst ? g : r->worst;
		}
	}
}

static int document_load(json_t **out, const char *text, const char *path,
			 struct problem *p)
{
	json_error_t error;

	*out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (*out)
		return 0;
	problem_set(p, PROBLEM_UNAVAILABLE,
		    "%s did not answer JSON; is this a heapwatch? (%.100s)",
		    path, error.text);
	return -EBADMSG;
}

int top_parse(struct top **out, const char *status, const char *targets,
	      const char *query, struct problem *p)
{
	own(json_decrefp) json_t *s = NULL;
	own(json_decrefp) json_t *g = NULL;
	own(json_decrefp) json_t *q = NULL;
	own(top_freep) struct top *t = calloc(1, sizeof(*t));
	const json_t *answer;
	size_t i;
	int r;

	if (!t)
		return -ENOMEM;
	if ((r = document_load(&s, status, "/api/v1/status", p)) ||
	    (r = document_load(&g, targets, "/api/v1/targets", p)) ||
	    (r = document_load(&q, query, "/query", p)))
		return r;
	status_get(t, s);
	if ((r = targets_get(t, g)))
		return r;
	json_array_foreach(q, i, answer) answer_get(t, answer);
	grades_set(t);
	*out = take(t);
	return 0;
}

void top_free(struct top *t)
{
	if (!t)
		return;
	free(t->rows);
	free(t);
}

int top_fetch(struct top **out, struct client *c, struct problem *p)
{
	own(buf_fini) struct buf status = BUF_INIT;
	own(buf_fini) struct buf targets = BUF_INIT;
	own(buf_fini) struct buf query = BUF_INIT;
	own(buf_fini) struct buf question = BUF_INIT;
	int r;

	question_write(&question);
	if ((r = client_ask(c, "/api/v1/status", NULL, &status, p)) ||
	    (r = client_ask(c, "/api/v1/targets", NULL, &targets, p)) ||
	    (r = client_ask(c, "/query", buf_cstr(&question), &query, p)))
		return r;
	return top_parse(out, buf_cstr(&status), buf_cstr(&targets),
			 buf_cstr(&query), p);
}
