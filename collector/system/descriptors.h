#pragma once
/*
 * descriptors.h - the open descriptors of a process by what they are.
 */
#include <sys/types.h>

#include "state.h"

/* From the text of a link in /proc/PID/fd. */
enum descriptor_kind descriptor_kind_of(const char *link);

/*
 * Count and look at each: 3 us a descriptor, so not on every tick; above
 * DESCRIPTORS_LOOKED_AT they are only counted. -EACCES: needs CAP_SYS_PTRACE
 * or the same user; -ESRCH: gone.
 */
#define DESCRIPTORS_LOOKED_AT 4096
int descriptors_read(struct descriptors *out, pid_t pid);

/* Their number alone, by one stat(2): 1.3 us. -EOPNOTSUPP before Linux 6.2. */
int descriptors_total(uint32_t *out, pid_t pid);
