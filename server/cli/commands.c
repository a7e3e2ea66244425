#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/own.h"

#define EXIT_USAGE 2

static const struct command commands[] = {
	{ "serve", command_serve,
	  "Watch the processes of this machine and serve what is seen" },
	{ "top", command_top, "Show what a running server sees, live" },
	{ "doctor", command_doctor,
	  "Tell what heapwatch can see here, what not, and how to mend it" },
	{ "maintenance", command_maintenance,
	  "Silence the states of services during planned work" },
	{ "check-config", command_check_config,
	  "Read a configuration file and tell what is wrong with it" },
	{ "version", command_version, "Print the version" },
};

static void usage(FILE *out)
{
	fputs("usage: heapwatch COMMAND [OPTION]...\n"
	      "Watch the heaps of Go and JVM processes from outside.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-14s %s\n", commands[i].name,
			commands[i].help);
	fputs("\n\"heapwatch COMMAND --help\" tells the options of a "
	      "command.\n",
	      out);
}

int command_wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return 1;
	}
	return 0;
}

int command_failed(int r, const struct problem *p)
{
	fprintf(stderr, "heapwatch: %s\n",
		p->code == PROBLEM_NONE ? strerror(-r) : p->text);
	return p->code == PROBLEM_NONE ? 1 : problem_exit_code(p->code);
}

int command_failed_in(const char *path, int r, const struct problem *p)
{
	if (p->code == PROBLEM_NONE)
		return command_failed(r, p);
	if (p->line)
		fprintf(stderr, "%s:%d:%d: %s\n", path, p->line, p->column,
			p->text);
	else
		fprintf(stderr, "%s: %s\n", path, p->text);
	return problem_exit_code(p->code);
}

/* What was to be told and could not be written is no success. */
static int command_run(const struct command *c, int argc, char **argv)
{
	int code = c->run(argc, argv);

	if (!fflush(stdout) && !ferror(stdout))
		return code;
	fprintf(stderr, "heapwatch: cannot write: %s\n", strerror(errno));
	return code ? code : 1;
}

/* Closed ones would be taken by a socket or an event, and logs go there. */
static void standard_files_open(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int commands_run(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	standard_files_open();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0)
		name = "version";
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return command_run(&commands[i], argc - 1, argv + 1);
	}
	if (*name)
		fprintf(stderr, "heapwatch: no command is named %s\n\n", name);
	usage(stderr);
	return EXIT_USAGE;
}
