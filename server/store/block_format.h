#pragma once
/*
 * block_format.h - what writer and reader of blocks share; nobody else
 * includes it. The layout is told in block.h.
 */
#include "block.h"

#define FLAG_CONTINUES 1
#define FLAG_INDEX     2

#define MODE_PLACES_MAX 9
#define MODE_RAW	16
#define MODE_SAME	64

#define PAGE 4096

/* Of ten. Here, not in one of the files: the reader divides by them faster
 * where the compiler sees that they stay. */
static const double block_power[MODE_PLACES_MAX + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* Room for count series, all fresh; what was known is forgotten. -ENOMEM. */
int block_state_room(struct block_state *s, size_t count);
