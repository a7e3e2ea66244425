#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

static const char *const kinds[] = {
	[ENTITY_MACHINE] = "machine",
	[ENTITY_PROCESS] = "process",
	[ENTITY_REMOTE] = "remote",
};

/* ---- labels as text ---- */

void labels_write(struct buf *out, const struct labels *l)
{
	for (size_t i = 0; i < l->count; i++) {
		buf_puts(out, l->items[i].name);
		buf_putc(out, '=');
		for (const char *p = l->items[i].value; *p; p++) {
			if (*p == '\n' || *p == '\\')
				buf_putc(out, '\\');
			buf_putc(out, *p == '\n' ? 'n' : *p);
		}
		buf_putc(out, '\n');
	}
}

/* Up to the end of a line, unescaped, into out of the text's own length. */
static const char *read_value(const char *p, char *out)
{
	while (*p && *p != '\n') {
		if (*p == '\\' && p[1]) {
			p++;
			*out++ = *p == 'n' ? '\n' : *p;
		} else {
			*out++ = *p;
		}
		p++;
	}
	*out = '\0';
	return *p ? p + 1 : p;
}

int labels_read(struct labels *out, const char *text)
{
	own(freep) char *value = malloc(strlen(text) + 1);
	own(labels_fini) struct labels l = {0};
	char name[LABEL_NAME_MAX + 1];
	int r = 0;

	if (!value)
		return -ENOMEM;
	while (*text && r != -ENOMEM) {
		size_t len = strcspn(text, "=\n");

		if (text[len] != '=' || len > LABEL_NAME_MAX)
			len = 0;
		memcpy(name, text, len);
		name[len] = '\0';
		text = read_value(text + len + (text[len] == '='), value);
		r = labels_set(&l, name, value);
	}
	if (r == -ENOMEM)
		return r;
	*out = l;
	l = (struct labels){0};
	return 0;
}

/* ---- events ---- */

int event_item_new(struct event_item **out, int64_t id, enum event_kind kind,
		   uint32_t entity, int64_t from_ms, int64_t to_ms,
		   const char *text)
{
	size_t len = strlen(text);
	struct event_item *e = malloc(sizeof(*e) + len + 1);

	if (!e)
		return -ENOMEM;
	atomic_init(&e->references, 1);
	e->id = id;
	e->kind = kind;
	e->entity = entity;
	e->from_ms = from_ms;
	e->to_ms = to_ms;
	memcpy(e->text, text, len + 1);
	*out = e;
	return 0;
}

struct event_item *event_item_ref(struct event_item *e)
{
	atomic_fetch_add(&e->references, 1);
	return e;
}

void event_item_unref(struct event_item *e)
{
	if (e && atomic_fetch_sub(&e->references, 1) == 1)
		free(e);
}

int persist_events(sqlite3 *db, struct event_item *const *events, size_t count)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = 0;

	if (count > 0)
		r = db_prepare(db, &s,
			       "INSERT INTO events (id, kind, entity, from_ms,"
			       " to_ms, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	for (size_t i = 0; i < count && r == 0; i++) {
		const struct event_item *e = events[i];

		r = db_bind(s, "isiiis", e->id, event_word(e->kind),
			    (int64_t)e->entity, e->from_ms, e->to_ms, e->text);
		if (r == 0)
			r = db_run(s);
	}
	return r;
}

/* ---- writing the catalog ---- */

static int write_entity(sqlite3_stmt *s, const struct entry *e)
{
	own(buf_fini) struct buf labels = BUF_INIT;
	int r;

	labels_write(&labels, &e->member.labels->labels);
	r = db_bind(s, "issiiisiis", (int64_t)e->member.id, kinds[e->kind],
		    e->key.boot_id, (int64_t)e->key.pid,
		    (int64_t)e->key.start_ticks, e->start_wall_ms,
		    buf_cstr(&labels), e->member.from_ms, e->seen_ms,
		    e->reason);
	if (r == 0 && e->member.open)
		r = db_error(sqlite3_bind_null(s, 11));
	else if (r == 0)
		r = db_error(sqlite3_bind_int64(s, 11, e->member.to_ms));
	if (r == 0)
		r = buf_error(&labels);
	return r ? r : db_run(s);
}

