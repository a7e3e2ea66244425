#pragma once
/*
 * listen.h - where the server listens: "127.0.0.1:9817", "[::1]:9817".
 */
#include "common/problem.h"

/* -EINVAL with the problem for what is no address, or not loopback. */
int listen_check(const char *listen, struct problem *p);

/*
 * A listening socket, which is the caller's, or -errno with the problem.
 * *url_out gets its URL with the port in fact, to be freed.
 */
int listen_open(const char *listen, char **url_out, struct problem *p);
