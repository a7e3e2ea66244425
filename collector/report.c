/* The census: what is watched now, as others may see it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "internal.h"
#include "priv.h"

static const char *const probe_names[PROBE_COUNT] = {
	[PROBE_GO_GC_START] = "gcStart",
	[PROBE_GO_GC_END] = "gcMarkTermination",
	[PROBE_JVM_GC_BEGIN] = "mem__pool__gc__begin",
	[PROBE_JVM_GC_END] = "mem__pool__gc__end",
};

static void add_probe(struct census_target *out, const struct target *t,
		      enum probe probe, double cost_ns)
{
	const struct governor *g = &links_binary(t)->governor;
	struct census_probe *p = &out->probes[out->probe_count++];

	*p = (struct census_probe){
		.name = probe_names[probe],
		.state = probe_state_word(g->state),
		.since_boot_ns = g->since_ns,
		.until_boot_ns = g->until_ns,
		.hits = t->probe_hits[probe],
		.cost_ns = cost_ns,
		.hits_per_s = t->probe_rate[probe],
	};
	memcpy(p->why, g->why, sizeof(p->why));
}

static int copy_probes(struct census_target *out, const struct collector *c,
		       const struct target *t)
{
	const struct binary *b = links_binary(t);

	if (!b || b->governor.state == PROBE_NONE)
		return 0;
	out->probes = calloc(PROBE_COUNT, sizeof(out->probes[0]));
	if (!out->probes)
		return -1;
	for (int i = 0; i < PROBE_COUNT; i++) {
		enum probe probe = (enum probe)i;

		if (t->source->probes & 1u << probe)
			add_probe(out, t, probe, links_cost_ns(c, b, probe));
	}
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

/* What is not watched is not known, since it was found. */
static int copy_state(struct census_target *out, const struct collector *c,
		      const struct target *t)
{
	bool graded = t->stage == TARGET_WATCHED && t->grade.since_ns;
	const struct window *w = windows_find(
		&c->windows, labels_get(&t->entity.labels, "service"));

	out->state = graded ? t->grade.state : STATE_UNKNOWN;
	out->state_since_boot_ns = graded ? t->grade.since_ns :
					    t->found_boot_ns;
	out->state_reason = strdup(graded ? t->grade.reason :
				   *t->why ? t->why : "not read yet");
	out->limit_count = graded ? t->grade.of_service_count : 0;
	memcpy(out->limits, t->grade.of_service,
	       out->limit_count * sizeof(out->limits[0]));
	out->silenced = w != NULL;
	if (w) {
		out->silenced_until_ms = w->until_ms;
		out->silence_reason = strdup(w->reason);
	}
	return !out->state_reason || (w && !out->silence_reason) ? -1 : 0;
}

static int copy_limits(struct census *out, const struct collector *c)
{
	const struct thresholds *t = &c->settings->thresholds;

	out->thresholds = calloc(t->count + 1, sizeof(out->thresholds[0]));
	if (!out->thresholds)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		out->thresholds[out->threshold_count++] = t->items[i];
	return windows_copy(&out->windows, &c->windows);
}

static int copy_target(struct census_target *out, const struct collector *c,
		       const struct target *t)
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
	if (copy_state(out, c, t))
		return -1;
	out->last_read_boot_ns = t->last_read_boot_ns;
	out->read_cpu_ns = t->read_cpu_ns;
	out->reads = t->reads;
	out->failed_reads = t->failed_reads;
	return copy_probes(out, c, t) || copy_gaps(out, t) ? -1 : 0;
}

static int copy_targets(struct census *out, const struct collector *c)
{
	const struct target *t;
	size_t i = 0;

	out->targets = calloc(c->targets.count + 1, sizeof(out->targets[0]));
	if (!out->targets)
		return -1;
	while ((t = map_next(&c->targets, &i))) {
		if (copy_target(&out->targets[out->target_count++], c, t))
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

/* Of another user than heapwatch. */
static unsigned foreign_targets(const struct collector *c)
{
	const struct target *t;
	unsigned count = 0;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i)))
		count += t->process->uid != geteuid();
	return count;
}

/* Told where it matters: count processes are met by it. */
static void add_lack(struct census *out, enum right right, const char *what,
		     unsigned count, const char *fate)
{
	struct census_lack *l = &out->lacks[out->lack_count];

	if (count == 0 || priv_has(right))
		return;
	l->what = what;
	l->needs = right_info(right)->name;
	snprintf(l->reason, sizeof(l->reason), "%u processes %s", count, fate);
	out->lack_count++;
}

/* What the probes lack, and what this user may not look at. */
static int copy_lacks(struct census *out, const struct collector *c)
{
	const struct census_lack *lacks;
	size_t count = probes_lacks(c->probes, &lacks);

	out->lacks = calloc(count + 2, sizeof(out->lacks[0]));
	if (!out->lacks)
		return -1;
	memcpy(out->lacks, lacks, count * sizeof(lacks[0]));
	out->lack_count = count;
	add_lack(out, RIGHT_SYS_PTRACE, "processes of other users",
		 hidden_processes(c), "may not be looked at");
	add_lack(out, RIGHT_DAC_READ_SEARCH, "memory of other users' processes",
		 foreign_targets(c), "cannot be watched");
	return 0;
}

void report_publish(struct collector *c, struct now now)
{
	own(census_unrefp) struct census *out = NULL;

	if (census_new(&out, now) || entity_copy(&out->machine, &c->machine) ||
	    copy_targets(out, c) || copy_lacks(out, c) || copy_limits(out, c)) {
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
	out->governor = links_report(c);
	out->exec_events = probes_has_process_events(c->probes);
	census_publish(c->board, take(out));
}