static int write_attributes(sqlite3_stmt *s, const struct entry *e)
{
	own(buf_fini) struct buf labels = BUF_INIT;
	int r;

	labels_write(&labels, &e->member.attributes->labels);
	r = db_bind(s, "iis", (int64_t)e->member.id, e->attributes_ms,
		    buf_cstr(&labels));
	if (r == 0)
		r = buf_error(&labels);
	return r ? r : db_run(s);
}

int persist_entities(sqlite3 *db, const struct registry *g)
{
	own(stmt_finalp) sqlite3_stmt *entity = NULL, *attributes = NULL;
	int r = db_prepare(db, &entity,
			   "INSERT OR REPLACE INTO entities (id, kind, boot_id,"
			   " pid, start_ticks, start_ms, labels, from_ms,"
			   " seen_ms, reason, to_ms)"
			   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
			   " ?11)");

	if (r == 0)
		r = db_prepare(
			db, &attributes,
			"INSERT OR REPLACE INTO attributes"
			" (entity, from_ms, labels) VALUES (?1, ?2, ?3)");
	for (size_t i = 0; i < g->entry_count && r == 0; i++) {
		if (g->entries[i]->dirty)
			r = write_entity(entity, g->entries[i]);
		if (r == 0 && g->entries[i]->attributes_dirty)
			r = write_attributes(attributes, g->entries[i]);
	}
	return r;
}

/* The row of a column, made when there is none. */
static int column_row(sqlite3 *db, struct column_ids *c, enum column column,
		      int64_t *out)
{
	const struct column_info *info = column_info(column);
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r;

	if (c->ids[column]) {
		*out = c->ids[column];
		return 0;
	}
	r = db_prepare(db, &s,
		       "INSERT INTO columns (id, metric, dim, value)"
		       " VALUES (?1, ?2, ?3, ?4)");
	if (r == 0)
		r = db_bind(s, "isss", c->next, metric_info(info->metric)->name,
			    info->dim ? info->dim : "",
			    info->value ? info->value : "");
	if (r == 0)
		r = db_run(s);
	if (r == 0)
		*out = c->ids[column] = c->next++;
	return r;
}

int persist_series(sqlite3 *db, const struct registry *g, struct column_ids *c)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "INSERT INTO series (id, entity, column)"
			   " VALUES (?1, ?2, ?3)");

	for (size_t i = 0; i < g->series_count && r == 0; i++) {
		const struct series_state *series = &g->series[i];
		int64_t column = 0;

		if (!series->dirty)
			continue;
		r = column_row(db, c, series->column, &column);
		if (r == 0)
			r = db_bind(s, "iii", (int64_t)series->id,
				    (int64_t)series->entry->member.id, column);
		if (r == 0)
			r = db_run(s);
	}
	return r;
}

int persist_gaps(sqlite3 *db, const struct gap_change *gaps, size_t count,
		 struct column_ids *c)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = 0;

	if (count > 0)
		r = db_prepare(db, &s,
			       "INSERT OR REPLACE INTO gaps (entity, column,"
			       " from_ms, to_ms, reason)"
			       " VALUES (?1, ?2, ?3, nullif(?4, 0), ?5)");
	for (size_t i = 0; i < count && r == 0; i++) {
		const struct gap_change *g = &gaps[i];
		int64_t column = 0;

		r = column_row(db, c, g->column, &column);
		if (r == 0)
			r = db_bind(s, "iiiis", (int64_t)g->entity, column,
				    g->from_ms, g->to_ms, gap_word(g->reason));
		if (r == 0)
			r = db_run(s);
	}
	return r;
}

/* Rows of head may name series that no table has any more. */
int persist_next(sqlite3 *db, const struct registry *g)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	char next[32];
	int r = db_prepare(db, &s,
			   "INSERT OR REPLACE INTO meta (name, value)"
			   " VALUES ('next_ids', ?1)");

	snprintf(next, sizeof(next), "%u %u", g->next_entity, g->next_series);
	if (r == 0)
		r = db_bind(s, "s", next);
	return r ? r : db_run(s);
}

/* NULL, which only damage or want of memory gives, is as nothing. */
static const char *text_at(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? text : "";
}

