#include "config.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/near.h"
#include "common/units.h"
#include "document.h"

#define SECOND UNIT_SECOND
#define MINUTE UNIT_MINUTE
#define HOUR   UNIT_HOUR
#define DAY    UNIT_DAY
#define KIB    UNIT_KIB
#define MIB    UNIT_MIB
#define GIB    UNIT_GIB
#define TIB    UNIT_TIB

#define AT(field) offsetof(struct config, field)

static const struct config_key keys[] = {
	{ "listen", CONFIG_STRING, AT(listen), "127.0.0.1:9817", 0, 0,
	  "Address and port to serve on; loopback only; port 0 takes a free "
	  "one" },
	{ "db", CONFIG_STRING, AT(db), CONFIG_DEFAULT_DB, 0, 0,
	  "The database file" },
	{ "node", CONFIG_STRING, AT(node), "", 0, 0,
	  "Name of this machine, the label node; the host name at the first "
	  "start if empty, then kept" },
	{ "resolution", CONFIG_DURATION, AT(resolution_ms), "10s", SECOND, HOUR,
	  "Distance of stored points; memory keeps one a second" },
	{ "flush", CONFIG_DURATION, AT(flush_ms), "10s", SECOND, 10 * MINUTE,
	  "Time between writes; a power cut loses so much and one "
	  "resolution step at most" },
	{ "memory", CONFIG_DURATION, AT(memory_ms), "15m", MINUTE, DAY,
	  "How far back memory keeps full resolution" },
	{ "ended_max", CONFIG_INTEGER, AT(ended_max), "1000", 10, 100000,
	  "Most processes remembered after their end, each some 10 KiB of "
	  "memory; the shortest lives go first" },
	{ "retention.age", CONFIG_DURATION, AT(retention_ms), "30d", 0,
	  3660 * DAY, "Older points are dropped; 0 keeps them" },
	{ "retention.bytes", CONFIG_BYTES, AT(retention_bytes), "1GiB", MIB,
	  16 * TIB,
	  "Most bytes of all database files; the oldest points go first" },
	{ "collector.interval", CONFIG_DURATION, AT(tick_ms), "1s", 100, MINUTE,
	  "How often every process is read" },
	{ "collector.rescan", CONFIG_DURATION, AT(rescan_ms), "10s", SECOND,
	  HOUR,
	  "How often /proc is searched for new processes that no event told "
	  "of" },
	{ "collector.targets_max", CONFIG_INTEGER, AT(target_max), "1000", 1,
	  100000, "Most processes watched at once" },
	{ "collector.cgroup_root", CONFIG_STRING, AT(cgroup_root),
	  "/sys/fs/cgroup", 0, 0, "Where control groups are mounted" },
	{ "governor.target", CONFIG_PERCENT, AT(governor_target_ppm), "0.5%",
	  0, 100 * UNIT_PERCENT,
	  "Most of one CPU that probes may cost one process; above it they "
	  "are detached" },
	{ "governor.total", CONFIG_PERCENT, AT(governor_total_ppm), "1%", 0,
	  100 * UNIT_PERCENT,
	  "Most of one CPU that all probes together may cost" },
	{ "governor.backoff", CONFIG_DURATION, AT(governor_backoff_ms), "60s",
	  SECOND, HOUR,
	  "How long probes that cost too much stay away; doubles each time, "
	  "to 1h" },
	{ "http.body_max", CONFIG_BYTES, AT(body_max), "1MiB", KIB, 64 * MIB,
	  "Largest body of a request" },
	{ "http.connections_max", CONFIG_INTEGER, AT(connections_max), "256", 4,
	  65536, "Most connections at once; more wait" },
	{ "http.threads", CONFIG_INTEGER, AT(threads), "4", 1, 64,
	  "Threads that answer requests" },
	{ "query.series_max", CONFIG_INTEGER, AT(series_max), "5000", 1,
	  1000000, "Most series one question may match" },
	{ "query.points_max", CONFIG_INTEGER, AT(points_max), "1000000", 100,
	  100000000, "Most points of one answer" },
	{ "query.scan_max", CONFIG_INTEGER, AT(scan_max), "50000000", 1000,
	  10000000000, "Most stored points read for one answer" },
	{ "state.worsen_after", CONFIG_DURATION, AT(worsen_ms), "10s", 0, DAY,
	  "How long an SLI must be beyond a limit until the state tells" },
	{ "state.improve_after", CONFIG_DURATION, AT(improve_ms), "1m", 0, DAY,
	  "How long it must be within the limit by 5 % until the state tells" },
	{ "query.cache_bytes", CONFIG_BYTES, AT(cache_bytes), "8MiB", 0, GIB,
	  "Most bytes of settled values kept for the next refresh; 0: none" },
	{ "http.hosts", CONFIG_STRING, AT(hosts), "", 0, 0,
	  "Names by which this server may be asked, with commas between; "
	  "addresses and localhost always may" },
	{ "http.cors_origins", CONFIG_STRING, AT(cors_origins), "", 0, 0,
	  "Origins like https://grafana.example whose pages may read answers, "
	  "with commas between; * any" },
	{ "base_path", CONFIG_STRING, AT(base_path), "", 0, 0,
	  "Path below which a reverse proxy serves heapwatch, like "
	  "/heapwatch" },
	{ "log.access", CONFIG_BOOL, AT(access_log), "false", 0, 0,
	  "Log every request with its query and cost; else at level debug" },
	{ "log.level", CONFIG_LEVEL, AT(log_level), "info", 0, 0,
	  "Least level that is logged: debug, info, warn or error" },
	{ "report", CONFIG_BOOL, AT(report), "true", 0, 0,
	  "Print what the first scan found on standard output" },
	{ "watch", CONFIG_WATCH, 0, "", 0, 0,
	  "Rules {action: include or exclude, exe, service, user}, regular "
	  "expressions; the first that matches decides, no match means "
	  "watched" },
	{ "plant", CONFIG_PLANT, 0, "", 0, 0,
	  "Labels of the plant {node, service, labels}, regular expressions; "
	  "all that match apply" },
	{ "thresholds", CONFIG_THRESHOLDS, 0, "", 0, 0,
	  "Limits of an SLI {metric: {warning, critical}}, told by "
	  "/api/v1/status" },
	{ "thresholds_by_service", CONFIG_THRESHOLD_RULES, 0, "", 0, 0,
	  "Other limits for some services {service, metric: {warning, "
	  "critical}}, a regular expression; the last rule that matches and "
	  "names the metric wins" },
};

