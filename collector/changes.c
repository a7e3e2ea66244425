/* What is told when it changes: builds, bounds, the wall clock. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "internal.h"

#define CLOCK_STEP_MS 1000 /* less is the clock being disciplined */

/* ---- builds ---- */

/* Does another process of the service run this build already? */
static bool runs_elsewhere(const struct collector *c, const struct target *t,
			   const char *service)
{
	const struct target *other;
	size_t i = 0;

	while ((other = map_next(&c->targets, &i))) {
		if (other != t && other->stage == TARGET_WATCHED &&
		    strcmp(labels_get(&other->entity.labels, "service"),
			   service) == 0 &&
		    strcmp(other->binary->build_id, t->binary->build_id) == 0)
			return true;
	}
	return false;
}

static void build_free(struct known_build *b)
{
	if (b)
		free(b->build_id);
	free(b);
}
OWN_DEFINE(struct known_build *, build_free)

static void forget_one_build(struct collector *c)
{
	struct known_build *b, *oldest = NULL;
	size_t i = 0;

	while ((b = map_next(&c->builds, &i))) {
		if (!oldest || b->seen_ns < oldest->seen_ns)
			oldest = b;
	}
	if (oldest)
		build_free(map_remove_str(&c->builds, oldest->service));
}

int changes_know_build(struct collector *c, const char *service,
		       const char *build_id, int64_t seen_ns)
{
	own(build_freep) struct known_build *b = calloc(1, sizeof(*b));
	int r;

	if (!b || !(b->build_id = strdup(build_id)))
		return -ENOMEM;
	snprintf(b->service, sizeof(b->service), "%s", service);
	b->seen_ns = seen_ns;
	build_free(map_remove_str(&c->builds, b->service));
	if (c->builds.count >= BUILDS_MAX)
		forget_one_build(c);
	r = map_set_str(&c->builds, b->service, b);
	if (r == 0)
		(void)take(b);
	return r;
}

const char *changes_last_build(const struct collector *c, const char *service)
{
	const struct known_build *b = map_get_str(&c->builds, service);

	return b ? b->build_id : NULL;
}

void changes_fini(struct collector *c)
{
	struct known_build *b;
	size_t i = 0;

	while ((b = map_next(&c->builds, &i)))
		build_free(b);
	map_fini(&c->builds);
}

void changes_note_build(struct collector *c, const struct target *t,
			struct now now)
{
	const char *service = labels_get(&t->entity.labels, "service");
	const char *build_id = t->binary->build_id;
	const char *before = changes_last_build(c, service);

	if (!*build_id)
		return;
	if (before && strcmp(before, build_id) != 0 &&
	    !runs_elsewhere(c, t, service))
		batch_add_event(c->batch, EVENT_DEPLOYED, t->entity.number,
				now.boot_ns,
				"%s runs another build: %.40s (%s), before "
				"%.40s", service, build_id, t->binary->version,
				before);
	changes_know_build(c, service, build_id, now.boot_ns);
}

/* ---- the bound ---- */

void changes_note_limit(struct collector *c, struct target *t, struct now now)
{
	struct target_state *s = &t->grade;
	double max = t->last[COL_HEAP_MAX_BYTES];

	if (t->gaps[COL_HEAP_MAX_BYTES] != GAP_NONE ||
	    !t->told[COL_HEAP_MAX_BYTES])
		return;
	if (s->max_bytes > 0 &&
	    (fabs(max - s->max_bytes) >= 1 || (int)t->bound != s->bound))
		batch_add_event(c->batch, EVENT_LIMIT_CHANGED,
				t->entity.number, now.boot_ns,
				"%s/%s: the bound of the heap is %.0f bytes "
				"(%s), before %.0f bytes (%s)",
				labels_get(&t->entity.labels, "service"),
				labels_get(&t->entity.labels, "instance"), max,
				bound_word(t->bound), s->max_bytes,
				bound_word((enum bound)s->bound));
	s->max_bytes = max;
	s->bound = (int)t->bound;
}

/* ---- the wall clock ---- */

bool changes_note_clock(struct collector *c, struct now now)
{
	int64_t offset_ms = now.wall_ms - now.boot_ns / 1000000;
	int64_t step_ms = offset_ms - c->clock_offset_ms;
	bool first = c->clock_offset_ms == 0;

	c->clock_offset_ms = offset_ms;
	if (first || llabs(step_ms) < CLOCK_STEP_MS)
		return false;
	batch_add_event(c->batch, EVENT_CLOCK_STEPPED, 0, now.boot_ns,
			"the wall clock stepped %s by %.1f s",
			step_ms > 0 ? "forward" : "back",
			(double)llabs(step_ms) / 1e3);
	log_warn("the wall clock stepped seconds=%.1f", (double)step_ms / 1e3);
	return true;
}
