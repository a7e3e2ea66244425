#include "number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits of n, most significant first, without a terminator. */
static size_t put_digits(char *out, uint64_t n)
{
	char reversed[20];
	size_t len = 0;

	do {
		reversed[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	for (size_t i = 0; i < len; i++)
		out[i] = reversed[len - 1 - i];
	return len;
}

/* Powers of ten that a double holds exactly. */
static const double powers[] = {
	1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,	1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
#define POWERS (sizeof(powers) / sizeof(powers[0]))

#define WHOLE_MAX 9007199254740992.0 /* 2^53: beyond, integers have holes */
#define PLAIN_MIN 1e-5               /* below, an exponent is shorter */

/*
 * value = n / 10^places with n below 10^15: such a decimal has at most 15
 * digits, so it is the shortest text, and the division (both exact, one
 * rounding) proves that it reads back the same.
 */
static bool decimal(double value, uint64_t *n, int *places)
{
	if (value < WHOLE_MAX && (double)(uint64_t)value == value) {
		*n = (uint64_t)value;
		*places = 0;
		return true;
	}
	for (size_t i = 1; i < POWERS && value >= PLAIN_MIN; i++) {
		double scaled = value * powers[i];
		uint64_t digits;

		if (scaled >= 1e15)
			return false;
		digits = (uint64_t)(scaled + 0.5);
		if ((double)digits / powers[i] == value) {
			*n = digits;
			*places = (int)i;
			return true;
		}
	}
	return false;
}

static size_t put_decimal(char *out, uint64_t n, int places)
{
	char digits[24];
	size_t len = put_digits(digits, n);
	size_t whole = len > (size_t)places ? len - (size_t)places : 0;
	char *p = out;

	if (places == 0) {
		memcpy(out, digits, len);
		return len;
	}
	if (whole == 0)
		*p++ = '0';
	memcpy(p, digits, whole);
	p += whole;
	*p++ = '.';
	for (size_t i = len; i < (size_t)places; i++)
		*p++ = '0';
	memcpy(p, digits + whole, len - whole);
	return (size_t)(p + len - whole - out);
}

/* How many digits at least to try, of what decimal() refused. */
static int fewest_digits(double value)
{
	if (value < DBL_MIN) /* subnormal: fewer bits, fewer digits */
		return 1;
	/* any 15 digits survive; in this range they were tried */
	return value >= PLAIN_MIN && value < 1e15 ? 16 : 15;
}

size_t number_format(char out[NUMBER_TEXT_MAX], double value)
{
	size_t sign = 0;
	uint64_t n;
	int places;

	if (signbit(value) && value != 0)
		out[sign++] = '-';
	if (decimal(fabs(value), &n, &places)) {
		size_t len = sign + put_decimal(out + sign, n, places);

		out[len] = '\0';
		return len;
	}
	for (int digits = fewest_digits(fabs(value)); digits <= 17; digits++) {
		snprintf(out, NUMBER_TEXT_MAX, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	return strlen(out);
}

size_t number_format_int(char out[NUMBER_TEXT_MAX], int64_t value)
{
	size_t sign = 0, len;

	if (value < 0)
		out[sign++] = '-';
	/* unsigned arithmetic also negates the least integer */
	len = sign + put_digits(out + sign, value < 0 ? -(uint64_t)value :
							(uint64_t)value);
	out[len] = '\0';
	return len;
}

static double round_by_text(double value, int digits)
{
	char text[400];

	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return strtod(text, NULL);
}

/*
 * Scaled to an integer, rounded, scaled back: n / 10^places, both exact, is
 * the double nearest to that decimal. Where the scaled value lies so near to
 * one half that its own rounding could decide, the text does.
 */
double number_round(double value, int digits)
{
	double size = fabs(value), scaled, whole, rest;
	int places;

	if (!isfinite(value) || value == 0)
		return value;
	if (size < 1e-9 || size >= 1e15 || digits > 12)
		return round_by_text(value, digits);
	places = digits - 1 - (int)floor(log10(size));
	if (places < 0 || places >= (int)POWERS)
		return round_by_text(value, digits);
	scaled = size * powers[places];
	whole = floor(scaled);
	rest = scaled - whole;
	if (fabs(rest - 0.5) < 0.01)
		return round_by_text(value, digits);
	return copysign((rest > 0.5 ? whole + 1 : whole) / powers[places],
			value);
}
