#include "settings.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/json_span.h"
#include "common/own.h"

#include "resolve.h"

#define TIMEOUT_MS    30000
#define TIMEOUT_MAX_S 600
#define HEADERS_LEN   (16 * 1024)
#define PEM_MAX	      (64 * 1024)

/* Field numbers of backend.proto. */
enum { CONTEXT_DATA_SOURCE = 5 };
enum {
	SOURCE_URL = 3,
	SOURCE_BASIC_AUTH = 6,
	SOURCE_BASIC_USER = 7,
	SOURCE_JSON = 8,
	SOURCE_SECRETS = 9
};

/* What the message holds, still as spans of it. */
struct source {
	struct bytes message, url, user, json;
	bool basic;
};

static int refuse(char *problem, size_t len, const char *text)
{
	snprintf(problem, len, "%s", text);
	return -EINVAL;
}

static bool find(struct source *out, struct bytes context)
{
	struct proto_reader r = proto_read(context);
	struct proto_field f;
	bool found = false;

	while (proto_next(&r, &f)) {
		if (f.number == CONTEXT_DATA_SOURCE && f.wire == PROTO_BYTES) {
			out->message = f.bytes;
			found = true;
		}
	}
	if (!found)
		return false;
	r = proto_read(out->message);
	while (proto_next(&r, &f)) {
		if (f.number == SOURCE_URL)
			out->url = f.bytes;
		else if (f.number == SOURCE_BASIC_AUTH)
			out->basic = f.value != 0;
		else if (f.number == SOURCE_BASIC_USER)
			out->user = f.bytes;
		else if (f.number == SOURCE_JSON)
			out->json = f.bytes;
	}
	return !r.bad && (out->json.len == 0 || json_span_check(out->json));
}

/* A value of decryptedSecureJsonData. */
static bool secret(const struct source *s, const char *key, struct bytes *out)
{
	struct proto_reader r = proto_read(s->message);
	struct bytes name, value;
	struct proto_field f;

	while (proto_next(&r, &f)) {
		if (f.number == SOURCE_SECRETS &&
		    proto_entry(f.bytes, &name, &value) &&
		    name.len == strlen(key) &&
		    memcmp(name.data, key, name.len) == 0 && value.len > 0) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool option(const struct source *s, const char *key)
{
	struct bytes value;

	return json_span_member(s->json, key, &value) && json_span_true(value);
}

static bool option_text(const struct source *s, const char *key, char *out,
			size_t len)
{
	struct bytes value;

	*out = '\0';
	return json_span_member(s->json, key, &value) &&
	       json_span_text(value, out, len) && *out;
}

/* ---- the address ---- */

static int set_unix(struct settings *s, const char *path, char *problem,
		    size_t len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&s->address;

	if (*path != '/' || strlen(path) >= sizeof(un->sun_path))
		return refuse(
			problem, len,
			"the URL must be like unix:///run/heapwatch.sock");
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	s->address_len = sizeof(*un);
	s->host = strdup("localhost");
	s->path = strdup("");
	return s->host && s->path ? 0 : -ENOMEM;
}

/* "host:port", "[::1]:port"; cuts the text. */
static bool split_port(char *authority, char **host, uint16_t *port)
{
	char *colon = strrchr(authority, ':');
	char *bracket = strchr(authority, ']');
	long number;
	char *end;

	*host = authority;
	if (colon && (!bracket || colon > bracket)) {
		*colon = '\0';
		number = strtol(colon + 1, &end, 10);
		if (end == colon + 1 || *end || number < 1 || number > 65535)
			return false;
		*port = (uint16_t)number;
	}
	if (*authority == '[') {
		if (!bracket || bracket[1])
			return false;
		*bracket = '\0';
		*host = authority + 1;
	}
	return **host != '\0';
}

static int set_network(struct settings *s, char *rest, char *problem,
		       size_t len)
{
	size_t authority_len = strcspn(rest, "/?#");
	uint16_t port = s->tls ? 443 : 80;
	size_t path_len;
	char *host;

	s->path = strdup(rest + authority_len);
	rest[authority_len] = '\0';
	s->host = strdup(rest);
	if (!s->path || !s->host)
		return -ENOMEM;
	path_len = strcspn(s->path, "?#");
	while (path_len > 0 && s->path[path_len - 1] == '/')
		path_len--;
	s->path[path_len] = '\0';
	if (!split_port(rest, &host, &port))
		return refuse(problem, len, "the URL's host or port is wrong");
	s->name = strdup(host);
	if (!s->name)
		return -ENOMEM;
	s->port = port;
	if (!resolve(&s->address, &s->address_len, host, port, "/etc/hosts"))
		return 0;
	s->address_len = 0;
	s->lookup = strdup(host);
	return s->lookup ? 0 : -ENOMEM;
}

static int set_url(struct settings *s, const struct source *src, char *problem,
		   size_t len)
{
	char url[1024];

	if (src->url.len == 0)
		return refuse(problem, len, "no URL is configured");
	if (src->url.len >= sizeof(url))
		return refuse(problem, len, "the URL is too long");
	memcpy(url, src->url.data, src->url.len);
	url[src->url.len] = '\0';
	for (const char *c = url; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == '@')
			return refuse(problem, len,
				      "the URL has signs that none has, or a "
				      "user: use basic auth");
	}
	/* for messages: what stands behind a ? is no part of an address, and
	 * may be a secret */
	s->url = strndup(url, strcspn(url, "?#"));
	if (!s->url)
		return -ENOMEM;
	if (strncmp(url, "unix://", 7) == 0)
		return set_unix(s, url + 7, problem, len);
	s->tls = strncmp(url, "https://", 8) == 0;
	if (!s->tls && strncmp(url, "http://", 7) != 0)
		return refuse(problem, len,
			      "the URL must begin with http://, https:// or "
			      "unix://");
	return set_network(s, url + (s->tls ? 8 : 7), problem, len);
}

/* ---- headers ---- */

static void put_base64(struct buf *out, const struct buf *in)
{
	static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < in->len; i += 3) {
		unsigned left = (unsigned)(in->len - i);
		unsigned bits = (unsigned char)in->data[i] << 16;

		bits |= left > 1 ? (unsigned char)in->data[i + 1] << 8 : 0;
		bits |= left > 2 ? (unsigned char)in->data[i + 2] : 0;
		buf_putc(out, signs[bits >> 18]);
		buf_putc(out, signs[bits >> 12 & 63]);
		buf_putc(out, left > 1 ? signs[bits >> 6 & 63] : '=');
		buf_putc(out, left > 2 ? signs[bits & 63] : '=');
	}
}

