#include <errno.h>
#include <stdlib.h>

#include "block_format.h"

void block_state_reset(struct block_state *s)
{
	free(s->ids);
	free(s->modes);
	free(s->last);
	free(s->wanted);
	*s = (struct block_state){0};
}

int block_state_room(struct block_state *s, size_t count)
{
	block_state_reset(s);
	s->ids = malloc((count + 1) * sizeof(s->ids[0]));
	s->modes = calloc(count + 1, sizeof(s->modes[0]));
	s->last = calloc(count + 1, sizeof(s->last[0]));
	s->wanted = calloc(count + 1, sizeof(s->wanted[0]));
	if (!s->ids || !s->modes || !s->last || !s->wanted) {
		block_state_reset(s);
		return -ENOMEM;
	}
	s->count = count;
	return 0;
}
