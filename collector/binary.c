#include "binary.h"

#include <errno.h>
#include <stdio.h>

#include "probes.h"
#include "source.h"

/* The key as text: cheap enough for one look-up a new process. */
static void key_of(char key[96], const struct stat *s)
{
	snprintf(key, 96, "%llx:%llx:%llx:%llx.%lx",
		 (unsigned long long)s->st_dev, (unsigned long long)s->st_ino,
		 (unsigned long long)s->st_size,
		 (unsigned long long)s->st_ctim.tv_sec, s->st_ctim.tv_nsec);
}

static int binary_new(struct binary **out, const struct stat *s)
{
	struct binary *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->exe_fd = -1;
	b->device = s->st_dev;
	b->inode = s->st_ino;
	b->size = s->st_size;
	b->change_ns = (int64_t)s->st_ctim.tv_sec * 1000000000 +
		       s->st_ctim.tv_nsec;
	key_of(b->key, s);
	*out = b;
	return 0;
}

static void binary_free(struct binary *b)
{
	if (b->knowledge && b->source)
		b->source->forget(b->knowledge);
	if (b->exe_fd >= 0)
		close(b->exe_fd);
	free(b);
}

int binaries_get(struct binaries *all, struct binary **out, int exe_fd)
{
	own(fd_closep) int fd = exe_fd;
	struct binary *b;
	struct stat s;
	char key[96];
	int r;

	if (fstat(fd, &s) < 0)
		return -errno;
	key_of(key, &s);
	b = map_get_str(&all->by_key, key);
	if (!b) {
		r = binary_new(&b, &s);
		if (r)
			return r;
		r = map_set_str(&all->by_key, key, b);
		if (r) {
			binary_free(b);
			return r;
		}
		b->exe_fd = take_fd(fd);
	}
	b->references++;
	*out = b;
	return 0;
}

/*
 * The file and what was learned of it are kept for as long as a process runs
 * it; a service that restarts is analysed anew, which costs milliseconds.
 */
void binaries_unref(struct binaries *all, struct binary *b)
{
	if (!b || --b->references > 0)
		return;
	map_remove_str(&all->by_key, b->key);
	binary_free(b);
}

void binaries_fini(struct binaries *all)
{
	struct binary *b;
	size_t i = 0;

	while ((b = map_next(&all->by_key, &i)))
		binary_free(b);
	map_fini(&all->by_key);
}
