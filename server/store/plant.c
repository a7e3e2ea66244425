#include "plant.h"

#include <errno.h>

void plant_free(struct plant *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		pattern_free(p->rules[i].node);
		pattern_free(p->rules[i].service);
		labels_fini(&p->rules[i].labels);
	}
	free(p->rules);
	free(p);
}

/* An absent label counts as "". */
static bool rule_matches(const struct plant_rule *r, const struct labels *l)
{
	const char *node = labels_get(l, "node");
	const char *service = labels_get(l, "service");

	return (!r->node || pattern_matches(r->node, node ? node : "")) &&
	       (!r->service ||
		pattern_matches(r->service, service ? service : ""));
}

/* Rules see the entity's own labels only, so their order cannot hide one
 * from another; of two that set the same name, the later wins. */
int plant_join(const struct plant *p, struct labels *l)
{
	struct labels added = {0};
	int r = 0;

	for (size_t i = 0; i < p->count && r == 0; i++) {
		if (rule_matches(&p->rules[i], l))
			r = labels_merge(&added, &p->rules[i].labels);
	}
	for (size_t i = 0; i < added.count && r == 0; i++) {
		if (!labels_get(l, added.items[i].name))
			r = labels_set(l, added.items[i].name,
				       added.items[i].value);
	}
	labels_fini(&added);
	/* More labels than a set can hold: the rest stays out. */
	return r == -ENOSPC ? 0 : r;
}
