#include "labels.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void labels_fini(struct labels *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].name);
		free(l->items[i].value);
	}
	free(l->items);
	*l = (struct labels){ 0 };
}

bool label_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > LABEL_NAME_MAX || isdigit((unsigned char)*name))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	}
	return true;
}

/* Where the name stands or would stand. */
static size_t find(const struct labels *l, const char *name, bool *found)
{
	size_t i = 0;

	while (i < l->count && strcmp(l->items[i].name, name) < 0)
		i++;
	*found = i < l->count && strcmp(l->items[i].name, name) == 0;
	return i;
}

static void remove_at(struct labels *l, size_t i)
{
	free(l->items[i].name);
	free(l->items[i].value);
	l->count--;
	memmove(&l->items[i], &l->items[i + 1],
		(l->count - i) * sizeof(l->items[0]));
}

static int insert_at(struct labels *l, size_t i, const char *name, char *value)
{
	struct label *items;
	char *own_name;

	if (l->count == LABELS_MAX)
		return -ENOSPC;
	own_name = strdup(name);
	items = realloc(l->items, (l->count + 1) * sizeof(items[0]));
	if (items)
		l->items = items;
	if (!own_name || !items) {
		free(own_name);
		return -ENOMEM;
	}
	memmove(&items[i + 1], &items[i], (l->count - i) * sizeof(items[0]));
	items[i] = (struct label){ own_name, value };
	l->count++;
	return 0;
}

/* Cut at LABEL_VALUE_MAX, but never inside a UTF-8 sequence. */
static size_t cut_len(const char *value)
{
	size_t len = strlen(value);

	if (len <= LABEL_VALUE_MAX)
		return len;
	len = LABEL_VALUE_MAX;
	/* a sequence has three more bytes at most; else it is no UTF-8 */
	while (len > LABEL_VALUE_MAX - 3 &&
	       ((unsigned char)value[len] & 0xc0) == 0x80)
		len--;
	return len;
}

int labels_set(struct labels *l, const char *name, const char *value)
{
	own(freep) char *copy = NULL;
	bool found;
	size_t i;
	int r;

	if (!label_name_valid(name))
		return -EINVAL;
	i = find(l, name, &found);
	if (*value == '\0') {
		if (found)
			remove_at(l, i);
		return 0;
	}
	copy = strndup(value, cut_len(value));
	if (!copy)
		return -ENOMEM;
	if (found) {
		free(l->items[i].value);
		l->items[i].value = take(copy);
		return 0;
	}
	r = insert_at(l, i, name, copy);
	if (r == 0)
		take(copy);
	return r;
}

int labels_merge(struct labels *l, const struct labels *other)
{
	int r = 0;

	for (size_t i = 0; i < other->count && r == 0; i++)
		r = labels_set(l, other->items[i].name, other->items[i].value);
	return r;
}

int labels_copy(struct labels *out, const struct labels *l)
{
	struct labels copy = { calloc(l->count + 1, sizeof(*l->items)), 0 };

	if (!copy.items)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++) {
		struct label *item = &copy.items[copy.count++];

		item->name = strdup(l->items[i].name);
		item->value = strdup(l->items[i].value);
		if (!item->name || !item->value) {
			labels_fini(&copy);
			return -ENOMEM;
		}
	}
	*out = copy;
	return 0;
}

const char *labels_get(const struct labels *l, const char *name)
{
	bool found;
	size_t i = find(l, name, &found);

	return found ? l->items[i].value : NULL;
}

int labels_compare(const struct labels *a, const struct labels *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		int c = strcmp(a->items[i].name, b->items[i].name);

		if (c == 0)
			c = strcmp(a->items[i].value, b->items[i].value);
		if (c)
			return c;
	}
	return (a->count > b->count) - (a->count < b->count);
}
