#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "collector/collector.h"
#include "common/clock.h"
#include "common/version.h"
#include "server/http/http.h"
#include "server/notify.h"
#include "server/writer.h"

#include "commands.h"
#include "files.h"
#include "flags.h"
#include "part_options.h"
#include "past.h"
#include "reload.h"
#include "report.h"

#define GIVE_BACK_MS 30000
#define HOLES_MAX    (4u << 20) /* bytes of freed memory not worth a look */

/* The configured name, or the one kept, or, at the first start, the host's. */
static int node_find(char **out, const struct config *cfg, struct store *store)
{
	char host[LABEL_VALUE_MAX + 1] = "";
	int r;

	if (*cfg->node) {
		*out = strdup(cfg->node);
		return *out ? 0 : -ENOMEM;
	}
	r = store_meta_get(store, "node", out);
	if (r != -ENOENT)
		return r;
	if (gethostname(host, sizeof(host) - 1) || !*host)
		snprintf(host, sizeof(host), "localhost");
	r = store_meta_set(store, "node", host);
	if (r)
		return r;
	*out = strdup(host);
	return *out ? 0 : -ENOMEM;
}

/* The folder of the database is there; the default one is made. A folder by
 * a mistyped name would look like a history that is lost. */
static int folder_check(const struct config *cfg, struct problem *p)
{
	own(freep) char *folder = strdup(cfg->db);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash || slash == folder)
		return folder ? 0 : -ENOMEM;
	*slash = '\0';
	if (strcmp(cfg->db, CONFIG_DEFAULT_DB) == 0)
		mkdir(folder, 0750); /* what is wrong, store_open tells */
	else if (access(folder, F_OK) && errno == ENOENT)
		return problem_set(p, PROBLEM_USAGE,
				   "db: there is no folder %.160s; make it "
				   "first, or correct --db", folder);
	return 0;
}

static int database_open(struct store **out, const struct config *cfg,
			 struct problem *p)
{
	const struct store_options o = store_options_of(cfg);
	int r = folder_check(cfg, p);

	return r ? r : store_open(out, &o, p);
}

static void scan_done(void *arg, int result)
{
	(void)result;
	eventfd_write(*(int *)arg, 1);
}

static void report(struct census_board *board)
{
	own(census_unrefp) struct census *c = census_get(board);
	struct buf b = BUF_INIT;

	if (!c)
		return;
	report_write(&b, c);
	fputs(buf_cstr(&b), stdout);
	if (fflush(stdout)) { /* nobody reads it, which is no fault of ours */
		__fpurge(stdout);
		clearerr(stdout);
	}
	buf_fini(&b);
}

/* What both threads have done so far goes to the watchdog. */
static void progress(struct notify *n, struct census_board *board,
		     const struct writer *writer)
{
	own(census_unrefp) struct census *c = census_get(board);
	const uint64_t done[NOTIFY_COUNTERS] = { c ? c->ticks : 0,
						 writer_beats(writer) };

	notify_progress(n, done, clock_monotonic_ns() / 1000000);
}

/*
 * What a large answer took glibc keeps for the next, in holes between what
 * stays. That may be tens of megabytes, so now and then they go back.
 */
static void give_back_memory(int64_t *last_ms)
{
	int64_t now_ms = clock_monotonic_ns() / 1000000;

	if (now_ms - *last_ms < GIVE_BACK_MS)
		return;
	*last_ms = now_ms;
	if (mallinfo2().fordblks > HOLES_MAX)
		malloc_trim(0);
}

static int wait_ms(const struct notify *n)
{
	int ms = notify_wait_ms(n);

	return ms < 0 || ms > GIVE_BACK_MS ? GIVE_BACK_MS : ms;
}

/* Until SIGTERM or SIGINT; SIGHUP reloads; tells what the first scan found on
 * its way. */
static void serve_until_signal(int signal_fd, int scan_fd,
			       struct census_board *board,
			       const struct writer *writer, struct notify *n,
			       struct running *running)
{
	bool wants_report = running->config->report;
	struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
				{ .fd = scan_fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	int64_t gave_ms = 0;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), wait_ms(n)) < 0)
			continue;
		progress(n, board, writer);
		give_back_memory(&gave_ms);
		if (fds[0].revents &&
		    read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGHUP) {
				reload(running);
				continue;
			}
			log_info("stopping signal=%u", info.ssi_signo);
			notify_send(n, "STOPPING=1");
			return;
		}
		if (fds[1].revents) {
			fds[1].fd = -1;
			notify_send(n, "READY=1");
			if (wants_report)
				report(board);
		}
	}
}

