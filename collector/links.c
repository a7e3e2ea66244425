/*
 * Probes of one binary: wanted, attached, measured, judged, detached. The
 * governor decides; here it gets its numbers and is obeyed.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/log.h"
#include "common/number.h"
#include "internal.h"

/* ---- attach and detach, on the job thread ---- */

/* Holds a reference of the binary. */
struct attach_job {
	struct job job;
	struct collector *collector;
	struct binary *binary;
	const struct probe_site *sites; /* borrowed from its knowledge */
	size_t count;
	struct link_set *links;
	int result;
};

static const char *name_of(const struct binary *b)
{
	return b->version[0] ? b->version : b->source->name;
}

static void attach_run(struct job *job)
{
	struct attach_job *j = (struct attach_job *)job;

	j->result = link_set_attach(&j->links, j->collector->probes,
				    j->binary->exe_fd, j->sites, j->count);
}

static void attached(struct collector *c, struct binary *b, size_t count,
		     struct now now)
{
	governor_enter(&b->governor, PROBE_ATTACHED, now.boot_ns, "%s", "");
	b->load = (struct probe_load){ 0 };
	batch_add_event(c->batch, EVENT_PROBE_ATTACHED, 0, now.boot_ns,
			"%zu probes attached to a %s binary", count,
			name_of(b));
}

static void refused(struct collector *c, struct binary *b, struct now now,
		    const char *why)
{
	governor_enter(&b->governor, PROBE_REFUSED, now.boot_ns, "%s", why);
	batch_add_event(c->batch, EVENT_PROBE_REFUSED, 0, now.boot_ns,
			"no probes in a %s binary: %s", name_of(b), why);
	log_warn("cannot attach probes binary=%s error=\"%s\"", name_of(b),
		 why);
}

/* Short of memory or of files, which may be had again. */
static bool may_pass(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EAGAIN;
}

static void postponed(struct collector *c, struct binary *b, struct now now,
		      const char *why)
{
	governor_postpone(&b->governor, &c->options.budget, now.boot_ns, why);
	batch_add_event(c->batch, EVENT_PROBE_REFUSED, 0, now.boot_ns,
			"no probes in a %s binary for now: %s", name_of(b),
			why);
	log_warn("cannot attach probes now binary=%s error=\"%s\"", name_of(b),
		 why);
}

static void attach_done(struct job *job)
{
	struct attach_job *j = (struct attach_job *)job;
	struct collector *c = j->collector;

	j->binary->links = j->links;
	if (j->result == 0)
		attached(c, j->binary, j->count, clock_now());
	else if (may_pass(j->result))
		postponed(c, j->binary, clock_now(), strerror(-j->result));
	else if (j->result != -ECANCELED)
		refused(c, j->binary, clock_now(), strerror(-j->result));
	analysis_release(c, j->binary);
	free(j);
}

static void attach(struct collector *c, struct binary *b, struct now now)
{
	struct attach_job *j = calloc(1, sizeof(*j));

	if (!j)
		return; /* the next window tries again */
	j->job = (struct job){ .run = attach_run, .done = attach_done };
	j->collector = c;
	j->binary = b;
	j->count = b->source->probe_sites(b, &j->sites);
	j->result = -ECANCELED; /* unless it gets to run */
	b->references++;
	governor_enter(&b->governor, PROBE_ATTACHING, now.boot_ns, "%s", "");
	jobs_submit(c->jobs, &j->job);
}

struct detach_job {
	struct job job;
	struct link_set *links;
};

static void detach_run(struct job *job)
{
	struct detach_job *j = (struct detach_job *)job;

	link_set_detach(take(j->links));
}

static void detach_done(struct job *job)
{
	/* It never ran when heapwatch stops. */
	if (((struct detach_job *)job)->links)
		detach_run(job);
	free(job);
}

void links_drop(struct collector *c, struct binary *b)
{
	struct detach_job *j = malloc(sizeof(*j));

	if (!j) {
		link_set_detach(take(b->links));
		return;
	}
	*j = (struct detach_job){
		.job = { .run = detach_run, .done = detach_done },
		.links = take(b->links),
	};
	jobs_submit(c->jobs, &j->job);
}

/* ---- wanted ---- */

struct binary *links_binary(const struct target *t)
{
	return t->source->open_library ? t->library : t->binary;
}

