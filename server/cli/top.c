/* heapwatch top: the command, the terminal and its keys. */
#include "top.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "common/clock.h"
#include "common/units.h"

#include "commands.h"

#define WIDTH_UNKNOWN 160 /* where the output is no terminal */
#define WIDTH_MAX     512

struct options {
	const char *url;
	bool once, json;
	int64_t interval_ms;
	char sort;
};

static void help(void)
{
	own(buf_fini) struct buf b = BUF_INIT;

	buf_puts(&b, "usage: heapwatch top [OPTION]...\n"
		     "Show every process that a running server knows, live; "
		     "! is a warning, !! critical,\n"
		     "~ a floor. The limits are the server's.\n\n");
	buf_printf(&b, "  %-20s %s\n", "--url URL",
		   "The server ($HEAPWATCH_URL, else " CLIENT_URL ")");
	buf_printf(&b, "  %-20s %s\n", "--once", "Print the table and end");
	buf_printf(&b, "  %-20s %s\n", "--json", "Print it as JSON and end");
	buf_printf(&b, "  %-20s %s\n", "--interval DURATION",
		   "How often to ask (2s)");
	buf_printf(&b, "  %-20s %s\n", "--sort KEY",
		   "Order (state); also a key while it runs:");
	buf_printf(&b, "  %-20s ", "");
	top_sort_list(&b);
	buf_puts(&b, "\n\nOther keys: v turns the order round, j and k "
		     "scroll by a\nline, space and b by a page, q ends. "
		     "Colours only on a terminal, and not\n"
		     "with NO_COLOR or TERM=dumb; COLUMNS is the width of a "
		     "pipe.\n");
	fputs(buf_cstr(&b), stdout);
}

/* ---- command line ---- */

/* The value behind "--name" or "--name=" at argv[*i], or NULL. */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len))
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	return !argv[*i][len] && *i + 1 < argc ? argv[++*i] : NULL;
}

static int option_read(struct options *o, int argc, char **argv, int *i,
		       struct problem *p)
{
	const char *word = argv[*i], *value;

	if (strcmp(word, "--once") == 0) {
		o->once = true;
	} else if (strcmp(word, "--json") == 0) {
		o->json = o->once = true;
	} else if ((value = value_of("--url", argc, argv, i))) {
		o->url = value;
	} else if ((value = value_of("--sort", argc, argv, i))) {
		o->sort = top_sort_word(value);
		if (!o->sort)
			return problem_set(p, PROBLEM_USAGE,
					   "--sort: nothing is named \"%.64s\"; "
					   "see heapwatch top --help",
					   value);
	} else if ((value = value_of("--interval", argc, argv, i))) {
		if (duration_parse(&o->interval_ms, value) ||
		    o->interval_ms < 200 || o->interval_ms > UNIT_HOUR)
			return problem_set(p, PROBLEM_USAGE,
					   "--interval must be a duration from "
					   "200ms to 1h, not \"%.64s\"",
					   value);
	} else {
		return problem_set(
			p, PROBLEM_USAGE,
			"\"%.64s\" is no option, or wants a value; see "
			"heapwatch top --help",
			word);
	}
	return 0;
}

static int options_read(struct options *o, int argc, char **argv,
			struct problem *p)
{
	int r = 0;

	*o = (struct options){ .interval_ms = 2 * UNIT_SECOND,
			       .sort = 't' };
	for (int i = 1; i < argc && !r; i++)
		r = option_read(o, argc, argv, &i, p);
	return r;
}

/* ---- the terminal ---- */

struct terminal {
	bool screen; /* stdout is one that knows escape sequences */
	bool keys;   /* stdin is one */
	struct termios before;
};

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || strcmp(term, "dumb") == 0;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !is_dumb() && !(no && *no);
}

static bool is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return isatty(STDOUT_FILENO) && !is_dumb() &&
	       strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* What a pipe is wide: as COLUMNS says, for who will read it. */
static int width_wished(void)
{
	const char *text = getenv("COLUMNS");
	long width = text ? strtol(text, NULL, 10) : 0;

	if (width <= 0)
		return WIDTH_UNKNOWN;
	return width > WIDTH_MAX ? WIDTH_MAX : (int)width;
}

static void size_get(struct top_view *v, bool screen)
{
	struct winsize size = { 0 };

	v->width = width_wished();
	v->height = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col)
		v->width = size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
	else if (isatty(STDOUT_FILENO))
		v->width = 80; /* a serial line does not know */
	if (screen)
		v->height = size.ws_row ? size.ws_row : 24;
}

