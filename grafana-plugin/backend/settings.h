#pragma once
/*
 * settings.h - where the heapwatch server is and how to speak to it: one data
 * source as Grafana configured it (PluginContext of each request).
 *
 * url           http://, https:// or unix:///path; a path before the endpoints
 * basic auth    user and secureJsonData.basicAuthPassword
 * token         secureJsonData.token, sent as Bearer
 * headers       jsonData.httpHeaderNameN, secureJsonData.httpHeaderValueN
 * TLS           jsonData.tlsSkipVerify, serverName, tlsAuth,
 *               tlsAuthWithCACert; secureJsonData.tlsCACert, tlsClientCert,
 *               tlsClientKey (PEM)
 * timeout       jsonData.timeout, seconds
 */
#include <sys/socket.h>

#include "common/proto.h"

#define SETTINGS_HEADERS_MAX 16

struct settings {
	char *url;  /* owned; without user or password, for messages */
	char *host; /* owned; as the Host header wants it */
	char *name; /* owned; what a certificate must name, or NULL */
	char *path; /* owned; "" or "/prefix" */
	bool tls, skip_verify;
	struct sockaddr_storage address;
	socklen_t address_len; /* 0: only a name server knows it */
	char *lookup;	       /* owned; what to ask it for, or NULL */
	uint16_t port;
	char *ca, *certificate, *key; /* owned; PEM, or NULL */
	struct buf headers; /* "Name: value\r\n", complete */
	int64_t timeout_ms;
};

/*
 * From a PluginContext. -EINVAL with words for people when something is
 * missing or wrong; the words hold no secret.
 */
int settings_parse(struct settings *out, struct bytes context, char *problem,
		   size_t len);
void settings_fini(struct settings *s);
