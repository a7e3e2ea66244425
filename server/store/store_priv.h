#pragma once
/*
 * store_priv.h - what the parts of the store share; for this folder only.
 *
 * take.c takes batches, flush.c writes what they brought, retention.c drops,
 * view.c, select.c and events.c answer.
 */
#include <pthread.h>
#include <sys/types.h>

#include "head.h"
#include "memory.h"
#include "persist.h"
#include "store.h"

#define READERS_MAX 8   /* views open at once */
#define VIEW_WAIT_MS 1000 /* for one of them */

/* The wal file may grow to a little more than this many pages. */
#define WAL_PAGES_MAX 1000
#define WAL_PAGES_MIN 16

#define BALLAST_MAX (4 << 20)

/* The step at hand: samples folded per series until it ends. */
struct step {
	bool open;
	uint32_t epoch;
	int64_t start_ms, end_ms; /* (start, end]; start: of what is not yet
				     cut off */
	int64_t last_ms;          /* of its newest sample */
	int64_t start_boot_ns;
	uint32_t stamp;           /* marks series that have a value in it */
	uint32_t *touched;        /* owned; indices of those */
	size_t touched_count, touched_cap;
};

/* The plant's labels with a reference count. */
struct shared_plant {
	atomic_uint references;
	struct plant *plant; /* owned */
	char *text;          /* owned; plant_format() */
};

/* What held since when. */
struct dated_plant {
	int64_t from_ms;
	struct shared_plant *plant; /* one reference */
};

/* All versions, oldest first; immutable, with a reference count. */
struct plants {
	atomic_uint references;
	size_t count;
	struct dated_plant items[];
};

/* A small text for the table meta; a newer one of its key takes its place. */
struct fact {
	char *key, *value; /* owned */
	uint64_t sequence;
};

struct reader {
	sqlite3 *db; /* NULL until first used */
	bool busy;
};

struct store {
	struct store_options options;
	char *path; /* owned */
	int lock_fd;
	dev_t file_dev; /* of the file that is written */
	ino_t file_ino;

	/* writer thread only: */
	sqlite3 *db;
	struct column_ids columns;
	struct chain_state chain; /* of the newest chain */
	int64_t next_row;
	uint64_t saved_ids;      /* next ids, as the database has them */
	int64_t retry_ns;        /* boot time; no flush before, after an error */
	int64_t flush_ns_min;    /* unwritten data waits so long at most */
	int64_t other_since_ns;  /* entities, events, gaps wait since; 0 none */
	int64_t pending_since_ns;
	int64_t machine;         /* id of the machine's entity, or 0 */
	int64_t wall_ms;         /* of the newest batch; INT64_MIN before */
	int64_t boot_ns;
	int64_t steady_since_ns; /* the wall clock made no step forward since */
	struct batch **held;     /* owned; wait for a right clock */
	size_t held_count, held_cap;
	size_t held_samples;
	int wal_pages;
	int64_t ballast;         /* bytes of the ballast file */
	int64_t damaged;         /* bytes of the damaged files kept */

	/* written by the writer under lock, read by views under lock: */
	struct registry registry;
	struct memory memory;
	struct step step;
	struct tick **pending;   /* a reference each; stored ticks not yet
				    written, oldest first */
	size_t pending_count, pending_cap, pending_samples;
	struct event_item **events; /* a reference each; not yet written */
	size_t event_count, event_cap;
	int64_t next_event;
	struct gap_change *gaps; /* owned; not yet written */
	size_t gap_count, gap_cap;
	struct history *history; /* one reference */
	uint32_t epoch;
	struct plants *plants; /* one reference, or NULL */
	struct plant *plant_waiting; /* owned; not dated: the clock is wrong */
	struct fact *facts; /* owned; not yet written */
	size_t fact_count, fact_cap;
	uint64_t fact_sequence;
	int64_t wanted_ms, wanted_bytes; /* retention, from the next batch on */
	bool wanted;
	bool salvage_told;
	struct store_stats stats;
	struct reader readers[READERS_MAX];

