#pragma once
/*
 * jobs.h - the thread for what is slow: analysing binaries, attaching and
 * detaching probes. One job at a time, in order.
 */
#include "common/own.h"

/* A job carries its own data: embed it first in a struct. */
struct job {
	void (*run)(struct job *j);  /* job thread */
	void (*done)(struct job *j); /* collector thread; frees the job */
	struct job *next;
};

struct jobs;

int jobs_start(struct jobs **out);

/* Waits for the job under way, drops the others after calling done. */
void jobs_stop(struct jobs *jobs);
OWN_DEFINE(struct jobs *, jobs_stop)

/* Takes the job. Collector thread. */
void jobs_submit(struct jobs *jobs, struct job *j);

/* Readable (eventfd) when jobs are done; then jobs_finish() calls their
 * done(). Collector thread. */
int jobs_fd(const struct jobs *jobs);
void jobs_finish(struct jobs *jobs);
