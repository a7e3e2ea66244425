#include "request_parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/units.h"

#include "live.h"
#include "request_parts.h"

#define HOUR_MS	 (60 * 60 * 1000ll)

/* ---- the body ---- */

/* Brackets outside of strings; jansson itself would go 2048 deep. */
static bool too_deep(const char *data, size_t len)
{
	int depth = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text && (c == '{' || c == '['))
			depth++;
		else if (!text && (c == '}' || c == ']'))
			depth--;
		if (depth > BODY_DEPTH_MAX)
			return true;
	}
	return false;
}

int body_parse(json_t **out, const char *data, size_t len, struct problem *p)
{
	json_error_t error;
	json_t *body;

	if (len == 0) {
		*out = json_object();
		return *out ? 0 : -ENOMEM;
	}
	if (too_deep(data, len))
		return bad(p, "the body is nested deeper than %d",
			   BODY_DEPTH_MAX);
	body = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (!body)
		return bad(p, "the body is not JSON: line %d column %d: %s",
			   error.line, error.column, error.text);
	if (!json_is_object(body)) {
		json_decref(body);
		return bad(p, "the body must be a JSON object");
	}
	*out = body;
	return 0;
}

/* ---- time ---- */

/* Below this a number means seconds: 1e11 s is the year 5138, 1e11 ms 1973. */
#define SECONDS_BELOW 100000000000.0

static int number_time(int64_t *out_ms, double value)
{
	double ms = value < SECONDS_BELOW ? value * 1000 : value;

	if (!(ms >= 0 && ms < 1e14))
		return -EINVAL;
	*out_ms = (int64_t)ms;
	return 0;
}

/* "now", "now-6h", "now+1h" */
static int relative_time(int64_t *out_ms, const char *text, int64_t now_ms)
{
	int64_t ms = 0;

	text += strlen("now");
	if (*text && ((*text != '-' && *text != '+') ||
		      duration_parse(&ms, text + 1) || ms > INT64_MAX / 4))
		return -EINVAL;
	*out_ms = *text == '-' ? now_ms - ms : now_ms + ms;
	return 0;
}

/* "Z", "+02:00" -> minutes east. A plus that was not escaped in a URL is a
 * space. */
static int zone_parse(int *out, const char *text)
{
	int hours, minutes, end = 0;

	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		*out = 0;
		return 0;
	}
	if (strlen(text) != 6 || !strchr("+ -", *text) ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 ||
	    end != 5 || hours > 23 || minutes > 59)
		return -EINVAL;
	*out = (hours * 60 + minutes) * (*text == '-' ? -1 : 1);
	return 0;
}

/* RFC 3339 with or without a fraction of the second. */
static int iso_time(int64_t *out_ms, const char *text)
{
	struct tm tm = { 0 };
	int end = 0, zone, ms = 0, scale = 100;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year,
		   &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		   &end) != 6 ||
	    end != 19)
		return -EINVAL;
	text += end;
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++) {
			ms += (*text - '0') * scale;
			scale /= 10;
		}
	}
	if (zone_parse(&zone, text) || tm.tm_year < 1970 || tm.tm_mon < 1 ||
	    tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out_ms = ((int64_t)timegm(&tm) - zone * 60) * 1000 + ms;
	return 0;
}

int time_parse(int64_t *out_ms, const json_t *value, int64_t now_ms,
	       const char *field, struct problem *p)
{
	const char *text = json_string_value(value);
	int r = -EINVAL;

	if (json_is_number(value))
		r = number_time(out_ms, json_number_value(value));
	else if (text && *text && strspn(text, "0123456789.") == strlen(text))
		r = number_time(out_ms, strtod(text, NULL));
	else if (text && strncmp(text, "now", 3) == 0)
		r = relative_time(out_ms, text, now_ms);
	else if (text)
		r = iso_time(out_ms, text);
	if (r)
		return bad(p,
			   "%s must be a time: 2026-11-22T15:00:00Z, Unix "
			   "seconds or milliseconds, or now-6h",
			   field);
	return 0;
}

