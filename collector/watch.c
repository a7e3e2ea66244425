/* The life of one target: found, analysed, attached, read, closed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "common/log.h"
#include "internal.h"
#include "priv.h"

#define ATTACH_RETRY_NS  100000000ll         /* a runtime that starts up */
#define ATTACH_GIVEUP_NS (60 * 1000000000ll)
#define REFUSED_RETRY_NS (60 * 1000000000ll)
#define RESTART_NS       (600 * 1000000000ll) /* sooner it is a restart */

/* ---- attach ---- */

static void refuse(struct target *t, struct now now)
{
	bool first = t->stage != TARGET_REFUSED;

	t->stage = TARGET_REFUSED;
	t->retry_boot_ns = now.boot_ns + REFUSED_RETRY_NS;
	if (first)
		log_warn("cannot watch pid=%d runtime=%s reason=\"%s\"",
			 t->process->pid, t->source->name, t->why);
}

/* An exec is none: it goes on under its pid. */
static bool same_start(const struct entity_key *a, const struct entity_key *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks &&
	       strcmp(a->boot_id, b->boot_id) == 0;
}

/* A process that took the place of one that went not long ago. */
static void tell_start(struct collector *c, struct target *t, struct now now)
{
	const struct labels *l = &t->entity.labels;
	char name[SERVICE_MAX + 16];
	struct departed *d;

	snprintf(name, sizeof(name), "%s/%s", labels_get(l, "service"),
		 labels_get(l, "instance"));
	d = map_remove_str(&c->departed, name);
	if (d && !same_start(&d->key, &t->entity.key) &&
	    now.boot_ns - d->boot_ns < RESTART_NS)
		batch_add_event(c->batch, EVENT_TARGET_RESTARTED,
				t->entity.number, now.boot_ns,
				"%s restarted%s: pid %d after pid %d", name,
				d->unseen ? " while heapwatch was down" : "",
				t->process->pid, d->key.pid);
	else
		batch_add_event(c->batch, EVENT_TARGET_STARTED,
				t->entity.number, now.boot_ns,
				"%s is watched: pid %d, %s%s%s", name,
				t->process->pid, t->source->name,
				*t->binary->version ? " " : "",
				t->binary->version);
	free(d);
}

static void attached(struct collector *c, struct target *t, struct now now)
{
	t->stage = TARGET_WATCHED;
	t->why[0] = '\0';
	t->attributes_changed = false;
	t->left_open = false;
	batch_add_entity(c->batch, &t->entity);
	tell_start(c, t, now);
	changes_note_build(c, t, now);
	state_recall(c, t);
	links_want(c, t, now);
}

/* A right is what is missing, or something else is. */
static void refuse_memory(struct target *t, struct now now)
{
	if (t->mem_fd == -EACCES || t->mem_fd == -EPERM)
		target_explain(t, "its memory cannot be read: needs "
				  "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or "
				  "the same user");
	else
		target_explain(t, "its memory cannot be read: %s",
			       strerror(-t->mem_fd));
	refuse(t, now);
}

static void attach(struct collector *c, struct target *t, struct now now)
{
	int r;

	if (t->mem_fd < 0)
		t->mem_fd = priv_open_mem(t->process->pid);
	if (t->mem_fd < 0 && t->source->needs_memory) {
		refuse_memory(t, now);
		return;
	}
	target_explain(t, "its runtime refused to be read");
	r = t->source->attach(t);
	if (r == 0) {
		attached(c, t, now);
	} else if (r == -EAGAIN &&
		   now.boot_ns - t->found_boot_ns < ATTACH_GIVEUP_NS) {
		target_explain(t, "its runtime is starting");
		t->retry_boot_ns = now.boot_ns + ATTACH_RETRY_NS;
	} else {
		if (r == -EAGAIN)
			target_explain(t, "its runtime has not started within "
					  "a minute");
		refuse(t, now);
	}
}

/* Is there room for one more that is read every second? */
static bool room_for(struct collector *c, struct target *t, struct now now)
{
	const struct target *other;
	size_t i = 0;
	int count = 0;

	while ((other = map_next(&c->targets, &i)))
		count += other != t && other->stage != TARGET_REFUSED;
	if (count < c->options.target_max)
		return true;
	target_explain(t, "more than collector.targets_max = %d processes",
		       c->options.target_max);
	refuse(t, now);
	return false;
}

