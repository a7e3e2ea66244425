#include "lookup.h"

#include <event2/dns.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/own.h"

struct lookup {
	struct evdns_getaddrinfo_request *request;
	bool starting; /* what is told now is the start's to free */
	lookup_done done;
	void *arg;
};

static struct evdns_base *servers;

static struct evdns_base *servers_of(struct event_base *base)
{
	if (servers)
		return servers;
	servers = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	/* Without the file it is the server of this machine, as elsewhere;
	 * /etc/hosts has been asked before us. */
	if (servers)
		evdns_base_resolv_conf_parse(
			servers, DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE,
			"/etc/resolv.conf");
	return servers;
}

static void on_result(int error, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *l = arg;

	if (l->done && !l->starting)
		l->done(l->arg, list,
			list ? NULL : evutil_gai_strerror(error));
	else if (list)
		evutil_freeaddrinfo(list);
	if (!l->starting)
		free(l);
}

struct lookup *lookup_start(struct event_base *base, const char *host,
			    uint16_t port, lookup_done done, void *arg)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
					 .ai_socktype = SOCK_STREAM,
					 .ai_protocol = IPPROTO_TCP };
	own(freep) struct lookup *l = calloc(1, sizeof(*l));
	char service[8];

	if (!l || !servers_of(base))
		return NULL;
	snprintf(service, sizeof(service), "%u", port);
	l->done = done;
	l->arg = arg;
	l->starting = true;
	l->request = evdns_getaddrinfo(servers, host, service, &hints,
				       on_result, l);
	if (!l->request)
		return NULL;
	l->starting = false;
	return take(l);
}

/* It is freed when libevent has told us of it. */
void lookup_cancel(struct lookup *l)
{
	if (!l)
		return;
	l->done = NULL;
	evdns_getaddrinfo_cancel(l->request);
}

void lookup_forget(void)
{
	if (servers)
		evdns_base_free(take(servers), 0);
}
