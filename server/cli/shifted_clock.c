/*
 * A wall clock that tests can step: real time plus the milliseconds that a
 * file holds, read each time. The boot clock stays real, as it does when
 * somebody sets a machine's clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#include "shifted_clock.h"

static int offset_fd = -1; /* open as long as the program runs */

static int64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct now shifted_now(void)
{
	char text[32];
	ssize_t len = pread(offset_fd, text, sizeof(text) - 1, 0);
	int64_t offset_ms;

	text[len > 0 ? len : 0] = '\0';
	offset_ms = strtoll(text, NULL, 10);
	return (struct now){
		.boot_ns = read_ns(CLOCK_BOOTTIME),
		.wall_ms = read_ns(CLOCK_REALTIME) / 1000000 + offset_ms,
	};
}

int shifted_clock_use(const char *path)
{
	offset_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (offset_fd < 0)
		return -errno;
	clock_set_source(shifted_now);
	return 0;
}