static int load_next(sqlite3 *db, struct registry *g)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	unsigned entity = 0, series = 0;
	int r = db_prepare(db, &s,
			   "SELECT value FROM meta WHERE name = 'next_ids'");

	if (r == 0)
		r = db_step(s);
	if (r <= 0)
		return r;
	if (sscanf(text_at(s, 0), "%u %u", &entity, &series) != 2)
		return 0;
	if (entity > g->next_entity)
		g->next_entity = entity;
	if (series > g->next_series)
		g->next_series = series;
	return 0;
}

void persist_clean(struct registry *g)
{
	for (size_t i = 0; i < g->entry_count; i++)
		g->entries[i]->dirty = g->entries[i]->attributes_dirty = false;
	for (size_t i = 0; i < g->series_count; i++)
		g->series[i].dirty = false;
}

/* ---- forgetting ---- */

static int forget_one(sqlite3 *db, uint32_t id)
{
	static const char *const deletes[] = {
		"DELETE FROM attributes WHERE entity = ?1",
		"DELETE FROM gaps WHERE entity = ?1",
		"DELETE FROM entities WHERE id = ?1",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(deletes) && r == 0; i++) {
		own(stmt_finalp) sqlite3_stmt *s = NULL;

		r = db_prepare(db, &s, deletes[i]);
		if (r == 0)
			r = db_bind(s, "i", (int64_t)id);
		if (r == 0)
			r = db_run(s);
	}
	return r;
}

static int forget_older(sqlite3 *db, const char *sql, int64_t cutoff_ms)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s, sql);

	if (r == 0)
		r = db_bind(s, "i", cutoff_ms);
	return r ? r : db_run(s);
}

/* Series of entities that are gone; also of columns this program has not. */
static int forget_series(sqlite3 *db)
{
	return db_exec(db, "DELETE FROM series WHERE entity NOT IN"
			   " (SELECT id FROM entities)");
}

int persist_forget(sqlite3 *db, const struct registry *g, int64_t cutoff_ms)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < g->entry_count && r == 0; i++) {
		const struct entry *e = g->entries[i];

		if (!registry_forgettable(e, cutoff_ms))
			continue;
		r = forget_one(db, e->member.id);
		any = true;
	}
	if (r == 0 && any)
		r = forget_series(db);
	if (r == 0)
		r = forget_older(db,
				 "DELETE FROM events WHERE from_ms < ?1"
				 " AND to_ms < ?1",
				 cutoff_ms);
	if (r == 0)
		r = forget_older(db, "DELETE FROM gaps WHERE to_ms < ?1",
				 cutoff_ms);
	/* Attributes replaced by newer ones before the oldest point. */
	if (r == 0)
		r = forget_older(db,
				 "DELETE FROM attributes WHERE EXISTS (SELECT 1"
				 " FROM attributes AS newer"
				 " WHERE newer.entity = attributes.entity"
				 " AND newer.from_ms > attributes.from_ms"
				 " AND newer.from_ms < ?1)",
				 cutoff_ms);
	return r;
}

/* ---- loading ---- */

static int load_columns(sqlite3 *db, struct column_ids *c, struct map *by_id)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT id, metric, dim, value FROM columns");

	c->next = 1;
	while (r == 0 && (r = db_step(s)) > 0) {
		int64_t id = sqlite3_column_int64(s, 0);
		enum column column = column_find(text_at(s, 1), text_at(s, 2),
						 text_at(s, 3));

		if (id >= c->next)
			c->next = id + 1;
		r = 0;
		if (column == COL_COUNT)
			continue;
		c->ids[column] = id;
		/* One more than the column, as 0 would be "none". */
		r = map_set(by_id, (uint64_t)id,
			    (void *)((uintptr_t)column + 1));
	}
	return r;
}

static bool kind_read(enum entity_kind *out, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i], word) == 0) {
			*out = (enum entity_kind)i;
			return true;
		}
	}
	return false;
}

static void close_loaded(struct entry *e, sqlite3_stmt *s)
{
	if (sqlite3_column_type(s, 9) == SQLITE_NULL)
		return;
	e->member.open = false;
	e->member.to_ms = sqlite3_column_int64(s, 9);
	e->reason = strdup(text_at(s, 10));
}

