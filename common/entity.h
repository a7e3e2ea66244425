#pragma once
/*
 * entity.h - who is measured: a machine, a process, a remote endpoint.
 *
 * Labels say who it is and never change; attributes say what is known of it
 * now (version, build_id, bound, source, exe, user) and are dated by the
 * batch that brings them. The plant's labels are not here: they are joined
 * when a query is answered.
 */
#include <stdint.h>
#include <sys/types.h>

#include "labels.h"

enum entity_kind { ENTITY_MACHINE, ENTITY_PROCESS, ENTITY_REMOTE };

/* A process is one start of one pid in one boot; a reused pid is another. */
struct entity_key {
	char boot_id[37];     /* /proc/sys/kernel/random/boot_id */
	pid_t pid;            /* 0 for the machine */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat; 0 for the machine */
};

struct entity {
	uint32_t number; /* counts up from 1 within this run of heapwatch */
	enum entity_kind kind;
	struct entity_key key;
	struct labels labels;     /* node, service, instance, runtime, pid */
	struct labels attributes; /* version, build_id, bound, source, exe, ... */
	int64_t start_wall_ms;    /* when it started, Unix milliseconds */
};

void entity_fini(struct entity *e);

/* out becomes a copy; what it held before is not freed. -ENOMEM. */
int entity_copy(struct entity *out, const struct entity *e);
