/* Which processes there are, and which of them are worth watching. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "internal.h"
#include "priv.h"

#define EXPECT_NS        100000000ll /* most commands of a shell end sooner */
#define RECHECK_FIRST_NS 250000000ll /* a JVM maps libjvm in 10-50 ms */
#define RECHECK_MAX_NS   (60 * 1000000000ll)
#define RECHECK_AGE_NS   (600 * 1000000000ll) /* no recheck beyond that */

/* The next look: first soon, then at ever longer intervals, then never. */
static int64_t next_recheck(const struct candidate *k, struct now now)
{
	int64_t age = now.boot_ns - k->found_boot_ns;
	int64_t wait = age < RECHECK_FIRST_NS ? RECHECK_FIRST_NS : age;

	if (age > RECHECK_AGE_NS)
		return INT64_MAX;
	return now.boot_ns + (wait < RECHECK_MAX_NS ? wait : RECHECK_MAX_NS);
}

void discovery_forget(struct collector *c, pid_t pid)
{
	free(map_remove(&c->candidates, (uint64_t)pid));
}

static void add_candidate(struct collector *c, struct candidate candidate)
{
	struct candidate *k = malloc(sizeof(*k));

	discovery_forget(c, candidate.pid);
	if (!k)
		return;
	*k = candidate;
	k->scan = (uint32_t)c->rounds;
	if (map_set(&c->candidates, (uint64_t)k->pid, k))
		free(k);
}

/* Remember a process that is not ours (yet). */
static void note_candidate(struct collector *c, const struct process *p,
			   bool hidden, struct now now)
{
	struct candidate *k = map_get(&c->candidates, (uint64_t)p->pid);

	if (k && k->start_ticks == p->start_ticks) {
		k->recheck_boot_ns = next_recheck(k, now);
		k->hidden = hidden;
		return;
	}
	add_candidate(c, (struct candidate){
		.pid = p->pid,
		.start_ticks = p->start_ticks,
		.hidden = hidden,
		.found_boot_ns = now.boot_ns,
		.recheck_boot_ns = now.boot_ns + RECHECK_FIRST_NS,
	});
}

void discovery_expect(struct collector *c, pid_t pid, struct now now)
{
	add_candidate(c, (struct candidate){
		.pid = pid,
		.found_boot_ns = now.boot_ns,
		.recheck_boot_ns = now.boot_ns + EXPECT_NS,
	});
}

/*
 * The runtime of a process, or NULL. A file is asked once: what match() noted
 * of it may be read by the job thread by the time its next process starts.
 */
static const struct source *match(const struct process *p, struct binary *b)
{
	if (b->source && b->source->per_binary)
		return b->source;
	for (unsigned i = 0; sources[i]; i++) {
		const struct source *s = sources[i];

		if (s->per_binary && (b->refused & 1u << i))
			continue;
		if (s->match(p, b)) {
			if (s->per_binary)
				b->source = s;
			return s;
		}
		if (s->per_binary)
			b->refused |= 1u << i;
	}
	return NULL;
}

/* The executable as a binary; -EACCES when it may not be opened. */
static int open_binary(struct collector *c, struct binary **out, pid_t pid)
{
	int fd = priv_open_exe(pid);

	return fd < 0 ? fd : binaries_get(&c->binaries, out, fd);
}

static void consider_process(struct collector *c, struct process *process,
			     struct now now)
{
	own(process_freep) struct process *p = process;
	const struct source *source;
	struct binary *b;
	int r = open_binary(c, &b, p->pid);

	if (r) {
		note_candidate(c, p, r == -EACCES || r == -EPERM, now);
		return;
	}
	source = match(p, b);
	if (!source) {
		binaries_unref(&c->binaries, b);
		note_candidate(c, p, false, now);
		return;
	}
	discovery_forget(c, p->pid);
	watch_open(c, take(p), b, source, now);
}

void discovery_consider(struct collector *c, pid_t pid)
{
	struct target *t = map_get(&c->targets, (uint64_t)pid);
	/* Taken before anything is read: a later exec is one not yet seen. */
	struct now now = clock_now();
	struct process *p;
	int r;

	if (pid == getpid())
		return;
	r = process_read(&p, pid);
	if (r && r != -EACCES) {
		/* gone, or a kernel thread */
		discovery_forget(c, pid);
		return;
	}
	if (t)
		watch_close(c, t, now,
			    t->process->start_ticks == p->start_ticks ?
				    "replaced by exec" : "exited");
	consider_process(c, p, now);
}

void discovery_recheck(struct collector *c, struct now now)
{
	struct candidate *k;
	size_t i = 0;

	while ((k = map_next(&c->candidates, &i))) {
		if (k->recheck_boot_ns <= now.boot_ns) {
			discovery_consider(c, k->pid);
			/* The map may have changed: begin again. Those just
			 * looked at are not due any more. */
			i = 0;
		}
	}
}

