#include "entity.h"

void entity_fini(struct entity *e)
{
	labels_fini(&e->labels);
	labels_fini(&e->attributes);
}

int entity_copy(struct entity *out, const struct entity *e)
{
	struct entity copy = *e;
	int r;

	copy.labels = (struct labels){ 0 };
	copy.attributes = (struct labels){ 0 };
	r = labels_copy(&copy.labels, &e->labels);
	if (r == 0)
		r = labels_copy(&copy.attributes, &e->attributes);
	if (r) {
		entity_fini(&copy);
		return r;
	}
	*out = copy;
	return 0;
}
