/* Any bytes as heapwatch.yaml: an error or a configuration, never a crash. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own(fd_closep) int fd = memfd_create("config", MFD_CLOEXEC);
	struct problem p = { 0 };
	struct config c;
	char path[32];

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_init(&c) == 0 && config_read(&c, path, &p) == 0)
		config_check(&c, &p);
	config_fini(&c);
	return 0;
}
