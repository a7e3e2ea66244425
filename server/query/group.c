/*
 * Which series make one row of the answer, and which labels it shows.
 */
#include "parts.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"

/* Who a process is, whether it restarts or not. */
static const char *const identity[] = { "node", "service", "instance" };

void names_fini(struct names *n)
{
	free(n->items);
	*n = (struct names){ 0 };
}

bool names_has(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++) {
		if (strcmp(n->items[i], name) == 0)
			return true;
	}
	return false;
}

int names_add(struct names *n, const char *name)
{
	if (names_has(n, name))
		return 0;
	if (array_room(&n->items, n->count, &n->cap))
		return -ENOMEM;
	n->items[n->count++] = name;
	return 0;
}

static const char *value_of(const struct series *s, const char *name)
{
	const char *value = labels_get(&s->labels, name);

	return value ? value : "";
}

/* The values of these labels, one after the other. */
static int compare(const struct names *names, const struct series *a,
		   const struct series *b)
{
	int c = 0;

	for (size_t i = 0; i < names->count && c == 0; i++)
		c = strcmp(value_of(a, names->items[i]),
			   value_of(b, names->items[i]));
	return c;
}

struct sorting {
	const struct names *names;
	const struct series *series;
};

static int by_names(const void *a, const void *b, void *arg)
{
	const struct sorting *s = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = compare(s->names, &s->series[x], &s->series[y]);

	return c ? c : (x > y) - (x < y);
}

/* The series ordered by these labels; NULL for want of memory. */
static uint32_t *sorted(const struct run *r, const struct names *names)
{
	struct sorting s = { names, r->series };
	uint32_t *order = calloc(r->series_count + 1, sizeof(order[0]));

	if (!order)
		return NULL;
	for (size_t i = 0; i < r->series_count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, r->series_count, sizeof(order[0]), by_names, &s);
	return order;
}

/* One group per value of the labels in names. */
static int group_by_names(struct run *r)
{
	own(freep) uint32_t *order = sorted(r, &r->names);

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < r->series_count; i++) {
		const struct series *s = &r->series[order[i]];

		if (i == 0 ||
		    compare(&r->names, &r->series[order[i - 1]], s) != 0)
			r->member[r->group_count++] = order[i];
		r->group_of[order[i]] = (uint32_t)(r->group_count - 1);
	}
	return 0;
}

/* 1 when any two series show the same labels, else 0; -ENOMEM. */
static int ambiguous(const struct run *r, const struct names *names)
{
	own(freep) uint32_t *order = sorted(r, names);

	if (!order)
		return -ENOMEM;
	for (size_t i = 1; i < r->series_count; i++) {
		if (compare(names, &r->series[order[i - 1]],
			    &r->series[order[i]]) == 0)
			return 1;
	}
	return 0;
}

static bool differs(const struct run *r, const char *name)
{
	const char *first = value_of(&r->series[0], name);

	for (size_t i = 1; i < r->series_count; i++) {
		if (strcmp(value_of(&r->series[i], name), first) != 0)
			return true;
	}
	return false;
}

static int all_names(const struct run *r, struct names *out)
{
	int err = 0;

	for (size_t i = 0; i < r->series_count && err == 0; i++) {
		const struct labels *l = &r->series[i].labels;

		for (size_t k = 0; k < l->count && err == 0; k++)
			err = names_add(out, l->items[k].name);
	}
	return err;
}

static bool is_dimension(const struct run *r, const char *name)
{
	for (int c = 0; c < COL_COUNT; c++) {
		const struct column_info *info = column_info((enum column)c);

		if (info->metric == r->q->metric && info->dim &&
		    strcmp(info->dim, name) == 0)
			return true;
	}
	return false;
}

/* "{{name}}" stands in the legend. */
static bool in_legend(const struct query *q, const char *name)
{
	const char *at = q->legend ? q->legend : "";
	size_t len = strlen(name);

	while ((at = strstr(at, "{{"))) {
		at += 2 + strspn(at + 2, " ");
		if (strncmp(at, name, len) == 0 &&
		    strncmp(at + len + strspn(at + len, " "), "}}", 2) == 0)
			return true;
	}
	return false;
}

bool query_asks(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->by_count; i++) {
		if (strcmp(q->by[i], name) == 0)
			return true;
	}
	return in_legend(q, name);
}

/* Names worth showing when every series is a row of its own. */
static int choose(struct run *r, const struct names *all)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(identity) && err == 0; i++) {
		if (names_has(all, identity[i]))
			err = names_add(&r->names, identity[i]);
	}
	for (size_t i = 0; i < all->count && err == 0; i++) {
		const char *name = all->items[i];

		if (is_dimension(r, name) || query_asks(r->q, name) ||
		    (strcmp(name, "pid") != 0 && differs(r, name)))
			err = names_add(&r->names, name);
	}
	if (err)
		return err;
	err = ambiguous(r, &r->names);
	if (err == 1 && names_has(all, "pid"))
		return names_add(&r->names, "pid");
	return err < 0 ? err : 0;
}

/* Series that show the same are one line: those of a machine before and after
 * a restart of it. */
static int each_alone(struct run *r)
{
	struct names all = { 0 };
	int err = all_names(r, &all);

	if (err == 0)
		err = choose(r, &all);
	names_fini(&all);
	return err ? err : group_by_names(r);
}

static bool is_identity(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(identity); i++) {
		if (strcmp(identity[i], name) == 0)
			return true;
	}
	return false;
}

/* What a name must say: of labels that differ, who it is, or what it was
 * grouped by; of the others only as many as tell all rows apart. */
static int choose_distinct(struct run *r)
{
	int err = 0;

	for (size_t i = 0; i < r->names.count && err >= 0; i++) {
		const char *name = r->names.items[i];

		if (!differs(r, name))
			continue;
		if (r->q->agg == AGG_NONE && !is_identity(name)) {
			err = ambiguous(r, &r->distinct);
			if (err != 1)
				continue;
		}
		err = names_add(&r->distinct, name);
	}
	return err < 0 ? err : 0;
}

int group_series(struct run *r)
{
	int err = 0;

	r->group_of = calloc(r->series_count + 1, sizeof(r->group_of[0]));
	r->member = calloc(r->series_count + 1, sizeof(r->member[0]));
	if (!r->group_of || !r->member)
		return -ENOMEM;
	if (r->series_count == 0)
		return 0;
	if (r->q->agg == AGG_NONE) {
		err = each_alone(r);
	} else {
		for (size_t i = 0; i < r->q->by_count && err == 0; i++)
			err = names_add(&r->names, r->q->by[i]);
		if (err == 0)
			err = group_by_names(r);
	}
	if (err == 0)
		err = choose_distinct(r);
	if (err == 0 && r->bucket_count)
		err = names_add(&r->names, r->bucket_label);
	if (err == 0 && r->bucket_count)
		err = names_add(&r->distinct, r->bucket_label);
	return err;
}
