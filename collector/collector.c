/* The thread of the collector: what wakes it, and what it does then. */
#include "collector.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "common/log.h"
#include "internal.h"

#define SCAN_WAIT_NS   (5 * 1000000000ll) /* most that an order waits */
#define BUSY_WAIT_MS   50 /* while something starts up: look again soon */
#define EVENTS_MAX     64

/* What an epoll event means; below these stand pids of targets. */
enum wake {
	WAKE_TIMER = 1ull << 32,
	WAKE_RING,
	WAKE_JOBS,
	WAKE_ORDERS,
	WAKE_STOP,
};

/* The records of an exec that a scan has already seen say nothing new. */
static void on_exec(struct collector *c, const struct event_header *e)
{
	struct target *t = map_get(&c->targets, e->tgid);

	if (!t)
		discovery_expect(c, (pid_t)e->tgid, clock_now());
	else if ((int64_t)e->time_ns > t->found_boot_ns)
		discovery_consider(c, (pid_t)e->tgid);
}

static void on_ring_event(void *arg, const struct event_header *e)
{
	struct collector *c = arg;
	struct target *t;

	c->ring_events++;
	switch (e->type) {
	case EVENT_TYPE_EXEC:
		on_exec(c, e);
		break;
	case EVENT_TYPE_EXIT:
		/* Targets end by their pidfd, which needs no right. */
		ending_note(c, e);
		discovery_forget(c, (pid_t)e->tgid);
		break;
	case EVENT_TYPE_OOM:
		ending_note_oom(c, e);
		break;
	default:
		t = map_get(&c->targets, e->tgid);
		if (t && t->stage == TARGET_WATCHED && t->source->on_event) {
			t->batch = c->batch;
			t->source->on_event(t, e);
			t->batch = NULL;
		}
	}
}

/* ---- orders ---- */

static void take_scan(struct collector *c, struct order *o)
{
	struct now now = clock_now();
	struct order *scans = realloc(c->scans, (c->scan_count + 1) *
							sizeof(scans[0]));

	if (!scans) {
		order_complete(o, -ENOMEM);
		return;
	}
	c->scans = scans;
	c->scans[c->scan_count++] = *o;
	c->scan_deadline_ns = now.boot_ns + SCAN_WAIT_NS;
	discovery_scan(c);
}

static void take_order(struct collector *c, struct order *o)
{
	struct now now = clock_now();
	int r = 0;

	switch (o->kind) {
	case ORDER_SCAN:
		take_scan(c, o);
		return;
	case ORDER_RELOAD:
		reload_run(c, take(o->what), now);
		break;
	case ORDER_MAINTENANCE_START:
		r = silence_start(c, o->what, now);
		break;
	case ORDER_MAINTENANCE_END:
		r = silence_end(c, o->what, now);
		break;
	}
	report_publish(c, now);
	order_complete(o, r);
}

static void take_orders(struct collector *c)
{
	struct order o;

	while (order_next(c->book, &o) == 0)
		take_order(c, &o);
}

static bool anything_waits(const struct collector *c)
{
	struct target *t;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i))) {
		if (t->stage == TARGET_WAITING)
			return true;
	}
	return false;
}

static void complete_scans(struct collector *c, int result)
{
	size_t count = c->scan_count;

	c->scan_count = 0;
	for (size_t i = 0; i < count; i++)
		order_complete(&c->scans[i], result);
}

/* A scan is done when all that it found is watched or refused, and read. */
static void finish_scans(struct collector *c)
{
	struct now now = clock_now();

	if (c->scan_count == 0)
		return;
	if (anything_waits(c) && now.boot_ns < c->scan_deadline_ns)
		return;
	tick_run(c, now);
	complete_scans(c, 0);
}

/* ---- the loop ---- */

static void on_timer(struct collector *c)
{
	struct now now = clock_now();
	uint64_t expirations = 0;

	if (read(c->timer_fd, &expirations, sizeof(expirations)) < 0)
		return;
	if (expirations > 1)
		c->late_ticks += expirations - 1;
	probes_consume(c->probes, on_ring_event, c);
	if (now.boot_ns >= c->next_rescan_ns) {
		discovery_scan(c);
		watch_forget_departed(c, now);
		c->next_rescan_ns = now.boot_ns +
				    c->options.rescan_ms * 1000000;
	}
	tick_run(c, now);
}

