#pragma once
/*
 * commands.h - the subcommands of the program, one file each.
 *
 * Each gets its own arguments (argv[0] is its name) and returns the exit
 * code: 0 ok, 1 it went wrong, 2 usage or configuration, 4 not permitted.
 */
#include "common/problem.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help; /* a sentence, no full stop */
};

/* Dispatch "heapwatch COMMAND ..."; returns the exit code. */
int commands_run(int argc, char **argv);

int command_serve(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_maintenance(int argc, char **argv);
int command_version(int argc, char **argv);

/* "heapwatch: text" on stderr; returns the exit code of the problem. r is
 * told where the problem is empty. */
int command_failed(int r, const struct problem *p);

/* "path:3:9: text" on stderr; returns the exit code. */
int command_failed_in(const char *path, int r, const struct problem *p);

/* "--help" or "-h" among the arguments. */
int command_wants_help(int argc, char **argv);