/* A header cannot smuggle another one in. */
static bool header_safe(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static void put_basic(struct settings *s, const struct source *src)
{
	struct bytes password = { "", 0 };
	struct buf pair = BUF_INIT;

	secret(src, "basicAuthPassword", &password);
	buf_add(&pair, src->user.data, src->user.len);
	buf_putc(&pair, ':');
	buf_add(&pair, password.data, password.len);
	buf_puts(&s->headers, "Authorization: Basic ");
	if (buf_error(&pair))
		s->headers.error = buf_error(&pair);
	else
		put_base64(&s->headers, &pair);
	buf_puts(&s->headers, "\r\n");
	buf_fini(&pair);
}

static bool name_safe(const char *name)
{
	return *name &&
	       strlen(name) == strspn(name, "abcdefghijklmnopqrstuvwxyz"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789-_");
}

/* These frame the request: they are ours alone. */
static bool reserved(const char *name)
{
	static const char *const names[] = {
		"Host",	      "Content-Length", "Transfer-Encoding",
		"Connection", "Accept",		"Content-Type",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static int refuse_header(char *problem, size_t len, int number,
			 const char *why)
{
	snprintf(problem, len, "header %d of the settings is %s", number, why);
	return -EINVAL;
}

/* None is left out in silence: it may say whose numbers are wanted. */
static int put_custom(struct settings *s, const struct source *src,
		      char *problem, size_t len)
{
	bool authorized = s->headers.len > 0;

	for (int i = 1; i <= SETTINGS_HEADERS_MAX; i++) {
		char key[32], name[128];
		struct bytes value;

		snprintf(key, sizeof(key), "httpHeaderName%d", i);
		if (!option_text(src, key, name, sizeof(name)))
			continue;
		snprintf(key, sizeof(key), "httpHeaderValue%d", i);
		if (!secret(src, key, &value))
			continue;
		if (!name_safe(name) || !header_safe(value))
			return refuse_header(problem, len, i, "malformed");
		if (reserved(name) ||
		    (authorized && strcasecmp(name, "Authorization") == 0))
			return refuse_header(problem, len, i,
					     "for the plugin to send");
		buf_printf(&s->headers, "%s: ", name);
		buf_add(&s->headers, value.data, value.len);
		buf_puts(&s->headers, "\r\n");
	}
	return 0;
}

static int set_headers(struct settings *s, const struct source *src,
		       char *problem, size_t len)
{
	struct bytes token;

	s->headers.limit = HEADERS_LEN;
	if (secret(src, "token", &token)) {
		if (!header_safe(token))
			return refuse(problem, len, "the token is malformed");
		buf_puts(&s->headers, "Authorization: Bearer ");
		buf_add(&s->headers, token.data, token.len);
		buf_puts(&s->headers, "\r\n");
	} else if (src->basic) {
		put_basic(s, src);
	}
	if (put_custom(s, src, problem, len))
		return -EINVAL;
	if (buf_error(&s->headers))
		return refuse(problem, len, "the headers are too large");
	return 0;
}

/* ---- TLS ---- */

static int set_pem(char **out, const struct source *src, const char *key,
		   char *problem, size_t len)
{
	struct bytes value;

	if (!secret(src, key, &value) || value.len > PEM_MAX) {
		snprintf(problem, len, "%s is missing or too large", key);
		return -EINVAL;
	}
	*out = strndup(value.data, value.len);
	return *out ? 0 : -ENOMEM;
}

static int set_tls(struct settings *s, const struct source *src, char *problem,
		   size_t len)
{
	char name[256];
	int r = 0;

	if (!s->tls)
		return 0;
	s->skip_verify = option(src, "tlsSkipVerify");
	if (option_text(src, "serverName", name, sizeof(name))) {
		free(s->name);
		s->name = strdup(name);
		if (!s->name)
			return -ENOMEM;
	}
	if (option(src, "tlsAuthWithCACert"))
		r = set_pem(&s->ca, src, "tlsCACert", problem, len);
	if (!r && option(src, "tlsAuth"))
		r = set_pem(&s->certificate, src, "tlsClientCert", problem,
			    len);
	if (!r && s->certificate)
		r = set_pem(&s->key, src, "tlsClientKey", problem, len);
	return r;
}

static void set_timeout(struct settings *s, const struct source *src)
{
	struct bytes value;
	char text[32] = "";
	double seconds;

	s->timeout_ms = TIMEOUT_MS;
	if (!json_span_member(src->json, "timeout", &value))
		return;
	if (!json_span_text(value, text, sizeof(text)))
		snprintf(text, sizeof(text), "%.*s",
			 (int)(value.len < 16 ? value.len : 16), value.data);
	seconds = strtod(text, NULL);
	if (seconds > 0)
		s->timeout_ms = (int64_t)(fmin(seconds, TIMEOUT_MAX_S) * 1000);
}

int settings_parse(struct settings *out, struct bytes context, char *problem,
		   size_t len)
{
	struct settings s = { 0 };
	struct source src = { 0 };
	int r;

	snprintf(problem, len, "out of memory");
	if (!find(&src, context))
		return refuse(problem, len,
			      "the request names no data source, or its "
			      "settings are malformed");
	set_timeout(&s, &src);
	if ((r = set_url(&s, &src, problem, len)) ||
	    (r = set_headers(&s, &src, problem, len)) ||
	    (r = set_tls(&s, &src, problem, len))) {
		settings_fini(&s);
		return r;
	}
	*out = s;
	return 0;
}

void settings_fini(struct settings *s)
{
	if (s->key)
		explicit_bzero(s->key, strlen(s->key));
	if (s->headers.data)
		explicit_bzero(s->headers.data, s->headers.len);
	free(s->url);
	free(s->host);
	free(s->name);
	free(s->lookup);
	free(s->path);
	free(s->ca);
	free(s->certificate);
	free(s->key);
	buf_fini(&s->headers);
	*s = (struct settings){ 0 };
}
