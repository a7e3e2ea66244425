#include "log.h"

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

void plugin_log(enum plugin_level level, const char *format, ...)
{
	static const char *const words[] = { "debug", "info", "warn", "error" };
	struct buf line = BUF_INIT;
	struct json j = json_writer(&line);
	char text[1024];
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
	/* A host that does not read its pipe must not stop us. */
	if (!buf_error(&line) && write(STDERR_FILENO, line.data, line.len) < 0)
		line.len = 0;
	buf_fini(&line);
}