/* ---- questions ---- */

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
		return bad(p, "%s wants one value, not %zu", field, w->count);
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

#define SPAN_MAX_MS (3660 * UNIT_DAY)

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
			r = bad(p, "payload.%s must be %s, not \"%.64s\"",
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
		r = bad(p, "payload.by has more than %d labels", LABELS_MAX);
	if (!r && w.count)
		q->by = calloc(w.count, sizeof(*q->by));
	for (size_t i = 0; i < w.count && !r; i++) {
		if (!label_name_valid(w.items[i].text))
			r = bad(p,
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
		return bad(p,
			   "payload.legend must be text of at most 256 bytes");
	q->legend = strdup(text);
	return q->legend ? 0 : -ENOMEM;
}

static int set_range(struct query *q, const json_t *body, int64_t now_ms,
		     struct problem *p)
{
	const json_t *range = json_object_get(body, "range");
	const json_t *from = json_object_get(range, "from");
	const json_t *to = json_object_get(range, "to");
	int r = 0;

	if (range && !json_is_null(range) && !json_is_object(range))
		return bad(p, "range must be an object with from and to");
	q->to_ms = now_ms;
	if (to && !json_is_null(to))
		r = time_parse(&q->to_ms, to, now_ms, "range.to", p);
	q->from_ms = q->to_ms - HOUR_MS;
	if (!r && from && !json_is_null(from))
		r = time_parse(&q->from_ms, from, now_ms, "range.from", p);
	if (!r && q->from_ms >= q->to_ms)
		return bad(p, "range.from must lie before range.to");
	return r;
}

/* A number or numeric text of the request; absent is 0. */
static int set_number(int64_t *out, const json_t *body, const char *key,
		      struct problem *p)
{
	const json_t *v = json_object_get(body, key);
	const char *text;
	char number[32];
	char *end;
	double value;

	if (!v || json_is_null(v))
		return 0;
	if (!scalar_text(v, number, &text))
		return bad(p, "%s must be a number", key);
	value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value < 1e15))
		return bad(p, "%s must be a number, not \"%.64s\"", key, text);
	*out = (int64_t)value;
	return 0;
}

static bool wants_frames(const json_t *payload)
{
	static const char *const off[] = { "", "false", "0", "no" };
	const char *format =
		json_string_value(json_object_get(payload, "format"));
	const json_t *frame = json_object_get(payload, "frame");
	const char *text;
	char number[32];

	if (format && (!strcmp(format, "frames") || !strcmp(format, "frame")))
		return true;
	if (!frame || !scalar_text(frame, number, &text))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		if (strcmp(text, off[i]) == 0)
			return false;
	}
	return true;
}

/* The old plugin has the format beside the target, as "type". */
static int set_type(struct query *q, const json_t *target,
		    const json_t *payload)
{
	const char *type = json_string_value(json_object_get(target, "type"));

	if (!type) /* how annotations are asked for */
		type = json_string_value(json_object_get(payload, "type"));
	if (type && !json_object_get(payload, "format"))
		set_format(q, type);
	return 0;
}

struct target_parser {
	struct query_request *out;
	const json_t *body;
	int64_t now_ms;
	struct problem *p;
	bool full; /* the request as a whole asks for too much */
};

/* All conditions on one question; those of the request apply to each. */
static int set_matchers(struct query *q, const struct target_parser *t,
			const json_t *payload)
{
	struct matcher_list l = { .spent = t->out->spent };
	int r = matchers_add_payload(&l, payload, t->p);

	if (!r)
		r = matchers_add_filters(
			&l, json_object_get(t->body, "filters"), t->p);
	if (!r)
		r = matchers_add_filters(
			&l, json_object_get(t->body, "adhocFilters"), t->p);
	t->out->spent = l.spent;
	q->matchers = l.items;
	q->matcher_count = l.count;
	return r;
}

static bool is_events(const char *word)
{
	return strcmp(word, "events") == 0 || strcmp(word, "annotations") == 0;
}