/* Where no event tells of an exec, the file it runs does: 0 when unknown. */
static ino_t exe_inode(pid_t pid)
{
	own(fd_closep) int fd = priv_open_exe(pid);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static bool is_known_target(struct collector *c, const struct target *t,
			    uint64_t ticks)
{
	return t->process->start_ticks == ticks &&
	       (probes_has_process_events(c->probes) ||
		exe_inode(t->process->pid) == t->binary->inode);
}

static bool is_known_candidate(struct collector *c, struct candidate *k,
			       uint64_t ticks)
{
	ino_t inode;

	k->scan = (uint32_t)c->rounds;
	if (k->start_ticks != ticks)
		return false;
	if (probes_has_process_events(c->probes))
		return true;
	inode = exe_inode(k->pid);
	if (inode == k->inode)
		return true;
	k->inode = inode;
	k->found_boot_ns = clock_now().boot_ns; /* young again */
	return false;
}

/* Is what we know of this pid still the same program? */
static bool is_known(struct collector *c, pid_t pid)
{
	struct target *t = map_get(&c->targets, (uint64_t)pid);
	struct candidate *k = map_get(&c->candidates, (uint64_t)pid);
	uint64_t ticks;

	if ((!t && !k) || process_start_ticks(pid, &ticks))
		return false;
	return t ? is_known_target(c, t, ticks) :
		   is_known_candidate(c, k, ticks);
}

/* Candidates that the round did not meet are gone. */
static void sweep_candidates(struct collector *c)
{
	struct candidate *k;
	size_t i = 0;

	while ((k = map_next(&c->candidates, &i))) {
		if (k->scan != (uint32_t)c->rounds)
			discovery_forget(c, k->pid);
	}
}

void discovery_scan(struct collector *c)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc) {
		log_err(-errno, "cannot list /proc");
		return;
	}
	c->rounds++;
	c->processes = 0;
	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid <= 0 || *end)
			continue;
		c->processes++;
		if (!is_known(c, (pid_t)pid))
			discovery_consider(c, (pid_t)pid);
	}
	closedir(proc);
	sweep_candidates(c);
}

/* A process of the last run that still is the same start of its pid. */
static bool still_runs(struct collector *c, const struct entity *e)
{
	uint64_t ticks;

	return strcmp(e->key.boot_id, c->boot_id) == 0 &&
	       process_start_ticks(e->key.pid, &ticks) == 0 &&
	       ticks == e->key.start_ticks;
}

/* It ended while nobody looked: a process, or the machine of another boot. */
static void close_lost(struct collector *c, struct entity *e, struct now now)
{
	const char *service = labels_get(&e->labels, "service");
	const char *instance = labels_get(&e->labels, "instance");
	bool process = e->kind == ENTITY_PROCESS;

	e->number = ++c->last_number;
	batch_add_entity(c->batch, e);
	batch_add_close(c->batch, e->number, now.boot_ns,
			process ? "exited while heapwatch was down" :
				  "restarted");
	if (process && service && instance)
		watch_note_departed(c, e, true, now);
	if (process)
		batch_add_event(c->batch, EVENT_TARGET_EXITED, e->number,
				now.boot_ns,
				"%s/%s (pid %d) exited while heapwatch was "
				"down", service ? service : "?",
				instance ? instance : "?", e->key.pid);
}

void discovery_adopt(struct collector *c, struct now now)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->known_count; i++) {
		struct entity *e = &c->known[i];
		const char *service = labels_get(&e->labels, "service");
		const char *instance = labels_get(&e->labels, "instance");

		if (e->kind == ENTITY_PROCESS && service && instance &&
		    still_runs(c, e)) {
			instances_reserve(&c->instances, service,
					  (unsigned)atoi(instance));
			c->known[kept++] = *e;
			continue;
		}
		if (e->kind == ENTITY_PROCESS ||
		    strcmp(e->key.boot_id, c->boot_id) != 0)
			close_lost(c, e, now);
		entity_fini(e);
	}
	c->known_count = kept;
}

void discovery_disown(struct collector *c, struct now now)
{
	for (size_t i = 0; i < c->known_count; i++) {
		struct entity *e = &c->known[i];

		e->number = ++c->last_number;
		batch_add_entity(c->batch, e);
		batch_add_close(c->batch, e->number, now.boot_ns,
				"not watched any more");
		instances_release(&c->instances,
				  labels_get(&e->labels, "service"),
				  (unsigned)atoi(labels_get(&e->labels,
							    "instance")));
		entity_fini(e);
	}
	c->known_count = 0;
}

void discovery_fini(struct collector *c)
{
	struct candidate *k;
	size_t i = 0;

	while ((k = map_next(&c->candidates, &i)))
		free(k);
	map_fini(&c->candidates);
	for (i = 0; i < c->known_count; i++)
		entity_fini(&c->known[i]);
	free(c->known);
	free(c->kept);
}
