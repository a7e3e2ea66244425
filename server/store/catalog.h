#pragma once
/*
 * catalog.h - which entities and series there are, in memory.
 *
 * The writer alone changes the registry; views read a catalog, which is an
 * immutable copy of it with counted references, made when one asks and
 * something changed since. Nothing here touches SQLite.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "common/batch.h"
#include "common/map.h"

/* Labels that never change, shared by registry and catalogs. */
struct shared_labels {
	atomic_uint references;
	struct labels labels;
};

/* A copy with one reference. -ENOMEM. */
int shared_labels_new(struct shared_labels **out, const struct labels *l);
struct shared_labels *shared_labels_ref(struct shared_labels *l);
void shared_labels_unref(struct shared_labels *l); /* NULL is nothing */

/* An entity as views see it. */
struct member {
	uint32_t id; /* in the store */
	bool open;
	int64_t from_ms, to_ms; /* bounds of its points; INT64_MAX while open */
	struct shared_labels *labels, *attributes; /* a reference each */
};

/* A series as views see it. */
struct line {
	uint32_t id;     /* in the store, rising with the index */
	uint32_t member; /* index */
	uint16_t column;
};

struct catalog {
	atomic_uint references;
	struct member *members; /* owned; by id */
	size_t member_count;
	struct line *lines; /* owned; by id */
	size_t line_count;
};

struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c); /* NULL is nothing */

/* The member with the id, or NULL. */
const struct member *catalog_member(const struct catalog *c, uint32_t id);

/* What a series shows now. */
struct now_value {
	int64_t time_ms, boot_ns;
	double value;
	uint32_t epoch;
	bool found;
	uint8_t gap; /* enum gap */
};

/* By the index of the line. Changed in place while only the store holds it. */
struct lasts {
	atomic_uint references;
	size_t count, cap;
	struct now_value values[];
};

struct lasts *lasts_ref(struct lasts *l);
void lasts_unref(struct lasts *l);

#define NO_LINE UINT32_MAX

/* An entity as the writer knows it. */
struct entry {
	struct member member; /* to_ms: INT64_MAX while open */
	enum entity_kind kind;
	struct entity_key key;
	uint32_t number, number_before; /* of this run; 0: none */
	int64_t start_wall_ms;
	int64_t seen_ms; /* latest wall time it was seen open at */
	char *reason;    /* owned; why it was closed, or NULL */
	uint32_t line_of[COL_COUNT]; /* index, or NO_LINE */
	bool dirty;            /* to be written */
	bool attributes_dirty;
	bool crowded_out;      /* to be forgotten: too many have ended */
	int64_t attributes_ms; /* since when they are so */
};

/* A series as the writer knows it. */
struct series_state {
	uint32_t id;
	struct entry *entry;
	uint16_t column;
	bool dirty;
	bool valued;         /* it may have points */
	int64_t gap_from_ms; /* when the gap of now began */
	uint32_t stamp;      /* of the step that folded belongs to */
	double folded;       /* its values so far by the metric's fold */
};

struct registry {
	struct entry **entries; /* owned; by id */
	size_t entry_count, entry_cap;
	struct series_state *series; /* owned; by id */
	size_t series_count, series_cap;
	struct map by_key;    /* entry; of several programs the newest */
	struct map by_number; /* entry; of this run */
	struct lasts *lasts;  /* one reference; as many values as series */
	struct catalog *catalog; /* one reference; NULL: to be made again */
	uint32_t next_entity, next_series;
};

int registry_init(struct registry *g);
void registry_fini(struct registry *g);

/*
 * The entity of the key, new or known: another service or runtime under the
 * key, after an exec, is another entity. Fresh ones have the id given (0: the
 * next) and begin at wall_ms. Labels stay those of the first time.
 */
int registry_entry(struct registry *g, struct entry **out,
		   const struct entity *e, uint32_t id, int64_t wall_ms);

/* The newest entry of the same process, whatever program; or NULL. */
struct entry *registry_namesake(const struct registry *g,
				const struct entity *from);

/* The number that batches have for it from now on; the one before is still
 * known, for what is told late. */
int registry_number(struct registry *g, struct entry *e, uint32_t number);

/* New attributes from wall_ms on; nothing when they are the same. */
int registry_attributes(struct registry *g, struct entry *e,
			const struct labels *l, int64_t wall_ms);

/* The series of a column, made (with the id given, 0: the next) when new;
 * an index. */
int registry_series(struct registry *g, uint32_t *out, struct entry *e,
		    enum column column, uint32_t id);

/* lasts, for writing: a copy of its own where a view holds it too. */
int registry_lasts(struct registry *g);

/* The catalog of now with a reference for the caller. -ENOMEM. */
int registry_catalog(struct registry *g, struct catalog **out);

/* Mark of those that ended so many that, but for the share below, most are
 * left: the shortest lives first, of like ones the oldest. How many. */
size_t registry_crowd(struct registry *g, size_t most);

/* Whether there are series of ended entities without any point, unwritten. */
bool registry_has_empty(const struct registry *g);

/* Forget entities that ended before cutoff_ms or are crowded out, and
 * unwritten series of ended ones that never had a point. moved[i] (series_count
 * entries, the caller's) becomes the new index of series i, or NO_LINE. */
int registry_forget(struct registry *g, int64_t cutoff_ms, uint32_t *moved);

/* Whether registry_forget would forget it. */
bool registry_forgettable(const struct entry *e, int64_t cutoff_ms);
