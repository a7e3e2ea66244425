#pragma once
/*
 * reload.h - the configuration read again while everything runs.
 */
#include "server/config.h"
#include "server/http/http.h"
#include "server/store/store.h"

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
