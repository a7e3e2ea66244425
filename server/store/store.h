#pragma once
/*
 * store.h - the time series in SQLite, and what may be asked of them.
 *
 * The files: path, path-wal, path-shm, and path-ballast, which holds room
 * that is given back when the disk is full; path-damaged, path-damaged.1 ...
 * after a salvage.
 *
 * One writer (the writer thread) appends batches; any number of readers open
 * a view, ask, and close it. Nobody else opens the database. The newest
 * minutes are held in memory at full resolution; the database has the rest,
 * thinned to the resolution by each metric's fold.
 *
 * Points come back in order of recording: after the wall clock stepped back,
 * times repeat, and the epoch of a point counts how often that happened.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/batch.h"
#include "common/labels.h"
#include "common/problem.h"

#include "matcher.h"
#include "plant.h"

struct store;

/*
 * Of entities that ended the store knows the 1000 that lived longest, of
 * like length the newest; points of others are not found any more. A series
 * that never had a point is forgotten with the end of its entity.
 *
 * Resolution: steps end at multiples of resolution_ms, and a stored point at
 * t is the metric's fold of the samples in (t - resolution, t]. A step that
 * is cut short - the store is flushed by hand or closed, or the wall clock
 * steps back - is stored at the time of its last sample instead, so that the
 * rest of it may follow under a later time.
 *
 * Written as soon as the oldest finished step began flush_ms ago. kill -9
 * loses the step at hand, which is never written, and what waits: less than
 * flush_ms (or one step, if longer) and one resolution step together.
 */
struct store_options {
	const char *path;         /* of the database file */
	int64_t resolution_ms;    /* of stored points; 1000 or more */
	int64_t flush_ms;         /* between writes */
	int64_t memory_ms;        /* full resolution kept in memory */
	int64_t tick_ms;          /* between batches; 0: the resolution */
	int64_t retention_ms;     /* older rows are dropped, while the wall
				   * clock went on for an hour without a step
				   * forward, the last run's rows included;
				   * 0: never */
	int64_t retention_bytes;  /* most bytes of all database files; 0: any */
	size_t ended_max;         /* entities remembered after their end, each
				   * some 10 KiB of memory; 0: 1000 */

	/* A last value older than this, by the boot clock, is none: reading
	 * stalled. 0: it never is. */
	int64_t stale_ms;

	/* A wall clock that stands before this is wrong, and data waits in
	 * memory until it is right; clock_build_ms(). 0: any time is right. */
	int64_t clock_floor_ms;
};

/*
 * Open or make the database; checks version and integrity. What is wrong is
 * told in the problem: another program's file, a newer schema, a disk that
 * refuses. A damaged row is skipped and counted, never fatal. A damaged
 * file is moved aside, and what can be read of it comes into a new one.
 */
int store_open(struct store **out, const struct store_options *o,
	       struct problem *p);

/* Flushes. No view may be open. */
void store_close(struct store *s);
OWN_DEFINE(struct store *, store_close)

/*
 * Takes the batch; flushes when the interval is over. Writer thread. An
 * error (-ENOSPC, -EIO) is logged once and counted; the samples stay in
 * memory for queries and for the next try as long as there is room.
 */
int store_append(struct store *s, struct batch *b);

/* Write what is not yet written, now. Writer thread. */
int store_flush(struct store *s);

/* Small facts that outlive a run: the node's name. Writer thread, or before
 * threads start. *out is the caller's; -ENOENT. */
int store_meta_get(struct store *s, const char *key, char **out);
int store_meta_set(struct store *s, const char *key, const char *value);

/* Entities that were open at the end of the last run; the array and what
 * its items own are the caller's. Before threads start. */
int store_open_entities(struct store *s, struct entity **out, size_t *count);

/*
 * The plant's labels, joined into every answer from the next view on. Takes
 * the plant. Any thread.
 *
 * Rules are dated: these hold from now on, and the database keeps which held
 * before. A question gets the labels as they were at to_ms of its range, an
 * event those of its own time; so a series is never split, and an answer of
 * last month looks as it did then. The first rules of an empty database have
 * held always. While the clock is wrong they wait for their date.
 */
void store_set_plant(struct store *s, struct plant *plant);

/* Add the labels that the plant gives now. Any thread. -ENOMEM. */
int store_join_plant(struct store *s, struct labels *l);

/* Other bounds from the next batch on. Any thread. */
void store_set_retention(struct store *s, int64_t retention_ms,
			 int64_t retention_bytes);

/* Every entity there is a trace of, oldest first. Before threads start. fn
 * returning non-zero ends it with that value. */
int store_entities(struct store *s,
		   int (*fn)(void *arg, const struct labels *labels,
			     const struct labels *attributes),
		   void *arg);

