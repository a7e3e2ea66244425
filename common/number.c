#include "number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "own.h"

/* Digits of n, most significant first, without a terminator: two at once, from
 * the end. */
static size_t put_digits(char *out, uint64_t n)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	char digits[20];
	size_t at = sizeof(digits);

	while (n >= 100) {
		at -= 2;
		memcpy(digits + at, pairs + n % 100 * 2, 2);
		n /= 100;
	}
	at -= 2;
	memcpy(digits + at, pairs + n * 2, 2);
	if (n < 10)
		at++;
	memcpy(out, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

/* Powers of ten that a double holds exactly. */
static const double powers[] = {
	1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,	1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
#define POWERS (ARRAY_SIZE(powers))

#define WHOLE_MAX 9007199254740992.0 /* 2^53: beyond, integers have holes */
#define PLAIN_MIN 1e-5               /* below, an exponent is shorter */

/* Zeros at the end of n / 10^places say nothing. */
static void strip_zeros(uint64_t *n, int *places)
{
	static const struct {
		uint64_t power;
		int places;
	} strides[] = { { 100000000, 8 }, { 10000, 4 }, { 100, 2 }, { 10, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(strides); i++) {
		while (*places >= strides[i].places &&
		       *n % strides[i].power == 0) {
			*n /= strides[i].power;
			*places -= strides[i].places;
		}
	}
}

/* The power of ten that brings the value to [10^14, 10^15]; value is from
 * PLAIN_MIN to 10^15. */
static int places_for_15_digits(double value)
{
	int exponent, places;

	frexp(value, &exponent);
	/* log10(2) = 1233 / 4096 and a little: the highest digit is there or
	 * one further up */
	places = 14 - (((exponent - 1) * 1233) >> 12);
	if (places > 0 && value * powers[places] >= 1e15)
		places--;
	return places;
}

/*
 * value = n / 10^places with n of 15 digits: two decimals of so many never
 * stand for one double, so this is the shortest text once its zeros are gone,
 * and the division (both exact, one rounding) proves that it reads back the
 * same.
 */
static bool decimal(double value, uint64_t *n, int *places)
{
	if (value < WHOLE_MAX && (double)(uint64_t)value == value) {
		*n = (uint64_t)value;
		*places = 0;
		return true;
	}
	if (!(value >= PLAIN_MIN && value < 1e15))
		return false;
	*places = places_for_15_digits(value);
	*n = (uint64_t)(value * powers[*places] + 0.5);
	if ((double)*n / powers[*places] != value)
		return false;
	strip_zeros(n, places);
	return true;
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

/* Written with so many digits; true when they give the value back. */
static bool survives(char out[NUMBER_TEXT_MAX], double value, int digits)
{
	snprintf(out, NUMBER_TEXT_MAX, "%.*g", digits, value);
	return strtod(out, NULL) == value;
}

size_t number_format(char out[NUMBER_TEXT_MAX], double value)
{
	size_t sign = 0;
	uint64_t n;
	int places, digits;

	if (signbit(value) && value != 0)
		out[sign++] = '-';
	if (decimal(fabs(value), &n, &places)) {
		size_t len = sign + put_decimal(out + sign, n, places);

		out[len] = '\0';
		return len;
	}
	digits = fewest_digits(fabs(value));
	while (!survives(out, value, digits) && digits < 17)
		digits++;
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
