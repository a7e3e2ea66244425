#include "moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/units.h"

#include "body.h"

/* Below this a number means seconds: 1e11 s is the year 5138, 1e11 ms 1973. */
#define SECONDS_BELOW 100000000000.0

static int number_time(int64_t *out_ms, double value)
{
	double ms = value < SECONDS_BELOW ? value * 1000 : value;

	if (!(ms >= 0 && ms < 1e14))
		return -EINVAL;
	*out_ms = (int64_t)ms;
	return 0;
}

/* "now", "now-6h", "now+1h" */
static int relative_time(int64_t *out_ms, const char *text, int64_t now_ms)
{
	int64_t ms = 0;

	text += strlen("now");
	if (*text && ((*text != '-' && *text != '+') ||
		      duration_parse(&ms, text + 1) || ms > INT64_MAX / 4))
		return -EINVAL;
	*out_ms = *text == '-' ? now_ms - ms : now_ms + ms;
	return 0;
}

/* "Z", "+02:00" -> minutes east. A plus that was not escaped in a URL is a
 * space. */
static int zone_parse(int *out, const char *text)
{
	int hours, minutes, end = 0;

	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		*out = 0;
		return 0;
	}
	if (strlen(text) != 6 || !strchr("+ -", *text) ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 ||
	    end != 5 || hours > 23 || minutes > 59)
		return -EINVAL;
	*out = (hours * 60 + minutes) * (*text == '-' ? -1 : 1);
	return 0;
}

/* RFC 3339 with or without a fraction of the second. */
static int iso_time(int64_t *out_ms, const char *text)
{
	struct tm tm = { 0 };
	int end = 0, zone, ms = 0, scale = 100;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year,
		   &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		   &end) != 6 ||
	    end != 19)
		return -EINVAL;
	text += end;
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++) {
			ms += (*text - '0') * scale;
			scale /= 10;
		}
	}
	if (zone_parse(&zone, text) || tm.tm_year < 1970 || tm.tm_mon < 1 ||
	    tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out_ms = ((int64_t)timegm(&tm) - zone * 60) * 1000 + ms;
	return 0;
}

int time_parse(int64_t *out_ms, const json_t *value, int64_t now_ms,
	       const char *field, struct problem *p)
{
	const char *text = json_string_value(value);
	int r = -EINVAL;

	if (json_is_number(value))
		r = number_time(out_ms, json_number_value(value));
	else if (text && *text && strspn(text, "0123456789.") == strlen(text))
		r = number_time(out_ms, strtod(text, NULL));
	else if (text && strncmp(text, "now", 3) == 0)
		r = relative_time(out_ms, text, now_ms);
	else if (text)
		r = iso_time(out_ms, text);
	if (r)
		return bad_request(
			p,
			"%s must be a time: 2026-11-22T15:00:00Z, Unix "
			"seconds or milliseconds, or now-6h",
			field);
	return 0;
}
