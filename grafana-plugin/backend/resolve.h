#pragma once
/*
 * resolve.h - an address for a host name without getaddrinfo, which a static
 * executable must not call: numbers, localhost, and /etc/hosts. What they do
 * not have, lookup.h asks a name server for.
 */
#include <stdint.h>
#include <sys/socket.h>

/* "10.0.0.1", "::1", "localhost", or a name of the hosts file. -ENOENT. */
int resolve(struct sockaddr_storage *out, socklen_t *len, const char *host,
	    uint16_t port, const char *hosts_file);
