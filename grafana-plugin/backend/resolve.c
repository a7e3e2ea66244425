#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int numeric(struct sockaddr_storage *out, socklen_t *len,
		   const char *host, uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(out, &v4, *len = sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(out, &v6, *len = sizeof(v6));
		return 0;
	}
	return -ENOENT;
}

/* Does a line of the hosts file name the host? Its address, or NULL. */
static const char *line_match(char *line, const char *host)
{
	char *rest, *address, *name;

	line[strcspn(line, "#\n")] = '\0';
	address = strtok_r(line, " \t", &rest);
	while (address && (name = strtok_r(NULL, " \t", &rest))) {
		if (strcasecmp(name, host) == 0)
			return address;
	}
	return NULL;
}

int resolve(struct sockaddr_storage *out, socklen_t *len, const char *host,
	    uint16_t port, const char *hosts_file)
{
	const char *address = NULL;
	char line[1024];
	FILE *file;
	int r = numeric(out, len, host, port);

	if (r == 0)
		return 0;
	if (strcasecmp(host, "localhost") == 0)
		return numeric(out, len, "127.0.0.1", port);
	file = fopen(hosts_file, "re");
	if (!file)
		return -ENOENT;
	while (r && fgets(line, sizeof(line), file)) {
		address = line_match(line, host);
		if (address)
			r = numeric(out, len, address, port);
	}
	fclose(file);
	return r;
}

/*
 * libevent and OpenSSL hold calls of these that we never make. Put in the
 * place of libc's, they keep its name service, and the linker's warning of
 * it, out of a static executable.
 */
int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict out)
{
	(void)node;
	(void)service;
	(void)hints;
	*out = NULL;
	return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}
