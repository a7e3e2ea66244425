/* Planned maintenance: which states are silenced, and until when. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "internal.h"

/* Into the store, for the next run. */
static void keep(struct collector *c)
{
	own(buf_fini) struct buf text = BUF_INIT;

	windows_write(&text, &c->windows);
	if (!buf_error(&text))
		batch_add_fact(c->batch, "maintenance", buf_cstr(&text));
}

static int64_t boot_of(struct now now, int64_t wall_ms)
{
	return now.boot_ns + (wall_ms - now.wall_ms) * 1000000;
}

static void tell_end(struct collector *c, const struct window *w,
		     struct now now)
{
	int64_t begin_ns = boot_of(now, w->from_ms);

	batch_add_span(c->batch, EVENT_MAINTENANCE_ENDED, 0,
		       begin_ns < now.boot_ns ? begin_ns : now.boot_ns,
		       now.boot_ns, "maintenance of %s ended: %s", w->service,
		       w->reason);
	log_info("maintenance ended service=\"%s\"", w->service);
}

/* One of an earlier run, by what the wall clock says now. */
static void place(struct window *w, struct now now)
{
	int64_t until_ns = boot_of(now, w->until_ms);

	w->until_boot_ns = until_ns < w->latest_boot_ns ? until_ns :
							  w->latest_boot_ns;
}

void silence_load(struct collector *c, const char *text, struct now now)
{
	c->windows_version = 1; /* targets begin at 0 */
	if (!text || windows_read(&c->windows, text))
		return;
	for (size_t i = 0; i < c->windows.count; i++) {
		struct window *w = &c->windows.items[i];

		/* The clock may be wrong yet: not longer than it was to. */
		w->latest_boot_ns = now.boot_ns +
				    (w->until_ms - w->from_ms) * 1000000;
		place(w, now);
	}
}

int silence_start(struct collector *c, struct window *w, struct now now)
{
	int64_t length_ms = w->until_ms - w->from_ms;
	const char *service = w->service;
	int r;

	/* Counted from now by this clock, however the asker's stands. */
	w->from_ms = now.wall_ms;
	w->until_ms = now.wall_ms + length_ms;
	w->until_boot_ns = now.boot_ns + length_ms * 1000000;
	r = windows_put(&c->windows, w);
	if (r)
		return r;
	w = &c->windows.items[c->windows.count - 1];
	c->windows_version++;
	batch_add_event(c->batch, EVENT_MAINTENANCE_STARTED, 0, now.boot_ns,
			"maintenance of %s for %lld min: %s", service,
			(long long)(length_ms / 60000), w->reason);
	log_info("maintenance started service=\"%s\" seconds=%lld "
		 "reason=\"%s\"", service, (long long)(length_ms / 1000),
		 w->reason);
	keep(c);
	return 0;
}

int silence_end(struct collector *c, const char *service, struct now now)
{
	for (size_t i = 0; i < c->windows.count; i++) {
		if (strcmp(c->windows.items[i].service, service))
			continue;
		tell_end(c, &c->windows.items[i], now);
		windows_remove(&c->windows, service);
		c->windows_version++;
		keep(c);
		return 0;
	}
	return -ENOENT;
}

/* After a step of the wall clock: its times as that tells them now. */
static void move(struct window *w, struct now now)
{
	int64_t length_ms = w->until_ms - w->from_ms;

	if (w->latest_boot_ns) {
		place(w, now);
		return;
	}
	w->until_ms = clock_wall_of(now, w->until_boot_ns);
	w->from_ms = w->until_ms - length_ms;
}

void silence_tick(struct collector *c, struct now now, bool moved)
{
	for (size_t i = 0; i < c->windows.count;) {
		struct window *w = &c->windows.items[i];

		if (moved)
			move(w, now);
		if (w->until_boot_ns > now.boot_ns)
			i++;
		else
			silence_end(c, w->service, now);
	}
	if (moved && c->windows.count > 0)
		keep(c);
}
