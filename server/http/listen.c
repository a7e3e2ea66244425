#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/own.h"

#define BACKLOG 512

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

static int port_parse(in_port_t *out, const char *text)
{
	long port;
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	port = strtol(text, &end, 10);
	if (port > 65535)
		return -EINVAL;
	*out = htons((uint16_t)port);
	return 0;
}

/* "127.0.0.1:9817", "[::1]:9817", "localhost:9817" */
static int address_parse(struct address *out, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t len;
	in_port_t port;

	if (!colon || port_parse(&port, colon + 1))
		return -EINVAL;
	len = (size_t)(colon - text);
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	*out = (struct address){ 0 };
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = port;
		out->len = sizeof(out->v6);
		return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1 ?
			       0 :
			       -EINVAL;
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = port;
	out->len = sizeof(out->v4);
	return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

static bool is_loopback(const struct address *a)
{
	if (a->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
	return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
}

static int listen_parse(struct address *out, const char *listen,
			struct problem *p)
{
	if (address_parse(out, listen))
		return problem_set(
			p, PROBLEM_USAGE,
			"listen must be an address and a port like "
			"127.0.0.1:9817 or [::1]:9817, not \"%.64s\"",
			listen);
	if (!is_loopback(out))
		return problem_set(p, PROBLEM_USAGE,
				   "listen: %.64s is not loopback; serving "
				   "other machines needs TLS and tokens, which "
				   "this version does not have",
				   listen);
	return 0;
}

int listen_check(const char *listen, struct problem *p)
{
	struct address a;

	return listen_parse(&a, listen, p);
}

static int bind_problem(int r, const char *listen, struct problem *p)
{
	if (r == -EADDRINUSE)
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "%.64s is in use by another program; choose "
			    "another with --listen (after make run or make "
			    "demo: ARGS=\"--listen 127.0.0.1:9818\"); port 0 "
			    "takes a free one",
			    listen);
	else if (r == -EACCES)
		problem_set(p, PROBLEM_NOT_PERMITTED,
			    "listening on %.64s needs CAP_NET_BIND_SERVICE",
			    listen);
	else
		problem_set(p, PROBLEM_UNAVAILABLE,
			    "cannot listen on %.64s: %s", listen, strerror(-r));
	return r;
}

/* A listening socket, or -errno. */
static int socket_listen(struct address *a)
{
	own(fd_closep) int fd =
		socket(a->any.sa_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, &a->any, a->len) || listen(fd, BACKLOG) ||
	    getsockname(fd, &a->any, &a->len))
		return -errno;
	return take_fd(fd);
}

static int url_make(char **out, const struct address *a)
{
	char host[INET6_ADDRSTRLEN];
	int r;

	if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		r = asprintf(out, "http://[%s]:%u", host,
			     ntohs(a->v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		r = asprintf(out, "http://%s:%u", host, ntohs(a->v4.sin_port));
	}
	return r < 0 ? -ENOMEM : 0;
}

int listen_open(const char *listen, char **url_out, struct problem *p)
{
	own(fd_closep) int fd = -1;
	struct address address;
	int r = listen_parse(&address, listen, p);

	if (r)
		return r;
	fd = socket_listen(&address);
	if (fd < 0)
		return bind_problem(fd, listen, p);
	r = url_make(url_out, &address);
	return r ? r : take_fd(fd);
}
