#include <stdio.h>

#include "common/version.h"

#include "commands.h"

int command_version(int argc, char **argv)
{
	struct problem p = { 0 };

	if (command_wants_help(argc, argv)) {
		puts("usage: heapwatch version\nPrint the version.");
		return 0;
	}
	if (argc > 1)
		return command_failed(problem_set(&p, PROBLEM_USAGE,
						  "version takes no arguments"),
				      &p);
	printf("heapwatch %s\n", heapwatch_version());
	return 0;
}
