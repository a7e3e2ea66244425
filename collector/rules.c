/* Which processes the configuration lets us watch. */
#include "internal.h"

void watch_rules_free(struct watch_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pattern_free(rules[i].exe);
		pattern_free(rules[i].service);
		pattern_free(rules[i].user);
	}
	free(rules);
}

void watch_settings_free(void *settings)
{
	struct watch_settings *s = settings;

	if (!s)
		return;
	watch_rules_free(s->rules, s->rule_count);
	thresholds_fini(&s->thresholds);
	free(s);
}

static bool rule_matches(const struct watch_rule *r, const struct process *p,
			 const char *service)
{
	return (!r->exe || pattern_matches(r->exe, p->exe)) &&
	       (!r->service || pattern_matches(r->service, service)) &&
	       (!r->user || pattern_matches(r->user, p->user));
}

size_t rules_exclude(const struct collector *c, const struct process *p,
		     const char *service)
{
	for (size_t i = 0; i < c->settings->rule_count; i++) {
		const struct watch_rule *r = &c->settings->rules[i];

		if (rule_matches(r, p, service))
			return r->include ? 0 : i + 1;
	}
	return 0;
}
