#include "number.h"

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

/*
 * value = n / 10^places with n below 10^15: such a decimal has at most 15
 * digits, so it is the shortest text, and the division (both exact, one
 * rounding) proves that it reads back the same.
 */
static bool decimal(double value, uint64_t *n, int *places)
{
	static const double scales[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };

	for (int i = 0; i < 7; i++) {
		double scaled = nearbyint(value * scales[i]);

		if (scaled >= 1e15)
			return false;
		if (scaled / scales[i] == value) {
			*n = (uint64_t)scaled;
			*places = i;
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
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_TEXT_MAX, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	return strlen(out);
}

double number_round(double value, int digits)
{
	char text[NUMBER_TEXT_MAX];

	if (!isfinite(value))
		return value;
	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return strtod(text, NULL);
}
