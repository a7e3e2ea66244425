#include "descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/priv.h"
#include "common/own.h"

static const struct {
	const char *prefix;
	enum descriptor_kind kind;
} prefixes[] = {
	{ "socket:", DESCRIPTOR_SOCKET },
	{ "pipe:", DESCRIPTOR_PIPE },
	{ "anon_inode:", DESCRIPTOR_ANON },
	{ "/dev/shm/", DESCRIPTOR_FILE }, /* before its parent */
	{ "/dev/", DESCRIPTOR_DEVICE },
	{ "/", DESCRIPTOR_FILE },
};

enum descriptor_kind descriptor_kind_of(const char *link)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(link, prefixes[i].prefix,
			    strlen(prefixes[i].prefix)) == 0)
			return prefixes[i].kind;
	}
	return DESCRIPTOR_OTHER;
}

static void count_one(struct descriptors *d, DIR *dir, const char *name)
{
	char link[64]; /* the prefix is enough */
	ssize_t len;

	d->total++;
	if (d->total > DESCRIPTORS_LOOKED_AT)
		return;
	len = readlinkat(dirfd(dir), name, link, sizeof(link) - 1);
	if (len < 0) {
		d->total--; /* closed meanwhile */
		return;
	}
	link[len] = '\0';
	d->by_kind[descriptor_kind_of(link)]++;
}

int descriptors_read(struct descriptors *out, pid_t pid)
{
	int fd = priv_open_proc_dir(pid, "fd");
	struct descriptors found = { 0 };
	const struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] != '.')
			count_one(&found, dir, e->d_name);
	}
	closedir(dir);
	found.has_kinds = found.total <= DESCRIPTORS_LOOKED_AT;
	*out = found;
	return 0;
}

int descriptors_total(uint32_t *out, pid_t pid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (stat(path, &st))
		return -errno;
	if (st.st_size <= 0)
		return -EOPNOTSUPP;
	*out = (uint32_t)st.st_size;
	return 0;
}
