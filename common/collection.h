#pragma once
/*
 * collection.h - one garbage collection, and the text that an event keeps it
 * as: a sentence for people that is read back to numbers.
 *
 *   young: G1 Young Generation; G1 Evacuation Pause; 50331648 -> 9437184
 *   bytes; paused for 3211 us; 12 before it left out
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collection {
	char kind[16];	    /* "young", "old", "concurrent", "cycle" */
	char collector[40]; /* the memory manager, "Go" */
	char cause[40];	    /* as the runtime names it; "": not known */
	double before_bytes, after_bytes; /* of the heap; NAN: not known */
	int64_t length_us;		  /* -1: its begin was not seen */
	bool paused;	   /* the program stood still all the time; else it
			    * went on beside it */
	uint64_t left_out; /* before this one, since the last that was kept */
};

#define COLLECTION_TEXT_MAX 256

/* What of the names is not printable, or a ';', becomes '?'. */
void collection_write(char out[COLLECTION_TEXT_MAX],
		      const struct collection *c);

/* False: not such a text; rows of the database are not trusted. */
bool collection_read(struct collection *out, const char *text);
