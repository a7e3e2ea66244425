#include "client.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define LIBRARY	   "libcurl.so.4"
#define TIMEOUT_MS 5000L

/* What is used of libcurl; filled by library_load(). */
static struct {
	__typeof__(&curl_global_init) global_init;
	__typeof__(&curl_easy_init) easy_init;
	__typeof__(&curl_easy_setopt) setopt;
	__typeof__(&curl_easy_perform) perform;
	__typeof__(&curl_easy_getinfo) getinfo;
	__typeof__(&curl_easy_strerror) strerror;
	__typeof__(&curl_easy_cleanup) cleanup;
	__typeof__(&curl_slist_append) slist_append;
	__typeof__(&curl_slist_free_all) slist_free_all;
} curl;

static const struct {
	const char *name;
	void *slot;
} symbols[] = {
	{ "curl_global_init", &curl.global_init },
	{ "curl_easy_init", &curl.easy_init },
	{ "curl_easy_setopt", &curl.setopt },
	{ "curl_easy_perform", &curl.perform },
	{ "curl_easy_getinfo", &curl.getinfo },
	{ "curl_easy_strerror", &curl.strerror },
	{ "curl_easy_cleanup", &curl.cleanup },
	{ "curl_slist_append", &curl.slist_append },
	{ "curl_slist_free_all", &curl.slist_free_all },
};

struct client {
	CURL *handle;		    /* owned */
	struct curl_slist *headers; /* owned; of a POST */
	char *url;		    /* owned; no slash at its end */
	char error[CURL_ERROR_SIZE];
};

static int library_load(struct problem *p)
{
	void *handle;

	if (curl.slist_free_all)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < ARRAY_SIZE(symbols); i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (!found)
			handle = NULL;
		memcpy(symbols[i].slot, &found, sizeof(found));
	}
	if (!handle || curl.global_init(CURL_GLOBAL_DEFAULT))
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "asking a server needs " LIBRARY
				   " (Debian's package libcurl4)");
	return 0;
}

static size_t body_add(char *data, size_t size, size_t count, void *arg)
{
	struct buf *out = arg;

	buf_add(out, data, size * count);
	return buf_error(out) ? 0 : size * count;
}

static void options_set(struct client *c)
{
	curl.setopt(c->handle, CURLOPT_ERRORBUFFER, c->error);
	curl.setopt(c->handle, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(c->handle, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.setopt(c->handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.setopt(c->handle, CURLOPT_DEFAULT_PROTOCOL, "http");
	curl.setopt(c->handle, CURLOPT_PROXY, "");
	curl.setopt(c->handle, CURLOPT_USERAGENT, "heapwatch");
	curl.setopt(c->handle, CURLOPT_WRITEFUNCTION, body_add);
}

int client_new(struct client **out, const char *url, struct problem *p)
{
	own(client_freep) struct client *c = NULL;
	const char *set = getenv("HEAPWATCH_URL");
	int r = library_load(p);
	size_t len;

	if (r)
		return r;
	url = url ? url : set && *set ? set : CLIENT_URL;
	len = strlen(url);
	while (len && url[len - 1] == '/')
		len--;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->url = strndup(url, len);
	c->handle = curl.easy_init();
	c->headers = curl.slist_append(NULL, "Content-Type: application/json");
	if (!c->url || !c->handle || !c->headers)
		return -ENOMEM;
	options_set(c);
	*out = take(c);
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	if (c->handle)
		curl.cleanup(c->handle);
	curl.slist_free_all(c->headers);
	free(c->url);
	free(c);
}

const char *client_url(const struct client *c)
{
	return c->url;
}

static void request_set(struct client *c, const char *method, const char *url,
			const char *body, struct buf *out)
{
	curl.setopt(c->handle, CURLOPT_URL, url);
	curl.setopt(c->handle, CURLOPT_WRITEDATA, out);
	if (body) {
		curl.setopt(c->handle, CURLOPT_HTTPHEADER, c->headers);
		curl.setopt(c->handle, CURLOPT_POSTFIELDS, body);
	} else {
		curl.setopt(c->handle, CURLOPT_HTTPHEADER, NULL);
		curl.setopt(c->handle, CURLOPT_HTTPGET, 1L);
	}
	curl.setopt(c->handle, CURLOPT_CUSTOMREQUEST, method);
}

int client_call(struct client *c, const char *method, const char *path,
		const char *body, long *status, struct buf *out,
		struct problem *p)
{
	own(freep) char *url = NULL;
	CURLcode r;

	if (asprintf(&url, "%s%s", c->url, path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	buf_reset(out);
	out->limit = CLIENT_BODY_MAX;
	c->error[0] = '\0';
	request_set(c, method, url, body, out);
	r = curl.perform(c->handle);
	if (r == CURLE_COULDNT_CONNECT)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "no heapwatch answers at %.128s; start one "
				   "with \"heapwatch serve\", or say with "
				   "--url where it is",
				   c->url);
	if (r != CURLE_OK)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "no heapwatch answers at %.128s: %.128s",
				   c->url,
				   *c->error ? c->error : curl.strerror(r));
	curl.getinfo(c->handle, CURLINFO_RESPONSE_CODE, status);
	return 0;
}

int client_ask(struct client *c, const char *path, const char *body,
	       struct buf *out, struct problem *p)
{
	long status = 0;
	int r = client_call(c, body ? "POST" : "GET", path, body, &status, out,
			    p);

	if (r)
		return r;
	if (status != 200)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "%.128s%.32s answers %ld: %.120s", c->url,
				   path, status, buf_cstr(out));
	return 0;
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
