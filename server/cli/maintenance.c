#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/own.h"
#include "common/pattern.h"
#include "common/utf8.h"

#include "client.h"
#include "commands.h"

#define PATH "/api/v1/maintenance"

struct options {
	const char *url, *service, *length, *reason;
	bool json;
};

static void help(void)
{
	puts("usage: heapwatch maintenance start --service PATTERN --for 2h "
	     "--reason TEXT\n"
	     "       heapwatch maintenance end --service PATTERN\n"
	     "       heapwatch maintenance list\n"
	     "Silence the states of services during planned work. Numbers and "
	     "states go on\n"
	     "being taken; target_silenced is 1 meanwhile.\n\n"
	     "  --service PATTERN  regular expression of a whole name; end "
	     "wants the same\n"
	     "  --for DURATION     30m, 2h, 1d; at most 30d\n"
	     "  --reason TEXT      for those who wonder\n"
	     "  --json             print the server's answer as it is\n"
	     "  --url URL          the heapwatch to ask ($HEAPWATCH_URL, else\n"
	     "                     " CLIENT_URL ")");
}

static const char **option_find(struct options *o, const char *word, size_t len)
{
	const struct {
		const char *name;
		const char **value;
	} all[] = {
		{ "--url", &o->url },
		{ "--service", &o->service },
		{ "--for", &o->length },
		{ "--reason", &o->reason },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (strlen(all[i].name) == len &&
		    memcmp(all[i].name, word, len) == 0)
			return all[i].value;
	}
	return NULL;
}

static int options_parse(struct options *o, int argc, char **argv,
			 struct problem *p)
{
	for (int i = 2; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		const char **value = option_find(o, argv[i], len);

		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
			continue;
		}
		if (!value)
			return problem_set(p, PROBLEM_USAGE,
					   "\"%.64s\" is no option; see "
					   "heapwatch maintenance --help",
					   argv[i]);
		if (argv[i][len])
			*value = argv[i] + len + 1;
		else if (i + 1 < argc)
			*value = argv[++i];
		else
			return problem_set(p, PROBLEM_USAGE,
					   "%.64s wants a value", argv[i]);
	}
	return 0;
}

/* ---- told to people ---- */

/* Services and reasons are strangers' words: on one line, and no commands to
 * the terminal. */
static void print_line(struct buf *line)
{
	own(freep) char *text = strdup(buf_cstr(line));

	if (!text)
		return;
	text_one_line(text);
	puts(text);
}

static void print_window(const json_t *window)
{
	int64_t until_ms =
		json_integer_value(json_object_get(window, "until_ms"));
	const char *service = "", *reason = "";
	own(buf_fini) struct buf line = BUF_INIT;
	char text[CLOCK_TEXT_MAX];

	json_unpack((json_t *)window, "{s?s, s?s}", "service", &service,
		    "reason", &reason);
	clock_text(text, until_ms - until_ms % 1000);
	buf_printf(&line, "%s is silenced until %s: %s", service, text, reason);
	print_line(&line);
}

static void print_windows(const json_t *windows)
{
	const json_t *window;
	size_t i;

	if (!json_array_size(windows))
		puts("no service is silenced");
	json_array_foreach((json_t *)windows, i, window) print_window(window);
}

/* What start, end and list answer: a window, its service, or all windows. */
static void print_answer(const json_t *answer)
{
	const json_t *windows = json_object_get(answer, "maintenance");
	own(buf_fini) struct buf line = BUF_INIT;

	if (windows) {
		print_windows(windows);
	} else if (json_object_get(answer, "until_ms")) {
		print_window(answer);
	} else {
		buf_printf(
			&line, "%s is no longer silenced",
			json_string_value(json_object_get(answer, "service")));
		print_line(&line);
	}
}

/* The server's words, or whatever answered instead of one. */
static int refused(const json_t *answer, struct buf *body)
{
	const char *message =
		json_string_value(json_object_get(answer, "message"));
	struct problem p = { 0 };

	return command_failed(problem_set(&p, PROBLEM_UNAVAILABLE, "%.200s",
					  message ? message : buf_cstr(body)),
			      &p);
}

