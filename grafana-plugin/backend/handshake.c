#include "handshake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/own.h"

#define COOKIE	"grafana_plugin_type"
#define VALUE	"datasource"
#define VERSION "2"

/* "1,2" holds "2" */
static bool lists(const char *list, const char *version)
{
	size_t len = strlen(version);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, version, len) == 0 &&
		    (at[len] == '\0' || at[len] == ','))
			return true;
	}
	return false;
}

static int refuse(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return -EINVAL;
}

int handshake_check(void)
{
	const char *cookie = getenv(COOKIE);
	const char *versions = getenv("PLUGIN_PROTOCOL_VERSIONS");

	if (!cookie || strcmp(cookie, VALUE) != 0)
		return refuse("This is a Grafana data source plugin: Grafana "
			      "starts it, not a person.");
	if (versions && !lists(versions, VERSION))
		return refuse("This plugin speaks version 2 of Grafana's "
			      "plugin protocol, and the host does not.");
	if (getenv("PLUGIN_CLIENT_CERT"))
		return refuse("The host wants TLS to its plugins (AutoMTLS), "
			      "which this one does not speak.");
	return 0;
}

const char *handshake_folder(void)
{
	static const char *const names[] = { "PLUGIN_UNIX_SOCKET_DIR",
					     "TMPDIR" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *folder = getenv(names[i]);

		if (folder && *folder)
			return folder;
	}
	return "/tmp";
}

static int path_make(char **out)
{
	unsigned long number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	if (asprintf(out, "%s/heapwatch-%d-%08lx.sock", handshake_folder(),
		     (int)getpid(), number & 0xffffffff) < 0)
		return -ENOMEM;
	return 0;
}

int handshake_listen(char **path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	own(freep) char *name = NULL;
	own(fd_closep) int fd = -1;
	int r = path_make(&name);

	if (r)
		return r;
	if (strlen(name) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	umask(077);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (listen(fd, 16)) {
		r = -errno;
		unlink(name);
		return r;
	}
	*path = take(name);
	return take_fd(fd);
}

int handshake_tell(const char *path)
{
	/* A host that shares connections between services wants to be told
	 * that we do not. */
	const char *end = getenv("PLUGIN_MULTIPLEX_GRPC") ? "|false" : "";

	if (printf("1|%s|unix|%s|grpc|%s\n", VERSION, path, end) < 0 ||
	    fflush(stdout))
		return -EIO;
	return 0;
}
