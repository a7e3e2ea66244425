#pragma once
/*
 * maintenance.h - planned work: states of some services are silenced for a
 * while, 30 days at most. Numbers and states go on being taken; alerts look
 * away.
 *
 * A window is known by the text of its pattern: another one with the same
 * text takes its place.
 */
#include <stdint.h>

#include "buf.h"
#include "pattern.h"

#define WINDOWS_MAX       64
#define WINDOW_REASON_MAX 200                    /* bytes */
#define WINDOW_MS_MAX     (30ll * 86400 * 1000)  /* of one window */
#define WINDOW_WALL_MAX   4102444800000ll /* 2100: a distance from today fits
					   * into nanoseconds */

struct window {
	char *service;           /* owned; the pattern's text */
	struct pattern *pattern; /* owned; NULL in copies for reading */
	char *reason;            /* owned */
	int64_t from_ms, until_ms; /* Unix milliseconds */
	int64_t until_boot_ns;   /* the same, by the clock that never steps */

	/* Of an earlier run: of it only the wall time is known, so the wall
	 * clock decides, but never beyond this boot time. 0: of this run. */
	int64_t latest_boot_ns;
};

struct windows {
	struct window *items; /* owned; at most WINDOWS_MAX */
	size_t count;
};

void window_fini(struct window *w);
void window_free(struct window *w);
OWN_DEFINE(struct window *, window_free)
void windows_fini(struct windows *w);

/* One on the heap. -EINVAL with the problem for a malformed pattern. */
int window_new(struct window **out, const char *service, const char *reason,
	       struct problem *p);

/* Takes the window's contents; one of the same service goes. -ENOSPC. */
int windows_put(struct windows *w, struct window *item);

/* -ENOENT. */
int windows_remove(struct windows *w, const char *service);

/* Of those whose pattern matches the one that ends last; NULL: none. */
const struct window *windows_find(const struct windows *w,
				  const char *service);

/* A copy without patterns. -ENOMEM. */
int windows_copy(struct windows *out, const struct windows *w);

/* As text that survives a restart; read leaves out what is malformed. */
void windows_write(struct buf *out, const struct windows *w);
int windows_read(struct windows *out, const char *text);
