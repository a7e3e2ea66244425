#pragma once
/*
 * wait.h - conditions that are waited for by the steady clock: a step of the
 * wall clock neither ends a wait nor makes it last.
 */
#include <pthread.h>

/* For pthread_cond_timedwait() with a time of wait_until(). */
void wait_init(pthread_cond_t *c);

/* So many milliseconds from now. */
struct timespec wait_until(int ms);
