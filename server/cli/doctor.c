/* heapwatch doctor: what it can see here, what not, and how to mend it. */
#include "doctor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>

#include "common/json.h"
#include "common/log.h"
#include "common/version.h"

#include "commands.h"
#include "files.h"
#include "flags.h"
#include "part_options.h"
#include "report.h"

#define SCAN_WAIT_MS 30000
#define EXIT_LOST    1
#define EXIT_DENIED  4

static void help(void)
{
	puts("usage: heapwatch doctor [--json] [OPTION of serve]...\n"
	     "Check the kernel, the rights in effect, the database and the "
	     "port, look at every\n"
	     "process once, and tell what cannot be had and how to mend "
	     "it. Changes nothing.\n\n"
	     "  --json               The same for programs\n"
	     "  --config FILE, ...   As for serve, so that its database and "
	     "port are checked\n\n"
	     "Ends with 0 when all is well, 1 when something is lost, 4 when "
	     "a right is missing\n"
	     "for what matters, 2 for wrong usage. As the unit serves, with "
	     "its user and rights:\n"
	     "  caps=+bpf,+perfmon,+sys_ptrace,+dac_read_search\n"
	     "  setpriv --reuid heapwatch --regid heapwatch --init-groups "
	     "\\\n"
	     "    --inh-caps $caps --ambient-caps $caps heapwatch doctor");
}

/* ---- one look at all processes, by the collector itself ---- */

static void scan_done(void *arg, int result)
{
	(void)result;
	eventfd_write(*(int *)arg, 1);
}

