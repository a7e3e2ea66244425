/* GET /api/v1/targets: every process of a known runtime, watched or not. */
#include <errno.h>

#include "route.h"

static void put_labels(struct json *j, const char *key, const struct labels *l)
{
	json_key(j, key);
	json_object(j);
	for (size_t i = 0; i < l->count; i++)
		json_put_string(j, l->items[i].name, l->items[i].value);
	json_end(j);
}

static void put_probe_state(struct json *j, const struct census_probe *p,
			    struct now now)
{
	json_put_string(j, "name", p->name);
	json_put_string(j, "state", p->state);
	json_put_int(j, "since_ms", clock_wall_of(now, p->since_boot_ns));
	if (p->until_boot_ns)
		json_put_int(j, "retry_ms",
			     clock_wall_of(now, p->until_boot_ns));
	if (p->why[0])
		json_put_string(j, "why", p->why);
}

static void put_probes(struct json *j, const struct census_target *t,
		       struct now now)
{
	json_key(j, "probes");
	json_array(j);
	for (size_t i = 0; i < t->probe_count; i++) {
		const struct census_probe *probe = &t->probes[i];

		json_object(j);
		put_probe_state(j, probe, now);
		json_put_int(j, "hits", (int64_t)probe->hits);
		json_put_double(j, "hits_per_s", probe->hits_per_s);
		if (probe->cost_ns > 0) {
			json_put_double(j, "cpu_seconds",
					(double)probe->hits * probe->cost_ns /
						1e9);
			json_put_double(j, "cpu_ratio",
					probe->hits_per_s * probe->cost_ns /
						1e9);
		}
		json_end(j);
	}
	json_end(j);
}

static void put_missing(struct json *j, const struct census_target *t)
{
	json_key(j, "missing");
	json_array(j);
	for (size_t i = 0; i < t->gap_count; i++) {
		const struct column_info *c =
			column_info((enum column)t->gaps[i].column);
		enum gap reason = (enum gap)t->gaps[i].reason;

		json_object(j);
		json_put_string(j, "metric", metric_info(c->metric)->name);
		if (c->dim)
			json_put_string(j, c->dim, c->value);
		json_put_string(j, "reason", gap_word(reason));
		json_put_string(j, "text", gap_text(reason));
		json_end(j);
	}
	json_end(j);
}

static void put_costs(struct json *j, const struct census_target *t,
		      struct now now)
{
	if (t->last_read_boot_ns)
		json_put_int(j, "last_read_ms",
			     clock_wall_of(now, t->last_read_boot_ns));
	json_put_int(j, "reads", (int64_t)t->reads);
	json_put_int(j, "failed_reads", (int64_t)t->failed_reads);
	json_put_double(j, "read_cpu_seconds", (double)t->read_cpu_ns / 1e9);
}

/* Maintenance does not change the state; it asks to look away. */
static void put_state(struct json *j, const struct census_target *t,
		      struct now now)
{
	json_put_string(j, "state", state_word(t->state));
	json_put_int(j, "state_since_ms",
		     clock_wall_of(now, t->state_since_boot_ns));
	json_put_string(j, "state_reason", t->state_reason);
	json_put_bool(j, "silenced", t->silenced);
	if (!t->silenced)
		return;
	json_key(j, "maintenance");
	json_object(j);
	json_put_string(j, "reason", t->silence_reason);
	json_put_int(j, "until_ms", t->silenced_until_ms);
	json_end(j);
}

static int put_target(struct json *j, const struct census_target *t,
		      struct store *store, struct now now)
{
	struct labels labels = { 0 };
	int r = labels_copy(&labels, &t->entity.labels);

	if (!r)
		r = store_join_plant(store, &labels);
	if (!r) {
		json_object(j);
		json_put_int(j, "pid", t->entity.key.pid);
		json_put_bool(j, "watched", t->watched);
		if (!t->watched)
			json_put_string(j, "reason",
					t->reason ? t->reason : "");
		put_state(j, t, now);
		if (t->limit_count)
			thresholds_put(j, t->limits, t->limit_count);
		json_put_int(j, "started_ms", t->entity.start_wall_ms);
		put_labels(j, "labels", &labels);
		put_labels(j, "attributes", &t->entity.attributes);
		put_costs(j, t, now);
		put_probes(j, t, now);
		put_missing(j, t);
		json_end(j);
	}
	labels_fini(&labels);
	return r;
}

int handle_targets(const struct request *q, struct reply *a, struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	struct json j = json_writer(&a->body);
	int r = 0;

	(void)p;
	json_object(&j);
	json_put_string(&j, "node", q->site->options.node);
	json_put_bool(&j, "ready", c != NULL);
	if (c)
		json_put_int(&j, "time_ms", c->now.wall_ms);
	json_key(&j, "targets");
	json_array(&j);
	for (size_t i = 0; c && i < c->target_count && !r; i++)
		r = put_target(&j, &c->targets[i], q->site->store, c->now);
	json_end(&j);
	json_end(&j);
	return r;
}
