/* Once a second: read every target, finish the batch, hand it on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "internal.h"

/* After a failed read: whatever the source did not tell is unreadable. */
static void mark_unread(struct target *t)
{
	for (int i = 0; i < COL_COUNT; i++) {
		if (!t->told[i] &&
		    (column_runtimes((enum column)i) & t->source->runtime))
			target_miss(t, (enum column)i, GAP_UNREADABLE);
	}
}

static void put_costs(struct collector *c, struct target *t, struct now now,
		      int r)
{
	int64_t read_ns = t->last_read_boot_ns ? t->last_read_boot_ns :
						 t->found_boot_ns;
	target_put(t, COL_TARGET_UP, r == 0);
	target_put(t, COL_TARGET_READ_AGE_SECONDS,
		   (double)((now.boot_ns - read_ns) / 1000000) / 1e3);
	target_put(t, COL_TARGET_READ_CPU_SECONDS_TOTAL,
		   (double)(t->read_cpu_ns / 1000) / 1e6);
	links_measure(c, t, now);
}

/* False when the process is gone. */
static bool read_target(struct collector *c, struct target *t, struct now now)
{
	int64_t cpu_ns = clock_thread_cpu_ns();
	int r;

	t->batch = c->batch;
	memset(t->told, 0, sizeof(t->told));
	links_note(c, t);
	r = system_read_target(t, &c->cgroups, now);
	if (r == 0)
		r = t->source->on_tick(t, now);
	if (r == 0) {
		t->last_read_boot_ns = now.boot_ns;
		t->reads++;
	} else {
		t->failed_reads++;
	}
	t->read_cpu_ns += clock_thread_cpu_ns() - cpu_ns;
	put_costs(c, t, now, r);
	mark_unread(t);
	state_update(c, t, now);
	changes_note_limit(c, t, now);
	if (t->attributes_changed)
		batch_add_entity(c->batch, &t->entity);
	t->attributes_changed = false;
	t->batch = NULL;
	return r != -ESRCH;
}

static void read_all(struct collector *c, struct now now)
{
	struct target *t;
	size_t i = 0;

	while ((t = map_next(&c->targets, &i))) {
		if (t->stage != TARGET_WATCHED)
			watch_advance(c, t, now);
		if (t->stage == TARGET_WATCHED && !read_target(c, t, now))
			watch_close(c, t, now, "exited");
	}
}

/* heapwatch's own memory by kind, from /proc/self/status. */
static void put_own_memory(struct collector *c)
{
	static const struct {
		const char *key;
		enum column column;
	} parts[] = {
		{ "RssAnon:", COL_HEAPWATCH_RESIDENT_ANON },
		{ "RssFile:", COL_HEAPWATCH_RESIDENT_FILE },
		{ "RssShmem:", COL_HEAPWATCH_RESIDENT_SHMEM },
	};
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			size_t len = strlen(parts[i].key);

			if (strncmp(line, parts[i].key, len) == 0)
				batch_add_sample(c->batch, c->machine.number,
						 parts[i].column,
						 atof(line + len) * 1024);
		}
	}
	if (f)
		fclose(f);
}

static size_t watched_count(struct collector *c)
{
	struct target *t;
	size_t i = 0, count = 0;

	while ((t = map_next(&c->targets, &i)))
		count += t->stage == TARGET_WATCHED;
	return count;
}

static void put_own(struct collector *c)
{
	const struct {
		enum column column;
		double value;
	} own_values[] = {
		{ COL_HEAPWATCH_UP, 1 },
		{ COL_HEAPWATCH_TARGETS, (double)watched_count(c) },
		{ COL_HEAPWATCH_CPU_SECONDS_TOTAL,
		  (double)(clock_process_cpu_ns() / 1000) / 1e6 },
		{ COL_HEAPWATCH_BATCHES_DROPPED_TOTAL,
		  (double)queue_dropped(c->queue) },
		{ COL_HEAPWATCH_RING_LOST_TOTAL,
		  (double)probes_lost(c->probes) },
		{ COL_HEAPWATCH_TICK_SECONDS,
		  (double)(c->tick_ns / 1000) / 1e6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(own_values); i++)
		batch_add_sample(c->batch, c->machine.number,
				 own_values[i].column, own_values[i].value);
	put_own_memory(c);
}

/* Hand the batch on and begin the next one. */
static void hand_on(struct collector *c, struct now now)
{
	struct batch *next;
	int r;

	if (batch_new(&next, now)) {
		/* No memory: this tick's samples go, who came and went stays. */
		c->batch->sample_count = 0;
		log_err(-ENOMEM, "a tick is lost");
		return;
	}
	c->batch->now = now;
	r = queue_push(c->queue, c->batch);
	if (r == -ENOSPC)
		log_warn("the writer does not keep up: batch dropped total=%lu",
			 queue_dropped(c->queue));
	c->batch = next;
}

void tick_run(struct collector *c, struct now now)
{
	int64_t begin = clock_monotonic_ns();

	silence_tick(c, now, changes_note_clock(c, now));
	read_all(c, now);
	state_keep(c, now);
	links_govern(c, now);
	system_read_machine(c->batch, c->machine.number);
	put_own(c);
	hand_on(c, now);
	c->ticks++;
	c->tick_ns = clock_monotonic_ns() - begin;
	report_publish(c, now);
}
