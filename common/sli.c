#include "sli.h"

#include <math.h>

#include "number.h"

#define GO_PAGE_BYTES 8192 /* runtime/internal: _PageSize, all versions */

static const char *const bound_words[BOUND_COUNT] = {
	[BOUND_NONE] = "",
	[BOUND_RUNTIME_GO] = "gomemlimit",
	[BOUND_RUNTIME_JVM] = "xmx",
	[BOUND_CGROUP] = "cgroup",
	[BOUND_RLIMIT] = "rlimit",
	[BOUND_RAM] = "ram",
};

const char *bound_word(enum bound b)
{
	return bound_words[b];
}

uint64_t bounds_tightest(const struct bounds *b, enum bound *which)
{
	uint64_t least = 0;

	*which = BOUND_NONE;
	for (int i = BOUND_NONE + 1; i < BOUND_COUNT; i++) {
		if (b->bytes[i] && (!least || b->bytes[i] < least)) {
			least = b->bytes[i];
			*which = (enum bound)i;
		}
	}
	return least;
}

static double ratio(double part, double whole)
{
	if (!(whole > 0) || !(part >= 0))
		return NAN;
	return number_round(part / whole, SLI_DIGITS);
}

double sli_util(double used_bytes, double max_bytes)
{
	return ratio(used_bytes, max_bytes);
}

double sli_frag(double free_regions, double total_regions)
{
	return ratio(free_regions, total_regions);
}

void sli_go_pages(uint64_t max_bytes, uint64_t pages_in_use,
		  uint64_t *free_pages, uint64_t *total_pages)
{
	*total_pages = max_bytes / GO_PAGE_BYTES;
	*free_pages = *total_pages > pages_in_use ?
			      *total_pages - pages_in_use : 0;
}

double sli_slot_waste(double allocated_bytes, double in_use_bytes)
{
	double filled = ratio(allocated_bytes, in_use_bytes);

	/* Counters of several caches are read one after the other: a hair
	 * more allocated than in use is none wasted. */
	return filled > 1 ? 0 : number_round(1 - filled, SLI_DIGITS);
}
