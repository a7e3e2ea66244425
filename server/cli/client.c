#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/own.h"

#define WAIT_S     10
#define ANSWER_MAX (64 << 20)

const char *client_url(const char *flag)
{
	const char *set = getenv("HEAPWATCH_URL");

	return flag ? flag : set && *set ? set : CLIENT_URL;
}

void client_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("-._~", c))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

struct place {
	char host[256], port[16];
};

/* "http://127.0.0.1:9817", "http://[::1]:9817/" */
static int place_parse(struct place *out, const char *url, struct problem *p)
{
	int end = 0;

	snprintf(out->port, sizeof(out->port), "80");
	if ((sscanf(url, "http://[%255[0-9a-fA-F:.]]:%15[0-9]%n", out->host,
		    out->port, &end) == 2 ||
	     sscanf(url, "http://%255[^:/]:%15[0-9]%n", out->host, out->port,
		    &end) == 2) &&
	    (!url[end] || strcmp(url + end, "/") == 0))
		return 0;
	return problem_set(p, PROBLEM_USAGE,
			   "\"%.100s\" is no address like " CLIENT_URL, url);
}

static int connect_one(const struct addrinfo *a)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	own(fd_closep) int fd = socket(a->ai_family,
				       a->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		return -errno;
	return take_fd(fd);
}

static int connect_any(const struct place *place)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	int fd = -EHOSTUNREACH;

	if (getaddrinfo(place->host, place->port, &hints, &all))
		return fd;
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = connect_one(a);
	freeaddrinfo(all);
	return fd;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		data += sent;
		len -= (size_t)sent;
	}
	return 0;
}

static int send_request(int fd, const struct place *place, const char *method,
			const char *path, const char *body)
{
	own(buf_fini) struct buf b = BUF_INIT;
	bool literal = strchr(place->host, ':') != NULL;

	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\n"
		       "Connection: close\r\n", method, path,
		   literal ? "[" : "", place->host, literal ? "]" : "",
		   place->port);
	if (body)
		buf_printf(&b, "Content-Type: application/json\r\n"
			       "Content-Length: %zu\r\n", strlen(body));
	buf_puts(&b, "\r\n");
	buf_puts(&b, body ? body : "");
	return buf_error(&b) ? -ENOMEM : send_all(fd, b.data, b.len);
}

/* The server closes after its answer. */
static int read_answer(int fd, struct buf *out)
{
	char chunk[16384];
	ssize_t len;

	while ((len = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		if (out->len > ANSWER_MAX)
			return -EFBIG;
		buf_add(out, chunk, (size_t)len);
	}
	return len < 0 ? -errno : buf_error(out);
}

static int parse_answer(struct buf *raw, int *status, struct buf *out)
{
	const char *text = buf_cstr(raw);
	const char *body = strstr(text, "\r\n\r\n");

	if (sscanf(text, "HTTP/1.%*d %d", status) != 1 || !body)
		return -EPROTO;
	body += 4;
	buf_add(out, body, raw->len - (size_t)(body - text));
	return buf_error(out);
}

int client_ask(const char *url, const char *method, const char *path,
	       const char *body, int *status, struct buf *out,
	       struct problem *p)
{
	own(buf_fini) struct buf raw = BUF_INIT;
	own(fd_closep) int fd = -1;
	struct place place;
	int r = place_parse(&place, url, p);

	if (r)
		return r;
	fd = connect_any(&place);
	r = fd < 0 ? fd : send_request(fd, &place, method, path, body);
	if (!r)
		r = read_answer(fd, &raw);
	if (!r)
		r = parse_answer(&raw, status, out);
	if (r)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "no heapwatch answers at %.100s: %s", url,
				   strerror(-r));
	return 0;
}
