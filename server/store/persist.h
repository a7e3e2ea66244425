#pragma once
/*
 * persist.h - the catalog in the database: written when it changes, read at
 * start. What the functions write is marked clean only by persist_clean(),
 * after the commit.
 */
#include "catalog.h"
#include "db.h"

/* A gap to be written: begun (to_ms 0) or over. */
struct gap_change {
	uint32_t entity; /* id in the store */
	uint16_t column;
	uint8_t reason;
	int64_t from_ms, to_ms;
};

/* An event not yet written, or just so; counted references. */
struct event_item {
	atomic_uint references;
	int64_t id;
	enum event_kind kind;
	uint32_t entity; /* id in the store, or 0 */
	int64_t from_ms, to_ms; /* to_ms 0: a moment */
	char text[];
};

int event_item_new(struct event_item **out, int64_t id, enum event_kind kind,
		   uint32_t entity, int64_t from_ms, int64_t to_ms,
		   const char *text);
struct event_item *event_item_ref(struct event_item *e);
void event_item_unref(struct event_item *e);

/* Ids of rows in columns by enum column; 0: no row yet. */
struct column_ids {
	int64_t ids[COL_COUNT], next;
};

int persist_entities(sqlite3 *db, const struct registry *g);
int persist_series(sqlite3 *db, const struct registry *g,
		   struct column_ids *c);
int persist_gaps(sqlite3 *db, const struct gap_change *gaps, size_t count,
		 struct column_ids *c);
int persist_events(sqlite3 *db, struct event_item *const *events,
		   size_t count);
int persist_next(sqlite3 *db, const struct registry *g);
void persist_clean(struct registry *g);

/* Delete what registry_forget() would forget, and older events and gaps. */
int persist_forget(sqlite3 *db, const struct registry *g, int64_t cutoff_ms);

/* Fill a fresh registry. Rows that make no sense are left out. */
int persist_load(sqlite3 *db, struct registry *g, struct column_ids *c);

/* The text form of labels (schema.c); parse leaves out what is malformed. */
void labels_write(struct buf *out, const struct labels *l);
int labels_read(struct labels *out, const char *text);
