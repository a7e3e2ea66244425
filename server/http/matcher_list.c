#include "matcher_list.h"

#include <errno.h>
#include <string.h>

#include "body.h"

void matcher_list_fini(struct matcher_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		matcher_fini(&l->items[i]);
	free(l->items);
	*l = (struct matcher_list){ 0 };
}

/* Weights, about: a value with its pointer, a compiled pattern. */
#define VALUE_BYTES   64
#define PATTERN_BYTES 8192

static int spend(struct matcher_list *l, size_t bytes, struct problem *p)
{
	l->spent += bytes;
	if (l->spent > CONDITIONS_MAX)
		return problem_set(p, PROBLEM_TOO_MUCH,
				   "too many conditions in one request; ask "
				   "for fewer targets or values");
	return 0;
}

int matcher_list_add_value(struct matcher_list *l, struct matcher *m,
			   const char *value, struct problem *p)
{
	int r = spend(l, VALUE_BYTES + strlen(value), p);

	return r ? r : matcher_add_value(m, value);
}

/* A matcher of one value at the end of the list; *out is the list's. */
int matcher_list_add(struct matcher_list *l, struct matcher **out,
		     const char *label, enum match_op op, const char *value,
		     struct problem *p)
{
	struct matcher *items;
	int r;

	if (!label_name_valid(label))
		return bad_request(p, "\"%.64s\" is no name of a label", label);
	r = spend(l, sizeof(*items) + VALUE_BYTES + strlen(value), p);
	if (!r && (op == MATCH_REGEX || op == MATCH_NOT_REGEX))
		r = spend(l, PATTERN_BYTES, p);
	if (r)
		return r;
	items = realloc(l->items, (l->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	items[l->count] = (struct matcher){ 0 };
	r = matcher_init(&items[l->count], label, op, value, p);
	if (r)
		return r;
	*out = &items[l->count++];
	return 0;
}

int matchers_add(struct matcher_list *l, const char *label, enum match_op op,
		 const char *const *values, size_t count, struct problem *p)
{
	struct matcher *m;
	int r = matcher_list_add(l, &m, label, op, values[0], p);

	for (size_t i = 1; i < count && !r; i++)
		r = matcher_list_add_value(l, m, values[i], p);
	return r;
}
