#pragma once
/*
 * pressure.h - how often something happened in the last 60 s, from a total.
 *
 * For runtimes that tell only a running count. There is no answer before the
 * process was watched for the whole window, unless it is younger than that:
 * then it counts since its start.
 */
#include <stdbool.h>
#include <stdint.h>

#define PRESSURE_MARKS 128 /* twice the seconds of the window */

struct pressure {
	struct {
		int64_t boot_ns;
		uint64_t total;
	} marks[PRESSURE_MARKS]; /* a ring; head is where the next one goes */
	unsigned head, count;
};

/* Note the total now, once a tick; kept at one mark a second. A total that falls means another life: starts anew. */
void pressure_add(struct pressure *p, int64_t boot_ns, uint64_t total);

/*
 * Events in (now - 60 s, now]. False while the window is filling: the
 * process is older than the watching and the watching younger than 60 s.
 * started_boot_ns is when the process started.
 */
bool pressure_count(const struct pressure *p, int64_t now_boot_ns,
		    int64_t started_boot_ns, uint64_t *out);
