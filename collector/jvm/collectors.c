#include "collectors.h"

#include <string.h>

#include "common/own.h"

static const struct jvm_collector collectors[] = {
	{ .gc = JVM_SERIAL, .name = "serial",
	  .sign = HSPERF_POLICY_NAME, .text = "Copy:MSC",
	  .young = 0, .old = 1, .concurrent = NOT_TOLD,
	  .young_pauses = 0, .old_pauses = 1, .concurrent_pauses = NOT_TOLD,
	  .all_pauses = NOT_TOLD, .has_eden = true },
	{ .gc = JVM_PARALLEL, .name = "parallel",
	  .sign = HSPERF_POLICY_NAME, .text = "ParScav:MSC",
	  .young = 0, .old = 1, .concurrent = NOT_TOLD,
	  .young_pauses = 0, .old_pauses = 1, .concurrent_pauses = NOT_TOLD,
	  .all_pauses = NOT_TOLD, .has_eden = true },
	{ .gc = JVM_G1, .name = "g1",
	  .sign = HSPERF_POLICY_NAME, .text = "GarbageFirst",
	  .young = 0, .old = 1, .concurrent = 2,
	  .young_pauses = 0, .old_pauses = 1, .concurrent_pauses = 2,
	  .all_pauses = NOT_TOLD, .has_eden = true },
	{ .gc = JVM_Z_GENERATIONAL, .name = "z",
	  .sign = HSPERF_COLLECTOR_0_NAME, .text = "ZGC minor collection pauses",
	  .young = NOT_TOLD, .old = NOT_TOLD, .concurrent = NOT_TOLD,
	  .young_pauses = 0, .old_pauses = 2, .concurrent_pauses = NOT_TOLD,
	  .all_pauses = NOT_TOLD },
	{ .gc = JVM_Z, .name = "z",
	  .sign = HSPERF_COLLECTOR_2_NAME, .text = "Z concurrent cycle pauses",
	  .young = NOT_TOLD, .old = NOT_TOLD, .concurrent = NOT_TOLD,
	  .young_pauses = NOT_TOLD, .old_pauses = NOT_TOLD,
	  .concurrent_pauses = NOT_TOLD, .all_pauses = 2 },
	{ .gc = JVM_SHENANDOAH, .name = "shenandoah",
	  .sign = HSPERF_COLLECTOR_0_NAME, .text = "Shenandoah partial",
	  .young = NOT_TOLD, .old = NOT_TOLD, .concurrent = NOT_TOLD,
	  .young_pauses = NOT_TOLD, .old_pauses = NOT_TOLD,
	  .concurrent_pauses = NOT_TOLD, .all_pauses = NOT_TOLD },
	/* Z of JDK 11 has no collector counters at all. */
	{ .gc = JVM_Z, .name = "z",
	  .sign = HSPERF_OLD_NAME, .text = "old",
	  .young = NOT_TOLD, .old = NOT_TOLD, .concurrent = NOT_TOLD,
	  .young_pauses = NOT_TOLD, .old_pauses = NOT_TOLD,
	  .concurrent_pauses = NOT_TOLD, .all_pauses = NOT_TOLD },
};

/* The last row's sign is weak: others have an old generation too, but they
 * have counters of collectors or a policy beside it. */
static bool tells_more(const struct hsperf *h)
{
	return h->at[HSPERF_POLICY_NAME] || h->at[HSPERF_COLLECTOR_0_NAME] ||
	       h->at[HSPERF_COLLECTOR_1_NAME] || h->at[HSPERF_COLLECTOR_2_NAME];
}

const struct jvm_collector *jvm_collector_find(const struct hsperf *h,
					       const void *block, size_t len)
{
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(collectors); i++) {
		const struct jvm_collector *c = &collectors[i];

		if (c->sign == HSPERF_OLD_NAME && tells_more(h))
			continue;
		if (hsperf_text(h, block, len, c->sign, text, sizeof(text)) &&
		    strcmp(text, c->text) == 0)
			return c;
	}
	return NULL;
}
