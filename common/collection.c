#include "collection.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_END 1e18 /* from here on it is as good as none */

static void put_name(char *out, size_t len, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < len && name[i]; i++)
		out[i] = name[i] < ' ' || name[i] > '~' || name[i] == ';' ?
				 '?' :
				 name[i];
	out[i] = '\0';
}

/* "?" where there is none. */
static void put_number(char out[24], double value)
{
	if (isfinite(value) && value >= 0 && value < NUMBER_END)
		snprintf(out, 24, "%lld", (long long)value);
	else
		snprintf(out, 24, "?");
}

void collection_write(char out[COLLECTION_TEXT_MAX], const struct collection *c)
{
	char collector[sizeof(c->collector)], cause[sizeof(c->cause)];
	char before[24], after[24], length[24];
	int used;

	put_name(collector, sizeof(collector), c->collector);
	put_name(cause, sizeof(cause), c->cause);
	put_number(before, c->before_bytes);
	put_number(after, c->after_bytes);
	put_number(length, c->length_us < 0 ? NAN : (double)c->length_us);
	used = snprintf(out, COLLECTION_TEXT_MAX,
			"%s: %s; %s; %s -> %s bytes; %s for %s us", c->kind,
			collector, *cause ? cause : "?", before, after,
			c->paused ? "paused" : "concurrent", length);
	if (c->left_out)
		snprintf(out + used, COLLECTION_TEXT_MAX - (size_t)used,
			 "; %llu before it left out",
			 (unsigned long long)c->left_out);
}

/* ---- read ---- */

/* The text up to end, which is stepped over. */
static bool take_text(const char **at, const char *end, char *out, size_t len)
{
	const char *found = strstr(*at, end);
	size_t count = found ? (size_t)(found - *at) : len;

	if (count >= len)
		return false;
	memcpy(out, *at, count);
	out[count] = '\0';
	*at = found + strlen(end);
	return true;
}

static bool take_number(const char **at, const char *end, double *out)
{
	char text[24], *rest;

	if (!take_text(at, end, text, sizeof(text)))
		return false;
	*out = NAN;
	if (strcmp(text, "?") == 0)
		return true;
	*out = (double)strtoll(text, &rest, 10);
	if (rest == text || *rest || *out < 0)
		return false;
	if (*out >= NUMBER_END)
		*out = NAN;
	return true;
}

bool collection_read(struct collection *out, const char *text)
{
	struct collection c = { 0 };
	const char *at = text;
	double length = NAN, left_out = 0;
	char way[16];

	if (!take_text(&at, ": ", c.kind, sizeof(c.kind)) ||
	    !take_text(&at, "; ", c.collector, sizeof(c.collector)) ||
	    !take_text(&at, "; ", c.cause, sizeof(c.cause)) ||
	    !take_number(&at, " -> ", &c.before_bytes) ||
	    !take_number(&at, " bytes; ", &c.after_bytes) ||
	    !take_text(&at, " for ", way, sizeof(way)) ||
	    !take_number(&at, " us", &length))
		return false;
	if (*at && (strncmp(at, "; ", 2) != 0 || !(at += 2) ||
		    !take_number(&at, " before it left out", &left_out) || *at))
		return false;
	if (strcmp(c.cause, "?") == 0)
		c.cause[0] = '\0';
	c.length_us = isnan(length) ? -1 : (int64_t)length;
	c.paused = strcmp(way, "paused") == 0;
	c.left_out = isnan(left_out) ? 0 : (uint64_t)left_out;
	*out = c;
	return true;
}
