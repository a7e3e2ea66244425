#include "flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/priv.h"
#include "server/http/listen.h"

#include "shifted_clock.h"

struct flag {
	const char *name; /* without dashes */
	size_t len;
	const char *value;
};

void flags_help(void)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "usage: heapwatch serve [OPTION]...\n"
		     "Watch the processes of this machine and serve what is "
		     "seen.\n\n");
	buf_printf(&b, "  %-36s %s\n", "--config FILE",
		   "Configuration (" CONFIG_DEFAULT_PATH ", if there is one)");
	config_help(&b);
	buf_puts(&b, "\nOptions override the file. Rules of watch, plant and "
		     "thresholds are in\n"
		     "the file only; packaging/heapwatch.yaml shows them.\n");
	fputs(buf_cstr(&b), stdout);
	buf_fini(&b);
}

static bool flag_is(const struct flag *f, const char *name)
{
	return strlen(name) == f->len && memcmp(name, f->name, f->len) == 0;
}

/* Options that are not keys of the file; the last two are for tests. */
static bool flag_known(const struct flag *f)
{
	return config_flag_find(f->name, f->len) || flag_is(f, "config") ||
	       flag_is(f, "without") || flag_is(f, "clock-offset-file");
}

/* "--db x" or "--db=x" at argv[*i], which moves to its last word. */
static int flag_next(struct flag *out, int argc, char **argv, int *i,
		     struct problem *p)
{
	const char *word = argv[*i];
	const char *equals = strchr(word, '=');

	if (strncmp(word, "--", 2) || !word[2])
		return problem_set(
			p, PROBLEM_USAGE,
			"\"%.64s\" is no option; --help tells all",
			word);
	out->name = word + 2;
	out->len = equals ? (size_t)(equals - out->name) : strlen(out->name);
	if (!flag_known(out))
		return problem_set(
			p, PROBLEM_USAGE,
			"no option is named --%.*s; --help tells all",
			(int)(out->len < 64 ? out->len : 64), out->name);
	if (!equals && *i + 1 == argc)
		return problem_set(p, PROBLEM_USAGE, "%.64s wants a value",
				   word);
	out->value = equals ? equals + 1 : argv[++*i];
	return 0;
}

static int without_set(const char *list, struct problem *p)
{
	if (priv_set_without(list))
		return problem_set(p, PROBLEM_USAGE,
				   "--without: \"%.64s\" is unknown", list);
	return 0;
}

static int clock_set(const char *path, struct problem *p)
{
	int r = shifted_clock_use(path);

	return r ? problem_set(p, PROBLEM_USAGE, "--clock-offset-file: %s",
			       strerror(-r)) :
		   0;
}

/* Set one option; --config was read before. */
static int flag_apply(struct config *c, const struct flag *f, bool again,
		      struct problem *p)
{
	const struct config_key *key = config_flag_find(f->name, f->len);

	if (flag_is(f, "config"))
		return 0;
	if (flag_is(f, "without")) /* simulates lacks, for tests */
		return again ? 0 : without_set(f->value, p);
	if (flag_is(f, "clock-offset-file")) /* as well */
		return again ? 0 : clock_set(f->value, p);
	return config_set(c, key, f->value, p);
}

/* Main reads again, and opening a pipe waits for a writer: meanwhile no signal
 * would be heard. */
static int file_is_one(const char *path, struct problem *p)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0; /* what else is wrong, reading tells */
	return problem_set(p, PROBLEM_USAGE,
			   "is no regular file, and so not read again");
}

/* The file that --config names, or the default one, which may be missing. */
static int file_read(struct config *c, int argc, char **argv, bool again,
		     const char **path, struct problem *p)
{
	bool named = false;
	int r = 0;

	*path = CONFIG_DEFAULT_PATH;
	for (int i = 1; i < argc && !r; i++) {
		struct flag f;

		r = flag_next(&f, argc, argv, &i, p);
		if (!r && flag_is(&f, "config")) {
			named = true;
			*path = f.value;
		}
	}
	if (r) {
		*path = NULL; /* not the file's fault */
		return r;
	}
	r = again ? file_is_one(*path, p) : 0;
	if (!r)
		r = config_read(c, *path, p);
	if (r == -ENOENT && !named) {
		*p = (struct problem){ 0 };
		return 0;
	}
	return r;
}

int config_make(struct config *c, int argc, char **argv, bool again,
		const char **path, struct problem *p)
{
	const char *file;
	int r = config_init(c);

	*path = NULL;
	if (!r)
		r = file_read(c, argc, argv, again, path, p);
	if (r)
		return r;
	file = *path;
	*path = NULL; /* what follows is not the file's fault alone */
	for (int i = 1; i < argc && !r; i++) {
		struct flag f;

		r = flag_next(&f, argc, argv, &i, p);
		if (!r)
			r = flag_apply(c, &f, again, p);
	}
	if (!r)
		r = config_check(c, p);
	if (!r && (r = listen_check(c->listen, p)))
		config_place(c, "listen", p);
	if (r && p->line)
		*path = file;
	return r;
}
