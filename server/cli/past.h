#pragma once
/*
 * past.h - what earlier runs left in the store for the collector of this one.
 */
#include "collector/collector.h"
#include "server/store/store.h"

struct past {
	struct entity *entities; /* owned; processes whose end nobody saw */
	size_t entity_count;
	struct last_build *builds; /* owned, its texts too */
	size_t build_count, build_cap;
	char *maintenance, *states; /* owned */
};

/* What is missing or damaged is left out and begins anew; -errno of the
 * store. past_fini frees what was read, after an error too. */
int past_read(struct past *p, struct store *store);
void past_fini(struct past *p);