_Static_assert(ARRAY_SIZE(keys) <= CONFIG_KEYS_MAX, "a place for each key");

static const struct {
	const char *word;   /* in --help; NULL: in the file only */
	const char *wanted; /* in an error */
} types[] = {
	[CONFIG_STRING] = { "TEXT", "text" },
	[CONFIG_DURATION] = { "DURATION",
			      "a duration like 10s, 5m, 2h or 30d" },
	[CONFIG_BYTES] = { "BYTES", "a size like 64KiB or 1GiB" },
	[CONFIG_PERCENT] = { "PERCENT", "a percentage like 0.5%" },
	[CONFIG_INTEGER] = { "NUMBER", "a whole number" },
	[CONFIG_BOOL] = { "BOOL", "true or false" },
	[CONFIG_LEVEL] = { "LEVEL", "debug, info, warn or error" },
	[CONFIG_WATCH] = { NULL, "a list of rules" },
	[CONFIG_PLANT] = { NULL, "a list of rules" },
	[CONFIG_THRESHOLDS] = { NULL, "metrics with their limits" },
	[CONFIG_THRESHOLD_RULES] = { NULL, "a list of rules" },
};

struct unit {
	const char *word;
	int64_t factor;
};

const struct config_key *config_keys(size_t *count)
{
	*count = ARRAY_SIZE(keys);
	return keys;
}

static int integer_parse(int64_t *out, const char *text)
{
	int64_t value;
	int r = strspn(text, "0123456789") == strlen(text) ?
			bytes_parse(&value, text) :
			-EINVAL;

	if (!r)
		*out = value;
	return r;
}

