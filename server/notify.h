#pragma once
/*
 * notify.h - telling the service manager (systemd: sd_notify(3)) that the
 * server is ready, and that its threads make progress.
 *
 * Without NOTIFY_SOCKET in the environment all of it does nothing. The
 * watchdog is fed by progress, never by a timer: every counter must have
 * moved within its patience, else nothing is sent and systemd restarts the
 * service. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/own.h"

#define NOTIFY_COUNTERS 2

struct notify_counter {
	uint64_t value;
	int64_t moved_ms; /* monotonic: when it was last seen to move */
};

struct notify {
	int fd;		       /* owned; -1: nobody wants to know */
	int64_t watchdog_ms;   /* 0: none is asked for */
	int64_t patience_ms;   /* a counter that stood still longer hangs */
	struct notify_counter counters[NOTIFY_COUNTERS];
};

/*
 * From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are taken out of
 * the environment. beat_ms: how often the slowest counter moves when all is
 * well; it is given three beats, and half of the watchdog's time at least.
 * A socket that cannot be reached is logged and then left alone.
 */
void notify_open(struct notify *n, int64_t beat_ms);
void notify_close(struct notify *n);

/* "READY=1", "STOPPING=1", "STATUS=..."; lines of sd_notify(3). */
void notify_send(const struct notify *n, const char *lines);

/* Milliseconds until notify_progress() wants to be called; -1: never. */
int notify_wait_ms(const struct notify *n);

/*
 * The counters as they are now. Feeds the watchdog when all of them have
 * moved within the patience; true if it was fed.
 */
bool notify_progress(struct notify *n, const uint64_t values[NOTIFY_COUNTERS],
		     int64_t now_ms);
