#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "body.h"
#include "words.h"

/* The one value of an option; *out is the words'. NULL: not given. */
static int single(const char **out, struct words *w, const json_t *payload,
		  const char *key, struct problem *p)
{
	char field[96];
	int r;

	snprintf(field, sizeof(field), "payload.%s", key);
	r = words_parse(w, json_object_get(payload, key), field, p);
	if (r)
		return r;
	if (w->count > 1)
		return bad_request(p, "%s wants one value, not %zu", field,
				   w->count);
	*out = w->count ? w->items[0].text : NULL;
	return 0;
}

/* A duration; a bare number is seconds. */
static int seconds_parse(int64_t *out_ms, const char *text)
{
	double seconds;
	char *end;

	if (duration_parse(out_ms, text) == 0)
		return 0;
	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds < 1e9))
		return -EINVAL;
	*out_ms = (int64_t)(seconds * 1000);
	return 0;
}

static int set_step(struct query *q, const char *text)
{
	return seconds_parse(&q->step_ms, text) || q->step_ms > SPAN_MAX_MS ?
		       -EINVAL :
		       0;
}

static int set_shift(struct query *q, const char *text)
{
	return seconds_parse(&q->shift_ms, text) || q->shift_ms > SPAN_MAX_MS ?
		       -EINVAL :
		       0;
}

static int set_rank(struct query *q, const char *text, long least, int sign)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < least || n > 10000)
		return -EINVAL;
	if (n)
		q->top = (int)n * sign;
	return 0;
}

static int set_top(struct query *q, const char *text)
{
	return set_rank(q, text, -10000, 1);
}

static int set_topk(struct query *q, const char *text)
{
	return set_rank(q, text, 0, 1);
}

static int set_bottomk(struct query *q, const char *text)
{
	return set_rank(q, text, 0, -1);
}

/* A number, or the name of a threshold. */
static int set_threshold(struct query *q, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (strcmp(text, "warning") == 0) {
		q->limit = LIMIT_WARNING;
	} else if (strcmp(text, "critical") == 0) {
		q->limit = LIMIT_CRITICAL;
	} else {
		if (end == text || *end || !isfinite(value))
			return -EINVAL;
		q->limit = LIMIT_NUMBER;
		q->limit_value = value;
	}
	return 0;
}

static int set_agg(struct query *q, const char *text)
{
	return agg_parse(&q->agg, text);
}

static int set_fn(struct query *q, const char *text)
{
	return fn_parse(&q->fn, text);
}

static int set_format(struct query *q, const char *text)
{
	static const struct {
		const char *word;
		enum query_format format;
	} words[] = {
		{ "timeseries", QUERY_TIMESERIES },
		{ "time_series", QUERY_TIMESERIES },
		{ "timeserie", QUERY_TIMESERIES },
		{ "frames", QUERY_TIMESERIES },
		{ "frame", QUERY_TIMESERIES },
		{ "table", QUERY_TABLE },
		{ "latest", QUERY_LATEST },
		{ "heatmap", QUERY_HEATMAP },
		{ "states", QUERY_STATES },
		{ "annotations", QUERY_EVENTS },
		{ "events", QUERY_EVENTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, text) == 0) {
			q->format = words[i].format;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct {
	const char *key;
	int (*set)(struct query *q, const char *text);
	const char *wanted;
} options[] = {
	{ "agg", set_agg,
	  "none, avg, min, max, sum, count, p50, p95, p99, states or "
	  "histogram" },
	{ "fn", set_fn,
	  "last, rate, increase, delta, avg, max, min, above, below or "
	  "beyond" },
	{ "step", set_step, "a duration like 30s, or seconds" },
	{ "shift", set_shift, "a duration like 1d, or seconds" },
	{ "top", set_top, "a whole number from -10000 to 10000" },
	{ "topk", set_topk, "a whole number up to 10000" },
	{ "bottomk", set_bottomk, "a whole number up to 10000" },
	{ "threshold", set_threshold, "a number, warning or critical" },
	{ "format", set_format,
	  "timeseries, table, latest, frames, heatmap, states or events" },
};

static int set_options(struct query *q, const json_t *payload,
		       struct problem *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct words w = { 0 };
		const char *text = NULL;
		int r = single(&text, &w, payload, options[i].key, p);

		if (!r && text && options[i].set(q, text))
			r = bad_request(
				p, "payload.%s must be %s, not \"%.64s\"",
				options[i].key, options[i].wanted, text);
		words_fini(&w);
		if (r)
			return r;
	}
	if (q->format == QUERY_HEATMAP && q->agg == AGG_NONE)
		q->agg = AGG_HISTOGRAM;
	return 0;
}

static int set_by(struct query *q, const json_t *payload, struct problem *p)
{
	struct words w = { 0 };
	int r = words_parse(&w, json_object_get(payload, "by"), "payload.by",
			    p);

	if (!r && w.count > LABELS_MAX)
		r = bad_request(p, "payload.by has more than %d labels",
				LABELS_MAX);
	if (!r && w.count)
		q->by = calloc(w.count, sizeof(*q->by));
	for (size_t i = 0; i < w.count && !r; i++) {
		if (!label_name_valid(w.items[i].text))
			r = bad_request(
				p,
				"payload.by: \"%.64s\" is no name of a label",
				w.items[i].text);
		else if (!q->by)
			r = -ENOMEM;
		else
			q->by[q->by_count++] = take(w.items[i].text);
	}
	words_fini(&w);
	return r;
}

/* A template keeps its braces and commas, so it is not split. */
static int set_legend(struct query *q, const json_t *payload, struct problem *p)
{
	const json_t *v = json_object_get(payload, "legend");
	const char *text = json_string_value(v);

	if (!v || json_is_null(v) || (text && !*text))
		return 0;
	if (!text || strlen(text) > 256)
		return bad_request(
			p, "payload.legend must be text of at most 256 bytes");
	q->legend = strdup(text);
	return q->legend ? 0 : -ENOMEM;
}

/* The old plugin has the format beside the target, as "type". */
static void set_type(struct query *q, const json_t *target,
		     const json_t *payload)
{
	const char *type = json_string_value(json_object_get(target, "type"));

	if (!type) /* how annotations are asked for */
		type = json_string_value(json_object_get(payload, "type"));
	if (type && !json_object_get(payload, "format"))
		set_format(q, type);
}

int options_parse(struct query *q, const json_t *target, const json_t *payload,
		  struct problem *p)
{
	int r;

	set_type(q, target, payload);
	if ((r = set_options(q, payload, p)) || (r = set_by(q, payload, p)))
		return r;
	return set_legend(q, payload, p);
}
