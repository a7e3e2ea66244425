#include "http_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

static int status_line(struct http_answer *a, const char *line)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 ||
	    (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
	    strspn(line + 9, "0123456789") != 3 ||
	    (line[12] != ' ' && line[12] != '\0'))
		return -EPROTO;
	a->status = atoi(line + 9);
	a->keep_alive = line[7] == '1';
	a->state = HTTP_HEADERS;
	return 0;
}

static int set_length(struct http_answer *a, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 15 || value[digits] || a->has_length)
		return -EPROTO;
	a->has_length = true;
	a->left = strtoull(value, NULL, 10);
	return 0;
}

static int header(struct http_answer *a, char *line)
{
	char *value = strchr(line, ':');
	size_t len;

	if (!value || value == line)
		return -EPROTO;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (len = strlen(value); len && strchr(" \t", value[len - 1]);)
		value[--len] = '\0';
	if (strcasecmp(line, "Content-Length") == 0)
		return set_length(a, value);
	if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (a->chunked || strcasecmp(value, "chunked") != 0)
			return -EPROTO;
		a->chunked = true;
	} else if (strcasecmp(line, "Content-Type") == 0) {
		snprintf(a->type, sizeof(a->type), "%s", value);
	} else if (strcasecmp(line, "Connection") == 0) {
		a->keep_alive &= strcasecmp(value, "close") != 0;
	}
	return 0;
}

/* The empty line: how does the body end? */
static int headers_end(struct http_answer *a)
{
	if (a->status < 200) { /* 100 Continue: the answer is yet to come */
		*a = (struct http_answer){ .body = a->body };
		return 0;
	}
	if (a->chunked && a->has_length)
		return -EPROTO;
	if (a->status == 204 || a->status == 304)
		a->state = HTTP_DONE;
	else if (a->chunked)
		a->state = HTTP_CHUNK;
	else if (a->has_length)
		a->state = a->left ? HTTP_BODY : HTTP_DONE;
	else
		a->state = HTTP_UNTIL_CLOSE;
	a->keep_alive &= a->state != HTTP_UNTIL_CLOSE;
	return 0;
}

static int chunk_head(struct http_answer *a, const char *line)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 12 || (line[digits] && line[digits] != ';'))
		return -EPROTO;
	a->left = strtoull(line, NULL, 16);
	a->state = a->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
	return 0;
}

static int take_line(struct http_answer *a, char *line)
{
	switch (a->state) {
	case HTTP_STATUS:
		return status_line(a, line);
	case HTTP_HEADERS:
		return *line ? header(a, line) : headers_end(a);
	case HTTP_CHUNK:
		return chunk_head(a, line);
	case HTTP_CHUNK_END:
		a->state = HTTP_CHUNK;
		return *line ? -EPROTO : 0;
	case HTTP_TRAILER:
		if (*line == '\0')
			a->state = HTTP_DONE;
		return 0;
	default:
		return -EPROTO;
	}
}

/* -EAGAIN: no whole line is here yet. */
static int feed_line(struct http_answer *a, struct evbuffer *in)
{
	size_t len;
	own(freep) char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);
	bool head = a->state == HTTP_STATUS || a->state == HTTP_HEADERS ||
		    a->state == HTTP_TRAILER;

	if (!line)
		return evbuffer_get_length(in) > HTTP_LINE_MAX ? -EPROTO :
								 -EAGAIN;
	a->head_len += head ? len + 2 : 0;
	if (len > HTTP_LINE_MAX || a->head_len > HTTP_HEAD_MAX ||
	    memchr(line, '\0', len))
		return -EPROTO;
	return take_line(a, line);
}

static int feed_data(struct http_answer *a, struct evbuffer *in)
{
	size_t here = evbuffer_get_contiguous_space(in);
	size_t len = a->state == HTTP_UNTIL_CLOSE || a->left > here ?
			     here :
			     (size_t)a->left;

	if (len == 0)
		return -EAGAIN;
	buf_add(&a->body, evbuffer_pullup(in, (ev_ssize_t)len), len);
	evbuffer_drain(in, len);
	if (a->state != HTTP_UNTIL_CLOSE) {
		a->left -= len;
		if (a->left == 0)
			a->state = a->chunked ? HTTP_CHUNK_END : HTTP_DONE;
	}
	return buf_error(&a->body);
}

int http_answer_feed(struct http_answer *a, struct evbuffer *in)
{
	int r = 0;

	while (!r && a->state != HTTP_DONE) {
		bool data = a->state == HTTP_BODY ||
			    a->state == HTTP_CHUNK_DATA ||
			    a->state == HTTP_UNTIL_CLOSE;

		r = data ? feed_data(a, in) : feed_line(a, in);
	}
	return r == -EAGAIN ? 0 : r;
}

bool http_answer_closed(struct http_answer *a)
{
	if (a->state == HTTP_UNTIL_CLOSE)
		a->state = HTTP_DONE;
	return a->state == HTTP_DONE;
}
