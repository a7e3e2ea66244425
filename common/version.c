#include "version.h"

#ifndef HEAPWATCH_VERSION
#define HEAPWATCH_VERSION "unknown"
#endif

const char *heapwatch_version(void)
{
	return HEAPWATCH_VERSION;
}
