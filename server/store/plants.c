/* The plant's rules over time: which held when, and as text for meta. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "store_priv.h"

#define VERSIONS_MAX 100 /* older ones go */

void shared_plant_unref(struct shared_plant *p)
{
	if (!p || atomic_fetch_sub(&p->references, 1) != 1)
		return;
	plant_free(p->plant);
	free(p->text);
	free(p);
}

int shared_plant_new(struct shared_plant **out, struct plant *plant)
{
	own(buf_fini) struct buf text = BUF_INIT;
	struct shared_plant *p = calloc(1, sizeof(*p));

	plant_format(&text, plant);
	if (!p || buf_error(&text) || !(p->text = strdup(buf_cstr(&text)))) {
		free(p);
		return -ENOMEM;
	}
	atomic_init(&p->references, 1);
	p->plant = plant;
	*out = p;
	return 0;
}

void plants_unref(struct plants *p)
{
	if (!p || atomic_fetch_sub(&p->references, 1) != 1)
		return;
	for (size_t i = 0; i < p->count; i++)
		shared_plant_unref(p->items[i].plant);
	free(p);
}

struct plants *plants_ref(struct plants *p)
{
	if (p)
		atomic_fetch_add(&p->references, 1);
	return p;
}

/* Room for count items, none of them there yet. */
static struct plants *plants_alloc(size_t count)
{
	struct plants *p =
		calloc(1, sizeof(*p) + count * sizeof(p->items[0]));

	if (p)
		atomic_init(&p->references, 1);
	return p;
}

int plants_add(struct plants **out, const struct plants *old,
	       struct shared_plant *plant, int64_t from_ms)
{
	size_t kept = old ? old->count : 0, first = 0;
	struct plants *p = plants_alloc(kept + 1);

	if (!p)
		return -ENOMEM;
	while (kept > 0 && old->items[kept - 1].from_ms >= from_ms)
		kept--;
	if (kept >= VERSIONS_MAX)
		first = kept - VERSIONS_MAX + 1;
	for (size_t i = first; i < kept; i++) {
		p->items[p->count] = old->items[i];
		atomic_fetch_add(&p->items[p->count++].plant->references, 1);
	}
	if (p->count > 0 &&
	    strcmp(p->items[p->count - 1].plant->text, plant->text) == 0) {
		*out = p; /* it holds since before */
		return 0;
	}
	atomic_fetch_add(&plant->references, 1);
	p->items[p->count++] = (struct dated_plant){ from_ms, plant };
	*out = p;
	return 0;
}

struct shared_plant *plants_at(const struct plants *p, int64_t as_of_ms)
{
	for (size_t i = p ? p->count : 0; i-- > 0;) {
		if (p->items[i].from_ms <= as_of_ms)
			return p->items[i].plant;
	}
	return NULL;
}

/* ---- text: "@" and a time before the rules of each version ---- */

void plants_write(struct buf *out, const struct plants *p)
{
	for (size_t i = 0; p && i < p->count; i++)
		buf_printf(out, "@%lld\n%s", (long long)p->items[i].from_ms,
			   p->items[i].plant->text);
}

static int read_version(struct plants **p, int64_t from_ms, const char *text)
{
	struct shared_plant *shared = NULL;
	struct plants *next = NULL;
	struct plant *plant;
	int r = plant_parse(&plant, text);

	if (r)
		return r;
	r = shared_plant_new(&shared, plant);
	if (r) {
		plant_free(plant);
		return r;
	}
	r = plants_add(&next, *p, shared, from_ms);
	shared_plant_unref(shared);
	if (r == 0) {
		plants_unref(*p);
		*p = next;
	}
	return r;
}

int plants_read(struct plants **out, const char *text)
{
	struct plants *p = NULL;
	long long from_ms;
	int n, r = 0;

	while (*text && r == 0) {
		own(freep) char *rules = NULL;
		const char *end;

		if (sscanf(text, "@%lld%n", &from_ms, &n) != 1 ||
		    text[n] != '\n')
			break; /* damaged: what was read so far holds */
		text += n + 1;
		end = *text == '@' ? text : strstr(text, "\n@");
		end = !end ? text + strlen(text) : end == text ? text : end + 1;
		rules = strndup(text, (size_t)(end - text));
		r = rules ? read_version(&p, from_ms, rules) : -ENOMEM;
		text = end;
	}
	if (r) {
		plants_unref(p);
		return r;
	}
	*out = p;
	return 0;
}

/* ---- of a store ---- */

/* Takes the list; keeps it for the next run. */
static int put_plants(struct store *s, struct plants *p)
{
	own(buf_fini) struct buf text = BUF_INIT;

	plants_unref(s->plants);
	s->plants = p;
	plants_write(&text, p);
	return buf_error(&text) ? -ENOMEM :
				  store_set_fact(s, "plant", buf_cstr(&text));
}

int plants_date(struct store *s, struct plant *plant, int64_t wall_ms)
{
	bool first = !s->plants && s->registry.entry_count == 0;
	struct shared_plant *shared = NULL;
	struct plants *next = NULL;
	int r;

	if (!s->plants && plant->count == 0) { /* never were any rules */
		plant_free(plant);
		return 0;
	}
	r = shared_plant_new(&shared, plant);
	if (r) {
		plant_free(plant);
		return r;
	}
	r = plants_add(&next, s->plants, shared, first ? INT64_MIN : wall_ms);
	shared_plant_unref(shared);
	return r ? r : put_plants(s, next);
}

int plants_redate(struct store *s, int64_t wall_ms)
{
	const struct plants *p = s->plants;
	struct plants *next = NULL;
	int r;

	if (!p || p->count == 0 || p->items[p->count - 1].from_ms <= wall_ms)
		return 0;
	r = plants_add(&next, p, p->items[p->count - 1].plant, wall_ms);
	return r ? r : put_plants(s, next);
}

void store_set_plant(struct store *s, struct plant *plant)
{
	int64_t wall_ms = clock_now().wall_ms;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	plant_free(take(s->plant_waiting));
	if (wall_ms < s->options.clock_floor_ms)
		s->plant_waiting = plant;
	else
		r = plants_date(s, plant, wall_ms);
	pthread_mutex_unlock(&s->lock);
	if (r)
		log_err(r, "plant labels stay as they were");
}

int store_join_plant(struct store *s, struct labels *l)
{
	const struct shared_plant *now;
	struct plants *p;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	p = plants_ref(s->plants);
	pthread_mutex_unlock(&s->lock);
	now = plants_at(p, INT64_MAX);
	if (now)
		r = plant_join(now->plant, l);
	plants_unref(p);
	return r;
}
