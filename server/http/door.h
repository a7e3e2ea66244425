#pragma once
/*
 * door.h - who may ask from where, and how an answer travels.
 *
 * Pure functions on texts and bytes: no socket is needed to test them.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* Is the word one of a list "a, b c"? */
bool list_has(const char *list, const char *word);

/*
 * May a request for this Host be answered? A web page of a stranger reaches
 * loopback through a name of its own that resolves to 127.0.0.1 (DNS
 * rebinding), so only addresses, localhost and names of the list may. NULL,
 * of HTTP/1.0, may.
 */
bool host_allowed(const char *host, const char *list);

/* May a page of this origin read answers? "*" in the list: any. */
bool origin_allowed(const char *origin, const char *list);

/* Does Accept-Encoding take gzip? "gzip;q=0" does not. */
bool accepts_gzip(const char *accept_encoding);

/* Replace the body by its gzip form; false when that is no shorter, or for
 * want of memory, and leaves it. */
bool gzip_body(struct buf *body);

/* A weak ETag of bytes. */
#define ETAG_LEN 24
void etag_of(char out[ETAG_LEN], const struct buf *body);

/* Does If-None-Match name it? */
bool etag_matches(const char *if_none_match, const char *etag);

/* The path below the base path, "/" for itself; NULL: not below it. An empty
 * base takes any. */
const char *below_base(const char *path, const char *base);

/* A request id a client may choose: short and harmless in a log. */
bool request_id_valid(const char *id);