static int bool_parse(bool *out, const char *text)
{
	if (strcmp(text, "true") && strcmp(text, "false"))
		return -EINVAL;
	*out = strcmp(text, "true") == 0;
	return 0;
}

static int string_set(char **out, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*out);
	*out = copy;
	return 0;
}

/* A number within the bounds of its key, or -ERANGE. */
static int number_set(int64_t *out, const struct config_key *key,
		      const char *text)
{
	int64_t value = 0;
	int r = key->type == CONFIG_DURATION ? duration_parse(&value, text) :
		key->type == CONFIG_BYTES    ? bytes_parse(&value, text) :
		key->type == CONFIG_PERCENT  ? percent_parse(&value, text) :
					       integer_parse(&value, text);

	if (r)
		return r;
	if (value < key->min || value > key->max)
		return -ERANGE;
	*out = value;
	return 0;
}

static int text_set(struct config *c, const struct config_key *key,
		    const char *text)
{
	void *field = (char *)c + key->offset;

	switch (key->type) {
	case CONFIG_STRING:
		return string_set(field, text);
	case CONFIG_BOOL:
		return bool_parse(field, text);
	case CONFIG_LEVEL:
		return log_level_parse(field, text);
	default:
		return number_set(field, key, text);
	}
}

/* A number as one would write it in the file: the largest unit that divides. */
static void number_text(char out[48], enum config_type type, int64_t value)
{
	static const struct unit bytes[] = {
		{ "TiB", TIB }, { "GiB", GIB }, { "MiB", MIB }, { "KiB", KIB }
	};
	static const struct unit durations[] = { { "d", DAY },
						 { "h", HOUR },
						 { "m", MINUTE },
						 { "s", SECOND },
						 { "ms", 1 } };
	const struct unit *u = type == CONFIG_BYTES ? bytes : durations;
	size_t count = type == CONFIG_BYTES    ? ARRAY_SIZE(bytes) :
		       type == CONFIG_DURATION ? ARRAY_SIZE(durations) :
						 0;

	for (size_t i = 0; i < count && value; i++) {
		if (value % u[i].factor == 0) {
			snprintf(out, 48, "%lld%s",
				 (long long)(value / u[i].factor), u[i].word);
			return;
		}
	}
	if (type == CONFIG_PERCENT)
		snprintf(out, 48, "%.10g%%", (double)value / UNIT_PERCENT);
	else
		snprintf(out, 48, "%lld", (long long)value);
}

int config_set(struct config *c, const struct config_key *key, const char *text,
	       struct problem *p)
{
	char least[48], most[48];
	int r = text_set(c, key, text);

	c->places[key - keys] = (struct config_place){ 0 };
	if (r == -ERANGE) {
		number_text(least, key->type, key->min);
		number_text(most, key->type, key->max);
		return problem_set(p, PROBLEM_USAGE,
				   "%s must be from %s to %s, not %.64s",
				   key->key, least, most, text);
	}
	if (r == -EINVAL)
		return problem_set(p, PROBLEM_USAGE,
				   "%s must be %s, not \"%.64s\"", key->key,
				   types[key->type].wanted, text);
	return r;
}

static int thresholds_init(struct config *c)
{
	c->thresholds = calloc(METRIC_COUNT, sizeof(*c->thresholds));
	if (!c->thresholds)
		return -ENOMEM;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct threshold *t = threshold_default((enum metric)m);

		if (t)
			c->thresholds[c->threshold_count++] = *t;
	}
	return 0;
}

int config_init(struct config *c)
{
	struct problem p = { 0 };
	int r;

	*c = (struct config){ 0 };
	r = thresholds_init(c);
	for (size_t i = 0; !r && i < ARRAY_SIZE(keys); i++) {
		if (keys[i].type < CONFIG_WATCH)
			r = config_set(c, &keys[i], keys[i].fallback, &p);
	}
	return r;
}