static void on_exit_of(struct collector *c, pid_t pid)
{
	struct target *t = map_get(&c->targets, (uint64_t)pid);
	uint32_t number = t ? t->entity.number : 0;

	/* The kernel's record of it came first, and tells the code; one of
	 * the next process under this pid may have come as well. */
	probes_consume(c->probes, on_ring_event, c);
	t = map_get(&c->targets, (uint64_t)pid);
	if (t && t->entity.number == number)
		watch_close(c, t, clock_now(), "exited");
}

static void on_wake(struct collector *c, uint64_t wake)
{
	switch (wake) {
	case WAKE_TIMER:
		on_timer(c);
		break;
	case WAKE_RING:
		probes_consume(c->probes, on_ring_event, c);
		break;
	case WAKE_JOBS:
		jobs_finish(c->jobs);
		break;
	case WAKE_ORDERS:
		take_orders(c);
		break;
	}
}

/* What starts up is looked at again soon; else the timer is enough. */
static int wait_ms(const struct collector *c)
{
	int64_t now_ns = clock_now().boot_ns;
	struct candidate *k;
	size_t i = 0;

	if (anything_waits(c))
		return BUSY_WAIT_MS;
	while ((k = map_next(&c->candidates, &i))) {
		if (k->recheck_boot_ns < now_ns + 1000000000)
			return BUSY_WAIT_MS * 2;
	}
	return -1;
}

static void advance_waiting(struct collector *c)
{
	struct now now = clock_now();
	struct target *t;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i)))
		watch_advance(c, t, now);
	discovery_recheck(c, now);
	finish_scans(c);
}

/* False when it is time to stop. Exits come first: who starts in the place
 * of one that just went shall find its instance number free. */
static bool handle(struct collector *c, const struct epoll_event *events,
		   int count)
{
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 < WAKE_TIMER)
			on_exit_of(c, (pid_t)events[i].data.u64);
	}
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == WAKE_STOP)
			return false;
		if (events[i].data.u64 >= WAKE_TIMER)
			on_wake(c, events[i].data.u64);
	}
	return true;
}

static void *run(void *arg)
{
	struct collector *c = arg;
	struct epoll_event events[EVENTS_MAX];
	struct now now = clock_now();
	int count;

	changes_note_clock(c, now);
	batch_add_entity(c->batch, &c->machine);
	batch_add_event(c->batch, EVENT_HEAPWATCH_STARTED, 0, now.boot_ns,
			"heapwatch started");
	discovery_adopt(c, now);
	discovery_scan(c);
	discovery_disown(c, now);
	do {
		advance_waiting(c);
		count = epoll_wait(c->epoll_fd, events, EVENTS_MAX,
				   wait_ms(c));
	} while (handle(c, events, count));
	batch_add_event(c->batch, EVENT_HEAPWATCH_STOPPED, 0,
			clock_now().boot_ns, "heapwatch stopped");
	tick_run(c, clock_now());
	return NULL;
}

/* ---- start and stop ---- */

static int wake_on(struct collector *c, int fd, uint64_t wake)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = wake };

	if (fd < 0)
		return 0;
	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_timer(struct collector *c)
{
	int64_t ns = c->options.tick_ms * 1000000;
	struct timespec period = { ns / 1000000000, ns % 1000000000 };
	struct itimerspec t = { period, period };

	c->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->timer_fd < 0 || timerfd_settime(c->timer_fd, 0, &t, NULL) < 0)
		return -errno;
	return 0;
}

static int open_wakes(struct collector *c)
{
	int r;

	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (c->epoll_fd < 0 || c->stop_fd < 0)
		return -errno;
	r = open_timer(c);
	if (r)
		return r;
	if ((r = wake_on(c, c->timer_fd, WAKE_TIMER)) ||
	    (r = wake_on(c, probes_ring_fd(c->probes), WAKE_RING)) ||
	    (r = wake_on(c, jobs_fd(c->jobs), WAKE_JOBS)) ||
	    (r = wake_on(c, order_book_fd(c->book), WAKE_ORDERS)))
		return r;
	return wake_on(c, c->stop_fd, WAKE_STOP);
}