struct store_stats {
	uint64_t samples, batches;      /* appended since start */
	uint64_t rows, row_bytes;       /* written since start */
	uint64_t write_errors;
	uint64_t damaged_rows;          /* skipped: checksum or length */
	uint64_t lost_samples;          /* given up: no room on disk */
	uint64_t lost_events;           /* likewise */
	uint64_t dropped_rows;          /* by retention */
	int64_t flush_ns;               /* the last flush */
	int64_t last_flush_wall_ms;     /* 0: none yet */
	int64_t file_bytes;             /* database, WAL, shared memory, ballast,
					 * damaged files */
	int64_t sqlite_bytes;           /* all SQLite holds, mostly caches */
	int64_t oldest_ms;              /* of the stored points; 0: none */
	uint64_t series, entities;      /* known */
	uint64_t memory_bytes;          /* the newest minutes take */
	uint64_t held_batches;          /* wait for a right clock */
	bool short_of_disk;             /* points go before their time */
	uint64_t salvaged_rows;         /* came out of a damaged file, */
	uint64_t salvage_holes;         /* which could not be read there, */
	char salvaged_from[128];        /* and is kept here; "": was sound */
	int salvage_error;              /* 0: what could be read is here */
	int64_t damaged_bytes;          /* of all damaged files kept */
	char last_error[160];           /* "" when all is well */
};

/* Any thread. */
void store_stats(struct store *s, struct store_stats *out);

/*
 * Up to ms no point is added any more while the epoch lasts; 0: not known,
 * nothing was flushed in it yet. A step back begins another one, and fills
 * times anew: repeated ones, and those that a step forward had left empty.
 */
struct settled {
	int64_t ms;
	uint32_t epoch;
};

/* Any thread. */
struct settled store_settled(struct store *s);

/* ---- questions: any thread, each with a view of its own ---- */

struct view;

/* A consistent moment: catalog, memory and database. -EBUSY when too many. */
int view_open(struct view **out, struct store *s);
void view_close(struct view *v);
OWN_DEFINE(struct view *, view_close)

struct series {
	uint32_t id;
	enum column column;
	uint32_t entity;            /* id in the store, not of the run */
	struct labels labels;       /* entity, dimension and plant; owned */
	const struct labels *attributes; /* the view's */
	bool open;                  /* the entity has not been closed */
	int64_t resolution_ms;      /* of its stored points */
};

void series_free(struct series *array, size_t count);

/*
 * Series of the metric (METRIC_COUNT: of every metric) that match and may
 * have points in (from_ms, to_ms], sorted by labels, then column. The array
 * is the caller's: series_free.
 */
int view_select(struct view *v, enum metric metric, const struct matcher *m,
		size_t matcher_count, int64_t from_ms, int64_t to_ms,
		struct series **out, size_t *count);

struct point {
	int64_t time_ms;
	double value;
	uint32_t epoch;
	int64_t span_ms; /* it stands for (time - span, time]; 0: resolution */
};

/* Points of one series that follow each other; at least one. */
struct stretch {
	const int64_t *times_ms;
	const double *values;
	size_t count;
	uint32_t epoch;
	int64_t span_ms; /* of each, as in struct point */
};

static inline struct point stretch_at(const struct stretch *p, size_t i)
{
	return (struct point){p->times_ms[i], p->values[i], p->epoch,
			      p->span_ms};
}

/*
 * All points of these series in (from_ms, to_ms], each series in order of
 * recording; series are interleaved. Where memory has full resolution and
 * step_ms (0: as fine as there is) asks for less than the resolution, points
 * come from memory. fn returning non-zero ends the scan with that value.
 */
typedef int (*scan_fn)(void *arg, size_t series_index,
		       const struct stretch *p);
int view_scan(struct view *v, const struct series *series, size_t count,
	      int64_t from_ms, int64_t to_ms, int64_t step_ms, scan_fn fn,
	      void *arg);

/* The newest point of each open series, taken in this run; found[i] tells
 * whether there is one: a closed series, one with a gap now, or one that was
 * not read for stale_ms has no last. heapwatch_up and target_read_age_seconds
 * speak of the reading itself and are told as of now. */
int view_last(struct view *v, const struct series *series, size_t count,
	      struct point *out, bool *found);

/* The reason why a series has no value now; GAP_NONE when it has. */
enum gap view_gap(struct view *v, const struct series *s);

/* Names of labels, values of one label, over series that match; sorted,
 * unique. The array and its texts are the caller's: strings_free. */
int view_label_names(struct view *v, const struct matcher *m,
		     size_t matcher_count, char ***out, size_t *count);
int view_label_values(struct view *v, const char *name,
		      const struct matcher *m, size_t matcher_count,
		      char ***out, size_t *count);
void strings_free(char **strings, size_t count);

/* Metrics that have a series. present has METRIC_COUNT entries. */
int view_metrics(struct view *v, bool *present);

struct stored_event {
	int64_t id;                 /* rises with recording */
	const char *kind;           /* a word, event.h */
	int64_t time_ms, end_ms;    /* end_ms 0: a moment */
	const struct labels *labels; /* of its entity and plant; may be empty */
	const char *text;
};

/* Collections are many, and all other events few: who asks for the few does
 * not read the many. */
enum event_choice { EVENTS_NOTABLE, EVENTS_COLLECTIONS, EVENTS_ALL };

/* Events that touch (from_ms, to_ms], oldest first. Pointers live for the
 * call only. fn returning non-zero ends it with that value. */
int view_events(struct view *v, enum event_choice choice,
		const struct matcher *m, size_t matcher_count,
		int64_t from_ms, int64_t to_ms,
		int (*fn)(void *arg, const struct stored_event *e), void *arg);

/* Steps back of the wall clock whose repeated times lie within (from, to]. */
uint32_t view_epochs(struct view *v, int64_t from_ms, int64_t to_ms);
