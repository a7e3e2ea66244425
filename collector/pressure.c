#include "pressure.h"

#include "common/sli.h"

#define MARK_NS 950000000ll /* a second, less what a timer may be early */

/* The i-th oldest mark. */
#define MARK(p, i)                                                             \
	((p)->marks[((p)->head + PRESSURE_MARKS - (p)->count + (i)) %          \
		    PRESSURE_MARKS])

void pressure_add(struct pressure *p, int64_t boot_ns, uint64_t total)
{
	if (p->count && total < MARK(p, p->count - 1).total)
		*p = (struct pressure){ 0 };
	/* Ticks faster than one a second: the newest mark moves on until it
	 * is a second past the one before, so that the ring spans 60 s. */
	if (p->count > 1 && boot_ns - MARK(p, p->count - 2).boot_ns < MARK_NS) {
		MARK(p, p->count - 1).boot_ns = boot_ns;
		MARK(p, p->count - 1).total = total;
		return;
	}
	p->marks[p->head].boot_ns = boot_ns;
	p->marks[p->head].total = total;
	p->head = (p->head + 1) % PRESSURE_MARKS;
	if (p->count < PRESSURE_MARKS)
		p->count++;
}

bool pressure_count(const struct pressure *p, int64_t now_boot_ns,
		    int64_t started_boot_ns, uint64_t *out)
{
	int64_t begin = now_boot_ns - SLI_WINDOW_NS;
	uint64_t newest, base = 0;
	bool found = started_boot_ns >= begin;

	if (p->count == 0)
		return false;
	newest = MARK(p, p->count - 1).total;
	/* The total as it stood when the window began: the newest mark that
	 * is not inside it. */
	for (unsigned i = 0; i < p->count; i++) {
		if (MARK(p, i).boot_ns > begin)
			break;
		base = MARK(p, i).total;
		found = true;
	}
	if (!found)
		return false;
	*out = newest - base;
	return true;
}
