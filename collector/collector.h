#pragma once
/*
 * collector.h - processes in, batches out.
 *
 * One thread: epoll over the ring buffer, exits, orders and a timer. A job
 * thread does what is slow: analysing binaries, attaching and detaching
 * probes. Once a second every target is read and one batch goes into the
 * queue and one census onto the board.
 */
#include "collector/governor.h"
#include "common/census.h"
#include "common/order.h"
#include "common/pattern.h"
#include "common/queue.h"
#include "common/threshold.h"

/* Which processes are watched: the first rule that matches decides; a
 * process that no rule names is watched. NULL patterns match everything. */
struct watch_rule {
	bool include;
	struct pattern *exe;     /* owned; against the executable's path */
	struct pattern *service; /* owned */
	struct pattern *user;    /* owned; user name */
};

/*
 * What a reload may change, moved into the collector as one. The times are
 * the hysteresis of states (state.h).
 */
struct watch_settings {
	struct watch_rule *rules; /* owned */
	size_t rule_count;
	struct thresholds thresholds; /* owned */
	int64_t worsen_ms, improve_ms;
};

void watch_rules_free(struct watch_rule *rules, size_t count);
void watch_settings_free(void *settings);

/* The build of a service that was last seen, by an earlier run. */
struct last_build {
	const char *service, *build_id; /* borrowed */
};

struct collector_options {
	const char *node;        /* the label node; never NULL */
	struct watch_settings *settings; /* taken, whatever happens */
	int64_t tick_ms;         /* 1000 */
	int64_t rescan_ms;       /* 10000: fallback round over /proc */
	int target_max;          /* most processes watched at once */
	const char *cgroup_root; /* "/sys/fs/cgroup" */
	struct governor_budget budget; /* of probes */

	/*
	 * Processes that were open when heapwatch last stopped; borrowed for
	 * the call of collector_start. Those that still run keep their labels,
	 * those that do not are closed: "exited while heapwatch was down".
	 */
	const struct entity *known;
	size_t known_count;

	/* Borrowed for the call: builds of services, oldest first, and what
	 * the facts "maintenance" and "states" of the last run said, or NULL. */
	const struct last_build *builds;
	size_t build_count;
	const char *maintenance, *states;
};

struct collector;

/* Borrows queue, board and book, which must outlive it. */
int collector_start(struct collector **out, const struct collector_options *o,
		    struct queue *queue, struct census_board *board,
		    struct order_book *book);

/* Waits for both threads. The processes live on, so their series stay open. */
void collector_stop(struct collector *c);
OWN_DEFINE(struct collector *, collector_stop)
