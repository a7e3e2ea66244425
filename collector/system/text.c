#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/own.h"

int text_read(int fd, char *out, size_t cap)
{
	own(fd_closep) int owned = fd;
	size_t len = 0;

	if (fd < 0)
		return fd;
	/* Some files of /proc give no more than a page at a time. */
	while (len < cap - 1) {
		ssize_t n = read(owned, out + len, cap - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	return (int)len;
}

int text_read_path(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return text_read(fd < 0 ? -errno : fd, out, cap);
}

/* What follows key at the begin of a line; NULL when no line has it. */
static const char *find_line(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *line = text;

	while (line) {
		if (strncmp(line, key, len) == 0 &&
		    (line[len] == ' ' || line[len] == '\t'))
			return line + len;
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return NULL;
}

bool text_number(const char *text, const char *key, uint64_t *out)
{
	const char *value = find_line(text, key);

	if (!value)
		return false;
	value += strspn(value, " \t");
	if (!isdigit((unsigned char)*value))
		return false;
	errno = 0;
	*out = strtoull(value, NULL, 10);
	return errno == 0;
}

bool text_kib(const char *text, const char *key, uint64_t *out_bytes)
{
	uint64_t kib;

	if (!text_number(text, key, &kib) || kib > UINT64_MAX / 1024)
		return false;
	*out_bytes = kib * 1024;
	return true;
}
