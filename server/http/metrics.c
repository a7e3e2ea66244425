/* POST /metrics and its options: what the query editor of Grafana offers. */
#include <errno.h>
#include <string.h>

#include "common/column.h"
#include "common/event.h"
#include "common/state.h"

#include "body.h"
#include "conditions.h"
#include "route.h"

/* An option of every metric; labels follow as options of their own. */
static const struct option {
	const char *name, *label, *type, *placeholder;
} options[] = {
	{ "format", "Format", "select", "timeseries" },
	{ "agg", "Aggregate series", "select", "none" },
	{ "by", "By labels", "multi-select", NULL },
	{ "fn", "Function over time", "select", "the metric's own" },
	{ "step", "Step", "input", "from the panel" },
	{ "threshold", "Limit of above, below, beyond", "input",
	  "warning, critical or a number" },
	{ "topk", "Highest", "input", "all" },
	{ "bottomk", "Lowest", "input", "all" },
	{ "matchers", "Conditions", "textarea",
	  "service=~\"scada.*\", node!=\"gw-2\"" },
	{ "shift", "Shift", "input", "1d" },
	{ "legend", "Legend", "input", "{{service}}" },
};

static const char *const formats[] = { "timeseries", "table",	"latest",
				       "frames",     "heatmap", "states" };

/* Labels that are offered even before there is any series. */
static const char *const labels[] = { "node", "service", "instance", "runtime",
				      "pid" };

/* What is no metric, but asked for like one; live.h. Conditions of their own
 * and options are by name; a name that is no option above is a label. */
static const struct table {
	const char *name, *help;
	bool labels, attributes; /* of processes play a part */
	const char *payloads[4];
} tables[] = {
	{ "events", "What happened: starts, exits, breaches, new builds",
	  true, false, { "kind", "matchers", "shift" } },
	{ "targets", "Every process with its state and the reason, worst first",
	  true, true, { "state", "silenced", "watched", "matchers" } },
	{ "status", "One row of heapwatch's own numbers",
	  false, false, { "node", "matchers" } },
	{ "lacks", "What a missing right or kernel would give",
	  false, false, { "node", "matchers" } },
};

/* Those there are. */
struct names {
	char **all;    /* owned; labels and attributes */
	size_t count;
	char **labels; /* owned; without attributes */
	size_t label_count;
};

static void names_fini(struct names *n)
{
	strings_free(n->all, n->count);
	strings_free(n->labels, n->label_count);
}

static void put_choice(struct json *j, const char *value)
{
	json_begin_object(j);
	json_put_string(j, "label", value);
	json_put_string(j, "value", value);
	json_end(j);
}

/* What may be chosen for a metric; for METRIC_COUNT, anything. */
struct choice {
	enum metric metric;
	struct threshold limits;
	const struct threshold *threshold; /* the above, or NULL */
};

static void choose(struct choice *c, const struct site *s, enum metric m)
{
	c->metric = m;
	c->threshold = m < METRIC_COUNT && site_threshold(s, m, &c->limits) ?
			       &c->limits :
			       NULL;
}

static bool has_states(const struct choice *c)
{
	const char *const *words;

	return c->metric == METRIC_COUNT ||
	       query_states(c->metric, c->threshold, &words) > 0;
}

static bool fn_fits(const struct choice *c, enum fn fn)
{
	if (c->metric == METRIC_COUNT)
		return true;
	if (fn == FN_RATE || fn == FN_INCREASE)
		return metric_info(c->metric)->kind == METRIC_COUNTER;
	return fn != FN_BEYOND || c->threshold;
}

/* False: the option has no fixed choices. */
static bool put_choices(struct json *j, const struct choice *c,
			const char *name)
{
	if (strcmp(name, "format") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
			if (strcmp(formats[i], "states") || has_states(c))
				put_choice(j, formats[i]);
		}
	} else if (strcmp(name, "agg") == 0) {
		for (int a = 0; a < AGG_WORD_COUNT; a++) {
			if (a != AGG_STATES || has_states(c))
				put_choice(j, agg_word((enum agg)a));
		}
	} else if (strcmp(name, "fn") == 0) {
		for (int f = FN_LAST; f < FN_WORD_COUNT; f++) {
			if (fn_fits(c, (enum fn)f))
				put_choice(j, fn_word((enum fn)f));
		}
	} else {
		return false;
	}
	return true;
}

