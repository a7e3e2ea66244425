#pragma once
/*
 * number.h - doubles as text, the shortest that reads back the same.
 */
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 32

/*
 * Write a finite double, NUL-terminated, and return its length. Integers
 * below 2^53 come without point or exponent. Integers and short decimals
 * (what a collector stores) never reach printf.
 */
size_t number_format(char out[NUMBER_TEXT_MAX], double value);

/* The same for an integer. */
size_t number_format_int(char out[NUMBER_TEXT_MAX], int64_t value);

/*
 * The value rounded to so many significant decimal digits. Derived figures
 * (ratios, rates) are rounded where they are made: noise digits cost a third
 * of a database and tell nothing.
 */
double number_round(double value, int digits);
