#pragma once
/*
 * serve.h - what "heapwatch serve" shares with its reload.
 */
#include "server/config.h"
#include "server/http/http.h"
#include "server/store/store.h"

/*
 * Defaults, the file, the flags, checked. again: not the first time, so flags
 * that only simulate something are left alone. *path is the file at fault, or
 * NULL; a problem without text means -errno.
 */
int config_make(struct config *c, int argc, char **argv, bool again,
		const char **path, struct problem *p);

/* Rules and limits for the collector, moved out of the configuration; NULL
 * without memory. */
struct watch_settings *settings_take(struct config *c);

/* What a reload acts on; all borrowed. */
struct running {
	struct config *config; /* in effect */
	int argc;
	char **argv;
	struct store *store;
	struct http *http;
	struct order_book *book;
};

/* SIGHUP: read the configuration again and apply what can be applied while
 * everything runs. A bad file changes nothing. */
void reload(struct running *r);

/* A wall clock that is off by what the file says, milliseconds, for tests. */
int shifted_clock_use(const char *path);
