#pragma once
/*
 * store_fixture.h - a store in the working directory and ticks to fill it;
 * time is data, so tests choose it.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "faulty_vfs.h"
#include "server/store/store.h"
#include "test.h"

#define T0 1900000000000ll /* Unix ms; a multiple of every step used */
#define DB "test.db"

static inline struct store_options fixture_options(void)
{
	return (struct store_options){
		.path = DB,
		.resolution_ms = 10000,
		.flush_ms = 10000,
		.memory_ms = 900000,
	};
}

static inline void fixture_wipe(void)
{
	unlink(DB);
	unlink(DB "-wal");
	unlink(DB "-shm");
	unlink(DB "-ballast");
	unlink(DB "-lock");
}

static inline struct store *fixture_open(struct store_options o)
{
	struct problem p = {0};
	struct store *s;
	int r;

	faulty_register();
	r = store_open(&s, &o, &p);
	ck_assert_msg(r == 0, "store_open: %d %s", r, p.text);
	return s;
}

/* An empty one; tests share the directory. */
static inline struct store *fixture_fresh(struct store_options o)
{
	fixture_wipe();
	return fixture_open(o);
}

/* Boot time begins at 1000 s at T0 and goes with the wall time given. */
static inline struct now at(int64_t wall_ms)
{
	return (struct now){(wall_ms - T0 + 1000000) * 1000000, wall_ms};
}

static inline void add_process(struct batch *b, uint32_t number, pid_t pid)
{
	struct entity e = {.number = number,
			   .kind = ENTITY_PROCESS,
			   .key = {"boot-one", pid, 77},
			   .start_wall_ms = T0};
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	ck_ok(labels_set(&e.labels, "node", "plc7"));
	ck_ok(labels_set(&e.labels, "service", "pump"));
	ck_ok(labels_set(&e.labels, "pid", text));
	ck_ok(labels_set(&e.attributes, "version", "1.0"));
	batch_add_entity(b, &e);
	entity_fini(&e);
}

static inline struct batch *tick_of(struct now now)
{
	struct batch *b;

	ck_ok(batch_new(&b, now));
	return b;
}

/* One process, one sample. */
static inline void put(struct store *s, int64_t wall_ms, enum column column,
		       double value)
{
	struct batch *b = tick_of(at(wall_ms));

	add_process(b, 1, 100);
	batch_add_sample(b, 1, column, value);
	ck_ok(store_append(s, b));
}

#define POINTS_MAX 4096

struct points {
	struct point items[POINTS_MAX];
	size_t series[POINTS_MAX];
	size_t count;
};

static inline int collect_points(void *arg, size_t index,
				 const struct stretch *p)
{
	struct points *out = arg;

	ck_assert_uint_le(out->count + p->count, POINTS_MAX);
	for (size_t i = 0; i < p->count; i++) {
		out->series[out->count] = index;
		out->items[out->count++] = stretch_at(p, i);
	}
	return 0;
}

/* All points of a metric in (from, to]. */
static inline void scan(struct store *s, struct points *out, enum metric metric,
			int64_t from_ms, int64_t to_ms, int64_t step_ms)
{
	own(view_closep) struct view *v = NULL;
	struct series *series = NULL;
	size_t count = 0;

	out->count = 0;
	ck_ok(view_open(&v, s));
	ck_ok(view_select(v, metric, NULL, 0, INT64_MIN, INT64_MAX, &series,
			  &count));
	ck_ok(view_scan(v, series, count, from_ms, to_ms, step_ms,
			collect_points, out));
	series_free(series, count);
}
