#include "maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/own.h"
#include "priv.h"

#define LINES_MAX 65536 /* the kernel's default limit of mappings */

/* "7f..-7f.. r--p 00000000 fe:01 1234   /lib/libjvm.so" */
static bool parse(char *line, struct mapping *out)
{
	unsigned major_number, minor_number;
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &out->start, &out->offset, &major_number, &minor_number,
		   &out->inode, &path) < 5 ||
	    path == 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	out->device = makedev(major_number, minor_number);
	out->path = line + path;
	return true;
}

static void file_closep(FILE **f)
{
	if (*f)
		fclose(*f);
}

int maps_find(pid_t pid, bool (*wanted)(const struct mapping *m, void *arg),
	      void *arg, uint64_t *start)
{
	own(fd_closep) int fd = priv_open_proc(pid, "maps");
	own(file_closep) FILE *f = NULL;
	own(freep) char *line = NULL;
	size_t cap = 0;

	if (fd < 0)
		return fd;
	f = fdopen(fd, "r");
	if (!f)
		return -ENOMEM;
	take_fd(fd);
	for (int i = 0; i < LINES_MAX && getline(&line, &cap, f) > 0; i++) {
		struct mapping m;

		if (parse(line, &m) && wanted(&m, arg)) {
			*start = m.start;
			return 0;
		}
	}
	return -ENOENT;
}
