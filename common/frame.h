#pragma once
/*
 * frame.h - an answer: columns of values, each with its labels and unit.
 *
 * The narrow waist between every question and every protocol. The query path
 * fills frames, an encoder writes them; neither knows the other. A frame is
 * built by one thread and then only read.
 */
#include <stdbool.h>
#include <stdint.h>

#include "labels.h"

enum field_type {
	FIELD_TIME_MS, /* i64, Unix milliseconds */
	FIELD_F64,
	FIELD_I64,
	FIELD_BOOL,
	FIELD_STRING,
};

/* The cells of one column; several fields may share them (reference count),
 * as the series of one answer share their time column. */
struct cells {
	unsigned references;
	enum field_type type;
	size_t count, cap;
	union {
		double *f64;
		int64_t *i64; /* FIELD_TIME_MS and FIELD_I64 */
		bool *boolean;
		char **string; /* each owned; NULL where not valid */
	};
	uint8_t *valid; /* one bit a cell, lowest first; owned */
	size_t null_count;
};

struct field {
	char *name;            /* owned */
	char *unit;            /* owned; Grafana's unit id, or NULL */
	char *display_name;    /* owned; from the legend template, or NULL */
	struct labels labels;
	struct cells *cells;   /* one reference is ours */
	int64_t interval_ms;   /* of a time field: the step; 0 unknown */
};

enum frame_type {
	FRAME_TIMESERIES, /* a time field, then value fields, one per series */
	FRAME_NUMERIC,    /* one value per series, no time */
	FRAME_TABLE,      /* anything else: rows */
	FRAME_HEATMAP,    /* like a time series; a field per bucket */
};

enum notice_severity { NOTICE_INFO, NOTICE_WARNING, NOTICE_ERROR };

struct notice {
	enum notice_severity severity;
	char *text; /* owned */
};

struct frame {
	char *ref_id; /* owned; "" when the question had none */
	char *name;   /* owned; the metric */
	enum frame_type type;
	struct field *fields; /* owned */
	size_t field_count, field_cap;
	struct notice *notices; /* owned */
	size_t notice_count, notice_cap;
};

int frame_new(struct frame **out, const char *ref_id, const char *name,
	      enum frame_type type);
void frame_free(struct frame *f);
OWN_DEFINE(struct frame *, frame_free)

/*
 * Add a field with empty cells of the type, or, with cells given, one that
 * shares them (takes a reference of its own). The field stays where it is
 * until the next frame_add_field. -ENOMEM.
 */
int frame_add_field(struct frame *f, struct field **out, const char *name,
		    enum field_type type, struct cells *shared);

/* The same of empty cells, with a unit, or NULL. -ENOMEM. */
int frame_add_column(struct frame *f, const char *name, enum field_type type,
		     const char *unit);

/* "text" is cut at 300 bytes. -ENOMEM. */
int frame_notice(struct frame *f, enum notice_severity severity,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Append one cell; -ENOMEM. A double that is not finite is kept as it is. */
int cells_add_f64(struct cells *c, double value);
int cells_add_i64(struct cells *c, int64_t value); /* also times */
int cells_add_bool(struct cells *c, bool value);
int cells_add_string(struct cells *c, const char *value); /* copies */
int cells_add_null(struct cells *c);

static inline bool cells_valid(const struct cells *c, size_t i)
{
	return c->valid[i / 8] >> (i % 8) & 1;
}

/* Rows of the frame: the length of its first field, 0 without fields. */
static inline size_t frame_rows(const struct frame *f)
{
	return f->field_count ? f->fields[0].cells->count : 0;
}
