#include "gc_events.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/own.h"

const struct gc_manager gc_managers[] = {
	{ "Copy", GC_YOUNG, false, true },
	{ "MarkSweepCompact", GC_OLD, true, true },
	{ "PS Scavenge", GC_YOUNG, false, true },
	{ "PS MarkSweep", GC_OLD, true, true },
	{ "G1 Young Generation", GC_YOUNG, false, true },
	{ "G1 Old Generation", GC_OLD, true, true },
	{ "G1 Concurrent GC", GC_CONCURRENT, false, false },
	{ "ZGC", GC_CYCLE, true, true },
	{ "ZGC Cycles", GC_CYCLE, true, true },
	{ "ZGC Minor Cycles", GC_YOUNG, false, true },
	{ "ZGC Major Cycles", GC_OLD, true, true },
	{ "Shenandoah Cycles", GC_CYCLE, true, true },
};
const size_t gc_manager_count = ARRAY_SIZE(gc_managers);

const struct gc_pool gc_pools[] = {
	{ "Eden Space", JVM_SERIAL, false },
	{ "Survivor Space", JVM_SERIAL, false },
	{ "Tenured Gen", JVM_SERIAL, false },
	{ "PS Eden Space", JVM_PARALLEL, false },
	{ "PS Survivor Space", JVM_PARALLEL, false },
	{ "PS Old Gen", JVM_PARALLEL, false },
	{ "G1 Eden Space", JVM_G1, false },
	{ "G1 Survivor Space", JVM_G1, false },
	{ "G1 Old Gen", JVM_G1, false },
	{ "ZHeap", JVM_Z, false },
	{ "ZGC Young Generation", JVM_Z_GENERATIONAL, false },
	{ "ZGC Old Generation", JVM_Z_GENERATIONAL, false },
	{ "Shenandoah", JVM_SHENANDOAH, false },
	{ "Shenandoah Young Gen", JVM_SHENANDOAH, true },
	{ "Shenandoah Old Gen", JVM_SHENANDOAH, true },
};
const size_t gc_pool_count = ARRAY_SIZE(gc_pools);
_Static_assert(ARRAY_SIZE(gc_pools) <= 32, "a pool is a bit");

void gc_events_init(struct gc_events *g)
{
	*g = (struct gc_events){ .after_gc_bytes = NAN, .live_bytes = NAN };
}

const char *const gc_kind_words[GC_KINDS] = {
	[GC_YOUNG] = "young",
	[GC_OLD] = "old",
	[GC_CONCURRENT] = "concurrent",
	[GC_CYCLE] = "cycle",
};

bool gc_is_pause(const struct gc_manager *m)
{
	/* Of the concurrent one of G1 Remark and Cleanup are told: pauses. */
	return strncmp(m->name, "ZGC", 3) != 0 &&
	       strcmp(m->name, "Shenandoah Cycles") != 0;
}

/* GCCause::to_string() of those that no lack of room asked for. */
static bool was_asked_for(const char *cause)
{
	static const char *const causes[] = {
		"System.gc()", "Diagnostic Command",
		"JvmtiEnv ForceGarbageCollection",
		"Heap Inspection Initiated GC", "Heap Dump Initiated GC",
	};

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (strcmp(causes[i], cause) == 0)
			return true;
	}
	return false;
}

/* All pools of the heap that this one is a part of. */
static uint32_t pools_beside(const struct gc_pool *p)
{
	uint32_t all = 0;

	for (size_t i = 0; i < gc_pool_count; i++) {
		if (gc_pools[i].gc == p->gc && gc_pools[i].partial == p->partial)
			all |= 1u << i;
	}
	return all;
}

/* The first pool of a begin starts anew, whatever became of the last one. */
static void begin(struct gc_collection *c, uint32_t pool,
		  const struct event_jvm_pool *e)
{
	if (c->begun & pool || c->ended)
		*c = (struct gc_collection){ 0 };
	if (!c->begun)
		c->begin_ns = (int64_t)e->header.time_ns;
	c->begun |= pool;
	c->before_bytes += (double)e->used_bytes;
}

static void finish(struct gc_events *g, const struct gc_manager *m,
		   const struct gc_pool *p, struct gc_collection *c)
{
	c->manager = m;
	g->counts[m->kind]++;
	g->asked_for[m->kind] += was_asked_for(c->cause);
	g->causeless[m->kind] += !c->cause[0];
	if (c->begun == c->ended) {
		g->last_ns = c->end_ns - c->begin_ns;
		g->total_ns += g->last_ns;
	} else {
		c->begin_ns = 0;
		c->before_bytes = NAN;
	}
	/* G1 counts its pools from its first collection on. */
	if (c->before_bytes == 0)
		c->before_bytes = NAN;
	if (m->tells)
		g->after_gc_bytes = c->after_bytes;
	if (m->tells && m->whole && !p->partial)
		g->live_bytes = c->after_bytes;
	g->last[m->kind] = *c;
	*c = (struct gc_collection){ 0 };
}

static void end(struct gc_collection *c, uint32_t pool,
		const struct event_jvm_pool *e, const char *cause)
{
	if (c->ended & pool) /* the rest of the last one is lost */
		*c = (struct gc_collection){ 0 };
	c->end_ns = (int64_t)e->header.time_ns;
	c->ended |= pool;
	c->after_bytes += (double)e->used_bytes;
	/* "No GC" is none: it collects beside the program. */
	if (strcmp(cause, "No GC") != 0)
		snprintf(c->cause, sizeof(c->cause), "%s", cause);
}

const struct gc_collection *gc_events_add(struct gc_events *g, enum jvm_gc gc,
					  const struct event_jvm_pool *e,
					  const char *cause)
{
	const struct gc_manager *m;
	struct gc_collection *c;
	const struct gc_pool *p;
	uint32_t pool;

	if (e->manager < 1 || e->manager > gc_manager_count || e->pool < 1 ||
	    e->pool > gc_pool_count || gc_pools[e->pool - 1].gc != gc)
		return NULL;
	m = &gc_managers[e->manager - 1];
	p = &gc_pools[e->pool - 1];
	c = &g->current[m->kind];
	pool = 1u << (e->pool - 1);
	if (e->header.type == EVENT_TYPE_JVM_GC_BEGIN) {
		begin(c, pool, e);
		return NULL;
	}
	end(c, pool, e, cause);
	if (c->ended != pools_beside(p))
		return NULL;
	finish(g, m, p, c);
	return &g->last[m->kind];
}
