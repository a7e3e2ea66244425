#pragma once
/*
 * labels.h - a small set of name=value pairs, sorted by name.
 *
 * Who is measured (node, service, instance, runtime, pid and the plant's own)
 * and what tells columns of one metric apart (kind, pool, basis).
 */
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "own.h"

#define LABELS_MAX      24  /* pairs in one set */
#define LABEL_NAME_MAX  64  /* bytes, [A-Za-z_][A-Za-z0-9_]* */
#define LABEL_VALUE_MAX 256 /* bytes, UTF-8; longer ones are cut */

struct label {
	char *name, *value; /* owned by the set */
};

struct labels {
	struct label *items; /* owned, sorted by name, names unique */
	size_t count;
};

void labels_fini(struct labels *l);

/*
 * Set or replace one pair; an empty value removes it, as in Prometheus.
 * -EINVAL for a malformed name, -ENOSPC beyond LABELS_MAX, -ENOMEM.
 */
int labels_set(struct labels *l, const char *name, const char *value);

/* out becomes a copy; what it held before is not freed. -ENOMEM. */
int labels_copy(struct labels *out, const struct labels *l);

/* Add all pairs of the other set; pairs of the same name are replaced. */
int labels_merge(struct labels *l, const struct labels *other);

/* The value, owned by the set, or NULL. */
const char *labels_get(const struct labels *l, const char *name);

/* Total order: by pairs, then by count. 0 when equal. */
int labels_compare(const struct labels *a, const struct labels *b);

bool label_name_valid(const char *name);
