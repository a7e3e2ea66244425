#include "log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"

static void put_time(struct json *j)
{
	char text[64], day[32];
	struct timeval now;
	struct tm parts;

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &parts);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, sizeof(text), "%s.%06ldZ", day, (long)now.tv_usec);
	json_put_string(j, "@timestamp", text);
}

/* A host that does not read its pipe must not stop us: what finds no room is
 * lost. A pipe that is ready takes PIPE_BUF bytes, which no line exceeds. */
static void put_line(const struct buf *line)
{
	struct pollfd room = { STDERR_FILENO, POLLOUT, 0 };

	if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) &&
	    write(STDERR_FILENO, line->data, line->len) < 0)
		return; /* there is nobody to tell */
}

void plugin_log(enum plugin_level level, const char *format, ...)
{
	static const char *const words[] = { "debug", "info", "warn", "error" };
	struct buf line = { .limit = PIPE_BUF };
	struct json j = json_writer(&line);
	char text[600]; /* a sign takes six bytes of JSON at most */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_begin_object(&j);
	json_put_string(&j, "@level", words[level]);
	json_put_string(&j, "@message", text);
	json_put_string(&j, "@module", "heapwatch");
	put_time(&j);
	json_end(&j);
	buf_putc(&line, '\n');
	if (!buf_error(&line))
		put_line(&line);
	buf_fini(&line);
}