static int tell(const struct options *o, long status, struct buf *body)
{
	own(json_decrefp) json_t *answer = json_loads(buf_cstr(body), 0, NULL);
	bool well = status < 300;

	if (!well && !o->json)
		return refused(answer, body);
	if (o->json || !answer)
		fprintf(well ? stdout : stderr, "%s\n", buf_cstr(body));
	else
		print_answer(answer);
	return !well;
}

/* Print the answer; 1 when the server refused. */
static int ask(const struct options *o, const char *method, const char *path,
	       const char *body)
{
	own(client_freep) struct client *c = NULL;
	own(buf_fini) struct buf answer = BUF_INIT;
	struct problem p = { 0 };
	long status = 0;
	int r = client_new(&c, o->url, &p);

	if (!r)
		r = client_call(c, method, path, body, &status, &answer, &p);
	return r ? command_failed(r, &p) : tell(o, status, &answer);
}

static bool any_service(const json_t *answer, const struct pattern *pattern)
{
	const json_t *targets = json_object_get(answer, "targets"), *target;
	size_t i;

	json_array_foreach((json_t *)targets, i, target)
	{
		const char *service = "";

		json_unpack((json_t *)target, "{s?{s?s}}", "labels", "service",
			    &service);
		if (pattern_matches(pattern, service))
			return true;
	}
	return false;
}

/* A pattern may be for what starts later; more often it is mistyped. */
static void warn_of_none(const struct options *o)
{
	own(client_freep) struct client *c = NULL;
	own(pattern_freep) struct pattern *pattern = NULL;
	own(json_decrefp) json_t *answer = NULL;
	own(buf_fini) struct buf body = BUF_INIT;
	struct problem p = { 0 };

	if (pattern_compile(&pattern, o->service, &p) ||
	    client_new(&c, o->url, &p) ||
	    client_ask(c, "/api/v1/targets", NULL, &body, &p))
		return;
	answer = json_loads(buf_cstr(&body), 0, NULL);
	if (answer && !any_service(answer, pattern))
		fputs("note: no service that runs now matches; the pattern is "
		      "of a whole name, \"heapwatch top\" shows them\n",
		      stderr);
}

static int start(const struct options *o)
{
	own(buf_fini) struct buf body = BUF_INIT;
	struct json j = json_writer(&body);
	struct problem p = { 0 };
	int r;

	if (!o->service || !o->length || !o->reason)
		return command_failed(
			problem_set(&p, PROBLEM_USAGE,
				    "start wants --service, --for, --reason"),
			&p);
	json_begin_object(&j);
	json_put_string(&j, "service", o->service);
	json_put_string(&j, "for", o->length);
	json_put_string(&j, "reason", o->reason);
	json_end(&j);
	r = ask(o, "POST", PATH, buf_cstr(&body));
	if (!r && !o->json)
		warn_of_none(o);
	return r;
}

static int end(const struct options *o)
{
	own(buf_fini) struct buf path = BUF_INIT;
	struct problem p = { 0 };

	if (!o->service || o->length || o->reason)
		return command_failed(
			problem_set(&p, PROBLEM_USAGE,
				    "end wants --service, and nothing else of "
				    "a window"),
			&p);
	buf_puts(&path, PATH "?service=");
	client_escape(&path, o->service);
	return ask(o, "DELETE", buf_cstr(&path), NULL);
}

static int list(const struct options *o)
{
	struct problem p = { 0 };

	if (o->service || o->length || o->reason)
		return command_failed(
			problem_set(&p, PROBLEM_USAGE,
				    "list tells all windows; it takes --json "
				    "and --url only"),
			&p);
	return ask(o, "GET", PATH, NULL);
}

static const struct {
	const char *name;
	int (*run)(const struct options *o);
} verbs[] = { { "start", start }, { "end", end }, { "list", list } };

int command_maintenance(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct options o = { 0 };
	struct problem p = { 0 };

	if (command_wants_help(argc, argv)) {
		help();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(what, verbs[i].name))
			continue;
		return options_parse(&o, argc, argv, &p) ?
			       command_failed(-1, &p) :
			       verbs[i].run(&o);
	}
	problem_set(&p, PROBLEM_USAGE,
		    "say start, end or list; see heapwatch maintenance --help");
	return command_failed(-1, &p);
}
