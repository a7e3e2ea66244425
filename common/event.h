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
