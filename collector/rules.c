/* Which processes the configuration lets us watch. */
#include "internal.h"

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
	for (size_t i = 0; i < c->options.rule_count; i++) {
		const struct watch_rule *r = &c->options.rules[i];

		if (rule_matches(r, p, service))
			return r->include ? 0 : i + 1;
	}
	return 0;
}