static void put(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

static void terminal_open(struct terminal *t)
{
	struct termios raw;

	t->screen = isatty(STDOUT_FILENO) && !is_dumb();
	t->keys = isatty(STDIN_FILENO) &&
		  tcgetattr(STDIN_FILENO, &t->before) == 0;
	if (t->keys) {
		raw = t->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	if (t->screen)
		put("\033[?1049h\033[?25l"); /* a screen of its own */
}

static void terminal_close(struct terminal *t)
{
	if (t->screen)
		put("\033[?25h\033[?1049l");
	if (t->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
	t->screen = t->keys = false;
}

/* Ctrl-Z: the shell gets its terminal back, and we it when we go on. */
static void terminal_suspend(struct terminal *t)
{
	terminal_close(t);
	raise(SIGSTOP);
	terminal_open(t);
}

/* ---- once ---- */

static int print_once(struct client *c, const struct options *o,
		      struct top_view *v, struct problem *p)
{
	own(buf_fini) struct buf b = BUF_INIT;
	own(top_freep) struct top *t = NULL;
	int r = top_fetch(&t, c, p);

	if (r)
		return r;
	top_sort(t, v);
	if (o->json)
		top_json(&b, t, client_url(c));
	else
		top_draw(&b, t, v, false);
	fputs(buf_cstr(&b), stdout);
	return buf_error(&b);
}

/* ---- live ---- */

struct live {
	struct client *client; /* borrowed */
	struct top *top;       /* owned; the newest answer, or NULL */
	struct problem problem;
	struct top_view view;
	struct terminal terminal;
	int signal_fd;
	bool over;
};

static void live_draw(struct live *l)
{
	own(buf_fini) struct buf b = BUF_INIT;

	l->view.problem = l->problem.code ? l->problem.text : NULL;
	if (l->top)
		top_sort(l->top, &l->view);
	if (l->terminal.screen)
		buf_puts(&b, "\033[H");
	top_draw(&b, l->top, &l->view, l->terminal.screen);
	buf_puts(&b, l->terminal.screen ? "\033[K\033[J" : "\n");
	put(buf_cstr(&b));
	if (ferror(stdout))
		l->over = true; /* nobody reads it any more */
}

static void live_fetch(struct live *l)
{
	struct top *next = NULL;
	struct problem p = { 0 };
	int r = top_fetch(&next, l->client, &p);

	if (r && p.code == PROBLEM_NONE)
		problem_set(&p, PROBLEM_INTERNAL, "%s", strerror(-r));
	l->problem = p;
	if (r)
		return; /* the last table stays, with the problem above it */
	top_free(l->top);
	l->top = next;
}

static void live_key(struct live *l, char key)
{
	if (key == 'q')
		l->over = true;
	else if (key == 'v')
		l->view.reversed = !l->view.reversed;
	else if (key == 'j')
		l->view.first++;
	else if (key == 'k')
		l->view.first -= l->view.first > 0;
	else if (key == ' ')
		l->view.first += l->view.page;
	else if (key == 'b')
		l->view.first -= l->view.first < l->view.page ? l->view.first :
								l->view.page;
	else if (top_sort_key(key))
		l->view.sort = key;
}

static void live_keys(struct live *l)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0) {
		l->terminal.keys = false; /* it was hung up */
		l->over = l->terminal.screen;
	}
	for (ssize_t i = 0; i < n && !l->over; i++)
		live_key(l, keys[i]);
}

static void live_signal(struct live *l)
{
	struct signalfd_siginfo info;

	if (read(l->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTSTP)
		terminal_suspend(&l->terminal);
	else if (info.ssi_signo != SIGWINCH)
		l->over = true;
	size_get(&l->view, l->terminal.screen);
}

/* Answer keys and signals until it is time to ask again. */
static void live_wait(struct live *l, int64_t interval_ms)
{
	int64_t end = clock_monotonic_ns() / 1000000 + interval_ms;

	while (!l->over) {
		int64_t left = end - clock_monotonic_ns() / 1000000;
		struct pollfd fds[] = {
			{ .fd = l->signal_fd, .events = POLLIN },
			{ .fd = l->terminal.keys ? STDIN_FILENO : -1,
			  .events = POLLIN },
		};

		if (left <= 0 || poll(fds, ARRAY_SIZE(fds), (int)left) == 0)
			return;
		if (fds[0].revents)
			live_signal(l);
		if (fds[1].revents)
			live_keys(l);
		if (!l->over && l->terminal.screen)
			live_draw(l);
	}
}

static int signals_open(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH,
				       SIGTSTP };
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run_live(struct client *c, const struct options *o,
		    const struct top_view *view)
{
	struct live l = { .client = c, .view = *view };

	own(fd_closep) int signal_fd = signals_open();

	if (signal_fd < 0)
		return -errno;
	l.signal_fd = signal_fd;
	terminal_open(&l.terminal);
	size_get(&l.view, l.terminal.screen);
	if (l.terminal.screen)
		l.view.line_end = "\033[K\r\n";
	while (!l.over) {
		live_fetch(&l);
		live_draw(&l);
		live_wait(&l, o->interval_ms);
	}
	terminal_close(&l.terminal);
	top_free(l.top);
	return 0;
}

int command_top(int argc, char **argv)
{
	own(client_freep) struct client *c = NULL;
	struct top_view view = { .line_end = "\n" };
	struct problem p = { 0 };
	struct options o;
	int r;

	if (command_wants_help(argc, argv)) {
		help();
		return 0;
	}
	if ((r = options_read(&o, argc, argv, &p)) ||
	    (r = client_new(&c, o.url, &p)))
		return command_failed(r, &p);
	view.sort = o.sort;
	view.colour = wants_colour();
	view.utf8 = is_utf8();
	view.url = client_url(c);
	size_get(&view, false);
	r = o.once ? print_once(c, &o, &view, &p) : run_live(c, &o, &view);
	return r ? command_failed(r, &p) : 0;
}
