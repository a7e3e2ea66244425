/*
 * What is done once per executable, on the job thread: learning its layout.
 * A job holds a reference of the binary.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

struct analysis {
	struct job job;
	struct collector *collector;
	struct binary *binary;
	void *knowledge;
	char why[160];
	int result;
};

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
	struct analysis *j = (struct analysis *)job;

	j->result = j->binary->source->analyse(j->binary, &j->knowledge,
					       j->why, sizeof(j->why));
}

static void analyse_done(struct job *job)
{
	struct analysis *j = (struct analysis *)job;
	struct binary *b = j->binary;

	b->knowledge = j->knowledge;
	b->stage = j->result ? BINARY_FAILED : BINARY_READY;
	snprintf(b->why, sizeof(b->why), "%s", j->why);
	if (j->result != -ECANCELED)
		advance_all(j->collector, b);
	analysis_release(j->collector, b);
	free(j);
}

void analysis_release(struct collector *c, struct binary *b)
{
	if (b && b->references == 1 && b->links)
		links_drop(c, b);
	binaries_unref(&c->binaries, b);
}

int analysis_submit(struct collector *c, struct binary *b,
		    const struct source *source)
{
	struct analysis *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->job = (struct job){ .run = analyse_run, .done = analyse_done };
	j->collector = c;
	j->binary = b;
	j->result = -ECANCELED; /* unless it gets to run */
	b->stage = BINARY_QUEUED;
	b->source = source;
	b->references++;
	jobs_submit(c->jobs, &j->job);
	return 0;
}
