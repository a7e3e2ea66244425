#include "notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/clock.h"
#include "common/log.h"

/* Connected, so that a send needs nothing but the text. */
static int socket_open(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	own(fd_closep) int fd = -1;

	if ((path[0] != '/' && path[0] != '@') ||
	    len >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)))
		return -errno;
	return take_fd(fd);
}

/* The watchdog's time, if it is meant for this process. */
static int64_t watchdog_read(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && atoll(pid) != getpid()))
		return 0;
	return atoll(usec) / 1000;
}

void notify_open(struct notify *n, int64_t beat_ms)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int64_t now = clock_monotonic_ns() / 1000000;

	*n = (struct notify){ .fd = -1 };
	if (path && *path) {
		n->fd = socket_open(path);
		if (n->fd < 0)
			log_err(n->fd, "the service manager cannot be told");
		n->watchdog_ms = n->fd < 0 ? 0 : watchdog_read();
	}
	n->patience_ms = n->watchdog_ms / 2 > 3 * beat_ms ? n->watchdog_ms / 2 :
							    3 * beat_ms;
	for (int i = 0; i < NOTIFY_COUNTERS; i++)
		n->counters[i].moved_ms = now;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	fd_closep(&n->fd);
	n->fd = -1;
}

void notify_send(const struct notify *n, const char *lines)
{
	if (n->fd >= 0 && send(n->fd, lines, strlen(lines), MSG_NOSIGNAL) < 0)
		log_debug("service manager not told lines=%s errno=%d", lines,
			  errno);
}

int notify_wait_ms(const struct notify *n)
{
	int64_t quarter = n->watchdog_ms / 4;

	return !n->watchdog_ms ? -1 : quarter > 60000 ? 60000 : (int)quarter;
}

bool notify_progress(struct notify *n, const uint64_t values[NOTIFY_COUNTERS],
		     int64_t now_ms)
{
	bool alive = true;

	if (!n->watchdog_ms)
		return false;
	for (int i = 0; i < NOTIFY_COUNTERS; i++) {
		struct notify_counter *c = &n->counters[i];

		if (c->value != values[i])
			*c = (struct notify_counter){ values[i], now_ms };
		alive = alive && now_ms - c->moved_ms <= n->patience_ms;
	}
	if (alive)
		notify_send(n, "WATCHDOG=1");
	return alive;
}
