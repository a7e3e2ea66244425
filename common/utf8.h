#pragma once
/*
 * utf8.h - texts from outside are not always UTF-8; what we write is.
 */
#include <stddef.h>

/* The length of the valid sequence at p, 1 to 4, or 0. left is at least 1. */
size_t utf8_len(const char *p, size_t left);

/* U+FFFD, what stands in for a byte that is not UTF-8. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * Put ? for control characters: names of processes and files are strangers'
 * and shall neither forge a second line nor command the terminal.
 */
void text_one_line(char *text);
