#include "array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int array_room_of(void *array, size_t count, size_t *cap, size_t item_size)
{
	size_t more = *cap ? *cap * 2 : 16, len;
	void *items;

	if (count < *cap)
		return 0;
	if (__builtin_mul_overflow(more, item_size, &len) || len > PTRDIFF_MAX)
		return -ENOMEM;
	memcpy(&items, array, sizeof(items)); /* a pointer of another type */
	items = realloc(items, len);
	if (!items)
		return -ENOMEM;
	memcpy(array, &items, sizeof(items));
	*cap = more;
	return 0;
}