static int describe_machine(struct collector *c)
{
	struct entity *m = &c->machine;

	identity_boot_id(c->boot_id);
	m->number = ++c->last_number;
	m->kind = ENTITY_MACHINE;
	memcpy(m->key.boot_id, c->boot_id, sizeof(m->key.boot_id));
	return labels_set(&m->labels, "node", c->node);
}

static int copy_known(struct collector *c, const struct collector_options *o)
{
	if (o->known_count == 0)
		return 0;
	c->known = calloc(o->known_count, sizeof(c->known[0]));
	if (!c->known)
		return -ENOMEM;
	for (size_t i = 0; i < o->known_count; i++) {
		int r = entity_copy(&c->known[i], &o->known[i]);

		if (r)
			return r;
		c->known_count++;
	}
	return 0;
}

static void collector_free(struct collector *c)
{
	const int fds[] = { c->epoll_fd, c->timer_fd, c->stop_fd };

	watch_fini(c);
	jobs_stop(c->jobs);
	discovery_fini(c);
	binaries_fini(&c->binaries);
	instances_fini(&c->instances);
	probes_close(c->probes);
	entity_fini(&c->machine);
	batch_free(c->batch);
	complete_scans(c, -ECANCELED);
	free(c->scans);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fd_closep(&fds[i]);
	windows_fini(&c->windows);
	watch_settings_free(c->settings);
	free(c->node);
	free(c->cgroup_root);
	free(c);
}

static void prepare_sources(struct probes *p)
{
	for (size_t i = 0; sources[i]; i++) {
		if (sources[i]->prepare && probes_has_uprobes(p) &&
		    sources[i]->prepare(p))
			log_warn("no probes for runtime=%s", sources[i]->name);
	}
}

static int copy_builds(struct collector *c, const struct collector_options *o)
{
	int r = 0;

	/* Oldest first, and all before this run began. */
	for (size_t i = 0; i < o->build_count && r == 0; i++)
		r = changes_know_build(c, o->builds[i].service,
				       o->builds[i].build_id,
				       (int64_t)i - (int64_t)o->build_count);
	return r;
}

static int prepare(struct collector *c, const struct collector_options *o)
{
	int r;

	c->node = strdup(o->node);
	c->cgroup_root = strdup(o->cgroup_root);
	if (!c->node || !c->cgroup_root)
		return -ENOMEM;
	silence_load(c, o->maintenance, clock_now());
	cgroup_tree_find(&c->cgroups, c->cgroup_root);
	if ((r = describe_machine(c)) || (r = copy_known(c, o)) ||
	    (r = copy_builds(c, o)) ||
	    (r = state_load(c, o->states, clock_now())) ||
	    (r = batch_new(&c->batch, clock_now())) ||
	    (r = probes_open(&c->probes)) || (r = jobs_start(&c->jobs)))
		return r;
	prepare_sources(c->probes);
	return open_wakes(c);
}

int collector_start(struct collector **out, const struct collector_options *o,
		    struct queue *queue, struct census_board *board,
		    struct order_book *book)
{
	struct collector *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		watch_settings_free(o->settings);
		return -ENOMEM;
	}
	*c = (struct collector){
		.options = *o,
		.settings = o->settings,
		.queue = queue,
		.board = board,
		.book = book,
		.epoll_fd = -1,
		.timer_fd = -1,
		.stop_fd = -1,
	};
	r = prepare(c, o);
	if (r == 0)
		r = -pthread_create(&c->thread, NULL, run, c);
	if (r) {
		collector_free(c);
		return log_err(r, "cannot start the collector");
	}
	pthread_setname_np(c->thread, "hw-collector");
	*out = c;
	return 0;
}

void collector_stop(struct collector *c)
{
	if (!c)
		return;
	eventfd_write(c->stop_fd, 1);
	pthread_join(c->thread, NULL);
	collector_free(c);
}
