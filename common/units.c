#include "units.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "own.h"

struct unit {
	const char *word;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{ "ms", 1 },	    { "s", UNIT_SECOND }, { "m", UNIT_MINUTE },
	{ "h", UNIT_HOUR }, { "d", UNIT_DAY },	  { "w", 7 * UNIT_DAY },
};

static const struct unit byte_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", UNIT_KIB },
	{ "MiB", UNIT_MIB },
	{ "GiB", UNIT_GIB },
	{ "TiB", UNIT_TIB },
	{ "kB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", 1000000000000 },
};

/* Digits at *p, which moves behind them; -EINVAL without any. */
static int whole_parse(int64_t *out, const char **p)
{
	int64_t value = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, **p - '0', &value))
			return -EINVAL;
	}
	*out = value;
	return 0;
}

/* The factor of the unit at p, a word of letters; 0 when there is none. */
static int64_t unit_factor(const struct unit *units, size_t count,
			   const char *p, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(units[i].word) == len &&
		    memcmp(units[i].word, p, len) == 0)
			return units[i].factor;
	}
	return 0;
}

int duration_parse(int64_t *out_ms, const char *text)
{
	int64_t total = 0;
	const char *p = text;

	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return 0;
	}
	do {
		int64_t value;
		size_t len;

		if (whole_parse(&value, &p))
			return -EINVAL;
		len = strspn(p, "mshdw");
		if (__builtin_mul_overflow(
			    value,
			    unit_factor(duration_units,
					ARRAY_SIZE(duration_units), p, len),
			    &value) ||
		    __builtin_add_overflow(total, value, &total) ||
		    unit_factor(duration_units, ARRAY_SIZE(duration_units), p,
				len) == 0)
			return -EINVAL;
		p += len;
	} while (*p);
	*out_ms = total;
	return 0;
}

int bytes_parse(int64_t *out, const char *text)
{
	const char *p = text;
	int64_t value, factor;

	if (whole_parse(&value, &p))
		return -EINVAL;
	factor = unit_factor(byte_units, ARRAY_SIZE(byte_units), p, strlen(p));
	if (factor == 0 || __builtin_mul_overflow(value, factor, &value))
		return -EINVAL;
	*out = value;
	return 0;
}

int percent_parse(int64_t *out, const char *text)
{
	int64_t value = 0, unit = UNIT_PERCENT;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 9)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0') * UNIT_PERCENT;
	text += digits;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && unit > 1; text++)
			value += (*text - '0') * (unit /= 10);
		if (unit == UNIT_PERCENT)
			return -EINVAL;
	}
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	*out = value;
	return 0;
}

void bytes_format(char out[16], double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (bytes >= 1023.5 && i + 1 < ARRAY_SIZE(units)) {
		bytes /= 1024;
		i++;
	}
	/* %.3g would write 1023 as 1.02e+03 */
	snprintf(out, 16, bytes < 999.5 ? "%.3g %s" : "%.0f %s", bytes,
		 units[i]);
}
