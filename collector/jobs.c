#include "jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

/* A list that gives back in the order it got. */
struct job_list {
	struct job *first, **last;
};

struct jobs {
	/* under lock: */
	struct job_list waiting, finished; /* owned jobs */
	bool stopping;

	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	int event_fd;
};

static void list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	if (!l->first)
		l->last = &l->first;
	*l->last = j;
	l->last = &j->next;
}

static struct job *list_take(struct job_list *l)
{
	struct job *j = l->first;

	if (j)
		l->first = j->next;
	return j;
}

/* The next job, or NULL at the end. */
static struct job *wait_for_job(struct jobs *jobs)
{
	struct job *j = NULL;

	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stopping && !jobs->waiting.first)
		pthread_cond_wait(&jobs->filled, &jobs->lock);
	if (!jobs->stopping)
		j = list_take(&jobs->waiting);
	pthread_mutex_unlock(&jobs->lock);
	return j;
}

static void *work(void *arg)
{
	struct jobs *jobs = arg;
	struct job *j;

	while ((j = wait_for_job(jobs))) {
		j->run(j);
		pthread_mutex_lock(&jobs->lock);
		list_add(&jobs->finished, j);
		pthread_mutex_unlock(&jobs->lock);
		eventfd_write(jobs->event_fd, 1);
	}
	return NULL;
}

int jobs_start(struct jobs **out)
{
	own(fd_closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct jobs *jobs;
	int r;

	if (fd < 0)
		return -errno;
	jobs = calloc(1, sizeof(*jobs));
	if (!jobs)
		return -ENOMEM;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->filled, NULL);
	jobs->event_fd = fd;
	r = -pthread_create(&jobs->thread, NULL, work, jobs);
	if (r) {
		free(jobs);
		return r;
	}
	take_fd(fd);
	pthread_setname_np(jobs->thread, "hw-job");
	*out = jobs;
	return 0;
}

void jobs_stop(struct jobs *jobs)
{
	struct job *j;

	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->stopping = true;
	pthread_cond_signal(&jobs->filled);
	pthread_mutex_unlock(&jobs->lock);
	pthread_join(jobs->thread, NULL);
	jobs_finish(jobs);
	while ((j = list_take(&jobs->waiting)))
		j->done(j);
	close(jobs->event_fd);
	pthread_cond_destroy(&jobs->filled);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

void jobs_submit(struct jobs *jobs, struct job *j)
{
	pthread_mutex_lock(&jobs->lock);
	list_add(&jobs->waiting, j);
	pthread_cond_signal(&jobs->filled);
	pthread_mutex_unlock(&jobs->lock);
}

int jobs_fd(const struct jobs *jobs)
{
	return jobs->event_fd;
}

void jobs_finish(struct jobs *jobs)
{
	struct job *j;
	eventfd_t count;

	eventfd_read(jobs->event_fd, &count);
	for (;;) {
		pthread_mutex_lock(&jobs->lock);
		j = list_take(&jobs->finished);
		pthread_mutex_unlock(&jobs->lock);
		if (!j)
			return;
		j->done(j);
	}
}
