/* New rules and limits while everything runs. */
#include <stdio.h>

#include "common/log.h"
#include "internal.h"

/* Pids whose rule changed its mind; the map must not change meanwhile. */
struct changed {
	pid_t *pids; /* owned */
	size_t count;
};

static size_t rule_of(const struct collector *c, const struct target *t)
{
	return rules_exclude(c, t->process,
			     labels_get(&t->entity.labels, "service"));
}

static int find_changed(struct collector *c, struct changed *out)
{
	struct target *t;
	size_t i = 0;

	out->pids = calloc(c->targets.count + 1, sizeof(out->pids[0]));
	if (!out->pids)
		return -1;
	while ((t = map_next(&c->targets, &i))) {
		size_t rule = rule_of(c, t);

		t->grade.has_limits = false;
		if ((rule != 0) != t->excluded)
			out->pids[out->count++] = t->process->pid;
		else if (rule)
			target_explain(t, "excluded by watch rule %zu", rule);
	}
	return 0;
}

/* It begins anew as what the rules say now; as an entity it stays the same. */
static void begin_anew(struct collector *c, pid_t pid, struct now now)
{
	struct target *t = map_get(&c->targets, (uint64_t)pid);
	size_t rule = t ? rule_of(c, t) : 0;
	char reason[64];

	if (!t)
		return;
	snprintf(reason, sizeof(reason), "was excluded by watch rule %zu",
		 rule);
	watch_close(c, t, now, reason);
	discovery_consider(c, pid);
}

void reload_run(struct collector *c, struct watch_settings *s, struct now now)
{
	struct changed changed = { 0 };

	watch_settings_free(c->settings);
	c->settings = s;
	if (find_changed(c, &changed))
		log_warn("no memory to apply the rules of watch now");
	for (size_t i = 0; i < changed.count; i++)
		begin_anew(c, changed.pids[i], now);
	free(changed.pids);
	batch_add_event(c->batch, EVENT_RELOADED, 0, now.boot_ns,
			"configuration reloaded");
}
