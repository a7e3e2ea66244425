#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/own.h"

int64_t step_end(int64_t t, int64_t step_ms)
{
	int64_t over = t % step_ms;

	return over > 0 ? t + step_ms - over : t - over;
}

static void block_unref(struct memory_block *b)
{
	if (atomic_fetch_sub(&b->references, 1) == 1)
		free(b);
}

void memory_fini(struct memory *m)
{
	for (size_t i = 0; i < m->block_count; i++)
		block_unref(m->blocks[i]);
	for (size_t i = 0; i < m->tick_count; i++)
		tick_unref(m->ticks[i]);
	free(m->blocks);
	*m = (struct memory){0};
}

/* All ticks that stand there become one block. */
static int seal(struct memory *m)
{
	own(block_state_reset) struct block_state state = {0};
	own(buf_fini) struct buf out = BUF_INIT;
	struct memory_block *b;
	int r;

	if (m->tick_count == 0)
		return 0;
	r = block_encode(&out, &state, m->ticks, m->tick_count, true);
	if (r == 0)
		r = array_room(&m->blocks, m->block_count, &m->block_cap);
	if (r)
		return r;
	b = malloc(sizeof(*b) + out.len);
	if (!b)
		return -ENOMEM;
	atomic_init(&b->references, 1);
	b->epoch = m->ticks[0]->epoch;
	b->first_ms = m->ticks[0]->time_ms;
	b->last_ms = m->ticks[m->tick_count - 1]->time_ms;
	b->last_boot_ns = m->tick_boot_ns;
	b->len = out.len;
	memcpy(b->data, out.data, out.len);
	m->blocks[m->block_count++] = b;
	for (size_t i = 0; i < m->tick_count; i++)
		tick_unref(m->ticks[i]);
	m->tick_count = 0;
	return 0;
}

static void trim(struct memory *m, int64_t oldest_ns, int64_t step_ms)
{
	size_t gone = 0;

	while (gone < m->block_count &&
	       m->blocks[gone]->last_boot_ns < oldest_ns)
		block_unref(m->blocks[gone++]);
	if (gone == 0)
		return;
	m->block_count -= gone;
	memmove(m->blocks, m->blocks + gone,
		m->block_count * sizeof(m->blocks[0]));
	if (m->block_count > 0) {
		m->epoch = m->blocks[0]->epoch;
		m->begin_ms = step_end(m->blocks[0]->first_ms, step_ms);
	} else if (m->tick_count > 0) {
		m->epoch = m->ticks[0]->epoch;
		m->begin_ms = step_end(m->ticks[0]->time_ms, step_ms);
	} else {
		m->any = false;
	}
}

int memory_add(struct memory *m, struct tick *t, int64_t boot_ns,
	       int64_t keep_ns, int64_t step_ms)
{
	int r;

	/* A block is of one epoch, and has a bounded number of points. */
	if (m->tick_count == MEMORY_TICKS ||
	    (m->tick_count > 0 && m->ticks[0]->epoch != t->epoch)) {
		r = seal(m);
		if (r)
			return r;
	}
	trim(m, boot_ns - keep_ns, step_ms);
	if (!m->any) {
		m->any = true;
		m->epoch = t->epoch;
		m->begin_ms = t->time_ms - 1;
	}
	m->ticks[m->tick_count++] = tick_ref(t);
	m->tick_boot_ns = boot_ns;
	return 0;
}

int memory_copy(struct memory *out, const struct memory *m)
{
	struct memory copy = *m;

	copy.blocks = malloc((m->block_count + 1) * sizeof(copy.blocks[0]));
	if (!copy.blocks)
		return -ENOMEM;
	copy.block_cap = m->block_count + 1;
	for (size_t i = 0; i < m->block_count; i++) {
		copy.blocks[i] = m->blocks[i];
		atomic_fetch_add(&copy.blocks[i]->references, 1);
	}
	for (size_t i = 0; i < m->tick_count; i++)
		tick_ref(copy.ticks[i]);
	*out = copy;
	return 0;
}

size_t memory_bytes(const struct memory *m)
{
	size_t bytes = 0;

	for (size_t i = 0; i < m->block_count; i++)
		bytes += sizeof(struct memory_block) + m->blocks[i]->len;
	for (size_t i = 0; i < m->tick_count; i++)
		bytes += sizeof(struct tick) + m->ticks[i]->count * 12;
	return bytes;
}

/* ---- scanning ---- */

struct walker {
	const struct memory_scan *scan;
	uint32_t epoch;
};

static bool in_scan(const struct memory_scan *scan, uint32_t epoch,
		    int64_t time_ms)
{
	if (epoch == scan->epoch)
		return time_ms > scan->begin_ms;
	return epoch > scan->epoch && scan->later_epochs;
}

static bool pass_points(void *arg, size_t which, const int64_t *times_ms,
			const double *values, size_t count)
{
	const struct walker *w = arg;
	size_t first = 0;

	/* Times of a block rise. */
	while (first < count && !in_scan(w->scan, w->epoch, times_ms[first]))
		first++;
	return first == count ||
	       w->scan->points(w->scan->arg, which, times_ms + first,
			       values + first, count - first, w->epoch);
}

static int walk_block(const struct memory_scan *scan,
		      const struct memory_block *b)
{
	struct walker w = {scan, b->epoch};
	struct block_reader reader = {scan->want, scan->want_count, pass_points,
				      &w};
	own(block_state_reset) struct block_state state = {0};

	if (!in_scan(scan, b->epoch, b->last_ms))
		return 0;
	return block_decode(&state, b->data, b->len, &reader);
}

static int walk_tick(const struct memory_scan *scan, const struct tick *t)
{
	size_t k = 0;

	if (!in_scan(scan, t->epoch, t->time_ms))
		return 0;
	for (size_t i = 0; i < t->count && k < scan->want_count; i++) {
		while (k < scan->want_count && scan->want[k] < t->ids[i])
			k++;
		if (k < scan->want_count && scan->want[k] == t->ids[i] &&
		    !scan->points(scan->arg, k, &t->time_ms, &t->values[i], 1,
				  t->epoch))
			return 1;
	}
	return 0;
}

int memory_scan(const struct memory *m, const struct memory_scan *scan)
{
	int r = 0;

	for (size_t i = 0; i < m->block_count && r == 0; i++)
		r = walk_block(scan, m->blocks[i]);
	for (size_t i = 0; i < m->tick_count && r == 0; i++)
		r = walk_tick(scan, m->ticks[i]);
	return r;
}
