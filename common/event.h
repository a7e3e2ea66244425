#pragma once
/*
 * event.h - something that happened, with a begin, perhaps an end, and words.
 */
#include <stdint.h>

enum event_kind {
	EVENT_HEAPWATCH_STARTED,
	EVENT_HEAPWATCH_STOPPED,
	EVENT_TARGET_STARTED,
	EVENT_TARGET_EXITED,
	EVENT_TARGET_RESTARTED, /* same service and instance, new process */
	EVENT_PROBE_ATTACHED,
	EVENT_PROBE_DETACHED,
	EVENT_PROBE_BACKED_OFF, /* over the budget; tried again later */
	EVENT_PROBE_REFUSED,    /* for good: by the kernel, or no place */
	EVENT_TARGET_OOM,      /* the kernel chose it for want of memory */
	EVENT_TARGET_STALE,    /* reads fail */
	EVENT_TARGET_READABLE, /* they work again; a span */
	EVENT_SLI_OUT,         /* an SLI is out of bounds, or more so */
	EVENT_SLI_BACK,        /* back within bounds; spans the breach */
	EVENT_LIMIT_CHANGED,   /* the tightest bound, or which one it is */
	EVENT_DEPLOYED,        /* another build of a service than before */
	EVENT_MAINTENANCE_STARTED,
	EVENT_MAINTENANCE_ENDED, /* spans the window */
	EVENT_CLOCK_STEPPED,
	EVENT_RELOADED,
	EVENT_COLLECTION,      /* one of the heap; its text is collection.h's */
	EVENT_STORE_SALVAGED,  /* the database was damaged; what came over */
	EVENT_STORE_DROPPED,   /* a damaged copy went for want of room */
	EVENT_KIND_COUNT
};

struct event {
	enum event_kind kind;
	uint32_t entity; /* number; 0: heapwatch or the machine */
	int64_t boot_ns;
	int64_t end_boot_ns; /* 0: a moment */
	char *text;          /* owned; a sentence for people */
};

/* "target_started"; stored and shown, so words never change meaning. */
const char *event_word(enum event_kind kind);
