#pragma once
/*
 * state.h - what the reading of one process keeps from tick to tick.
 *
 * All zero at first; owns nothing, so it needs no end.
 */
#include <stdbool.h>
#include <stdint.h>

enum descriptor_kind {
	DESCRIPTOR_FILE,
	DESCRIPTOR_SOCKET,
	DESCRIPTOR_PIPE,
	DESCRIPTOR_ANON,
	DESCRIPTOR_DEVICE,
	DESCRIPTOR_OTHER,
	DESCRIPTOR_KIND_COUNT
};

struct descriptors {
	uint32_t total;
	uint32_t by_kind[DESCRIPTOR_KIND_COUNT];
	bool has_kinds; /* false: too many to look at each */
};

struct system_state {
	int64_t slow_read_boot_ns; /* last reading of all below; 0: never */
	struct descriptors descriptors;
	int descriptors_error;	   /* 0, or why there are none: -errno */
	uint64_t max_fds;	   /* soft limit; 0: not known */
	uint64_t rlimit_bytes;	   /* least of RLIMIT_AS and _DATA; 0: none */
};
