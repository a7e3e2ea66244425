/* GET /api/v1/status: how heapwatch itself is doing. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/version.h"

#include "route.h"

static void begin(struct json *j, const char *key)
{
	json_key(j, key);
	json_object(j);
}

/* The file was damaged at this start. */
static void put_salvage(struct json *j, const struct store_stats *s)
{
	begin(j, "salvage");
	json_put_string(j, "kept", s->salvaged_from);
	json_put_int(j, "rows", (int64_t)s->salvaged_rows);
	json_put_int(j, "holes", (int64_t)s->salvage_holes);
	json_put_bool(j, "complete", s->salvage_error == 0);
	if (s->salvage_error)
		json_put_string(j, "error", strerror(-s->salvage_error));
	json_end(j);
}

static void put_store(struct json *j, struct store *store)
{
	struct store_stats s;

	store_stats(store, &s);
	begin(j, "store");
	json_put_int(j, "samples", (int64_t)s.samples);
	json_put_int(j, "batches", (int64_t)s.batches);
	json_put_int(j, "rows", (int64_t)s.rows);
	json_put_int(j, "row_bytes", (int64_t)s.row_bytes);
	json_put_int(j, "write_errors", (int64_t)s.write_errors);
	json_put_int(j, "damaged_rows", (int64_t)s.damaged_rows);
	json_put_int(j, "lost_samples", (int64_t)s.lost_samples);
	json_put_int(j, "lost_events", (int64_t)s.lost_events);
	json_put_int(j, "dropped_rows", (int64_t)s.dropped_rows);
	json_put_int(j, "held_batches", (int64_t)s.held_batches);
	json_put_double(j, "flush_seconds", (double)s.flush_ns / 1e9);
	if (s.last_flush_wall_ms)
		json_put_int(j, "last_flush_ms", s.last_flush_wall_ms);
	if (s.oldest_ms)
		json_put_int(j, "oldest_ms", s.oldest_ms);
	json_put_int(j, "file_bytes", s.file_bytes);
	json_put_int(j, "damaged_bytes", s.damaged_bytes);
	json_put_int(j, "sqlite_bytes", s.sqlite_bytes);
	json_put_int(j, "series", (int64_t)s.series);
	json_put_int(j, "entities", (int64_t)s.entities);
	json_put_bool(j, "short_of_disk", s.short_of_disk);
	json_put_string(j, "last_error", s.last_error);
	if (s.salvaged_from[0])
		put_salvage(j, &s);
	json_end(j);
}

static int64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = -1;
	fclose(file);
	return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

/* What the program holds, and what its allocator keeps beside. A sanitizer
 * brings an allocator of its own, of which the C library knows nothing. */
static void put_allocated(struct json *j)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	const struct mallinfo2 m = mallinfo2();

	json_put_int(j, "allocated_bytes", (int64_t)(m.uordblks + m.hblkhd));
	json_put_int(j, "free_bytes", (int64_t)m.fordblks);
#else
	(void)j;
#endif
}

static void put_self(struct json *j)
{
	int64_t resident = resident_bytes();

	begin(j, "self");
	json_put_int(j, "pid", getpid());
	json_put_double(j, "cpu_seconds", (double)clock_process_cpu_ns() / 1e9);
	if (resident >= 0)
		json_put_int(j, "resident_bytes", resident);
	put_allocated(j);
	json_end(j);
}

static void put_lacks(struct json *j, const struct census *c)
{
	json_key(j, "lacks");
	json_array(j);
	for (size_t i = 0; i < c->lack_count; i++) {
		json_object(j);
		json_put_string(j, "what", c->lacks[i].what);
		json_put_string(j, "needs", c->lacks[i].needs);
		json_put_string(j, "reason", c->lacks[i].reason);
		json_end(j);
	}
	json_end(j);
}

static void put_collector(struct json *j, const struct census *c)
{
	int64_t watched = 0;

	for (size_t i = 0; i < c->target_count; i++)
		watched += c->targets[i].watched;
	begin(j, "collector");
	json_put_int(j, "watched", watched);
	json_put_int(j, "not_watched", (int64_t)c->target_count - watched);
	json_put_int(j, "processes", (int64_t)c->processes);
	json_put_int(j, "scans", (int64_t)c->scans);
	json_put_int(j, "ticks", (int64_t)c->ticks);
	json_put_int(j, "late_ticks", (int64_t)c->late_ticks);
	json_put_double(j, "tick_seconds", (double)c->tick_ns / 1e9);
	json_put_bool(j, "exec_events", c->exec_events);
	json_put_int(j, "ring_events", (int64_t)c->ring_events);
	json_put_int(j, "ring_lost", (int64_t)c->ring_lost);
	json_end(j);
	put_lacks(j, c);
}

static void put_governor(struct json *j, const struct census_governor *g)
{
	begin(j, "governor");
	json_put_double(j, "target_budget_ratio", g->target_budget);
	json_put_double(j, "total_budget_ratio", g->total_budget);
	json_put_double(j, "cpu_ratio", g->share);
	if (g->emulated_ns > 0)
		json_put_double(j, "hit_emulated_seconds",
				g->emulated_ns / 1e9);
	if (g->stepped_ns > 0)
		json_put_double(j, "hit_stepped_seconds", g->stepped_ns / 1e9);
	json_put_int(j, "attached", g->attached);
	json_put_int(j, "backing_off", g->backing_off);
	json_put_int(j, "refused", g->refused);
	json_end(j);
}

static void put_queue(struct json *j, struct queue *queue)
{
	begin(j, "queue");
	json_put_int(j, "depth", (int64_t)queue_depth(queue));
	json_put_int(j, "dropped", (int64_t)queue_dropped(queue));
	json_end(j);
}

static void put_http(struct json *j, struct site *s)
{
	begin(j, "http");
	json_put_int(j, "requests", (int64_t)atomic_load(&s->requests));
	json_put_int(j, "refused", (int64_t)atomic_load(&s->refused));
	json_end(j);
}

static void put_reload(struct json *j, struct site *s)
{
	struct reload_status r;

	pthread_mutex_lock(&s->lock);
	r = s->reload;
	pthread_mutex_unlock(&s->lock);
	if (r.wall_ms == 0)
		return;
	begin(j, "reload");
	json_put_int(j, "time_ms", r.wall_ms);
	json_put_bool(j, "ok", r.ok);
	json_put_string(j, r.ok ? "wants_restart" : "problem", r.text);
	json_end(j);
}

int handle_status(const struct request *q, struct reply *a, struct problem *p)
{
	own(census_unrefp) struct census *c = census_get(q->site->board);
	struct json j = json_writer(&a->body);

	(void)p;
	json_object(&j);
	json_put_string(&j, "version", heapwatch_version());
	json_put_string(&j, "node", q->site->options.node);
	json_put_double(&j, "uptime_seconds",
			(double)(clock_monotonic_ns() - q->site->started_ns) /
				1e9);
	json_put_bool(&j, "ready", c != NULL);
	put_self(&j);
	if (c) {
		put_collector(&j, c);
		put_governor(&j, &c->governor);
	}
	put_queue(&j, q->site->queue);
	put_store(&j, q->site->store);
	put_http(&j, q->site);
	if (c)
		thresholds_put(&j, c->thresholds, c->threshold_count);
	put_reload(&j, q->site);
	json_end(&j);
	return 0;
}
