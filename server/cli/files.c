#include "files.h"

#include <sys/resource.h>

#define FILES_OF_TARGET 5
#define FILES_OWN       128 /* database, eBPF, epoll, what is read just now */

void files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* else it stays: doctor tells */
}

int64_t files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > INT64_MAX)
		return -1;
	return (int64_t)limit.rlim_cur;
}

int64_t files_wanted(const struct config *cfg)
{
	return FILES_OF_TARGET * cfg->target_max + cfg->connections_max +
	       FILES_OWN;
}
