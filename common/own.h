#pragma once
/*
 * own.h - ownership that can be seen in one function.
 *
 * own(x_freep) marks a local that is freed when it leaves its scope; take()
 * moves it out. OWN_DEFINE makes the x_freep that own() wants from an x_free
 * that accepts NULL.
 */
#include <stdlib.h>
#include <unistd.h>

#define own(cleanup_fn) __attribute__((cleanup(cleanup_fn)))

#define take(pointer)                                                          \
	({                                                                     \
		__typeof__(pointer) taken_ = (pointer);                        \
		(pointer) = NULL;                                              \
		taken_;                                                        \
	})

#define OWN_DEFINE(type, free_fn)                                              \
	static inline void free_fn##p(type *p)                                 \
	{                                                                      \
		free_fn(*p);                                                   \
	}

/* For memory that plain free() returns: own(freep) char *text. */
static inline void freep(void *p)
{
	free(*(void **)p);
}

/* For file descriptors; below zero is none. */
static inline void fd_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define take_fd(fd)                                                            \
	({                                                                     \
		int taken_ = (fd);                                             \
		(fd) = -1;                                                     \
		taken_;                                                        \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