void config_fini(struct config *c)
{
	free(c->listen);
	free(c->db);
	free(c->node);
	free(c->cgroup_root);
	free(c->hosts);
	free(c->cors_origins);
	free(c->base_path);
	watch_rules_free(c->rules, c->rule_count);
	if (c->plant)
		plant_free(c->plant);
	free(c->thresholds);
	threshold_rules_free(c->threshold_rules, c->threshold_rule_count);
	*c = (struct config){ 0 };
}

/* ---- what is more than one text ---- */

static size_t node_count(const struct node *n)
{
	size_t count = 0;

	for (const struct node *child = n->children; child; child = child->next)
		count++;
	return count;
}

static int expect_kind(const struct node *n, enum node_kind kind,
		       const char *name, const char *wanted, struct problem *p)
{
	if (n->kind == kind && (kind != NODE_SCALAR || n->text))
		return 0;
	return node_problem(n, p, "%.64s must be %s", name, wanted);
}

static int pattern_read(struct pattern **out, const struct node *n,
			struct problem *p)
{
	struct problem why = { 0 };
	int r = expect_kind(n, NODE_SCALAR, n->key->text,
			    "a regular expression", p);

	if (r)
		return r;
	r = pattern_compile(out, n->text, &why);
	if (r == -EINVAL)
		return node_problem(n, p, "%s: %s", n->key->text, why.text);
	return r;
}

static int action_read(bool *include, const struct node *n, struct problem *p)
{
	if (n->kind == NODE_SCALAR && n->text &&
	    (strcmp(n->text, "include") == 0 ||
	     strcmp(n->text, "exclude") == 0)) {
		*include = strcmp(n->text, "include") == 0;
		return 0;
	}
	return node_problem(n, p, "action must be include or exclude");
}

static int watch_rule_read(struct watch_rule *rule, const struct node *n,
			   struct problem *p)
{
	bool action = false;
	int r = expect_kind(n, NODE_MAPPING, "a rule of watch",
			    "a mapping with action, exe, service, user", p);

	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		const char *key = f->key->text;

		if (strcmp(key, "action") == 0) {
			action = true;
			r = action_read(&rule->include, f, p);
		} else if (strcmp(key, "exe") == 0) {
			r = pattern_read(&rule->exe, f, p);
		} else if (strcmp(key, "service") == 0) {
			r = pattern_read(&rule->service, f, p);
		} else if (strcmp(key, "user") == 0) {
			r = pattern_read(&rule->user, f, p);
		} else {
			r = node_problem(f->key, p,
					 "a rule of watch has no %.64s; it has "
					 "action, exe, service, user",
					 key);
		}
	}
	if (!r && !action)
		return node_problem(
			n, p,
			"a rule of watch wants an action: include or exclude");
	return r;
}

static int watch_read(struct config *c, const struct node *n, struct problem *p)
{
	size_t count = node_count(n);
	struct watch_rule *rules = calloc(count + 1, sizeof(*rules));
	size_t i = 0;
	int r = 0;

	if (!rules)
		return -ENOMEM;
	for (const struct node *f = n->children; f && !r; f = f->next)
		r = watch_rule_read(&rules[i++], f, p);
	if (r) {
		watch_rules_free(rules, count);
		return r;
	}
	watch_rules_free(c->rules, c->rule_count);
	c->rules = rules;
	c->rule_count = count;
	return 0;
}

/* Labels that every process has of itself cannot be the plant's. */
static const char *const own_names[] = { "node", "service", "instance",
					 "runtime", "pid", "kind", "pool",
					 "basis" };

/* Rows of an answer have one column of a name. */
static const char *const column_names[] = { "time", "metric", "value" };

static bool is_one_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static int labels_read(struct labels *labels, const struct node *n,
		       struct problem *p)
{
	int r = expect_kind(n, NODE_MAPPING, "labels",
			    "a mapping of label and value", p);

	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		const char *name = f->key->text;

