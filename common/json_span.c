#include "json_span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where we are in the text, and how deep. */
struct scan {
	const char *at, *end;
	unsigned depth;
};

static void space(struct scan *s)
{
	while (s->at < s->end && *s->at && strchr(" \t\r\n", *s->at))
		s->at++;
}

static bool take_char(struct scan *s, char c)
{
	space(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool digits(struct scan *s)
{
	const char *begin = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > begin;
}

static bool hex4(struct scan *s)
{
	for (int i = 0; i < 4; i++, s->at++) {
		if (s->at == s->end || !*s->at ||
		    !strchr("0123456789abcdefABCDEF", *s->at))
			return false;
	}
	return true;
}

/* After a backslash. */
static bool escape(struct scan *s)
{
	char c;

	if (s->at == s->end)
		return false;
	c = *s->at++;
	if (c == 'u')
		return hex4(s);
	return c && strchr("\"\\/bfnrt", c);
}

static bool string(struct scan *s)
{
	if (!take_char(s, '"'))
		return false;
	while (s->at < s->end) {
		unsigned char c = (unsigned char)*s->at++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !escape(s)))
			return false;
	}
	return false;
}

static bool number(struct scan *s)
{
	if (s->at < s->end && *s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return digits(s);
	}
	return true;
}

static bool word(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0)
		return false;
	s->at += len;
	return true;
}

static bool value(struct scan *s);

static bool member(struct scan *s)
{
	return string(s) && take_char(s, ':') && value(s);
}

/* Members or items up to the closing sign. */
static bool list(struct scan *s, char close, bool (*item)(struct scan *))
{
	s->at++;
	if (s->depth == JSON_SPAN_DEPTH)
		return false;
	s->depth++;
	if (!take_char(s, close)) {
		do {
			if (!item(s))
				return false;
		} while (take_char(s, ','));
		if (!take_char(s, close))
			return false;
	}
	s->depth--;
	return true;
}

static bool value(struct scan *s)
{
	space(s);
	if (s->at == s->end)
		return false;
	switch (*s->at) {
	case '{':
		return list(s, '}', member);
	case '[':
		return list(s, ']', value);
	case '"':
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	}
	return number(s);
}

static struct scan scan_of(struct bytes text)
{
	const char *data = text.data ? text.data : "";

	return (struct scan){ data, data + text.len, 0 };
}

bool json_span_check(struct bytes text)
{
	struct scan s = scan_of(text);

	if (text.len == 0 || !value(&s))
		return false;
	space(&s);
	return s.at == s.end;
}

/* The value that comes next. */
static bool span(struct scan *s, struct bytes *out)
{
	const char *begin;

	space(s);
	begin = s->at;
	if (!value(s))
		return false;
	*out = (struct bytes){ begin, (size_t)(s->at - begin) };
	return true;
}

bool json_span_member(struct bytes object, const char *key, struct bytes *out)
{
	struct scan s = scan_of(object);
	size_t len = strlen(key);
	struct bytes name, found;

	if (!take_char(&s, '{'))
		return false;
	do {
		space(&s);
		if (s.at == s.end || *s.at != '"' || !span(&s, &name) ||
		    !take_char(&s, ':') || !span(&s, &found))
			return false;
		if (name.len == len + 2 &&
		    memcmp(name.data + 1, key, len) == 0) {
			*out = found;
			return true;
		}
	} while (take_char(&s, ','));
	return false;
}

bool json_span_next(struct bytes *rest, struct bytes *out)
{
	struct scan s = scan_of(*rest);

	if (!take_char(&s, '[') && !take_char(&s, ','))
		return false;
	if (!span(&s, out))
		return false;
	*rest = (struct bytes){ s.at, (size_t)(s.end - s.at) };
	return true;
}

/* Surrogates are not joined: no text that we read has any. */
static size_t utf8_put(char *out, unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)(code ? code : '?');
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code >= 0xd800 && code < 0xe000)
		code = 0xfffd;
	out[0] = (char)(0xe0 | code >> 12);
	out[1] = (char)(0x80 | (code >> 6 & 0x3f));
	out[2] = (char)(0x80 | (code & 0x3f));
	return 3;
}

/* What stands for an escape; moves behind it. */
static size_t unescape(struct scan *s, char out[4])
{
	static const char pairs[] = "b\bf\fn\nr\rt\t";
	char digits4[5] = "";
	char c = *s->at++;

	if (c == 'u' && s->end - s->at >= 4) {
		memcpy(digits4, s->at, 4);
		s->at += 4;
		return utf8_put(out, (unsigned)strtoul(digits4, NULL, 16));
	}
	out[0] = c;
	for (const char *p = pairs; *p; p += 2) {
		if (*p == c)
			out[0] = p[1];
	}
	return 1;
}

bool json_span_text(struct bytes text, char *out, size_t len)
{
	struct scan s = scan_of(text);
	size_t used = 0;

	*out = '\0';
	if (text.len < 2 || *s.at != '"' || s.end[-1] != '"')
		return false;
	for (s.at++, s.end--; s.at < s.end;) {
		char part[4] = { *s.at++ };
		size_t part_len = 1;

		if (part[0] == '\\' && s.at < s.end)
			part_len = unescape(&s, part);
		if (used + part_len >= len)
			break;
		memcpy(out + used, part, part_len);
		used += part_len;
	}
	out[used] = '\0';
	return true;
}

bool json_span_true(struct bytes text)
{
	if (text.len == 4 && memcmp(text.data, "true", 4) == 0)
		return true;
	return text.len > 0 && (*text.data == '-' || *text.data > '0') &&
	       *text.data <= '9';
}
