#include "route.h"

/* Before the first round it is not late, but not ready. */
int handle_healthy(const struct request *q, struct reply *a, struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	int64_t stale_ms = q->site->options.stale_ms;
	int64_t age_ms =
		c ? (clock_now().boot_ns - c->now.boot_ns) / 1000000 : 0;

	if (stale_ms > 0 && age_ms > stale_ms)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "the last round over all processes ended "
				   "%lld s ago", (long long)age_ms / 1000);
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
