/*
 * What is done once per executable, on the job thread: learning its layout,
 * attaching and detaching its probes. A job holds a reference of the binary.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "internal.h"

/* One job on one binary; fields used depend on run(). */
struct binary_job {
	struct job job;
	struct collector *collector;
	struct binary *binary;
	void *knowledge;
	char why[160];
	struct link_set *links;
	const struct probe_site *sites;
	size_t site_count;
	int result;
};

static int submit(struct collector *c, struct binary *b,
		  struct binary_job job)
{
	struct binary_job *j = malloc(sizeof(*j));

	if (!j)
		return -ENOMEM;
	*j = job;
	j->collector = c;
	j->binary = b;
	j->result = -ECANCELED; /* unless it gets to run */
	b->references++;
	jobs_submit(c->jobs, &j->job);
	return 0;
}

static void advance_all(struct collector *c, struct binary *b)
{
	struct now now = clock_now();
	struct target *t;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i))) {
		if (t->binary == b)
			watch_advance(c, t, now);
	}
}

static void analyse_run(struct job *job)
{
	struct binary_job *j = (struct binary_job *)job;

	j->result = j->binary->source->analyse(j->binary, &j->knowledge,
					       j->why, sizeof(j->why));
}

static void analyse_done(struct job *job)
{
	struct binary_job *j = (struct binary_job *)job;
	struct binary *b = j->binary;

	b->knowledge = j->knowledge;
	b->stage = j->result ? BINARY_FAILED : BINARY_READY;
	snprintf(b->why, sizeof(b->why), "%s", j->why);
	if (j->result != -ECANCELED)
		advance_all(j->collector, b);
	analysis_release(j->collector, b);
	free(j);
}

static void links_run(struct job *job)
{
	struct binary_job *j = (struct binary_job *)job;

	j->result = link_set_attach(&j->links, j->collector->probes,
				    j->binary->exe_fd, j->sites, j->site_count);
}

static void links_done(struct job *job)
{
	struct binary_job *j = (struct binary_job *)job;
	struct collector *c = j->collector;

	j->binary->links = j->links;
	if (j->result && j->result != -ECANCELED)
		log_warn("cannot attach probes version=%s error=\"%s\"",
			 j->binary->version, strerror(-j->result));
	else if (j->result == 0)
		batch_add_event(c->batch, EVENT_PROBE_ATTACHED, 0,
				clock_now().boot_ns,
				"%zu probes attached to a %s binary",
				j->site_count, j->binary->version);
	analysis_release(c, j->binary);
	free(j);
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

/* The last user of a binary is gone: its probes go, slowly, elsewhere. */
static void drop_links(struct collector *c, struct binary *b)
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

void analysis_release(struct collector *c, struct binary *b)
{
	if (b->references == 1 && b->links)
		drop_links(c, b);
	binaries_unref(&c->binaries, b);
}

int analysis_submit(struct collector *c, struct target *t)
{
	struct binary *b = t->binary;
	int r;

	b->stage = BINARY_QUEUED;
	b->source = t->source;
	r = submit(c, b, (struct binary_job){
		.job = { .run = analyse_run, .done = analyse_done },
	});
	if (r)
		b->stage = BINARY_NEW;
	return r;
}

void analysis_want_probes(struct collector *c, struct target *t)
{
	struct binary *b = t->binary;
	const struct probe_site *sites;
	size_t count;

	if (!t->source->probe_sites || !probes_has_uprobes(c->probes))
		return;
	if (probes_watch(c->probes, t->process->pid))
		return;
	if (b->links_asked)
		return;
	count = t->source->probe_sites(b, &sites);
	b->links_asked = true;
	if (count > 0)
		submit(c, b, (struct binary_job){
			.job = { .run = links_run, .done = links_done },
			.sites = sites,
			.site_count = count,
		});
}