		if (!label_name_valid(name))
			return node_problem(
				f->key, p, "%.64s is no name of a label", name);
		if (is_one_of(own_names, ARRAY_SIZE(own_names), name))
			return node_problem(
				f->key, p,
				"%.64s is a label of the process itself", name);
		if (is_one_of(column_names, ARRAY_SIZE(column_names), name))
			return node_problem(
				f->key, p,
				"%.64s is a column of every answer", name);
		r = expect_kind(f, NODE_SCALAR, name, "text", p);
		if (!r)
			r = labels_set(labels, name, f->text);
		if (r == -ENOSPC)
			return node_problem(f, p, "more than %d labels",
					    LABELS_MAX);
	}
	return r;
}

static int plant_rule_read(struct plant_rule *rule, const struct node *n,
			   struct problem *p)
{
	int r = expect_kind(n, NODE_MAPPING, "a rule of plant",
			    "a mapping with node, service, labels", p);

	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		const char *key = f->key->text;

		if (strcmp(key, "node") == 0)
			r = pattern_read(&rule->node, f, p);
		else if (strcmp(key, "service") == 0)
			r = pattern_read(&rule->service, f, p);
		else if (strcmp(key, "labels") == 0)
			r = labels_read(&rule->labels, f, p);
		else
			r = node_problem(f->key, p,
					 "a rule of plant has no %.64s; it has "
					 "node, service, labels",
					 key);
	}
	return r;
}

static int plant_read(struct config *c, const struct node *n, struct problem *p)
{
	struct plant *plant = calloc(1, sizeof(*plant));
	int r = 0;

	if (!plant)
		return -ENOMEM;
	plant->rules = calloc(node_count(n) + 1, sizeof(*plant->rules));
	if (!plant->rules)
		r = -ENOMEM;
	for (const struct node *f = n->children; f && !r; f = f->next)
		r = plant_rule_read(&plant->rules[plant->count++], f, p);
	if (r) {
		plant_free(plant);
		return r;
	}
	if (c->plant)
		plant_free(c->plant);
	c->plant = plant;
	return 0;
}

static int limit_read(double *out, const struct node *n, struct problem *p)
{
	char *end = NULL;
	double value;

	if (n->kind == NODE_SCALAR && n->text &&
	    strspn(n->text, "0123456789.") == strlen(n->text)) {
		value = strtod(n->text, &end);
		if (end != n->text && !*end) {
			*out = value;
			return 0;
		}
	}
	return node_problem(n, p, "%s must be a number", n->key->text);
}

static int threshold_read(struct threshold *t, const struct node *n,
			  struct problem *p)
{
	int r = expect_kind(n, NODE_MAPPING, n->key->text,
			    "a mapping with warning and critical", p);

	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		if (strcmp(f->key->text, "warning") == 0)
			r = limit_read(&t->warning, f, p);
		else if (strcmp(f->key->text, "critical") == 0)
			r = limit_read(&t->critical, f, p);
		else
			r = node_problem(f->key, p,
					 "a threshold has no %.64s; it has "
					 "warning, critical",
					 f->key->text);
	}
	if (!r && (t->critical - t->warning) * t->direction < 0)
		return node_problem(n, p,
				    "%s: critical must lie beyond warning",
				    n->key->text);
	return r;
}

static struct threshold *threshold_of(struct config *c, const char *metric)
{
	for (size_t i = 0; i < c->threshold_count; i++) {
		if (strcmp(metric_info(c->thresholds[i].metric)->name,
			   metric) == 0)
			return &c->thresholds[i];
	}
	return NULL;
}

static int thresholds_read(struct config *c, const struct node *n,
			   struct problem *p)
{
	int r = 0;

	for (const struct node *f = n->children; f && !r; f = f->next) {
		struct threshold *t = threshold_of(c, f->key->text);

		if (!t)
			return node_problem(f->key, p,
					    "%.64s is no metric with limits",
					    f->key->text);
		r = threshold_read(t, f, p);
	}
	return r;
}

/* A metric of a rule: both limits, since those it stands in for may change. */
static int rule_limits_read(struct threshold *t, const struct node *n,
			    struct problem *p)
{
	int r = threshold_read(t, n, p);