void watch_advance(struct collector *c, struct target *t, struct now now)
{
	struct binary *b = t->binary;

	if (t->stage == TARGET_WATCHED || t->retry_boot_ns > now.boot_ns)
		return;
	if (!room_for(c, t, now))
		return;
	if (!t->source->analyse || t->source->open_library) {
		attach(c, t, now);
		return;
	}
	switch (b->stage) {
	case BINARY_NEW:
		if (analysis_submit(c, b, t->source))
			t->retry_boot_ns = now.boot_ns + REFUSED_RETRY_NS;
		break;
	case BINARY_QUEUED:
		break;
	case BINARY_READY:
		attach(c, t, now);
		break;
	case BINARY_FAILED:
		target_explain(t, "%s", b->why);
		refuse(t, now);
		break;
	}
}

/* ---- open and close ---- */

/* The labels of the last run, if this very process was watched then. */
static bool adopt_labels(struct collector *c, struct target *t)
{
	for (size_t i = 0; i < c->known_count; i++) {
		struct entity *e = &c->known[i];

		if (e->key.pid != t->process->pid ||
		    e->key.start_ticks != t->process->start_ticks)
			continue;
		t->entity.labels = e->labels;
		e->labels = (struct labels){ 0 };
		entity_fini(e);
		c->known[i] = c->known[--c->known_count];
		return true;
	}
	return false;
}

static int set_labels(struct collector *c, struct target *t,
		      const char *service)
{
	struct labels *l = &t->entity.labels;
	char pid[16];
	int r;

	t->left_open = adopt_labels(c, t);
	if (t->left_open)
		return 0;
	snprintf(pid, sizeof(pid), "%d", t->process->pid);
	if ((r = labels_set(l, "node", c->node)) ||
	    (r = labels_set(l, "service", service)) ||
	    (r = labels_set(l, "runtime", t->source->name)))
		return r;
	return labels_set(l, "pid", pid);
}

static void set_attributes(struct target *t)
{
	target_set_attribute(t, "exe", t->process->exe);
	target_set_attribute(t, "user", t->process->user);
	target_set_attribute(t, "version", t->binary->version);
	target_set_attribute(t, "build_id", t->binary->build_id);
	target_set_attribute(t, "container", t->process->container);
}

static void set_key(struct collector *c, struct entity *e,
		    const struct process *p)
{
	e->kind = ENTITY_PROCESS;
	e->number = ++c->last_number;
	e->key.pid = p->pid;
	e->key.start_ticks = p->start_ticks;
	e->start_wall_ms = p->start_wall_ms;
	snprintf(e->key.boot_id, sizeof(e->key.boot_id), "%s", c->boot_id);
}

/* Who is excluded gets none: it shall not move the numbers of others. */
static int set_instance(struct collector *c, struct target *t)
{
	struct labels *l = &t->entity.labels;
	unsigned instance;
	char number[16];
	int r;

	if (labels_get(l, "instance"))
		return 0;
	r = instances_take(&c->instances, labels_get(l, "service"), &instance);
	if (r)
		return r;
	snprintf(number, sizeof(number), "%u", instance);
	return labels_set(l, "instance", number);
}

/* pid_fd becomes readable when the process is gone; false: it is already. */
static bool watch_exit(struct collector *c, struct target *t)
{
	struct epoll_event e = { .events = EPOLLIN,
				 .data.u64 = (uint64_t)t->process->pid };

	t->pid_fd = (int)syscall(SYS_pidfd_open, t->process->pid, 0);
	if (t->pid_fd < 0)
		return errno != ESRCH;
	epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, t->pid_fd, &e);
	return true;
}

static void target_free(struct collector *c, struct target *t)
{
	const struct labels *l = &t->entity.labels;
	const char *instance = labels_get(l, "instance");

	if (t->stage == TARGET_WATCHED || t->state)
		t->source->detach(t);
	if (instance)
		instances_release(&c->instances, labels_get(l, "service"),
				  (unsigned)atoi(instance));
	if (c->probes)
		probes_unwatch(c->probes, t->process->pid);
	if (t->pid_fd >= 0)
		close(t->pid_fd);
	if (t->mem_fd >= 0)
		close(t->mem_fd);
	analysis_release(c, t->binary);
	analysis_release(c, t->library);
	process_free(t->process);
	entity_fini(&t->entity);
	free(t);
}