static int query_fill(struct query *q, const struct target_parser *t,
		      const json_t *target, const json_t *payload)
{
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	struct problem *p = t->p;
	int64_t interval_ms = 0;
	int r;

	q->ref_id = strndup(ref_id ? ref_id : "", REF_ID_MAX);
	if (!q->ref_id)
		return -ENOMEM;
	if ((r = set_range(q, t->body, t->now_ms, p)) ||
	    (r = set_number(&q->max_points, t->body, "maxDataPoints", p)) ||
	    (r = set_number(&interval_ms, t->body, "intervalMs", p)) ||
	    (r = set_type(q, target, payload)) ||
	    (r = set_options(q, payload, p)) || (r = set_by(q, payload, p)) ||
	    (r = set_legend(q, payload, p)))
		return r;
	if (q->step_ms == 0)
		q->step_ms =
			interval_ms < SPAN_MAX_MS ? interval_ms : SPAN_MAX_MS;
	return set_matchers(q, t, payload);
}

static int add_query(struct target_parser *t, const json_t *target,
		     const json_t *payload, enum metric metric)
{
	struct query_request *out = t->out;
	struct query *queries;
	int r;

	t->full |= out->count == TARGETS_MAX;
	if (t->full)
		return bad(t->p, "more than %d questions in one request",
			   TARGETS_MAX);
	queries = realloc(out->queries, (out->count + 1) * sizeof(*queries));
	if (!queries)
		return -ENOMEM;
	out->queries = queries;
	queries[out->count] = (struct query){ .metric = metric };
	r = query_fill(&queries[out->count++], t, target, payload);
	if (metric == METRIC_COUNT) /* whatever the format asks for */
		queries[out->count - 1].format = QUERY_EVENTS;
	return r;
}

static int unknown_metric(struct problem *p, const char *word)
{
	char close[160];

	query_suggest(word, close, sizeof(close));
	return problem_set(p, PROBLEM_UNKNOWN_METRIC,
			   "no metric is named \"%.64s\"%s%s", word,
			   *close ? "; close to it: " : "", close);
}

/* A pattern asks for every metric whose name it matches. */
static int add_matching(struct target_parser *t, const json_t *target,
			const json_t *payload, const char *text)
{
	own(pattern_freep) struct pattern *pattern = NULL;
	bool found = false;
	int r = pattern_compile(&pattern, text, t->p);

	for (int m = 0; m < METRIC_COUNT && !r; m++) {
		if (!pattern_matches(pattern,
				     metric_info((enum metric)m)->name))
			continue;
		found = true;
		r = add_query(t, target, payload, (enum metric)m);
	}
	return !r && !found ? unknown_metric(t->p, text) : r;
}

static int add_word(struct target_parser *t, const json_t *target,
		    const json_t *payload, const struct word *w)
{
	enum metric m = metric_find(w->text);

	if (w->pattern)
		return add_matching(t, target, payload, w->text);
	if (m == METRIC_COUNT)
		return unknown_metric(t->p, w->text);
	return add_query(t, target, payload, m);
}

/* Events are asked for by their name, or by the type of an annotation. */
static bool wants_events(const json_t *payload, const json_t *name)
{
	const char *type = json_string_value(json_object_get(payload, "type"));
	const char *word = json_string_value(name);

	if (!type)
		type = json_string_value(json_object_get(payload, "format"));
	return (word && is_events(word)) || (type && is_events(type));
}

/* "targets" and the like, whatever the format asks for. */
static int add_live(struct target_parser *t, const json_t *target,
		    const json_t *payload, enum query_format format)
{
	int r = add_query(t, target, payload, METRIC_COUNT);

	if (!r)
		t->out->queries[t->out->count - 1].format = format;
	return r;
}

static int add_metrics(struct target_parser *t, const json_t *target,
		       const json_t *payload, const json_t *name)
{
	enum query_format live;
	struct words w = { 0 };
	int r;

	if (json_is_string(name) &&
	    live_format(&live, json_string_value(name)))
		return add_live(t, target, payload, live);
	if (wants_events(payload, name))
		return add_query(t, target, payload, METRIC_COUNT);
	r = words_parse(&w, name, "target", t->p);
	if (!r && w.all)
		r = add_matching(t, target, payload, ".*");
	else if (!r && w.count == 0)
		r = problem_set(t->p, PROBLEM_EMPTY_TARGET,
				"target is empty: name a metric");
	for (size_t i = 0; i < w.count && !r && !w.all; i++)
		r = add_word(t, target, payload, &w.items[i]);
	words_fini(&w);
	return r;
}

