#pragma once
/*
 * log.h - one line a message on stderr: "level message key=value".
 *
 * Any thread may log. Under journald (JOURNAL_STREAM set) a line starts with
 * the syslog priority, "<4>", which the journal strips again.
 */
#include <stdarg.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Messages below the level are dropped; info at start. */
void log_set_level(enum log_level level);

/* "debug", "info", "warn", "error"; -EINVAL for another word. */
int log_level_parse(enum log_level *out, const char *word);

/* Where lines go instead of stderr; tests catch them so. NULL: stderr. */
typedef void (*log_sink_fn)(enum log_level level, const char *line);
void log_set_sink(log_sink_fn sink);

void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)

/*
 * Log an error and return its code: "return log_err(r, "cannot ...")". The
 * text of the code (-errno) is added as error="...".
 */
int log_err(int r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