static struct target *target_new(struct process *p, struct binary *b,
				 const struct source *source, struct now now)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->process = p;
	t->binary = b;
	t->source = source;
	t->mem_fd = -1;
	t->pid_fd = -1;
	t->found_boot_ns = now.boot_ns;
	return t;
}

/* One that the last run watched still is open in the store: end it there. */
static void close_left_open(struct collector *c, struct target *t,
			    struct now now, const char *reason)
{
	if (!t->left_open)
		return;
	t->left_open = false;
	batch_add_entity(c->batch, &t->entity);
	batch_add_close(c->batch, t->entity.number, now.boot_ns, reason);
}

static void exclude(struct collector *c, struct target *t, struct now now,
		    size_t rule)
{
	target_explain(t, "excluded by watch rule %zu", rule);
	t->excluded = true;
	t->stage = TARGET_REFUSED;
	t->retry_boot_ns = INT64_MAX;
	close_left_open(c, t, now, "excluded");
}

void watch_open(struct collector *c, struct process *p, struct binary *b,
		const struct source *source, struct now now)
{
	char service[SERVICE_MAX];
	struct target *t = target_new(p, b, source, now);
	size_t rule;

	if (!t) {
		process_free(p);
		analysis_release(c, b);
		return;
	}
	set_key(c, &t->entity, p);
	identity_service(service, p, source->name);
	rule = rules_exclude(c, p, service);
	if (set_labels(c, t, service) || (!rule && set_instance(c, t)) ||
	    map_set(&c->targets, (uint64_t)p->pid, t)) {
		target_free(c, t);
		return;
	}
	set_attributes(t);
	if (!watch_exit(c, t)) {
		watch_close(c, t, now, "exited");
	} else if (rule) {
		exclude(c, t, now, rule);
	} else {
		target_explain(t, "its executable is being analysed");
		watch_advance(c, t, now);
	}
}

/* Remember who went, so that the next of the same name is a restart. */
void watch_note_departed(struct collector *c, const struct entity *e,
			 bool unseen, struct now now)
{
	const struct labels *l = &e->labels;
	struct departed *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	*d = (struct departed){ .boot_ns = now.boot_ns, .key = e->key,
				.unseen = unseen };
	snprintf(d->name, sizeof(d->name), "%s/%s", labels_get(l, "service"),
		 labels_get(l, "instance"));
	free(map_remove_str(&c->departed, d->name));
	if (map_set_str(&c->departed, d->name, d))
		free(d);
}

void watch_forget_departed(struct collector *c, struct now now)
{
	struct departed *d;
	size_t i = 0;

	while ((d = map_next(&c->departed, &i))) {
		if (now.boot_ns - d->boot_ns > RESTART_NS)
			free(map_remove_str(&c->departed, d->name));
	}
}

void watch_close(struct collector *c, struct target *t, struct now now,
		 const char *reason)
{
	const struct labels *l = &t->entity.labels;
	char ending[96];

	if (strcmp(reason, "exited") == 0) {
		ending_describe(t, ending, sizeof(ending));
		reason = ending;
	}
	if (t->stage == TARGET_WATCHED) {
		state_end(c, t, now);
		batch_add_close(c->batch, t->entity.number, now.boot_ns,
				reason);
		batch_add_event(c->batch, EVENT_TARGET_EXITED,
				t->entity.number, now.boot_ns,
				"%s/%s (pid %d) %s", labels_get(l, "service"),
				labels_get(l, "instance"), t->process->pid,
				reason);
		watch_note_departed(c, &t->entity, false, now);
		log_info("target closed pid=%d service=%s instance=%s "
			 "reason=\"%s\"", t->process->pid,
			 labels_get(l, "service"), labels_get(l, "instance"),
			 reason);
	}
	close_left_open(c, t, now, reason);
	map_remove(&c->targets, (uint64_t)t->process->pid);
	target_free(c, t);
}

void watch_fini(struct collector *c)
{
	struct departed *d;
	struct target *t;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i)))
		target_free(c, t);
	map_fini(&c->targets);
	i = 0;
	while ((d = map_next(&c->departed, &i)))
		free(d);
	map_fini(&c->departed);
	changes_fini(c);
}