void problem_of_query(struct problem *p, const char *ref_id, const char *target)
{
	char text[sizeof(p->text)];

	memcpy(text, p->text, sizeof(text));
	problem_set(p, p->code, "refId %.16s%s%.48s: %s",
		    *ref_id ? ref_id : "-", *target ? ", target " : "", target,
		    text);
}

/* What a target of several metrics had before it failed goes with it. */
static int add_failure(struct target_parser *t, const char *ref_id,
		       const char *target, size_t before)
{
	struct query_request *out = t->out;
	struct failure *f;

	while (out->count > before)
		query_fini(&out->queries[--out->count]);
	f = realloc(out->failures, (out->failure_count + 1) * sizeof(*f));
	if (!f)
		return -ENOMEM;
	out->failures = f;
	f += out->failure_count++;
	*f = (struct failure){ .ref_id = strndup(ref_id ? ref_id : "", 64),
			       .target = strndup(target ? target : "", 64),
			       .before = before,
			       .problem = *t->p };
	*t->p = (struct problem){ 0 };
	return f->ref_id && f->target ? 0 : -ENOMEM;
}

/* The name in "$name", "${name}", "${name:csv}" or "[[name]]" as a whole;
 * empty for other text. */
static void variable_name(char out[LABEL_NAME_MAX + 1], const char *text)
{
	const char *close = "", *rest;
	size_t len;

	out[0] = '\0';
	if (strncmp(text, "${", 2) == 0)
		close = "}";
	else if (strncmp(text, "[[", 2) == 0)
		close = "]]";
	else if (*text != '$')
		return;
	text += *close ? 2 : 1;
	len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789_");
	if (len == 0 || len > LABEL_NAME_MAX)
		return;
	rest = text + len;
	if (*close && *rest == ':') /* a format, of which we need none */
		rest += strcspn(rest, "]}");
	if (strcmp(rest, close))
		return;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* What a variable that the client did not fill in stands for; NULL: it is no
 * variable, or nothing is known of it. */
static json_t *variable_value(const json_t *vars, const json_t *text)
{
	char name[LABEL_NAME_MAX + 1];

	if (!json_is_string(text))
		return NULL;
	variable_name(name, json_string_value(text));
	return *name ? json_object_get(json_object_get(vars, name), "value") :
		       NULL;
}

/* All variables of an object, one level deep, which is where parameters are;
 * several values of one go into the list they stand in. */
static int fill_list(json_t **out, const json_t *list, const json_t *vars)
{
	json_t *item;
	size_t i;
	int r = 0;

	*out = json_array();
	json_array_foreach(list, i, item)
	{
		json_t *value = variable_value(vars, item);

		if (json_is_array(value))
			r |= json_array_extend(*out, value);
		else
			r |= json_array_append(*out, value ? value : item);
	}
	return *out && !r ? 0 : -ENOMEM;
}

static int fill_variables(json_t *object, const json_t *vars)
{
	json_t *item, *list;
	const char *key;
	void *next;
	int r = 0;

	json_object_foreach_safe(object, next, key, item)
	{
		json_t *value = variable_value(vars, item);

		if (value)
			r = json_object_set(object, key, value);
		else if (json_is_array(item) && !(r = fill_list(&list, item, vars)))
			r = json_object_set_new(object, key, list);
		if (r)
			return -ENOMEM;
	}
	return 0;
}

static int parse_filled(struct target_parser *t, const json_t *target);

/* Scripts and annotations send variables as they are written; their values
 * are in scopedVars. */
static int parse_target(struct target_parser *t, const json_t *target)
{
	const json_t *vars = json_object_get(t->body, "scopedVars");
	own(json_decrefp) json_t *filled = NULL;
	json_t *payload;
	int r;

	if (!json_is_object(vars) || !json_is_object(target))
		return parse_filled(t, target);
	filled = json_deep_copy(target);
	if (!filled)
		return -ENOMEM;
	payload = json_object_get(filled, "payload");
	r = fill_variables(filled, vars);
	if (!r && json_is_object(payload))
		r = fill_variables(payload, vars);
	return r ? r : parse_filled(t, filled);
}

static bool has_values(const json_t *vars)
{
	const char *name;
	json_t *var;

	json_object_foreach((json_t *)vars, name, var)
	{
		if (strncmp(name, "__", 2) &&
		    json_array_size(json_object_get(var, "value")) > 1)
			return true;
	}
	return false;
}

/* A payload written as JSON with "$node" in quotes is none any more once node
 * has several values; the client then sends an empty one in silence. */
static const char *hint_of(const struct target_parser *t, const json_t *target,
			   const json_t *payload)
{
	const char *mode =
		json_string_value(json_object_get(target, "editorMode"));

	if (!mode || strcmp(mode, "code") || json_object_size(payload) ||
	    !has_values(json_object_get(t->body, "scopedVars")))
		return NULL;
	return "the payload came empty, so nothing restricts this query: a "
	       "variable of several values in quotes makes it no JSON, and "
	       "Grafana drops it; write $node, not \"$node\"";
}

static int parse_filled(struct target_parser *t, const json_t *target)
{
	size_t before = t->out->count;
	own(json_decrefp) json_t *none = json_object();
	const json_t *payload = json_object_get(target, "payload");
	const json_t *name = json_object_get(target, "target");
	const char *ref_id =
		json_string_value(json_object_get(target, "refId"));
	int r;

	if (!none)
		return -ENOMEM;
	if (!json_is_object(target))
		return bad(t->p, "targets must be a list of objects");
	if (json_is_true(json_object_get(target, "hide")))
		return 0;
	if (!payload) /* its name before version 0.4 of the plugin */
		payload = json_object_get(target, "data");
	if (!payload || json_is_null(payload) ||
	    (json_string_length(payload) == 0 && json_is_string(payload)))
		payload = none;
	if (!name)
		name = json_object_get(payload, "metric");
	if (!json_is_object(payload))
		r = bad(t->p, "payload must be an object");
	else
		r = add_metrics(t, target, payload, name);
	for (size_t i = before; !r && i < t->out->count; i++)
		t->out->queries[i].hint = hint_of(t, target, payload);
	t->out->frames |= !r && wants_frames(payload);
	if (r != -EINVAL)
		return r;
	problem_of_query(t->p, ref_id ? ref_id : "",
			 json_is_string(name) ? json_string_value(name) : "");
	if (t->full || t->p->code == PROBLEM_TOO_MUCH)
		return r;
	return add_failure(t, ref_id, json_string_value(name), before);
}

int query_request_parse(struct query_request *out, const json_t *body,
			int64_t now_ms, struct problem *p)
{
	struct query_request request = { 0 };
	struct target_parser t = { .out = &request,
				   .body = body,
				   .now_ms = now_ms,
				   .p = p };
	const json_t *targets = json_object_get(body, "targets");
	json_t *target;
	size_t i;
	int r = 0;

	if (!json_is_array(targets))
		return bad(p, "targets must be a list");
	json_array_foreach(targets, i, target)
	{
		r = i < TARGETS_MAX ? parse_target(&t, target) :
				      bad(p, "more than %d targets",
					  TARGETS_MAX);
		if (r)
			break;
	}
	if (r == 0 && request.count == 0 && request.failure_count) {
		*p = request.failures[0].problem;
		r = -EINVAL;
	}
	if (r)
		query_request_fini(&request);
	else
		*out = request;
	return r;
}

void query_request_fini(struct query_request *r)
{
	for (size_t i = 0; i < r->count; i++)
		query_fini(&r->queries[i]);
	for (size_t i = 0; i < r->failure_count; i++) {
		free(r->failures[i].ref_id);
		free(r->failures[i].target);
	}
	free(r->queries);
	free(r->failures);
	*r = (struct query_request){ 0 };
}
