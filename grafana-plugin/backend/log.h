#pragma once
/*
 * log.h - lines on stderr as Grafana's plugin host reads them: one JSON object
 * each, in hclog's form. Never a secret: addresses and codes only.
 */
enum plugin_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

/* One line; what does not fit is cut. */
void plugin_log(enum plugin_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