static int scan(struct census **out, struct config *cfg)
{
	own(fd_closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	own(queue_freep) struct queue *queue = NULL;
	own(census_board_freep) struct census_board *board = NULL;
	own(order_book_freep) struct order_book *book = NULL;
	own(collector_stopp) struct collector *collector = NULL;
	const struct collector_options o = collector_options_of(
		cfg, *cfg->node ? cfg->node : "localhost",
		&(struct past){ 0 });
	struct order look = { .kind = ORDER_SCAN,
			       .done = scan_done,
			       .arg = &fd };
	struct pollfd p = { fd, POLLIN, 0 };
	int r;

	if (!o.settings)
		return -ENOMEM;
	if ((r = queue_new(&queue)) || (r = census_board_new(&board)) ||
	    (r = order_book_new(&book)) ||
	    (r = collector_start(&collector, &o, queue, board, book)) ||
	    (r = order_submit(book, &look)))
		return r;
	if (poll(&p, 1, SCAN_WAIT_MS) <= 0)
		return -ETIMEDOUT;
	*out = census_get(board);
	return *out ? 0 : -ENODATA;
}

/* ---- the examination ---- */

struct examination {
	struct finding *findings; /* owned; one a check */
	size_t count;
	struct census *census; /* owned; NULL: the look failed */
	int scan_error;
	size_t lost, denied;
	size_t unwatched; /* processes, of those lost */
};

static void examination_fini(struct examination *e)
{
	free(e->findings);
	census_unref(e->census);
}

static void verdict_count(struct examination *e, enum verdict v)
{
	e->lost += v == VERDICT_LOST;
	e->denied += v == VERDICT_DENIED;
}

/* A process that cannot be watched is a loss, one that a rule leaves out is
 * not. A lack that no check foresaw (a security module) counts too. */
static void census_count(struct examination *e, const struct census *c)
{
	static const char by_rule[] = "excluded by watch rule";

	if (c->lack_count && !e->lost && !e->denied)
		e->lost++;
	for (size_t i = 0; i < c->target_count; i++) {
		const struct census_target *t = &c->targets[i];

		e->unwatched += !t->watched &&
				(!t->reason || strncmp(t->reason, by_rule,
						       strlen(by_rule)) != 0);
	}
	e->lost += e->unwatched;
}

static int examine(struct examination *e, struct config *cfg)
{
	const struct check *checks = doctor_checks(&e->count);

	e->findings = calloc(e->count, sizeof(*e->findings));
	if (!e->findings)
		return -ENOMEM;
	for (size_t i = 0; i < e->count; i++) {
		struct finding *f = &e->findings[i];

		checks[i].run(&checks[i], cfg, f);
		f->lost = f->lost ? f->lost : checks[i].lost;
		f->mend = f->mend ? f->mend : checks[i].mend;
		verdict_count(e, f->verdict);
	}
	e->scan_error = scan(&e->census, cfg);
	if (!e->census)
		e->lost++;
	else
		census_count(e, e->census);
	return 0;
}

static int exit_code(const struct examination *e)
{
	return e->denied ? EXIT_DENIED : e->lost ? EXIT_LOST : 0;
}

/* ---- told to people ---- */

static const char *verdict_word(enum verdict v)
{
	static const char *const words[] = { "ok", "LOST", "DENIED" };

	return words[v];
}

static void print_finding(struct buf *out, const struct check *c,
			  const struct finding *f)
{
	buf_printf(out, "  %-7s %-26s %s\n", verdict_word(f->verdict), c->name,
		   f->found);
	if (f->verdict == VERDICT_WELL)
		return;
	buf_printf(out, "          lost: %s\n          mend: %s\n", f->lost,
		   f->mend);
}

static void print_sum(struct buf *out, const struct examination *e)
{
	if (!e->lost && !e->denied)
		buf_puts(out, "all is well\n");
	else
		buf_printf(out, "%zu lost, %zu denied%s\n", e->lost, e->denied,
			   e->unwatched ? "; what is not watched counts" : "");
}

static void print_text(struct buf *out, const struct examination *e)
{
	const struct check *checks = doctor_checks(&(size_t){ 0 });
	struct utsname name = { 0 };

	uname(&name);
	buf_printf(out, "heapwatch %s, %s %s, user %u\n", heapwatch_version(),
		   name.sysname, name.machine, geteuid());
	for (size_t i = 0; i < e->count; i++)
		print_finding(out, &checks[i], &e->findings[i]);
	if (e->census)
		report_write(out, e->census);
	else
		buf_printf(out, "no look at the processes: %s\n",
			   strerror(-e->scan_error));
	print_sum(out, e);
}

/* ---- told to programs ---- */

static void json_finding(struct json *j, const struct check *c,
			 const struct finding *f)
{
	static const char *const words[] = { "ok", "lost", "denied" };

	json_object(j);
	json_put_string(j, "name", c->name);
	json_put_string(j, "verdict", words[f->verdict]);
	json_put_string(j, "found", f->found);
	if (f->verdict != VERDICT_WELL) {
		json_put_string(j, "lost", f->lost);
		json_put_string(j, "mend", f->mend);
	}
	json_end(j);
}

static void json_target(struct json *j, const struct census_target *t)
{
	json_object(j);
	json_put_int(j, "pid", t->entity.key.pid);
	json_put_string(j, "service", labels_get(&t->entity.labels, "service"));
	json_put_string(j, "runtime", labels_get(&t->entity.labels, "runtime"));
	json_put_bool(j, "watched", t->watched);
	if (!t->watched)
		json_put_string(j, "reason", t->reason);
	json_end(j);
}

static void print_json(struct buf *out, const struct examination *e)
{
	const struct check *checks = doctor_checks(&(size_t){ 0 });
	struct json j = json_writer(out);

	json_object(&j);
	json_put_string(&j, "version", heapwatch_version());
	json_put_int(&j, "exit", exit_code(e));
	json_key(&j, "checks");
	json_array(&j);
	for (size_t i = 0; i < e->count; i++)
		json_finding(&j, &checks[i], &e->findings[i]);
	json_end(&j);
	if (e->census) {
		json_key(&j, "targets");
		json_array(&j);
		for (size_t i = 0; i < e->census->target_count; i++)
			json_target(&j, &e->census->targets[i]);
		json_end(&j);
	}
	json_end(&j);
	buf_putc(out, '\n');
}

/* ---- the command ---- */

/* --json is doctor's own; every other word is left for serve's reader. */
static bool json_take(int *argc, char **argv)
{
	bool taken = false;
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			taken = true;
		else
			argv[kept++] = argv[i];
	}
	*argc = kept;
	return taken;
}

int command_doctor(int argc, char **argv)
{
	own(config_fini) struct config cfg = { 0 };
	own(examination_fini) struct examination e = { 0 };
	own(buf_fini) struct buf out = BUF_INIT;
	struct problem p = { 0 };
	const char *path = NULL;
	bool json;
	int r;

	if (command_wants_help(argc, argv)) {
		help();
		return 0;
	}
	json = json_take(&argc, argv);
	r = config_make(&cfg, argc, argv, false, &path, &p);
	if (r)
		return path ? command_failed_in(path, r, &p) :
			      command_failed(r, &p);
	log_set_level(LOG_LEVEL_ERROR); /* the findings say it in words */
	files_raise(); /* as serve does */
	r = examine(&e, &cfg);
	if (r)
		return command_failed(r, &p);
	if (json)
		print_json(&out, &e);
	else
		print_text(&out, &e);
	fputs(buf_cstr(&out), stdout);
	return exit_code(&e);
}
