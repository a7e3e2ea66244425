#include "wait.h"

#include <time.h>

#include "clock.h"

void wait_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec wait_until(int ms)
{
	int64_t at = clock_monotonic_ns() + (int64_t)ms * 1000000;

	return (struct timespec){ at / 1000000000, at % 1000000000 };
}
