#include "past.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"

void past_fini(struct past *p)
{
	for (size_t i = 0; i < p->entity_count; i++)
		entity_fini(&p->entities[i]);
	free(p->entities);
	for (size_t i = 0; i < p->build_count; i++) {
		free((char *)p->builds[i].service);
		free((char *)p->builds[i].build_id);
	}
	free(p->builds);
	free(p->maintenance);
	free(p->states);
}

static int add_build(void *arg, const struct labels *labels,
		     const struct labels *attributes)
{
	const char *service = labels_get(labels, "service");
	const char *build_id = labels_get(attributes, "build_id");
	struct past *p = arg;
	struct last_build *b;

	if (!service || !build_id)
		return 0;
	if (array_room(&p->builds, p->build_count, &p->build_cap))
		return -ENOMEM;
	b = &p->builds[p->build_count++];
	*b = (struct last_build){ strdup(service), strdup(build_id) };
	return b->service && b->build_id ? 0 : -ENOMEM;
}

/* NULL where there is none, or it is damaged: then it begins anew. */
static int past_text(struct store *store, const char *key, char **out)
{
	int r = store_meta_get(store, key, out);

	return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

int past_read(struct past *p, struct store *store)
{
	int r = store_open_entities(store, &p->entities, &p->entity_count);

	if (r == 0)
		r = past_text(store, "maintenance", &p->maintenance);
	if (r == 0)
		r = past_text(store, "states", &p->states);
	return r ? r : store_entities(store, add_build, p);
}
