#pragma once
/*
 * files.h - how many files may be open at once, and how many are wanted.
 *
 * A process that is watched takes up to five descriptors: its memory, its
 * pidfd, the published counters of a JVM, and the executable and the link of
 * its probes where no other process runs the same file. Shells and services
 * begin with a soft limit of 1024, which a few hundred processes use up.
 */
#include "server/config.h"

/* The soft limit up to the hard one, which needs no right. */
void files_raise(void);

/* The soft limit; -1: cannot be told. */
int64_t files_limit(void);

/* For as many processes and connections as the configuration allows. */
int64_t files_wanted(const struct config *cfg);
