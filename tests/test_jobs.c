#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "collector/jobs.h"
#include "test.h"

struct note {
	struct job job;
	int number;
	int *order; /* where the next number goes */
	int *count;
	bool *ran;
};

static void run(struct job *j)
{
	*((struct note *)j)->ran = true;
}

static void done(struct job *j)
{
	struct note *n = (struct note *)j;

	n->order[(*n->count)++] = n->number;
	free(n);
}

static void submit(struct jobs *jobs, struct note note)
{
	struct note *n = malloc(sizeof(*n));

	*n = note;
	n->job = (struct job){ .run = run, .done = done };
	jobs_submit(jobs, &n->job);
}

START_TEST(jobs_are_done_in_order_on_the_asking_thread)
{
	own(jobs_stopp) struct jobs *jobs = NULL;
	int order[8], count = 0;
	bool ran = false;

	ck_ok(jobs_start(&jobs));
	for (int i = 0; i < 8; i++)
		submit(jobs, (struct note){ .number = i, .order = order,
					    .count = &count, .ran = &ran });
	while (count < 8) {
		struct pollfd p = { jobs_fd(jobs), POLLIN, 0 };

		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		jobs_finish(jobs);
	}
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(order[i], i);
	ck_assert(ran);
}
END_TEST

static void run_slowly(struct job *j)
{
	run(j);
	usleep(50000);
}

START_TEST(stopping_finishes_every_job_one_way_or_the_other)
{
	struct jobs *jobs = NULL;
	int order[3], count = 0;
	bool ran = false;

	ck_ok(jobs_start(&jobs));
	for (int i = 0; i < 3; i++) {
		struct note *n = malloc(sizeof(*n));

		*n = (struct note){
			.job = { .run = run_slowly, .done = done },
			.number = i,
			.order = order,
			.count = &count,
			.ran = &ran,
		};
		jobs_submit(jobs, &n->job);
	}
	jobs_stop(jobs);
	ck_assert_int_eq(count, 3);
}
END_TEST

TEST_MAIN("jobs", jobs_are_done_in_order_on_the_asking_thread,
	  stopping_finishes_every_job_one_way_or_the_other)