	if (!r && (isnan(t->warning) || isnan(t->critical)))
		return node_problem(n, p, "%.64s wants warning and critical",
				    n->key->text);
	return r;
}

static int threshold_rule_read(struct threshold_rule *rule,
			       const struct node *n, struct problem *p)
{
	int r = expect_kind(n, NODE_MAPPING, "a rule of thresholds_by_service",
			    "a mapping with service and metrics", p);

	rule->items = r ? NULL : calloc(node_count(n) + 1, sizeof(*rule->items));
	if (!r && !rule->items)
		return -ENOMEM;
	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		const char *key = f->key->text;
		const struct threshold *t = threshold_default(metric_find(key));

		if (strcmp(key, "service") == 0) {
			r = pattern_read(&rule->service, f, p);
			continue;
		}
		if (!t)
			return node_problem(f->key, p,
					    "%.64s is no metric with limits",
					    key);
		rule->items[rule->count] = (struct threshold){
			t->metric, NAN, NAN, t->direction
		};
		r = rule_limits_read(&rule->items[rule->count++], f, p);
	}
	if (!r && !rule->service)
		return node_problem(n, p, "a rule of thresholds_by_service "
					  "wants a service");
	return r;
}

static int threshold_rules_read(struct config *c, const struct node *n,
				struct problem *p)
{
	size_t count = node_count(n), i = 0;
	struct threshold_rule *rules = calloc(count + 1, sizeof(*rules));
	int r = 0;

	if (!rules)
		return -ENOMEM;
	for (const struct node *f = n->children; f && !r; f = f->next)
		r = threshold_rule_read(&rules[i++], f, p);
	if (r) {
		threshold_rules_free(rules, count);
		return r;
	}
	threshold_rules_free(c->threshold_rules, c->threshold_rule_count);
	c->threshold_rules = rules;
	c->threshold_rule_count = count;
	return 0;
}

/* ---- the file ---- */

static enum node_kind value_kind(const struct config_key *key)
{
	return key->type < CONFIG_WATCH	      ? NODE_SCALAR :
	       key->type == CONFIG_THRESHOLDS ? NODE_MAPPING :
						NODE_LIST;
}

static int value_read(struct config *c, const struct config_key *key,
		      const struct node *n, struct problem *p)
{
	int r;

	if (n->kind == NODE_SCALAR && !n->text)
		return 0; /* "key:" with nothing behind it keeps the default */
	r = expect_kind(n, value_kind(key), key->key, types[key->type].wanted,
			p);
	if (r)
		return r;
	switch (key->type) {
	case CONFIG_WATCH:
		return watch_read(c, n, p);
	case CONFIG_PLANT:
		return plant_read(c, n, p);
	case CONFIG_THRESHOLDS:
		return thresholds_read(c, n, p);
	case CONFIG_THRESHOLD_RULES:
		return threshold_rules_read(c, n, p);
	default:
		r = config_set(c, key, n->text, p);
		p->line = r ? n->line : 0;
		p->column = r ? n->column : 0;
		c->places[key - keys] =
			(struct config_place){ n->line, n->column };
		return r;
	}
}

/* ---- one problem, or all ---- */

struct reading {
	struct config *config;
	struct problem *problem; /* the last one */
	void (*tell)(void *arg, const struct problem *p); /* NULL: stop */
	void *arg;
	size_t told;
};

static bool stands_at(const struct node *n, const struct problem *p)
{
	if (n->line == p->line && n->column == p->column)
		return true;
	if (n->key && stands_at(n->key, p))
		return true;
	for (const struct node *child = n->children; child; child = child->next) {
		if (stands_at(child, p))
			return true;
	}
	return false;
}

/* Take out the rule at fault; false: it is not one of them. */
static bool drop_rule(struct node *n, const struct problem *p)
{
	for (struct node **at = &n->children; *at; at = &(*at)->next) {
		own(node_freep) struct node *child = *at;

		if (stands_at(child, p)) {
			*at = child->next;
			child->next = NULL;
			return true;
		}
		(void)take(child);
	}
	return false;
}

