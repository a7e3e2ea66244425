#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "own.h"
#include "utf8.h"

static const struct {
	const char *word;
	int syslog_priority;
} levels[] = {
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_ERROR] = { "error", 3 },
};

static atomic_int threshold = LOG_LEVEL_INFO;
static _Atomic(log_sink_fn) sink_fn;

void log_set_level(enum log_level level)
{
	threshold = level;
}

int log_level_parse(enum log_level *out, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].word, word) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_sink(log_sink_fn sink)
{
	sink_fn = sink;
}

/* One write(2) a line, so lines of several threads never mix. */
static void emit(enum log_level level, char *line)
{
	log_sink_fn sink = sink_fn;

	text_one_line(line);
	if (sink)
		sink(level, line);
	else if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s %s\n", levels[level].syslog_priority,
			levels[level].word, line);
	else
		fprintf(stderr, "%s %s\n", levels[level].word, line);
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[2048];
	va_list args;

	if ((int)level < threshold)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	emit(level, line);
}

int log_err(int r, const char *format, ...)
{
	char line[2048];
	char text[128];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(line))
		snprintf(line + len, sizeof(line) - (size_t)len,
			 " error=\"%s\"", strerror_r(-r, text, sizeof(text)));
	emit(LOG_LEVEL_ERROR, line);
	return r;
}