static int find_library(struct collector *c, struct target *t)
{
	int fd = t->source->open_library(t);
	int r = fd < 0 ? fd : binaries_get(&c->binaries, &t->library, fd);

	if (r)
		log_info("no probes for pid=%d: its library cannot be opened "
			 "error=\"%s\"", t->process->pid, strerror(-r));
	return r;
}

void links_want(struct collector *c, struct target *t, struct now now)
{
	struct binary *b;

	if (!t->source->probe_sites || !probes_has_uprobes(c->probes))
		return;
	if (t->source->open_library && find_library(c, t))
		return;
	/* Full: it is counted as a stranger, and tells nothing. */
	t->unheard = probes_watch(c->probes, t->process->pid, t->peek) != 0;
	if (t->unheard)
		log_warn("too many processes for probes pid=%d",
			 t->process->pid);
	b = links_binary(t);
	if (b->stage == BINARY_NEW && analysis_submit(c, b, t->source))
		return;
	if (b->governor.state == PROBE_NONE)
		governor_enter(&b->governor, PROBE_WAITING, now.boot_ns,
			       "its runtime's counters first tell what to "
			       "expect");
}

/* ---- what is told of it ---- */

static enum gap gap_of(const struct collector *c, const struct target *t)
{
	const struct binary *b = links_binary(t);

	if (!t->source->probe_sites)
		return GAP_UNSUPPORTED;
	if (!probes_has_uprobes(c->probes))
		return GAP_NOT_PERMITTED;
	if (t->unheard)
		return GAP_UNSUPPORTED; /* nothing told is not zero */
	switch (b ? b->governor.state : PROBE_NONE) {
	case PROBE_ATTACHED:
		return GAP_NONE;
	case PROBE_WAITING:
	case PROBE_ATTACHING:
		return GAP_ATTACHING;
	case PROBE_BACKING_OFF:
		return GAP_OVER_BUDGET;
	default:
		return GAP_UNSUPPORTED;
	}
}

void links_note(struct collector *c, struct target *t)
{
	t->probe_gap = gap_of(c, t);
	t->probe_since_ns = t->probe_gap ? 0 : links_binary(t)->governor.since_ns;
}

/* ---- measured ---- */

/* What a hit costs; where no link is yet, on an instruction as we choose
 * them. */
double links_cost_ns(const struct collector *c, const struct binary *b,
		     enum probe probe)
{
	return b && b->links ? link_set_cost_ns(b->links, probe) :
			       probes_hit_cost_ns(c->probes, probe, false);
}

static void measure_hits(struct collector *c, struct target *t, double seconds)
{
	const struct binary *b = links_binary(t);
	uint64_t hits[PROBE_COUNT];
	double ns = 0;

	probes_hits(c->probes, t->process->pid, hits);
	for (int i = 0; i < PROBE_COUNT; i++) {
		double fresh = (double)(hits[i] - t->probe_hits[i]);

		ns += fresh * links_cost_ns(c, b, (enum probe)i);
		t->probe_rate[i] = fresh / seconds;
		t->probe_hits[i] = hits[i];
	}
	t->probe_share = ns / seconds / 1e9;
	t->probe_ns += ns;
}

static void measure_expected(struct target *t, double seconds)
{
	double before = t->measured_ns ? t->expected_hits : NAN;

	if (!t->source->expected_hits ||
	    !t->source->expected_hits(t, &t->expected_hits))
		t->expected_hits = NAN;
	if (isnan(t->expected_hits))
		t->expected_rate = 0; /* then only hits will tell */
	else if (isnan(before))
		t->expected_rate = NAN;
	else
		t->expected_rate = fmax(t->expected_hits - before, 0) / seconds;
}

static void put_cost(struct collector *c, struct target *t)
{
	uint64_t hits = 0;

	for (int i = 0; i < PROBE_COUNT; i++)
		hits += t->probe_hits[i];
	target_put(t, COL_TARGET_PROBE_HITS_TOTAL, (double)hits);
	target_put(t, COL_TARGET_PROBE_ATTACHED, t->probe_gap == GAP_NONE);
	if (!probes_has_uprobes(c->probes)) {
		target_miss(t, COL_TARGET_PROBE_CPU_SECONDS_TOTAL,
			    GAP_NOT_PERMITTED);
		target_miss(t, COL_TARGET_PROBE_CPU_RATIO, GAP_NOT_PERMITTED);
		return;
	}
	target_put(t, COL_TARGET_PROBE_CPU_SECONDS_TOTAL,
		   (double)(int64_t)(t->probe_ns / 1e3) / 1e6);
	target_put(t, COL_TARGET_PROBE_CPU_RATIO,
		   number_round(t->probe_share, SLI_DIGITS));
}