/* Tell it, when all are wanted; then reading goes on. */
static int tell(struct reading *r, int err)
{
	if (err != -EINVAL || !r->tell)
		return err;
	r->tell(r->arg, r->problem);
	*r->problem = (struct problem){ 0 };
	r->told++;
	return 0;
}

/* A value of rules is read again without the one at fault, for what else is
 * wrong in it. */
static int key_read(struct reading *r, const struct config_key *key,
		    struct node *n)
{
	bool rules = key->type >= CONFIG_WATCH && n->kind == value_kind(key);
	int err = value_read(r->config, key, n, r->problem);

	while (err == -EINVAL && r->tell && rules) {
		struct problem why = *r->problem;

		tell(r, err);
		if (!drop_rule(n, &why))
			return 0;
		err = value_read(r->config, key, n, r->problem);
	}
	return tell(r, err);
}

static const struct config_key *key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].key, name) == 0)
			return &keys[i];
	}
	return NULL;
}

/* Do keys begin with "name."? */
static bool is_group(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strncmp(keys[i].key, name, len) == 0 &&
		    keys[i].key[len] == '.')
			return true;
	}
	return false;
}

static const char *key_name(size_t i)
{
	return keys[i].key;
}

static int unknown_key(const struct node *key, const char *name,
		       struct problem *p)
{
	char close[160];

	near_names(name, key_name, ARRAY_SIZE(keys), close, sizeof(close));
	return node_problem(key, p, "unknown key %s; %s%s", name,
			    *close ? "close to it: " : "\"heapwatch serve "
						      "--help\" lists all",
			    close);
}

static int mapping_read(struct reading *r, const char *group, struct node *n);

/* "retention:" with its keys below it. */
static int group_read(struct reading *r, const char *name, struct node *n)
{
	int err;

	if (n->kind == NODE_SCALAR && !n->text)
		return 0;
	err = expect_kind(n, NODE_MAPPING, name, "a mapping", r->problem);
	return err ? tell(r, err) : mapping_read(r, name, n);
}

static int mapping_read(struct reading *r, const char *group, struct node *n)
{
	int err = 0;

	for (struct node *f = n->children; f && !err; f = f->next) {
		const struct config_key *key;
		char name[96];

		snprintf(name, sizeof(name), "%s%s%.64s", group,
			 *group ? "." : "", f->key->text);
		key = key_find(name);
		if (!*group && is_group(name))
			err = group_read(r, name, f);
		else if (key && (*group || !strchr(f->key->text, '.')))
			err = key_read(r, key, f);
		else
			err = tell(r, unknown_key(f->key, name, r->problem));
	}
	return err;
}

static int file_problem(struct problem *p, int r, const char *what)
{
	char text[128];

	problem_set(p, PROBLEM_USAGE, "%s: %s", what,
		    strerror_r(-r, text, sizeof(text)));
	return r;
}

static int file_read(struct reading *r, const char *path)
{
	own(node_freep) struct node *root = NULL;
	struct problem *p = r->problem;
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return file_problem(p, -errno, "cannot be opened");
	err = document_read(&root, file, p);
	fclose(file);
	if (err && err != -EINVAL)
		return file_problem(p, err, "cannot be read");
	r->config->from_file = true;
	if (err || !root || (root->kind == NODE_SCALAR && !root->text))
		return err;
	err = expect_kind(root, NODE_MAPPING, "the file", "keys and values", p);
	return err ? err : mapping_read(r, "", root);
}

int config_read(struct config *c, const char *path, struct problem *p)
{
	return file_read(&(struct reading){ .config = c, .problem = p }, path);
}

size_t config_examine(struct config *c, const char *path,
		      void (*tell_one)(void *arg, const struct problem *p),
		      void *arg)
{
	struct problem p = { 0 };
	struct reading r = { .config = c,
			     .problem = &p,
			     .tell = tell_one,
			     .arg = arg };
	int err = file_read(&r, path);

	if (err) {
		if (p.code == PROBLEM_NONE)
			file_problem(&p, err, "cannot be read");
		tell_one(arg, &p);
	}
	return r.told + (err != 0);
}

