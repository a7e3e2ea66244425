/* The census: what is watched now, as others may see it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "internal.h"
#include "priv.h"

static const char *const probe_names[PROBE_COUNT] = {
	[PROBE_GO_GC_START] = "gcStart",
	[PROBE_GO_GC_END] = "gcMarkTermination",
};

static int copy_probes(struct census_target *out, const struct target *t,
		       double cost_ns)
{
	if (!t->binary->links)
		return 0;
	out->probes = calloc(PROBE_COUNT, sizeof(out->probes[0]));
	if (!out->probes)
		return -1;
	for (int i = 0; i < PROBE_COUNT; i++)
		out->probes[out->probe_count++] = (struct census_probe){
			.name = probe_names[i],
			.hits = t->probe_hits[i],
			.cost_ns = cost_ns,
		};
	return 0;
}

/* Not what this runtime never has, nor what is told on another basis. */
static bool worth_telling(const struct target *t, int column)
{
	return t->gaps[column] != GAP_NONE &&
	       (column_runtimes((enum column)column) & t->source->runtime) &&
	       t->gaps[column] != GAP_OTHER_BASIS;
}

static int copy_gaps(struct census_target *out, const struct target *t)
{
	size_t count = 0;

	for (int i = 0; i < COL_COUNT; i++)
		count += worth_telling(t, i);
	if (count == 0 || t->stage != TARGET_WATCHED)
		return 0;
	out->gaps = calloc(count, sizeof(out->gaps[0]));
	if (!out->gaps)
		return -1;
	for (int i = 0; i < COL_COUNT; i++) {
		if (worth_telling(t, i))
			out->gaps[out->gap_count++] = (struct census_gap){
				(uint16_t)i, t->gaps[i]
			};
	}
	return 0;
}

static int copy_target(struct census_target *out, const struct target *t,
		       double cost_ns)
{
	if (entity_copy(&out->entity, &t->entity))
		return -1;
	out->watched = t->stage == TARGET_WATCHED;
	if (!out->watched) {
		out->reason = strdup(t->why);
		if (!out->reason)
			return -1;
	}
	out->heap_max_bytes = NAN;
	if (t->reads > 0 && t->gaps[COL_HEAP_MAX_BYTES] == GAP_NONE)
		out->heap_max_bytes = t->last[COL_HEAP_MAX_BYTES];
	out->last_read_boot_ns = t->last_read_boot_ns;
	out->read_cpu_ns = t->read_cpu_ns;
	out->reads = t->reads;
	out->failed_reads = t->failed_reads;
	return copy_probes(out, t, cost_ns) || copy_gaps(out, t) ? -1 : 0;
}

static int copy_targets(struct census *out, const struct collector *c)
{
	double cost_ns = probes_hit_cost_ns(c->probes);
	const struct target *t;
	size_t i = 0;

	out->targets = calloc(c->targets.count + 1, sizeof(out->targets[0]));
	if (!out->targets)
		return -1;
	while ((t = map_next(&c->targets, &i))) {
		if (copy_target(&out->targets[out->target_count++], t, cost_ns))
			return -1;
	}
	return 0;
}

static unsigned hidden_processes(const struct collector *c)
{
	const struct candidate *k;
	unsigned count = 0;
	size_t i = 0;

	while ((k = map_next(&c->candidates, &i)))
		count += k->hidden;
	return count;
}

/* What the probes lack, and what this user may not look at. */
static int copy_lacks(struct census *out, const struct collector *c)
{
	const struct census_lack *lacks;
	size_t count = probes_lacks(c->probes, &lacks);
	unsigned hidden = hidden_processes(c);

	out->lacks = calloc(count + 1, sizeof(out->lacks[0]));
	if (!out->lacks)
		return -1;
	memcpy(out->lacks, lacks, count * sizeof(lacks[0]));
	out->lack_count = count;
	if (hidden > 0 && !priv_has_ptrace()) {
		struct census_lack *l = &out->lacks[out->lack_count++];

		l->what = "processes of other users";
		l->needs = "CAP_SYS_PTRACE";
		snprintf(l->reason, sizeof(l->reason),
			 "%u processes may not be looked at", hidden);
	}
	return 0;
}

void report_publish(struct collector *c, struct now now)
{
	own(census_unrefp) struct census *out = NULL;

	if (census_new(&out, now) || entity_copy(&out->machine, &c->machine) ||
	    copy_targets(out, c) || copy_lacks(out, c)) {
		log_warn("no memory for the list of targets");
		return;
	}
	out->scans = c->rounds;
	out->processes = c->processes;
	out->ring_events = c->ring_events;
	out->ring_lost = probes_lost(c->probes);
	out->ticks = c->ticks;
	out->late_ticks = c->late_ticks;
	out->tick_ns = c->tick_ns;
	out->exec_events = probes_has_process_events(c->probes);
	census_publish(c->board, take(out));
}
