#pragma once
/*
 * plant.h - the plant's own labels (site, area, line, ...), joined when a
 * query is answered, so that editing them never splits history.
 */
#include "common/buf.h"
#include "common/labels.h"
#include "common/pattern.h"

/* Labels for whatever matches; NULL patterns match everything. */
struct plant_rule {
	struct pattern *node, *service; /* owned */
	struct labels labels;           /* owned */
};

struct plant {
	struct plant_rule *rules; /* owned; all that match apply, in order */
	size_t count;
};

void plant_free(struct plant *p);

/* Add the labels of all rules that match the node and service in l. A label
 * of the entity itself is never replaced. -ENOMEM. */
int plant_join(const struct plant *p, struct labels *l);

/* As lines of text, and back; what is malformed there is left out. No line
 * begins with "@". -ENOMEM. */
void plant_format(struct buf *out, const struct plant *p);
int plant_parse(struct plant **out, const char *text);
