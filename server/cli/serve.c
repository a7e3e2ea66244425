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
#include "collector/priv.h"
#include "common/array.h"
#include "common/clock.h"
#include "common/version.h"
#include "server/config.h"
#include "server/http/http.h"
#include "server/http/listen.h"
#include "server/notify.h"
#include "server/writer.h"

#include "commands.h"
#include "files.h"
#include "report.h"
#include "serve.h"

#define GIVE_BACK_MS 30000
#define HOLES_MAX    (4u << 20) /* bytes of freed memory not worth a look */

/* ---- command line ---- */

struct flag {
	const char *name; /* without dashes */
	size_t len;
	const char *value;
};

static void help(void)
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

/* ---- the server ---- */

struct known {
	struct entity *items; /* owned */
	size_t count;
};

static void known_fini(struct known *k)
{
	for (size_t i = 0; i < k->count; i++)
		entity_fini(&k->items[i]);
	free(k->items);
}

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

/* Without a round for so long, what was read last is not the present. */
static int64_t stale_ms(const struct config *cfg)
{
	return cfg->tick_ms * 3 > 5000 ? cfg->tick_ms * 3 : 5000;
}

static int database_open(struct store **out, const struct config *cfg,
			 struct problem *p)
{
	struct store_options o = {
		.path = cfg->db,
		.resolution_ms = cfg->resolution_ms,
		.flush_ms = cfg->flush_ms,
		.memory_ms = cfg->memory_ms,
		.tick_ms = cfg->tick_ms,
		.retention_ms = cfg->retention_ms,
		.retention_bytes = cfg->retention_bytes,
		.ended_max = (size_t)cfg->ended_max,
		.stale_ms = stale_ms(cfg),
		.clock_floor_ms = clock_build_ms(),
	};

	int r = folder_check(cfg, p);

	return r ? r : store_open(out, &o, p);
}

static struct http_options http_options_of(const struct config *cfg,
					   const char *node,
					   struct order_book *book)
{
	return (struct http_options){
		.listen = cfg->listen,
		.threads = (int)cfg->threads,
		.connections_max = (int)cfg->connections_max,
		.body_max = cfg->body_max,
		.limits = { .series_max = cfg->series_max,
			    .points_max = cfg->points_max,
			    .scan_max = cfg->scan_max },
		.cache_bytes = cfg->cache_bytes,
		.hosts = cfg->hosts,
		.cors_origins = cfg->cors_origins,
		.base_path = cfg->base_path,
		.access_log = cfg->access_log,
		.stale_ms = stale_ms(cfg),
		.node = node,
		.book = book,
	};
}

struct watch_settings *settings_take(struct config *c)
{
	struct watch_settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct watch_settings){
		.rules = take(c->rules),
		.rule_count = c->rule_count,
		.thresholds = { .items = take(c->thresholds),
				.count = c->threshold_count,
				.rules = take(c->threshold_rules),
				.rule_count = c->threshold_rule_count },
		.worsen_ms = c->worsen_ms,
		.improve_ms = c->improve_ms,
	};
	c->rule_count = c->threshold_count = c->threshold_rule_count = 0;
	return s;
}

/* What the collector is to know of earlier runs. */
struct past {
	struct last_build *builds; /* owned, its texts too */
	size_t build_count, build_cap;
	char *maintenance, *states; /* owned */
};

static void past_fini(struct past *p)
{
	for (size_t i = 0; i < p->build_count; i++) {
		free((char *)p->builds[i].service);
		free((char *)p->builds[i].build_id);
	}
	free(p->builds);
	free(p->maintenance);
	free(p->states);
}

static int add_build(void *arg, const struct labels *labels,
		     const struct labels *attributes)
{
	const char *service = labels_get(labels, "service");
	const char *build_id = labels_get(attributes, "build_id");
	struct past *p = arg;
	struct last_build *b;

	if (!service || !build_id)
		return 0;
	if (array_room(&p->builds, p->build_count, &p->build_cap))
		return -ENOMEM;
	b = &p->builds[p->build_count++];
	*b = (struct last_build){ strdup(service), strdup(build_id) };
	return b->service && b->build_id ? 0 : -ENOMEM;
}

/* NULL where there is none, or it is damaged: then it begins anew. */
static int past_text(struct store *store, const char *key, char **out)
{
	int r = store_meta_get(store, key, out);

	return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static int past_read(struct past *p, struct store *store)
{
	int r = past_text(store, "maintenance", &p->maintenance);

	if (r == 0)
		r = past_text(store, "states", &p->states);
	return r ? r : store_entities(store, add_build, p);
}

static struct collector_options collector_options_of(struct config *cfg,
						     const char *node,
						     const struct known *known,
						     const struct past *past)
{
	return (struct collector_options){
		.node = node,
		.settings = settings_take(cfg),
		.tick_ms = cfg->tick_ms,
		.rescan_ms = cfg->rescan_ms,
		.target_max = (int)cfg->target_max,
		.cgroup_root = cfg->cgroup_root,
		.budget = {
			.target_share = (double)cfg->governor_target_ppm / 1e6,
			.total_share = (double)cfg->governor_total_ppm / 1e6,
			.backoff_ns = cfg->governor_backoff_ms * 1000000,
		},
		.known = known->items,
		.known_count = known->count,
		.builds = past->builds,
		.build_count = past->build_count,
		.maintenance = past->maintenance,
		.states = past->states,
	};
}

struct collector_options serve_collector_options(struct config *c)
{
	return collector_options_of(c, *c->node ? c->node : "localhost",
				    &(struct known){ 0 }, &(struct past){ 0 });
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
	own(known_fini) struct known known = { 0 };
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
	    (r = store_open_entities(store, &known.items, &known.count)) ||
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
	collect = collector_options_of(cfg, node, &known, &past);
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
		help();
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
