#pragma once
/*
 * internal.h - what the files of the collector's core share; nobody else
 * includes it.
 *
 * collector.c  thread, epoll, orders       discovery.c  which processes
 * watch.c      life of one target          rules.c      include and exclude
 * analysis.c   one executable, slow work   tick.c       read all, one batch
 * links.c      probes and their budget     report.c     the census
 */
#include <pthread.h>

#include "collector.h"
#include "identity.h"
#include "jobs.h"
#include "probes.h"
#include "source.h"
#include "system/system.h"

/* A process that is no runtime we know, or not yet: a JVM maps its library
 * some time after exec. */
struct candidate {
	pid_t pid;
	uint64_t start_ticks;
	int64_t found_boot_ns;
	int64_t recheck_boot_ns; /* INT64_MAX: never again */
	uint32_t scan;           /* the round that saw it last */
	bool hidden;             /* its executable may not be looked at */
	ino_t inode;             /* of it; only known where no events come */
};

/* Who held a service and instance last, to tell a restart. */
struct departed {
	char name[SERVICE_MAX + 16]; /* "service/instance" */
	int64_t boot_ns;             /* when it went, or was found gone */
	struct entity_key key;
	bool unseen;                 /* it went while heapwatch was down */
};

/* The state of a process when the last run ended. */
struct kept_state {
	pid_t pid;
	uint64_t start_ticks;
	char service[SERVICE_MAX];
	enum process_state state;
	int64_t since_ns;
	enum grade grades[STATE_SLIS];
	int64_t beyond_ns[STATE_SLIS];
};

/* The build that a service ran last, to tell a deploy. */
struct known_build {
	char service[SERVICE_MAX];
	char *build_id;  /* owned */
	int64_t seen_ns; /* boot time; rises with each start of the service */
};

#define BUILDS_MAX 2000 /* services; the one not seen for longest goes */

struct collector {
	struct collector_options options; /* its borrowed parts are gone */
	struct watch_settings *settings; /* owned */
	char *node;                 /* owned copies of what options point at */
	char *cgroup_root;
	struct queue *queue;        /* borrowed */
	struct census_board *board; /* borrowed */
	struct order_book *book;    /* borrowed */

	struct probes *probes;
	struct jobs *jobs;
	struct cgroup_tree cgroups;
	struct entity machine;
	char boot_id[37];

	struct map targets;    /* pid -> struct target, owned */
	struct map candidates; /* pid -> struct candidate, owned */
	struct map departed;   /* "service/instance" -> struct departed, owned */
	struct map builds;     /* service -> struct known_build, owned */
	struct windows windows; /* of maintenance */
	unsigned windows_version;
	int64_t clock_offset_ms; /* wall minus boot clock, of the last tick */
	struct binaries binaries;
	struct instances instances;
	uint32_t last_number;

	struct batch *batch;   /* the next one; discovery adds between ticks */
	struct order *scans;   /* orders that wait for the first readings */
	size_t scan_count;
	int64_t scan_deadline_ns;

	struct entity *known;  /* owned; of the last run, until matched */
	size_t known_count;
	struct kept_state *kept; /* owned; likewise */
	size_t kept_count;
	bool states_changed;    /* since they were written */
	int64_t states_kept_ns;

	/* counters for the census */
	uint64_t rounds, processes;
	uint64_t ring_events, ticks, late_ticks;
	int64_t tick_ns, next_rescan_ns;
	int64_t governed_ns;   /* when links were last judged */
	double probe_share;    /* of one CPU: all probes, in the last window */

	int epoll_fd, timer_fd, stop_fd;
	pthread_t thread;
};

/* discovery.c */

/* A round over /proc: all processes not yet known. */
void discovery_scan(struct collector *c);

/* Look at one process now, whatever was known of its pid. */
void discovery_consider(struct collector *c, pid_t pid);

/* A program was started: look at it if it still is there in a moment. */
void discovery_expect(struct collector *c, pid_t pid, struct now now);

/* Rechecks whose time has come. */
void discovery_recheck(struct collector *c, struct now now);
void discovery_forget(struct collector *c, pid_t pid);
void discovery_fini(struct collector *c);

/* Processes of the last run: keep those that live, close the others. */
void discovery_adopt(struct collector *c, struct now now);

/* Those that the first scan did not find worth watching again: close them. */
void discovery_disown(struct collector *c, struct now now);

