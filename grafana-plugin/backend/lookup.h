#pragma once
/*
 * lookup.h - the address of a name that only a name server knows, on the event
 * loop: libevent's own client, for a static executable has no getaddrinfo.
 * Servers and search domains are those of /etc/resolv.conf when first asked.
 */
#include <event2/event.h>
#include <event2/util.h>
#include <stdint.h>

struct lookup;

/* All addresses, which the callee frees (evutil_freeaddrinfo); or NULL, and
 * problem says why there is none. */
typedef void (*lookup_done)(void *arg, struct evutil_addrinfo *list,
			    const char *problem);

/* done is called once, later, unless cancelled. NULL: it will not be. */
struct lookup *lookup_start(struct event_base *base, const char *host,
			    uint16_t port, lookup_done done, void *arg);
void lookup_cancel(struct lookup *l);

/* The name servers, too: before the loop ends. */
void lookup_forget(void);
