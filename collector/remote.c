#include "remote.h"

#include <errno.h>
#include <unistd.h>

int remote_read(int mem_fd, uint64_t address, void *out, size_t len)
{
	char *to = out;

	/* Above this an offset would be negative; user space ends earlier. */
	if (address > INT64_MAX || len > INT64_MAX - address)
		return -EFAULT;
	while (len > 0) {
		ssize_t n = pread(mem_fd, to, len, (off_t)address);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EIO ? -EFAULT : -errno;
		if (n == 0)
			return -ESRCH; /* its memory was given back */
		to += n;
		address += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int remote_read_u64(int mem_fd, uint64_t address, uint64_t *out)
{
	uint64_t value;
	int r = remote_read(mem_fd, address, &value, sizeof(value));

	if (r)
		return r;
	*out = value;
	return 0;
}