static int load_entity(struct registry *g, struct map *by_id, sqlite3_stmt *s)
{
	own(entity_fini) struct entity e = {0};
	uint32_t id = (uint32_t)sqlite3_column_int64(s, 0);
	size_t count = g->entry_count;
	struct entry *entry;
	int r;

	if (id < g->next_entity || !kind_read(&e.kind, text_at(s, 1)))
		return 0;
	snprintf(e.key.boot_id, sizeof(e.key.boot_id), "%s", text_at(s, 2));
	e.key.pid = (pid_t)sqlite3_column_int64(s, 3);
	e.key.start_ticks = (uint64_t)sqlite3_column_int64(s, 4);
	e.start_wall_ms = sqlite3_column_int64(s, 5);
	if ((r = labels_read(&e.labels, text_at(s, 6))) ||
	    (r = labels_read(&e.attributes, text_at(s, 11))) ||
	    (r = registry_entry(g, &entry, &e, id, sqlite3_column_int64(s, 7))))
		return r;
	if (g->entry_count == count)
		return 0;
	entry->dirty = entry->attributes_dirty = false;
	entry->seen_ms = sqlite3_column_int64(s, 8);
	close_loaded(entry, s);
	return map_set(by_id, id, entry);
}

static int load_entities(sqlite3 *db, struct registry *g, struct map *by_id)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT id, kind, boot_id, pid, start_ticks,"
			   " start_ms, labels, from_ms, seen_ms, to_ms, reason,"
			   " (SELECT a.labels FROM attributes AS a"
			   "  WHERE a.entity = entities.id"
			   "  ORDER BY a.from_ms DESC LIMIT 1)"
			   " FROM entities ORDER BY id");

	while (r == 0 && (r = db_step(s)) > 0)
		r = load_entity(g, by_id, s);
	return r;
}

static int load_series(sqlite3 *db, struct registry *g,
		       const struct map *entities, const struct map *columns)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT id, entity, column FROM series ORDER BY id");

	while (r == 0 && (r = db_step(s)) > 0) {
		int64_t id = sqlite3_column_int64(s, 0);
		struct entry *e =
			map_get(entities, (uint64_t)sqlite3_column_int64(s, 1));
		uintptr_t column = (uintptr_t)map_get(
			columns, (uint64_t)sqlite3_column_int64(s, 2));
		uint32_t line;

		r = 0;
		if (id < g->next_series || id >= UINT32_MAX)
			continue;
		g->next_series = (uint32_t)id;
		if (e && column) {
			r = registry_series(g, &line, e,
					    (enum column)(column - 1),
					    (uint32_t)id);
			if (r == 0) {
				g->series[line].dirty = false;
				g->series[line].valued = true;
			}
		}
		g->next_series = (uint32_t)id + 1;
	}
	return r;
}

static uint8_t gap_read(const char *word)
{
	for (int i = 0; i < GAP_COUNT; i++) {
		if (strcmp(gap_word(i), word) == 0)
			return (uint8_t)i;
	}
	return GAP_NONE;
}

static int load_gaps(sqlite3 *db, struct registry *g,
		     const struct map *entities, const struct map *columns)
{
	own(stmt_finalp) sqlite3_stmt *s = NULL;
	int r = db_prepare(db, &s,
			   "SELECT entity, column, from_ms, reason FROM gaps"
			   " WHERE to_ms IS NULL");

	while (r == 0 && (r = db_step(s)) > 0) {
		struct entry *e =
			map_get(entities, (uint64_t)sqlite3_column_int64(s, 0));
		uintptr_t column = (uintptr_t)map_get(
			columns, (uint64_t)sqlite3_column_int64(s, 1));
		uint32_t line;

		r = 0;
		if (!e || !column || !e->member.open)
			continue;
		line = e->line_of[column - 1];
		if (line == NO_LINE)
			continue;
		g->series[line].gap_from_ms = sqlite3_column_int64(s, 2);
		g->lasts->values[line].gap = gap_read(text_at(s, 3));
	}
	return r;
}

int persist_load(sqlite3 *db, struct registry *g, struct column_ids *c)
{
	own(map_fini) struct map columns = MAP_INIT;
	own(map_fini) struct map entities = MAP_INIT;
	int r;

	if ((r = load_columns(db, c, &columns)) ||
	    (r = load_entities(db, g, &entities)) ||
	    (r = load_series(db, g, &entities, &columns)) ||
	    (r = load_gaps(db, g, &entities, &columns)) ||
	    (r = load_next(db, g)))
		return r;
	return 0;
}
