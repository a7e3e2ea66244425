#pragma once
/*
 * array.h - arrays that grow: owned items, their count, and room for cap.
 */
#include <stddef.h>

/*
 * Room for one more item, array_room(&x->items, x->count, &x->cap): doubled
 * where there is none. -ENOMEM; the array is then what it was.
 */
#define array_room(array, count, cap)                                          \
	array_room_of((array), (count), (cap), sizeof(**(array)))

int array_room_of(void *array, size_t count, size_t *cap, size_t item_size);
