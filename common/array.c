#include "array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int array_room_of(void *array, size_t count, size_t *cap, size_t item_size)
{
	size_t more = *cap ? *cap * 2 : 16;
	void *items;

	if (count < *cap)
		return 0;
	memcpy(&items, array, sizeof(items)); /* a pointer of another type */
	items = realloc(items, more * item_size);
	if (!items)
		return -ENOMEM;
	memcpy(array, &items, sizeof(items));
	*cap = more;
	return 0;
}
