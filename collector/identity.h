#pragma once
/*
 * identity.h - the names of a process: service and instance.
 *
 * service is stable across restarts: the systemd unit, else for a JVM the
 * jar or main class, else the executable. instance is the lowest number that
 * is free within the service, so an alert on node, service, instance
 * survives a restart while pid changes.
 */
#include "common/entity.h"
#include "common/map.h"

#include "process.h"

#define SERVICE_MAX 128

/* The service of a process of that runtime ("go", "jvm"). */
void identity_service(char out[SERVICE_MAX], const struct process *p,
		      const char *runtime);

/* Numbers in use, per service. */
struct instances {
	struct map by_name; /* "service/instance" -> any */
};

void instances_fini(struct instances *i);

/* The lowest free number, taken from now on. -ENOMEM. */
int instances_take(struct instances *i, const char *service, unsigned *out);

/* This very number; -EEXIST when it is in use. */
int instances_reserve(struct instances *i, const char *service, unsigned n);
void instances_release(struct instances *i, const char *service, unsigned n);

/* /proc/sys/kernel/random/boot_id, or "" with -errno. */
int identity_boot_id(char out[37]);