/* Two ticks may follow each other closely; a rate needs some time. */
static bool is_window(int64_t begin_ns, struct now now)
{
	return now.boot_ns - begin_ns >= GOVERNOR_WINDOW_NS * 9 / 10;
}

void links_measure(struct collector *c, struct target *t, struct now now)
{
	int64_t begin_ns = t->measured_ns ? t->measured_ns : t->found_boot_ns;
	double seconds = fmax((double)(now.boot_ns - begin_ns) / 1e9, 1e-3);

	if (!t->measured_ns || is_window(t->measured_ns, now)) {
		measure_hits(c, t, seconds);
		measure_expected(t, seconds);
		t->measured_ns = now.boot_ns;
	}
	put_cost(c, t);
}

/* ---- judged ---- */

/* How much of a CPU the expected hits would take; NAN: not known yet. */
static double expected_share(const struct collector *c, const struct binary *b,
			     const struct target *t)
{
	const struct probe_site *sites;
	double ns = 0;

	if (b->source->probe_sites(b, &sites) > 0)
		ns = links_cost_ns(c, b, sites[0].probe);
	return t->expected_rate * ns / 1e9;
}

static void add_load(struct probe_load *l, double share, double hits_per_s,
		     uint32_t entity)
{
	l->share += share;
	if (share < l->worst_share)
		return;
	l->worst_share = share;
	l->worst_hits = hits_per_s;
	l->worst = entity;
}

static double rate_of(const struct target *t)
{
	double sum = 0;

	for (int i = 0; i < PROBE_COUNT; i++)
		sum += t->probe_rate[i];
	return sum;
}

/* Processes that are not watched cannot be told apart: they count as one. */
static void add_strangers(const struct collector *c, struct binary *b,
			  double seconds)
{
	uint64_t before = b->load.strangers;
	const struct probe_site *sites;
	double rate, ns;

	b->source->probe_sites(b, &sites);
	ns = links_cost_ns(c, b, sites[0].probe);
	b->load.strangers = link_set_strangers(b->links);
	rate = (double)(b->load.strangers - before) / seconds;
	add_load(&b->load, rate * ns / 1e9, rate, 0);
}

/* What the link costs, or would, in each process. False: not known yet. */
static bool load_link(struct collector *c, struct binary *b, double seconds,
		      struct now now)
{
	bool patient = governor_is_patient(&b->governor, now.boot_ns);
	bool known = b->links;
	struct probe_load *l = &b->load;
	struct target *t;
	size_t i = 0;

	*l = (struct probe_load){ .strangers = l->strangers };
	while ((t = map_next(&c->targets, &i))) {
		if (t->stage != TARGET_WATCHED || links_binary(t) != b)
			continue;
		if (b->links) {
			add_load(l, t->probe_share, rate_of(t),
				 t->entity.number);
		} else if (!isnan(t->expected_rate) && t->measured_ns) {
			add_load(l, expected_share(c, b, t), t->expected_rate,
				 t->entity.number);
			known = true;
		} else if (patient) {
			return false;
		}
	}
	if (b->links)
		add_strangers(c, b, seconds);
	return known;
}

static struct governor_use use_of(const struct collector *c,
				  const struct binary *b, bool dearest)
{
	return (struct governor_use){
		.worst_share = b->load.worst_share,
		.hits_per_s = b->load.worst_hits,
		.total_share = c->probe_share + (b->links ? 0 : b->load.share),
		.dearest = dearest,
	};
}

static void tell_back_off(struct collector *c, const struct binary *b,
			  struct now now)
{
	int64_t wait_s = b->governor.backoff_ns / 1000000000;

	batch_add_event(c->batch, EVENT_PROBE_BACKED_OFF, b->load.worst,
			now.boot_ns, "no probes in a %s binary for %ld s: they "
			"%s", name_of(b), wait_s, b->governor.why);
	log_warn("probes are too dear binary=%s wait_s=%ld reason=\"%s\"",
		 name_of(b), wait_s, b->governor.why);
}

/* The next one of this round is judged with this one's cost in mind. */
static void admit(struct collector *c, struct binary *b, struct now now)
{
	c->probe_share += b->load.share;
	attach(c, b, now);
}

