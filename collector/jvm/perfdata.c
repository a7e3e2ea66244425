#include "perfdata.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/maps.h"
#include "collector/priv.h"
#include "hsperf.h"

#define BYTES_MIN 32   /* a prologue */
#define NAMES_MAX 4096 /* names of /tmp that are looked at */

static void dir_closep(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/*
 * The file is hostile until shown otherwise: anyone may lay something under
 * this name in /tmp. It counts only when the process itself owns it.
 */
static int check_file(int fd, const struct process *p, size_t *len)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != p->uid)
		return -EPERM;
	if (st.st_size < BYTES_MIN)
		return -EAGAIN;
	if (st.st_size > HSPERF_BYTES_MAX)
		return -EFBIG;
	*len = (size_t)st.st_size;
	return 0;
}

struct file_id {
	const struct stat *st;
	const char *path;
};

/* On overlay and btrfs the device is not stat's: the same inode under the
 * same path will do. */
static bool is_this_file(const struct mapping *m, void *arg)
{
	const struct file_id *id = arg;

	return m->inode == id->st->st_ino &&
	       (m->device == id->st->st_dev || strcmp(m->path, id->path) == 0);
}

/*
 * A JVM maps its own file. One that it does not map is another's: left by a
 * process that was killed, or of a container that shares /tmp.
 */
static int check_mapped(int fd, const struct process *p, const char *path)
{
	uint64_t start;
	struct stat st;
	struct file_id id = { &st, path };

	if (fstat(fd, &st))
		return -errno;
	return maps_find(p->pid, is_this_file, &id, &start);
}

static int set_block(struct perfdata *d, size_t len)
{
	d->block = calloc(1, len);
	if (!d->block)
		return -ENOMEM;
	d->cap = len;
	d->len = 0;
	return 0;
}

static int open_in(struct perfdata *out, const struct process *p,
		   const char *directory)
{
	own(fd_closep) int fd = -1;
	char path[512];
	size_t len = 0;
	int r;

	r = snprintf(path, sizeof(path), "/tmp/%s/%d", directory, p->ns_pid);
	if (r < 0 || (size_t)r >= sizeof(path))
		return -ENAMETOOLONG;
	fd = priv_open_in_root(p->pid, path);
	if (fd < 0)
		return fd;
	if ((r = check_file(fd, p, &len)) || (r = check_mapped(fd, p, path)))
		return r;
	*out = (struct perfdata){ .fd = -1, .mem_fd = -1 };
	r = set_block(out, len);
	if (r)
		return r;
	out->fd = take_fd(fd);
	return 0;
}

/* Is this name a directory for performance data of the process's user? */
static bool may_hold(DIR *dir, const char *name, const struct process *p)
{
	struct stat st;

	return strncmp(name, "hsperfdata_", 11) == 0 &&
	       fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) && st.st_uid == p->uid;
}

/* Try each hsperfdata_* of the /tmp that the process sees. */
static int open_in_any(struct perfdata *out, const struct process *p)
{
	int fd = priv_open_in_root(p->pid, "/tmp");
	own(dir_closep) DIR *dir = NULL;
	int r = -ENOENT;
	struct dirent *e;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	for (int i = 0; i < NAMES_MAX && (e = readdir(dir)); i++) {
		if (!may_hold(dir, e->d_name, p))
			continue;
		r = open_in(out, p, e->d_name);
		if (r == 0)
			break;
	}
	return r;
}

int perfdata_open_file(struct perfdata *out, const struct process *p)
{
	char directory[300];
	int r;

	r = snprintf(directory, sizeof(directory), "hsperfdata_%s",
		     p->user ? p->user : "");
	if (r > 0 && (size_t)r < sizeof(directory) &&
	    !strchr(directory, '/')) {
		r = open_in(out, p, directory);
		if (r == 0 || r == -EAGAIN)
			return r;
	}
	return open_in_any(out, p);
}

int perfdata_open_memory(struct perfdata *out, int mem_fd, uint64_t address,
			 uint64_t len)
{
	if (len < BYTES_MIN || len > HSPERF_BYTES_MAX)
		return -EBADMSG;
	*out = (struct perfdata){
		.fd = -1, .mem_fd = mem_fd, .address = address
	};
	return set_block(out, (size_t)len);
}

void perfdata_close(struct perfdata *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->block);
	*d = (struct perfdata){ .fd = -1, .mem_fd = -1 };
}

int perfdata_read(struct perfdata *d)
{
	ssize_t n;

	if (d->fd >= 0)
		n = pread(d->fd, d->block, d->cap, 0);
	else
		n = pread(d->mem_fd, d->block, d->cap, (off_t)d->address);
	if (n < 0)
		return -errno;
	/* /proc/PID/mem of a process without memory: it has exited. */
	if (n == 0 && d->fd < 0)
		return -ESRCH;
	if (n < BYTES_MIN)
		return -EBADMSG;
	d->len = (size_t)n;
	return 0;
}
