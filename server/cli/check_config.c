#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/config.h"
#include "server/http/listen.h"

#include "commands.h"

static void help(void)
{
	puts("usage: heapwatch check-config [FILE]\n"
	     "Read a configuration (" CONFIG_DEFAULT_PATH
	     ") and tell what is wrong with it.\n\n"
	     "  --markdown  print all keys as the table of README.md instead\n"
	     "  --help      print this");
}

static int print_markdown(void)
{
	struct buf b = BUF_INIT;

	config_markdown(&b);
	fputs(buf_cstr(&b), stdout);
	buf_fini(&b);
	return 0;
}

static void tell(void *arg, const struct problem *p)
{
	const char *path = arg;

	command_failed_in(path, -EINVAL, p);
}

/* All that is wrong, not only the first: a newcomer mends it in one go. */
static int check(const char *path)
{
	own(config_fini) struct config c;
	struct problem p = { 0 };
	size_t wrong;
	int r = config_init(&c);

	if (r)
		return command_failed(r, &p);
	wrong = config_examine(&c, path, tell, (void *)path);
	if (config_check(&c, &p)) {
		tell((void *)path, &p);
		wrong++;
	} else if (listen_check(c.listen, &p)) {
		config_place(&c, "listen", &p);
		tell((void *)path, &p);
		wrong++;
	}
	if (wrong)
		return problem_exit_code(PROBLEM_USAGE);
	printf("%s: ok\n", path);
	return 0;
}

int command_check_config(int argc, char **argv)
{
	struct problem p = { 0 };

	if (command_wants_help(argc, argv)) {
		help();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--markdown") == 0)
		return print_markdown();
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return command_failed(
			problem_set(
				&p, PROBLEM_USAGE,
				"check-config takes one file; see heapwatch "
				"check-config --help"),
			&p);
	return check(argc == 2 ? argv[1] : CONFIG_DEFAULT_PATH);
}
