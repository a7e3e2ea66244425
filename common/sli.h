#pragma once
/*
 * sli.h - the formulas of the three SLIs, once.
 *
 * heap_util_rate = used / max             gc_pressure = collections in 60 s
 * frag_ratio = free regions / all regions
 *
 * Each answers NAN where its inputs do not allow a number; callers then
 * leave the sample out and tell the reason. Results are rounded to
 * SLI_DIGITS significant digits: what is noise is not stored.
 */
#include <stdint.h>

#define SLI_DIGITS    6
#define SLI_WINDOW_NS (60ll * 1000000000) /* what gc_pressure looks back */

/* What may bound a heap; the least that is known wins. */
enum bound {
	BOUND_NONE,
	BOUND_RUNTIME_GO,  /* GOMEMLIMIT */
	BOUND_RUNTIME_JVM, /* maximal JVM heap */
	BOUND_CGROUP,
	BOUND_RLIMIT,
	BOUND_RAM,
	BOUND_COUNT
};

/* "gomemlimit", "xmx", "cgroup", "rlimit", "ram"; "" for none. */
const char *bound_word(enum bound b);

/* Bytes by kind of bound; 0 where there is none. */
struct bounds {
	uint64_t bytes[BOUND_COUNT];
};

/* The tightest one and which it is; 0 and BOUND_NONE when nothing is known.
 * On a tie the runtime's own comes first. */
uint64_t bounds_tightest(const struct bounds *b, enum bound *which);

/* used / max; also live / max. */
double sli_util(double used_bytes, double max_bytes);

/* free / total regions, pages or bytes. */
double sli_frag(double free_regions, double total_regions);

/*
 * Go's regions: 8 KiB pages of the bound; free are those not in use.
 * Where more is in use than the bound allows, none is free.
 */
void sli_go_pages(uint64_t max_bytes, uint64_t pages_in_use,
		  uint64_t *free_pages, uint64_t *total_pages);

/* 1 - allocated / in use: holes inside spans. */
double sli_slot_waste(double allocated_bytes, double in_use_bytes);