/* watch.c */

/* Begin to watch; takes the process and one reference of the binary. */
void watch_open(struct collector *c, struct process *p, struct binary *b,
		const struct source *source, struct now now);

/* Go on where it waits: analysis done, attach due, refused ones to retry. */
void watch_advance(struct collector *c, struct target *t, struct now now);

/* End: closes its series with the reason and frees it. */
void watch_close(struct collector *c, struct target *t, struct now now,
		 const char *reason);

/* It went; watch_close() does so itself. unseen: while heapwatch was down. */
void watch_note_departed(struct collector *c, const struct entity *e,
			 bool unseen, struct now now);

/* Those that went too long ago for their next start to be a restart. */
void watch_forget_departed(struct collector *c, struct now now);

/* Free all targets without closing their series: heapwatch itself stops. */
void watch_fini(struct collector *c);

/* rules.c */

/* The first rule that matches decides; 0 when the process may be watched,
 * else the number of the rule that excludes it, from 1. */
size_t rules_exclude(const struct collector *c, const struct process *p,
		     const char *service);

/* analysis.c */

/* Learn a binary; watch_advance() of its targets follows. -ENOMEM. */
int analysis_submit(struct collector *c, struct binary *b,
		    const struct source *source);

/* Drop a reference of a binary, or NULL; with the last one its probes go. */
void analysis_release(struct collector *c, struct binary *b);

/* links.c */

/* The file that a target's probes go into; NULL: none can. */
struct binary *links_binary(const struct target *t);

/* Let its process through the kernel's filter; probes for its binary. */
void links_want(struct collector *c, struct target *t, struct now now);

/* Detach the probes of a binary, on the job thread. */
void links_drop(struct collector *c, struct binary *b);

/* Before a target is read: do its probes tell anything? */
void links_note(struct collector *c, struct target *t);

/* After it was read: what its probes cost it, and put the columns of it. */
void links_measure(struct collector *c, struct target *t, struct now now);

/* CPU time of one hit where the probe sits, or will; 0: not known. */
double links_cost_ns(const struct collector *c, const struct binary *b,
		     enum probe probe);

struct census_governor links_report(const struct collector *c);

/* Once a tick, all being measured: attach, keep or detach each link. */
void links_govern(struct collector *c, struct now now);

/* silence.c: planned maintenance */
void silence_load(struct collector *c, const char *text, struct now now);

/* Handles the window of an order; 0 or -ENOSPC, -ENOENT. */
int silence_start(struct collector *c, struct window *w, struct now now);
int silence_end(struct collector *c, const char *service, struct now now);

/* Ends windows whose time has come; moved: the wall clock stepped. */
void silence_tick(struct collector *c, struct now now, bool moved);

/* state_keep.c: states across restarts of heapwatch */

/* Writes them with the batch, if any changed. */
void state_keep(struct collector *c, struct now now);

/* Takes what state_keep() wrote, NULL for nothing; -ENOMEM. */
int state_load(struct collector *c, const char *text, struct now now);

/* A process that is watched again is in the state it was in. */
void state_recall(struct collector *c, struct target *t);

/* reload.c */

/* Takes the settings; closes what is excluded now and looks at what is not. */
void reload_run(struct collector *c, struct watch_settings *s, struct now now);

/* ending.c: how a process ended */

/* From the kernel's record of an exit. */
void ending_note(struct collector *c, const struct event_header *e);
void ending_note_oom(struct collector *c, const struct event_header *e);

/* "exited with code 3", "was killed by signal 9"; "exited" where nobody may
 * know. */
void ending_describe(struct target *t, char *out, size_t len);

/* changes.c: what is told when it changes */
void changes_note_build(struct collector *c, const struct target *t,
			struct now now);

/* The service runs that build. -ENOMEM. */
int changes_know_build(struct collector *c, const char *service,
		       const char *build_id, int64_t seen_ns);
const char *changes_last_build(const struct collector *c, const char *service);
void changes_fini(struct collector *c);
void changes_note_limit(struct collector *c, struct target *t, struct now now);

/* True when the wall clock stepped since the last tick. */
bool changes_note_clock(struct collector *c, struct now now);

/* tick.c */
void tick_run(struct collector *c, struct now now);

/* report.c */
void report_publish(struct collector *c, struct now now);
