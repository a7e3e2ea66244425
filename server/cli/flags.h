#pragma once
/*
 * flags.h - the configuration that a command line asks for.
 */
#include "server/config.h"

/*
 * Defaults, the file, the flags, checked. again: not the first time, so flags
 * that only simulate something are left alone. *path is the file at fault, or
 * NULL; a problem without text means -errno.
 */
int config_make(struct config *c, int argc, char **argv, bool again,
		const char **path, struct problem *p);

/* All flags of "heapwatch serve" on stdout. */
void flags_help(void);
