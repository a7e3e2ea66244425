#include "door.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define SEPARATORS ", \t"

static bool word_in(const char *list, const char *word, size_t word_len)
{
	while (*(list += strspn(list, SEPARATORS))) {
		size_t len = strcspn(list, SEPARATORS);

		if (len == word_len && strncasecmp(list, word, len) == 0)
			return true;
		list += len;
	}
	return false;
}

bool list_has(const char *list, const char *word)
{
	return word_in(list, word, strlen(word));
}

/* Without the port: "[::1]:80" -> "::1". False for what is no host. */
static bool host_name(char *out, size_t room, const char *host)
{
	bool v6 = *host == '[';
	size_t len = v6 ? strcspn(++host, "]") : strcspn(host, ":");

	if (len == 0 || len >= room || (v6 && host[len] != ']'))
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	return true;
}

bool host_allowed(const char *host, const char *list)
{
	char name[256];
	struct in6_addr address;

	if (!host)
		return true;
	if (!host_name(name, sizeof(name), host))
		return false;
	return inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1 ||
	       strcasecmp(name, "localhost") == 0 || list_has(list, name);
}

bool origin_allowed(const char *origin, const char *list)
{
	return origin && *origin &&
	       (list_has(list, "*") || list_has(list, origin));
}

bool accepts_gzip(const char *text)
{
	while (text && *(text += strspn(text, SEPARATORS))) {
		size_t len = strcspn(text, ",");
		size_t name = strcspn(text, ";, \t");
		const char *q = memmem(text, len, "q=", 2);

		if (name == 4 && strncasecmp(text, "gzip", 4) == 0)
			return !q || strtod(q + 2, NULL) > 0;
		text += len;
	}
	return false;
}

bool gzip_body(struct buf *body)
{
	z_stream z = { 0 };
	struct buf out = BUF_INIT;
	size_t most;
	bool done;

	/* 16: with a gzip header; level 1: a panel waits for it */
	if (body->len > UINT32_MAX ||
	    deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return false;
	most = deflateBound(&z, body->len);
	z.next_in = (unsigned char *)body->data;
	z.avail_in = (uInt)body->len;
	z.next_out = (unsigned char *)buf_reserve(&out, most);
	z.avail_out = (uInt)most;
	done = z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END &&
	       z.total_out < body->len;
	out.len = z.total_out;
	deflateEnd(&z);
	if (!done) {
		buf_fini(&out);
		return false;
	}
	buf_fini(body);
	*body = out;
	return true;
}

void etag_of(char out[ETAG_LEN], const struct buf *body)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < body->len; i++)
		hash = (hash ^ (unsigned char)body->data[i]) * 0x100000001b3u;
	snprintf(out, ETAG_LEN, "W/\"%016llx\"", (unsigned long long)hash);
}

bool etag_matches(const char *wanted, const char *etag)
{
	return wanted && (strcmp(wanted, "*") == 0 ||
			  list_has(wanted, etag) || list_has(wanted, etag + 2));
}

const char *below_base(const char *path, const char *base)
{
	size_t len = strlen(base);

	while (len && base[len - 1] == '/')
		len--;
	if (strncmp(path, base, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len : "/";
}

bool request_id_valid(const char *id)
{
	size_t len = id ? strlen(id) : 0;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)id[i]) && !strchr("-_.:", id[i]))
			return false;
	}
	return len > 0 && len <= 64;
}
