#include "json.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "number.h"
#include "utf8.h"

static void separate(struct json *j)
{
	if (j->comma)
		buf_putc(j->out, ',');
	j->comma = true;
}

static void open_scope(struct json *j, char open, char close)
{
	assert(j->depth < JSON_DEPTH_MAX);
	separate(j);
	buf_putc(j->out, open);
	j->scope[j->depth++] = close;
	j->comma = false;
}

void json_begin_object(struct json *j)
{
	open_scope(j, '{', '}');
}

void json_begin_array(struct json *j)
{
	open_scope(j, '[', ']');
}

void json_end(struct json *j)
{
	assert(j->depth > 0);
	buf_putc(j->out, j->scope[--j->depth]);
	j->comma = true;
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void escape(struct buf *out, unsigned char c)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *s = short_forms; *s; s += 2) {
		if ((unsigned char)*s == c) {
			buf_putc(out, '\\');
			buf_putc(out, s[1]);
			return;
		}
	}
	buf_printf(out, "\\u%04x", c);
}

void json_string_len(struct json *j, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i = 0;

	separate(j);
	buf_putc(j->out, '"');
	while (i < len) {
		size_t run = i;

		while (run < len && plain(p[run]))
			run++;
		buf_add(j->out, p + i, run - i);
		i = run;
		if (i == len)
			break;
		run = utf8_len(text + i, len - i);
		if (p[i] < 0x80)
			escape(j->out, p[i]);
		else if (run)
			buf_add(j->out, p + i, run);
		else /* not UTF-8: the replacement character */
			buf_puts(j->out, UTF8_REPLACEMENT);
		i += run ? run : 1;
	}
	buf_putc(j->out, '"');
}

void json_add_string(struct json *j, const char *text)
{
	if (text)
		json_string_len(j, text, strlen(text));
	else
		json_null(j);
}

void json_key(struct json *j, const char *key)
{
	json_string(j, key);
	buf_putc(j->out, ':');
	j->comma = false;
}

void json_double(struct json *j, double value)
{
	char text[NUMBER_TEXT_MAX];
	size_t len;

	if (!isfinite(value)) {
		json_null(j);
		return;
	}
	separate(j);
	len = number_format(text, value);
	buf_add(j->out, text, len);
}

void json_int(struct json *j, int64_t value)
{
	char text[NUMBER_TEXT_MAX];

	separate(j);
	buf_add(j->out, text, number_format_int(text, value));
}

void json_uint(struct json *j, uint64_t value)
{
	separate(j);
	buf_printf(j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, bool value)
{
	separate(j);
	buf_puts(j->out, value ? "true" : "false");
}

void json_add_null(struct json *j)
{
	separate(j);
	buf_puts(j->out, "null");
}

void json_put_string(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_string(j, text);
}

void json_put_double(struct json *j, const char *key, double value)
{
	json_key(j, key);
	json_double(j, value);
}

void json_put_int(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_int(j, value);
}

void json_put_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}