/* ---- what only makes sense together ---- */

void config_place(const struct config *c, const char *key, struct problem *p)
{
	const struct config_key *k = key_find(key);

	if (!k)
		return;
	p->line = c->places[k - keys].line;
	p->column = c->places[k - keys].column;
}

static int wrong(const struct config *c, struct problem *p, const char *key,
		 const char *what)
{
	problem_set(p, PROBLEM_USAGE, "%s %s", key, what);
	config_place(c, key, p);
	return -EINVAL;
}

int config_check(const struct config *c, struct problem *p)
{
	if (!*c->listen)
		return wrong(c, p, "listen", "must not be empty");
	if (!*c->db)
		return wrong(c, p, "db", "must not be empty");
	if (strlen(c->node) > LABEL_VALUE_MAX)
		return wrong(c, p, "node", "is too long");
	if (c->resolution_ms % SECOND)
		return wrong(c, p, "resolution", "must be whole seconds");
	return 0;
}

static bool same_value(const struct config *a, const struct config *b,
		       const struct config_key *key)
{
	const void *x = (const char *)a + key->offset;
	const void *y = (const char *)b + key->offset;

	switch (key->type) {
	case CONFIG_STRING:
		return strcmp(*(char *const *)x, *(char *const *)y) == 0;
	case CONFIG_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONFIG_LEVEL:
		return *(const enum log_level *)x == *(const enum log_level *)y;
	default:
		return *(const int64_t *)x == *(const int64_t *)y;
	}
}

/* A reload applies these, and all that is no flag. */
static bool is_live(const struct config_key *key)
{
	static const char *const live[] = { "retention.age", "retention.bytes",
					    "state.worsen_after",
					    "state.improve_after", "log.level" };

	for (size_t i = 0; i < ARRAY_SIZE(live); i++) {
		if (strcmp(live[i], key->key) == 0)
			return true;
	}
	return key->type >= CONFIG_WATCH;
}

size_t config_restart_keys(const struct config *now, const struct config *next,
			   struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (is_live(&keys[i]) ||
		    same_value(now, next, &keys[i]))
			continue;
		buf_printf(out, "%s%s", count++ ? ", " : "", keys[i].key);
	}
	return count;
}

/* ---- the table as flags, help and Markdown ---- */

/* "retention.age" -> "retention-age" */
static void flag_name(char out[64], const char *key)
{
	size_t i = 0;

	for (; key[i] && i < 63; i++)
		out[i] = key[i] == '.' || key[i] == '_' ? '-' : key[i];
	out[i] = '\0';
}

const struct config_key *config_flag_find(const char *name, size_t len)
{
	char flag[64];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		flag_name(flag, keys[i].key);
		if (keys[i].type < CONFIG_WATCH && strlen(flag) == len &&
		    memcmp(flag, name, len) == 0)
			return &keys[i];
	}
	return NULL;
}

void config_help(struct buf *out)
{
	char flag[64], left[96];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].type >= CONFIG_WATCH)
			continue;
		flag_name(flag, keys[i].key);
		snprintf(left, sizeof(left), "--%s %s", flag,
			 types[keys[i].type].word);
		buf_printf(out, "  %-36s %s", left, keys[i].help);
		if (*keys[i].fallback)
			buf_printf(out, " (%s)", keys[i].fallback);
		buf_putc(out, '\n');
	}
}

void config_markdown(struct buf *out)
{
	char flag[64];

	buf_puts(out, "| key | flag | default | meaning |\n"
		      "|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		flag_name(flag, keys[i].key);
		buf_printf(out, "| `%s` | ", keys[i].key);
		if (keys[i].type < CONFIG_WATCH)
			buf_printf(out, "`--%s`", flag);
		else
			buf_puts(out, "none");
		if (*keys[i].fallback)
			buf_printf(out, " | `%s` | ", keys[i].fallback);
		else
			buf_puts(out, " | none | ");
		buf_printf(out, "%s |\n", keys[i].help);
	}
}
