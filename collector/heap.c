#include "heap.h"

#include <math.h>
#include <stdio.h>

#include "common/number.h"

#define FLOOR_MINUTES 30

/* A number, or the reason why there is none. */
static void put_or(struct target *t, enum column c, double value, enum gap why)
{
	if (isnan(value))
		target_miss(t, c, why);
	else
		target_put(t, c, value);
}

static enum gap why_no_used(const struct heap_reading *r)
{
	return r->used_gap ? r->used_gap : GAP_UNREADABLE;
}

/*
 * The tightest bound. What it is may change while the process runs (somebody
 * sets another limit), so the attribute follows.
 */
static double tightest(struct target *t, const struct heap_reading *r)
{
	struct bounds bounds = t->bounds;
	uint64_t max;

	if (!isnan(r->limit_bytes))
		bounds.bytes[r->limit_kind] = (uint64_t)r->limit_bytes;
	max = bounds_tightest(&bounds, &t->bound);
	target_set_attribute(t, "bound", bound_word(t->bound));
	return max ? (double)max : NAN;
}

/* Keep the lowest after-collection value of each of the last 30 minutes. */
static void note_floor(struct heap_memory *h, int64_t minute, double bytes)
{
	int slot = (int)(minute % FLOOR_MINUTES);

	if (h->floor_minute[slot] != minute || bytes < h->floor_bytes[slot]) {
		h->floor_minute[slot] = minute;
		h->floor_bytes[slot] = bytes;
	}
}

static double lowest_floor(const struct heap_memory *h, int64_t minute)
{
	double lowest = NAN;

	for (int i = 0; i < FLOOR_MINUTES; i++) {
		if (h->floor_minute[i] == 0 ||
		    h->floor_minute[i] <= minute - FLOOR_MINUTES)
			continue;
		lowest = fmin(lowest, h->floor_bytes[i]);
	}
	return lowest;
}

static void put_live(struct target *t, struct now now,
		     const struct heap_reading *r, double max)
{
	/* Minute 0 would be a machine that booted just now; 1 is as good. */
	int64_t minute = now.boot_ns / 60000000000 + 1;
	double floor_bytes;

	if (!isnan(r->after_gc_bytes))
		note_floor(&t->heap, minute, r->after_gc_bytes);
	floor_bytes = lowest_floor(&t->heap, minute);
	put_or(t, COL_HEAP_LIVE_BYTES, r->live_bytes, r->live_gap);
	put_or(t, COL_HEAP_AFTER_GC_BYTES, r->after_gc_bytes, r->after_gc_gap);
	put_or(t, COL_HEAP_LIVE_RATE, sli_util(r->live_bytes, max),
	       r->live_gap ? r->live_gap : GAP_UNREADABLE);
	/* A floor stands in only where the real thing is absent. */
	if (isnan(r->live_bytes))
		put_or(t, COL_HEAP_LIVE_RATE_FLOOR, sli_util(floor_bytes, max),
		       r->after_gc_gap ? r->after_gc_gap : GAP_NOT_YET);
	else
		target_miss(t, COL_HEAP_LIVE_RATE_FLOOR, GAP_OTHER_BASIS);
}

static void put_frag(struct target *t, const struct heap_reading *r, double max)
{
	double free_regions = r->free_regions, total = r->total_regions;
	double free_bytes = max - r->used_bytes;

	if (!isnan(r->pages_in_use) && !isnan(max)) {
		uint64_t free_pages, total_pages;

		sli_go_pages((uint64_t)max, (uint64_t)r->pages_in_use,
			     &free_pages, &total_pages);
		free_regions = (double)free_pages;
		total = (double)total_pages;
	}
	put_or(t, COL_HEAP_FREE_REGIONS, free_regions, GAP_UNSUPPORTED);
	put_or(t, COL_HEAP_TOTAL_REGIONS, total, GAP_UNSUPPORTED);
	if (!isnan(total)) {
		target_put(t, COL_FRAG_RATIO, sli_frag(free_regions, total));
		target_miss(t, COL_FRAG_RATIO_BYTES, GAP_OTHER_BASIS);
		return;
	}
	target_miss(t, COL_FRAG_RATIO, GAP_OTHER_BASIS);
	/* More used than the bound allows is none free; NAN stays NAN. */
	if (free_bytes < 0)
		free_bytes = 0;
	put_or(t, COL_FRAG_RATIO_BYTES, sli_frag(free_bytes, max),
	       why_no_used(r));
}

void heap_put(struct target *t, struct now now, const struct heap_reading *r)
{
	double max = tightest(t, r);

	put_or(t, COL_HEAP_USED_BYTES, r->used_bytes, why_no_used(r));
	put_or(t, COL_HEAP_MAX_BYTES, max, GAP_UNREADABLE);
	put_or(t, COL_HEAP_LIMIT_BYTES, r->limit_bytes, GAP_UNLIMITED);
	put_or(t, COL_HEAP_UTIL_RATE, sli_util(r->used_bytes, max),
	       why_no_used(r));
	put_live(t, now, r, max);
	put_frag(t, r, max);
}