	pthread_mutex_t lock;
	pthread_cond_t reader_free;
};

struct view {
	struct store *store;
	struct reader *reader;
	struct catalog *catalog;
	struct lasts *lasts;
	struct history *history;
	struct plants *plants; /* or NULL */
	struct memory memory;
	struct step step; /* without its array */
	struct tick **pending;
	size_t pending_count;
	struct event_item **events;
	size_t event_count;
	int64_t event_end; /* ids in the database are below */
	struct labels *joined; /* by member: with the plant's; owned */
	const struct shared_plant **joined_by; /* which plant; NULL: none yet */
};

/* Two values of one step as one. */
static inline double store_fold(enum metric m, double so_far, double value)
{
	switch (metric_info(m)->fold) {
	case FOLD_MAX:
		return value > so_far ? value : so_far;
	case FOLD_MIN:
		return value < so_far ? value : so_far;
	case FOLD_SUM:
		return so_far + value;
	case FOLD_LAST:
		break;
	}
	return value;
}

/* The first error is told; what follows is tried all the same. */
static inline void keep_first(int *r, int next)
{
	if (*r == 0)
		*r = next;
}

/* ---- take.c ---- */

/* What a batch brings; it waits while its clock is wrong. Takes the batch.
 * Under lock. */
int store_take(struct store *s, struct batch *b);

/* What is to outlive this run; copied. Under lock. */
int store_set_fact(struct store *s, const char *key, const char *value);

/* The step at hand ends here and joins the pending ticks. cut: before its
 * time. Under lock. */
int store_finish_step(struct store *s, bool cut);

/* An event of the store itself. Writer thread; not under lock. */
void store_tell(struct store *s, enum event_kind kind, const char *text);

/* ---- flush.c ---- */

/* Write all that is pending. Writer thread. */
int flush_run(struct store *s);

/* Put another history in place of the one. Takes it. */
void flush_publish_history(struct store *s, struct history *h);

/* ---- retention.c ---- */

/* A wall clock that went on for so long is believed. */
#define RETENTION_STEADY_MS 3600000ll

/* Drop what is too old or too much. */
int retention_run(struct store *s);

/* Give the disk back what the ballast holds. */
void retention_give_ballast(const struct store *s);

/* The disk is full: give up the ballast and the oldest rows. */
int retention_make_room(struct store *s);

/* Put the ballast back when there is room, and set SQLite's own limit. */
void retention_prepare(struct store *s);

/*
 * Where questions overlap without end, no checkpoint by the way finds the WAL
 * unused, and it would grow at the cost of the history: this one waits for
 * those that have begun.
 */
void retention_bound_wal(struct store *s);

/* Bytes of database, WAL, shared memory, ballast and damaged files. */
int64_t retention_file_bytes(const struct store *s);

/* ---- view.c ---- */

/* The view's connection. */
int view_db(struct view *v, sqlite3 **out);

/* Labels of the member with those of the plant that held at as_of_ms. The
 * view's, until it is asked for another time; NULL: no memory. */
const struct labels *view_labels(struct view *v, uint32_t member,
				 int64_t as_of_ms);

/* ---- plants.c ---- */

/* Takes the plant on success. */
int shared_plant_new(struct shared_plant **out, struct plant *plant);
void shared_plant_unref(struct shared_plant *p);
struct plants *plants_ref(struct plants *p);
void plants_unref(struct plants *p);

/* old and what holds from from_ms on; versions of later times never held. */
int plants_add(struct plants **out, const struct plants *old,
	       struct shared_plant *plant, int64_t from_ms);

/* Those of the store change now. Takes the plant, whatever happens. Under
 * lock. */
int plants_date(struct store *s, struct plant *plant, int64_t wall_ms);

/* What holds now has held since before the wall clock stepped back. Under
 * lock. */
int plants_redate(struct store *s, int64_t wall_ms);

/* The one that held; NULL: none. */
struct shared_plant *plants_at(const struct plants *p, int64_t as_of_ms);
void plants_write(struct buf *out, const struct plants *p);
int plants_read(struct plants **out, const char *text);