static void try_attach(struct collector *c, struct binary *b, struct now now)
{
	struct governor_use use;
	const struct probe_site *sites;

	if (b->stage == BINARY_FAILED) {
		refused(c, b, now, b->why);
		return;
	}
	if (b->stage != BINARY_READY || !load_link(c, b, 1, now))
		return;
	if (b->source->probe_sites(b, &sites) == 0) {
		refused(c, b, now, "its code has no place for them that we "
				   "know");
		return;
	}
	use = use_of(c, b, false);
	if (governor_admit(&b->governor, &c->options.budget, &use, now.boot_ns))
		admit(c, b, now);
	else
		tell_back_off(c, b, now);
}

/* False: it goes, or goes unless the next window is better. */
static bool judge(struct collector *c, struct binary *b, bool dearest,
		  struct now now)
{
	struct governor_use use = use_of(c, b, dearest);

	if (governor_keep(&b->governor, &c->options.budget, &use, now.boot_ns))
		return !governor_is_over(&b->governor);
	batch_add_event(c->batch, EVENT_PROBE_DETACHED, 0, now.boot_ns,
			"probes detached from a %s binary", name_of(b));
	tell_back_off(c, b, now);
	links_drop(c, b);
	return false;
}

/* The link that costs most of all. */
static struct binary *measure_all(struct collector *c, double seconds,
				  struct now now)
{
	struct binary *b, *dearest = NULL;
	size_t i = 0;

	c->probe_share = 0;
	while ((b = map_next(&c->binaries.by_key, &i))) {
		if (!b->links)
			continue;
		load_link(c, b, seconds, now);
		c->probe_share += b->load.share;
		if (!dearest || b->load.share > dearest->load.share)
			dearest = b;
	}
	return dearest;
}

struct census_governor links_report(const struct collector *c)
{
	const enum probe probe = PROBE_GO_GC_START;
	struct census_governor g = {
		.target_budget = c->options.budget.target_share,
		.total_budget = c->options.budget.total_share,
		.share = c->probe_share,
		.emulated_ns = probes_hit_cost_ns(c->probes, probe, false),
		.stepped_ns = probes_hit_cost_ns(c->probes, probe, true),
	};
	const struct binary *b;
	size_t i = 0;

	while ((b = map_next(&c->binaries.by_key, &i))) {
		g.attached += b->governor.state == PROBE_ATTACHED;
		g.backing_off += b->governor.state == PROBE_BACKING_OFF;
		g.refused += b->governor.state == PROBE_REFUSED;
	}
	return g;
}

static void put_own(struct collector *c)
{
	const struct census_governor g = links_report(c);
	const struct {
		enum column column;
		double value;
	} own_values[] = {
		{ COL_HEAPWATCH_PROBE_CPU_RATIO,
		  number_round(g.share, SLI_DIGITS) },
		{ COL_HEAPWATCH_PROBE_LINKS_ATTACHED, g.attached },
		{ COL_HEAPWATCH_PROBE_LINKS_BACKING_OFF, g.backing_off },
		{ COL_HEAPWATCH_PROBE_LINKS_REFUSED, g.refused },
		/* nothing where it could not be measured */
		{ COL_HEAPWATCH_PROBE_HIT_EMULATED,
		  g.emulated_ns > 0 ? round(g.emulated_ns) / 1e9 : NAN },
		{ COL_HEAPWATCH_PROBE_HIT_STEPPED,
		  g.stepped_ns > 0 ? round(g.stepped_ns) / 1e9 : NAN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(own_values); i++)
		batch_add_sample(c->batch, c->machine.number,
				 own_values[i].column, own_values[i].value);
}

static void judge_all(struct collector *c, struct now now)
{
	double seconds = (double)(now.boot_ns - c->governed_ns) / 1e9;
	struct binary *b, *dearest;
	bool settled = true;
	size_t i = 0;

	c->governed_ns = now.boot_ns;
	dearest = measure_all(c, seconds, now);
	while ((b = map_next(&c->binaries.by_key, &i))) {
		if (b->governor.state != PROBE_ATTACHED)
			continue;
		settled &= judge(c, b, b == dearest, now);
	}
	/* What a link costs that is about to go is no reason against others:
	 * they wait for the next window. */
	i = 0;
	while (settled && (b = map_next(&c->binaries.by_key, &i))) {
		if (governor_is_due(&b->governor, now.boot_ns))
			try_attach(c, b, now);
	}
}

void links_govern(struct collector *c, struct now now)
{
	if (is_window(c->governed_ns, now))
		judge_all(c, now);
	put_own(c);
}
