/*
 * gpx_heapwatch - the part of the Grafana plugin that Grafana runs beside
 * itself: gRPC on a unix socket towards it, HTTP towards heapwatch servers.
 * One thread, one event loop, no state but open connections.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/own.h"
#include "common/version.h"

#include "handshake.h"
#include "log.h"
#include "rpc.h"

#define PARENT_POLL_MS 500

static struct grpc_server *server;
static struct event_base *loop;

static void stop(void *arg)
{
	(void)arg;
	event_base_loopbreak(loop);
}

/* The answer goes out first; a host that does not read it is not waited for. */
static void rpc_shutdown(struct grpc_call *c, struct bytes message)
{
	static const struct timeval most = { 0, 50 * 1000 };
	struct buf empty = BUF_INIT;

	(void)message;
	grpc_server_drain(server, stop, NULL);
	grpc_send(c, &empty);
	grpc_finish(c, GRPC_OK, NULL);
	event_base_loopexit(loop, &most);
}

static const struct grpc_method methods[] = {
	RPC_METHODS,
	{ "/plugin.GRPCController/Shutdown", rpc_shutdown, false },
	{ "/plugin.GRPCStdio/StreamStdio", rpc_hold, false },
	{ 0 },
};

/* Not PR_SET_PDEATHSIG, which comes when the thread that forked us ends. */
static void check_parent(evutil_socket_t fd, short what, void *arg)
{
	const pid_t *parent = arg;

	(void)fd;
	(void)what;
	if (getppid() == *parent)
		return;
	plugin_log(LEVEL_WARN, "Grafana is gone, and so are we");
	stop(NULL);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stop(arg);
}

static int run(pid_t *parent)
{
	static const struct timeval poll = { 0, PARENT_POLL_MS * 1000 };
	struct event *watch =
		event_new(loop, -1, EV_PERSIST, check_parent, parent);
	struct event *end = evsignal_new(loop, SIGTERM, on_signal, NULL);
	int r = -1;

	if (watch && end && !event_add(watch, &poll) && !event_add(end, NULL))
		r = event_base_dispatch(loop);
	if (watch)
		event_free(watch);
	if (end)
		event_free(end);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(pid_t parent)
{
	own(freep) char *path = NULL;
	int fd = handshake_listen(&path);
	int code = EXIT_FAILURE;

	if (fd < 0) {
		plugin_log(LEVEL_ERROR,
			   "cannot listen in %s: %s; PLUGIN_UNIX_SOCKET_DIR "
			   "names another folder",
			   handshake_folder(), strerror(-fd));
		return code;
	}
	if (grpc_server_new(&server, loop, fd, methods))
		plugin_log(LEVEL_ERROR, "cannot serve: out of memory");
	else if (handshake_tell(path))
		plugin_log(LEVEL_ERROR, "cannot write the handshake");
	else
		code = run(&parent);
	grpc_server_free(server);
	upstream_forget();
	unlink(path);
	return code;
}

int main(void)
{
	pid_t parent = getppid();
	int code;

	if (handshake_check())
		return EXIT_FAILURE;
	/* A host under a terminal passes its Ctrl-C on; it stops us itself. */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	loop = event_base_new();
	if (!loop)
		return EXIT_FAILURE;
	plugin_log(LEVEL_DEBUG, "heapwatch plugin %s", heapwatch_version());
	code = serve(parent);
	event_base_free(loop);
	libevent_global_shutdown();
	return code;
}