/* The same of a table. */
static bool put_table_choices(struct json *j, const char *table,
			      const char *name)
{
	if (strcmp(table, "events") == 0 && strcmp(name, "kind") == 0) {
		for (int i = 0; i < EVENT_KIND_COUNT; i++)
			put_choice(j, event_word((enum event_kind)i));
	} else if (strcmp(table, "targets")) {
		return false;
	} else if (strcmp(name, "state") == 0) {
		for (int i = 0; i < STATE_COUNT; i++)
			put_choice(j, state_word((enum process_state)i));
	} else if (strcmp(name, "silenced") == 0 ||
		   strcmp(name, "watched") == 0) {
		put_choice(j, "yes");
		put_choice(j, "no");
	} else {
		return false;
	}
	return true;
}

static void put_option(struct json *j, const struct choice *c,
		       const char *name, const char *label, const char *type,
		       const char *placeholder)
{
	json_begin_object(j);
	json_put_string(j, "name", name);
	json_put_string(j, "label", label);
	json_put_string(j, "type", type);
	if (placeholder)
		json_put_string(j, "placeholder", placeholder);
	if (strcmp(type, "select") == 0) {
		json_key(j, "options");
		json_begin_array(j);
		put_choices(j, c, name);
		json_end(j);
	}
	json_end(j);
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		if (strcmp(labels[i], name) == 0)
			return true;
	}
	return payload_reserved(name);
}

static void put_label(struct json *j, const char *name)
{
	put_option(j, NULL, name, name, "multi-select", NULL);
}

static void begin_entry(struct json *j, const char *name, const char *help)
{
	json_begin_object(j);
	json_put_string(j, "label", name);
	json_put_string(j, "value", name);
	json_put_string(j, "description", help);
	json_key(j, "payloads");
	json_begin_array(j);
}

/* Only some series of a process have such a label: those of the metric; for
 * METRIC_COUNT, of any. value NULL: whatever its value. */
static bool has_dimension(enum metric metric, const char *name,
			  const char *value)
{
	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);

		if (info->dim && strcmp(info->dim, name) == 0 &&
		    (metric == METRIC_COUNT || info->metric == metric) &&
		    (!value || strcmp(info->value, value) == 0))
			return true;
	}
	return false;
}

/* Whether a label, or one value of it, is any of this metric's. */
static bool label_fits(enum metric metric, const char *name,
		       const char *value)
{
	return !has_dimension(METRIC_COUNT, name, NULL) ||
	       has_dimension(metric, name, value);
}

