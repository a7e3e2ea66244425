#pragma once
/*
 * top.h - the live table: what the server told (top_data.c), and how it is
 * drawn (top_draw.c). top.c has the command, the terminal and the keys.
 *
 * Everything here comes from outside: texts are cut to their arrays, and what
 * could steer a terminal is replaced when drawn.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/labels.h"
#include "common/threshold.h"

#include "client.h"

#define TOP_TREND	  20
#define TOP_TREND_MINUTES 10

enum top_value {
	TOP_UTIL,
	TOP_LIVE,
	TOP_GC,
	TOP_FRAG,
	TOP_HEAP,
	TOP_MAX,
	TOP_RSS,
	TOP_CPU,
	TOP_VALUES
};

/* The metric behind a value: "heap_util_rate". */
const char *top_metric(enum top_value v);

/* Its name for programs: the metric's, "cpu_rate" where it is a rate. */
const char *top_name(enum top_value v);

struct top_row {
	int64_t pid;
	bool watched;
	char service[LABEL_VALUE_MAX + 1], instance[24];
	char runtime[16], version[48];
	char reason[160];	/* why it is not watched, or "" */
	char state[16];		/* "" where the server tells none */
	char state_reason[160];
	int64_t state_since_ms; /* 0: unknown */
	bool silenced;		/* planned work: its state disturbs nobody */
	double values[TOP_VALUES]; /* NaN: absent */
	char basis[TOP_VALUES];	/* 'f' floor, 'b' bytes, or 0 */
	double trend[TOP_TREND]; /* of heap_util_rate, oldest first; NaN */
	struct threshold thresholds[TOP_VALUES]; /* its service's own;
						  * direction 0: none */
	enum grade worst;
};

struct top {
	char version[32], node[LABEL_VALUE_MAX + 1];
	bool ready;	    /* the first scan is done */
	int64_t time_ms;    /* the server's */
	int64_t processes;  /* of any runtime; -1: unknown */
	size_t watched, lacks;
	struct threshold thresholds[TOP_VALUES]; /* direction 0: none */
	struct top_row *rows; /* owned */
	size_t count;
};

/* Ask the server; three requests. On an error *out is untouched. */
int top_fetch(struct top **out, struct client *c, struct problem *p);
void top_free(struct top *t);
OWN_DEFINE(struct top *, top_free)

/* From what the three requests answered; for tests. -EBADMSG. */
int top_parse(struct top **out, const char *status, const char *targets,
	      const char *query, struct problem *p);

enum grade top_grade(const struct top *t, const struct top_row *r,
		     enum top_value v);

/* ---- drawing ---- */

struct top_view {
	int width, height; /* of the screen; height 0: as long as it gets */
	bool colour, utf8;
	char sort;	   /* the key of a column */
	bool reversed;
	size_t first;	   /* row on top; moved back when beyond the end */
	size_t page;	   /* rows that the screen had room for */
	const char *line_end; /* "\n", or what also clears a terminal's line */
	const char *url;
	const char *problem; /* why the table is old, or NULL */
};

/* Is it the key of a column that can be sorted by? */
bool top_sort_key(char key);

/* The key of a word: "util" or "u"; 0: unknown. */
char top_sort_word(const char *word);

/* "s service, u util, ..." */
void top_sort_list(struct buf *out);

void top_sort(struct top *t, const struct top_view *view);

/* t may be NULL: there was no answer yet. footer: keys are shown. */
void top_draw(struct buf *out, const struct top *t, struct top_view *view,
	      bool footer);

void top_json(struct buf *out, const struct top *t, const char *url);
