#include "part_options.h"

#include <stdlib.h>

#include "common/clock.h"

/* Without a round for so long, what was read last is not the present. */
static int64_t stale_ms(const struct config *cfg)
{
	return cfg->tick_ms * 3 > 5000 ? cfg->tick_ms * 3 : 5000;
}

struct store_options store_options_of(const struct config *cfg)
{
	return (struct store_options){
		.path = cfg->db,
		.resolution_ms = cfg->resolution_ms,
		.flush_ms = cfg->flush_ms,
		.memory_ms = cfg->memory_ms,
		.tick_ms = cfg->tick_ms,
		.retention_ms = cfg->retention_ms,
		.retention_bytes = cfg->retention_bytes,
		.ended_max = (size_t)cfg->ended_max,
		.stale_ms = stale_ms(cfg),
		.clock_floor_ms = clock_build_ms(),
	};
}

struct http_options http_options_of(const struct config *cfg, const char *node,
				    struct order_book *book)
{
	return (struct http_options){
		.listen = cfg->listen,
		.threads = (int)cfg->threads,
		.connections_max = (int)cfg->connections_max,
		.body_max = cfg->body_max,
		.limits = { .series_max = cfg->series_max,
			    .points_max = cfg->points_max,
			    .scan_max = cfg->scan_max },
		.cache_bytes = cfg->cache_bytes,
		.hosts = cfg->hosts,
		.cors_origins = cfg->cors_origins,
		.base_path = cfg->base_path,
		.access_log = cfg->access_log,
		.stale_ms = stale_ms(cfg),
		.node = node,
		.book = book,
	};
}

struct watch_settings *settings_take(struct config *c)
{
	struct watch_settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct watch_settings){
		.rules = take(c->rules),
		.rule_count = c->rule_count,
		.thresholds = { .items = take(c->thresholds),
				.count = c->threshold_count,
				.rules = take(c->threshold_rules),
				.rule_count = c->threshold_rule_count },
		.worsen_ms = c->worsen_ms,
		.improve_ms = c->improve_ms,
	};
	c->rule_count = c->threshold_count = c->threshold_rule_count = 0;
	return s;
}

struct collector_options collector_options_of(struct config *cfg,
					      const char *node,
					      const struct past *past)
{
	return (struct collector_options){
		.node = node,
		.settings = settings_take(cfg),
		.tick_ms = cfg->tick_ms,
		.rescan_ms = cfg->rescan_ms,
		.target_max = (int)cfg->target_max,
		.cgroup_root = cfg->cgroup_root,
		.budget = {
			.target_share = (double)cfg->governor_target_ppm / 1e6,
			.total_share = (double)cfg->governor_total_ppm / 1e6,
			.backoff_ns = cfg->governor_backoff_ms * 1000000,
		},
		.known = past->entities,
		.known_count = past->entity_count,
		.builds = past->builds,
		.build_count = past->build_count,
		.maintenance = past->maintenance,
		.states = past->states,
	};
}