/* No rules are rules too: those of the last run end. */
static void plant_set(struct store *store, struct config *cfg)
{
	struct plant *plant = cfg->plant ? take(cfg->plant) :
					   calloc(1, sizeof(*plant));

	if (plant)
		store_set_plant(store, plant);
}

static int serve(struct config *cfg, int argc, char **argv, int signal_fd,
		 struct problem *p)
{
	own(fd_closep) int scan_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	own(store_closep) struct store *store = NULL;
	own(past_fini) struct past past = { 0 };
	own(freep) char *node = NULL;
	own(freep) char *url = NULL;
	own(queue_freep) struct queue *queue = NULL;
	own(census_board_freep) struct census_board *board = NULL;
	own(order_book_freep) struct order_book *book = NULL;
	own(http_stopp) struct http *http = NULL;
	own(writer_stopp) struct writer *writer = NULL;
	own(collector_stopp) struct collector *collector = NULL;
	own(notify_close) struct notify notify = { .fd = -1 };
	struct collector_options collect;
	struct http_options door;
	int r;

	if ((r = database_open(&store, cfg, p)) ||
	    (r = past_read(&past, store)) ||
	    (r = node_find(&node, cfg, store)) || (r = queue_new(&queue)) ||
	    (r = census_board_new(&board)) || (r = order_book_new(&book)))
		return r;
	door = http_options_of(cfg, node, book);
	plant_set(store, cfg);

	/* The door opens first: it answers while the first scan runs. */
	if ((r = http_start(&http, &door, store, board, queue, &url, p)))
		return r;
	log_info("listening url=%s", url);
	r = writer_start(&writer, store, queue);
	if (r)
		return r;
	collect = collector_options_of(cfg, node, &past);
	if (!collect.settings)
		return -ENOMEM;
	if ((r = collector_start(&collector, &collect, queue, board, book)) ||
	    (r = order_submit(book, &(struct order){ .kind = ORDER_SCAN,
						     .done = scan_done,
						     .arg = &scan_fd })))
		return r;
	notify_open(&notify, cfg->tick_ms);
	serve_until_signal(signal_fd, scan_fd, board, writer, &notify,
			   &(struct running){ cfg, argc, argv, store, http,
					      book });
	return 0;
} /* stops in the reverse order */

/* Blocked in every thread, which are all started later; read by main. */
static int signals_open(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/*
 * Years in little memory: by itself glibc gives each thread an arena of its
 * own and keeps ever larger blocks there, which no other thread can use.
 */
static void memory_frugal(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

static void files_prepare(const struct config *cfg)
{
	int64_t limit, wanted = files_wanted(cfg);

	files_raise();
	limit = files_limit();
	if (limit >= 0 && limit < wanted)
		log_warn("few files may be open limit=%lld wanted=%lld: "
			 "raise it (ulimit -n, LimitNOFILE=), or lower "
			 "collector.targets_max", (long long)limit,
			 (long long)wanted);
}

int command_serve(int argc, char **argv)
{
	own(config_fini) struct config cfg = { 0 };
	own(fd_closep) int signal_fd = -1;
	struct problem p = { 0 };
	const char *path;
	int r;

	if (command_wants_help(argc, argv)) {
		flags_help();
		return 0;
	}
	r = config_make(&cfg, argc, argv, false, &path, &p);
	if (r)
		return path ? command_failed_in(path, r, &p) :
			      command_failed(r, &p);
	memory_frugal();
	log_set_level(cfg.log_level);
	log_info("starting version=%s db=%s", heapwatch_version(), cfg.db);
	files_prepare(&cfg);
	signal_fd = signals_open();
	if (signal_fd < 0)
		return command_failed(-errno, &p);
	r = serve(&cfg, argc, argv, signal_fd, &p);
	if (r)
		return command_failed(r, &p);
	log_info("stopped");
	return 0;
}
