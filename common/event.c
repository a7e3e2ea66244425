#include "event.h"

static const char *const words[EVENT_KIND_COUNT] = {
	[EVENT_HEAPWATCH_STARTED] = "heapwatch_started",
	[EVENT_HEAPWATCH_STOPPED] = "heapwatch_stopped",
	[EVENT_TARGET_STARTED] = "target_started",
	[EVENT_TARGET_EXITED] = "target_exited",
	[EVENT_TARGET_RESTARTED] = "target_restarted",
	[EVENT_PROBE_ATTACHED] = "probe_attached",
	[EVENT_PROBE_DETACHED] = "probe_detached",
	[EVENT_PROBE_BACKED_OFF] = "probe_backed_off",
	[EVENT_PROBE_REFUSED] = "probe_refused",
	[EVENT_TARGET_OOM] = "target_oom_killed",
	[EVENT_TARGET_STALE] = "target_stale",
	[EVENT_TARGET_READABLE] = "target_readable",
	[EVENT_SLI_OUT] = "sli_out_of_bounds",
	[EVENT_SLI_BACK] = "sli_within_bounds",
	[EVENT_LIMIT_CHANGED] = "limit_changed",
	[EVENT_DEPLOYED] = "deployed",
	[EVENT_MAINTENANCE_STARTED] = "maintenance_started",
	[EVENT_MAINTENANCE_ENDED] = "maintenance_ended",
	[EVENT_CLOCK_STEPPED] = "clock_stepped",
	[EVENT_RELOADED] = "reloaded",
	[EVENT_COLLECTION] = "collection",
	[EVENT_STORE_SALVAGED] = "database_salvaged",
	[EVENT_STORE_DROPPED] = "damaged_copy_dropped",
};

const char *event_word(enum event_kind kind)
{
	return words[kind];
}