static void put_table(struct json *j, const struct table *t,
		      const struct names *n)
{
	char *const *names = t->attributes ? n->all : n->labels;
	size_t count = t->attributes ? n->count : n->label_count;

	begin_entry(j, t->name, t->help);
	for (size_t i = 0; t->labels && i < ARRAY_SIZE(labels); i++)
		put_label(j, labels[i]);
	for (size_t i = 0; t->labels && i < count; i++) {
		if (!is_known(names[i]) &&
		    !has_dimension(METRIC_COUNT, names[i], NULL))
			put_label(j, names[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(t->payloads) && t->payloads[i]; i++) {
		const char *name = t->payloads[i];
		const struct option *o = find_option(name);

		if (o)
			put_option(j, NULL, name, o->label, o->type,
				   o->placeholder);
		else
			put_label(j, name);
	}
	json_end(j);
	json_end(j);
}

static void put_metric(struct json *j, const struct choice *c,
		       const struct names *n)
{
	const struct metric_info *m = metric_info(c->metric);

	begin_entry(j, m->name, m->help);
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		put_label(j, labels[i]);
	for (size_t i = 0; i < n->count; i++) {
		if (!is_known(n->all[i]) &&
		    label_fits(c->metric, n->all[i], NULL))
			put_label(j, n->all[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		put_option(j, c, options[i].name, options[i].label,
			   options[i].type, options[i].placeholder);
	json_end(j);
	json_end(j);
}

/*
 * Always the whole list: "metric" of the body is what the editor shows now,
 * and it blanks a metric that the answer lacks.
 */
int handle_metric_list(const struct request *q, struct reply *a,
		       struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(view_closep) struct view *view = NULL;
	own(names_fini) struct names n = { 0 };
	struct json j = json_writer(&a->body);
	int r;

	if ((r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = site_view(&view, q->site, p)) ||
	    (r = query_label_names(view, NULL, 0, &n.all, &n.count)) ||
	    (r = view_label_names(view, NULL, 0, &n.labels, &n.label_count)))
		return r;
	json_begin_array(&j);
	for (int m = 0; m < METRIC_COUNT; m++) {
		struct choice c;

		choose(&c, q->site, (enum metric)m);
		put_metric(&j, &c, &n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		put_table(&j, &tables[i], &n);
	json_end(&j);
	return 0;
}

static const struct table *find_table(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (strcmp(tables[i].name, name) == 0)
			return &tables[i];
	}
	return NULL;
}

/* What only the table knows; no series has that. */
static bool is_of_table(const struct table *t, const char *name)
{
	for (size_t i = 0; t && i < ARRAY_SIZE(t->payloads); i++) {
		if (t->payloads[i] && strcmp(t->payloads[i], name) == 0)
			return true;
	}
	return false;
}

/* What is chosen already narrows the rest, but does not hide the other choices
 * of the label itself. */
static int others_chosen(struct matcher_list *l, const json_t *payload,
			 const char *label, const struct table *table,
			 struct problem *p)
{
	int r = matchers_add_payload(l, payload, p);
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct matcher m = l->items[i];

		if ((label && strcmp(m.name, label) == 0) ||
		    is_of_table(table, m.name))
			matcher_fini(&m);
		else
			l->items[kept++] = m;
	}
	l->count = kept;
	return r;
}

/* The labels there are, or the values of one, as choices. */
static int put_stored(struct json *j, const struct request *q,
		      const struct choice *c, const char *label,
		      const struct matcher_list *l, struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	char **texts = NULL;
	size_t count = 0;
	int r = site_view(&view, q->site, p);

	if (r)
		return r;
	r = label ? query_label_values(view, label, l->items, l->count, &texts,
				       &count) :
		    query_label_names(view, l->items, l->count, &texts, &count);
	for (size_t i = 0; i < count && !r; i++) {
		if (label_fits(c->metric, label ? label : texts[i],
			       label ? texts[i] : NULL))
			put_choice(j, texts[i]);
	}
	strings_free(texts, count);
	return r;
}

static int put_options(struct json *j, const struct request *q,
		       const char *metric, const char *name,
		       const json_t *payload, struct problem *p)
{
	own(matcher_list_fini) struct matcher_list others = { 0 };
	const char *label = strcmp(name, "by") ? name : NULL;
	struct choice c;
	int r;

	choose(&c, q->site, metric_find(metric));
	if (put_table_choices(j, metric, name) || put_choices(j, &c, name) ||
	    (label && payload_reserved(label)))
		return 0;
	r = others_chosen(&others, payload, label, find_table(metric), p);
	return r ? r : put_stored(j, q, &c, label, &others, p);
}

int handle_metric_options(const struct request *q, struct reply *a,
			  struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	struct json j = json_writer(&a->body);
	const json_t *payload;
	const char *name, *metric;
	int r;

	r = body_parse(&body, q->body, q->body_len, p);
	if (r)
		return r;
	name = json_string_value(json_object_get(body, "name"));
	metric = json_string_value(json_object_get(body, "metric"));
	payload = json_object_get(body, "payload");
	if (!name || !label_name_valid(name))
		return problem_set(
			p, PROBLEM_BAD_REQUEST,
			"name must be the name of an option or a label");
	json_begin_array(&j);
	r = put_options(&j, q, metric ? metric : "", name,
			json_is_object(payload) ? payload : NULL, p);
	json_end(&j);
	return r;
}
