/* Values of the configuration that are more than one text. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "config_priv.h"

static size_t node_count(const struct node *n)
{
	size_t count = 0;

	for (const struct node *child = n->children; child; child = child->next)
		count++;
	return count;
}

int config_expect(const struct node *n, enum node_kind kind, const char *name,
		  const char *wanted, struct problem *p)
{
	if (n->kind == kind && (kind != NODE_SCALAR || n->text))
		return 0;
	return node_problem(n, p, "%.64s must be %s", name, wanted);
}

static int pattern_read(struct pattern **out, const struct node *n,
			struct problem *p)
{
	struct problem why = { 0 };
	int r = config_expect(n, NODE_SCALAR, n->key->text,
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
	int r = config_expect(n, NODE_MAPPING, "a rule of watch",
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
static bool label_is_own(const char *name)
{
	static const char *const own_names[] = { "node",     "service",
						 "instance", "runtime",
						 "pid",	     "kind",
						 "pool",     "basis" };

	for (size_t i = 0; i < ARRAY_SIZE(own_names); i++) {
		if (strcmp(own_names[i], name) == 0)
			return true;
	}
	return false;
}

static int labels_read(struct labels *labels, const struct node *n,
		       struct problem *p)
{
	int r = config_expect(n, NODE_MAPPING, "labels",
			    "a mapping of label and value", p);

	for (const struct node *f = r ? NULL : n->children; f && !r;
	     f = f->next) {
		const char *name = f->key->text;

		if (!label_name_valid(name))
			return node_problem(
				f->key, p, "%.64s is no name of a label", name);
		if (label_is_own(name))
			return node_problem(
				f->key, p,
				"%.64s is a label of the process itself", name);
		r = config_expect(f, NODE_SCALAR, name, "text", p);
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
	int r = config_expect(n, NODE_MAPPING, "a rule of plant",
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
	int r = config_expect(n, NODE_MAPPING, n->key->text,
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
	int r = config_expect(n, NODE_MAPPING, "a rule of thresholds_by_service",
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

int config_read_rules(struct config *c, enum config_type type,
		      const struct node *n, struct problem *p)
{
	switch (type) {
	case CONFIG_WATCH:
		return watch_read(c, n, p);
	case CONFIG_PLANT:
		return plant_read(c, n, p);
	case CONFIG_THRESHOLDS:
		return thresholds_read(c, n, p);
	default:
		return threshold_rules_read(c, n, p);
	}
}
