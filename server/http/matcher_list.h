#pragma once
/*
 * matcher_list.h - a growing list of conditions on labels.
 *
 * A pattern of targets makes many questions of a short body, so what all
 * their conditions weigh is bounded.
 */
#include <stddef.h>

#include "common/problem.h"
#include "server/store/matcher.h"

#define CONDITIONS_MAX (4 * 1024 * 1024) /* bytes of all of one request */

struct matcher_list {
	struct matcher *items; /* owned */
	size_t count;
	size_t spent; /* bytes, about; up to CONDITIONS_MAX */
};

void matcher_list_fini(struct matcher_list *l);

/* A condition of one value at the end of the list; *out is the list's until
 * the next one is added. */
int matcher_list_add(struct matcher_list *l, struct matcher **out,
		     const char *label, enum match_op op, const char *value,
		     struct problem *p);

/* One more value for m, the list's newest; for =| and !=|. */
int matcher_list_add_value(struct matcher_list *l, struct matcher *m,
			   const char *value, struct problem *p);

/* A condition of one value, or of several for =| and !=|. */
int matchers_add(struct matcher_list *l, const char *label, enum match_op op,
		 const char *const *values, size_t count, struct problem *p);
