#pragma once
/*
 * handshake.h - how go-plugin's host starts a plugin: variables in, one line
 * on standard output back, with the unix socket that we listen on.
 */

/* Are we started by a host we can serve? Else words on stderr, and false. */
int handshake_check(void);

/* Where the socket is: $PLUGIN_UNIX_SOCKET_DIR, $TMPDIR or /tmp. */
const char *handshake_folder(void);

/*
 * A listening socket of which only we know the path; the path, owned by the
 * caller. Leftovers of one that was killed lie under another name. -errno.
 */
int handshake_listen(char **path);

/* "1|2|unix|PATH|grpc|" and a newline. */
int handshake_tell(const char *path);
