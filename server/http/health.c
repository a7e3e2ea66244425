#include "route.h"

int handle_healthy(const struct request *q, struct reply *a, struct problem *p)
{
	(void)q;
	(void)p;
	a->type = "text/plain; charset=utf-8";
	buf_puts(&a->body, "heapwatch is healthy\n");
	return 0;
}

int handle_ready(const struct request *q, struct reply *a, struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);

	if (!c)
		return problem_set(
			p, PROBLEM_UNAVAILABLE,
			"the first round over all processes is not done yet");
	a->type = "text/plain; charset=utf-8";
	buf_puts(&a->body, "heapwatch is ready\n");
	return 0;
}
