/*
 * States outlive heapwatch: what was critical for three days is not new
 * because heapwatch was updated. Kept as text with the store, first the boot
 * id, then a line per process:
 *
 *   pid start_ticks state since_ns (grade beyond_ns) x STATE_SLIS service
 *
 * Times are of the boot clock, which goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "internal.h"

#define KEEP_NS	 (5 * 1000000000ll) /* between two writings */
#define KEPT_MAX 10000
#define NUMBERS	 (4 + 2 * STATE_SLIS)

/* ---- writing ---- */

static void put_target(struct buf *out, const struct target *t)
{
	const struct target_state *s = &t->grade;
	const char *service = target_service(t);

	if (s->since_ns == 0 || strchr(service, '\n'))
		return;
	buf_printf(out, "%d %" PRIu64 " %d %" PRId64, (int)t->entity.key.pid,
		   t->entity.key.start_ticks, (int)s->state, s->since_ns);
	for (int i = 0; i < STATE_SLIS; i++)
		buf_printf(out, " %d %" PRId64, (int)s->slis[i].grade,
			   s->slis[i].beyond_ns);
	buf_printf(out, " %s\n", service);
}

void state_keep(struct collector *c, struct now now)
{
	own(buf_fini) struct buf text = BUF_INIT;
	const struct target *t;
	size_t i = 0;

	if (!c->states_changed || now.boot_ns - c->states_kept_ns < KEEP_NS)
		return;
	buf_printf(&text, "%s\n", c->boot_id);
	while ((t = map_next(&c->targets, &i)))
		put_target(&text, t);
	if (buf_error(&text))
		return;
	batch_add_fact(c->batch, "states", buf_cstr(&text));
	c->states_changed = false;
	c->states_kept_ns = now.boot_ns;
}

/* ---- reading ---- */

/* Where the numbers end; NULL when they are not all there. */
static const char *read_numbers(const char *at, int64_t numbers[NUMBERS])
{
	for (size_t i = 0; i < NUMBERS; i++) {
		char *end;

		errno = 0;
		numbers[i] = strtoll(at, &end, 10);
		if (errno || *end != ' ' || numbers[i] < 0)
			return NULL;
		at = end + 1;
	}
	return at;
}

/* Somebody may have written to the database. */
static bool read_line(struct kept_state *k, const char *line, int64_t now_ns)
{
	int64_t numbers[NUMBERS];
	const char *service = read_numbers(line, numbers);

	if (!service || strlen(service) >= sizeof(k->service) ||
	    numbers[0] > INT32_MAX || numbers[2] >= STATE_COUNT ||
	    numbers[3] == 0 || numbers[3] > now_ns)
		return false;
	*k = (struct kept_state){ .pid = (pid_t)numbers[0],
				  .start_ticks = (uint64_t)numbers[1],
				  .state = (enum process_state)numbers[2],
				  .since_ns = numbers[3] };
	strcpy(k->service, service);
	for (int i = 0; i < STATE_SLIS; i++) {
		const int64_t *pair = &numbers[4 + 2 * i];

		if (pair[0] > GRADE_CRITICAL || pair[1] > now_ns)
			return false;
		k->grades[i] = (enum grade)pair[0];
		k->beyond_ns[i] = pair[1];
	}
	return true;
}

int state_load(struct collector *c, const char *text, struct now now)
{
	own(freep) char *copy = strdup(text ? text : "");
	char *rest = copy, *line;
	size_t cap = 0;

	if (!copy)
		return -ENOMEM;
	line = strsep(&rest, "\n");
	if (strcmp(line, c->boot_id) != 0)
		return 0; /* of an earlier boot: no process is left */
	while ((line = strsep(&rest, "\n")) && c->kept_count < KEPT_MAX) {
		if (array_room(&c->kept, c->kept_count, &cap))
			return -ENOMEM;
		if (read_line(&c->kept[c->kept_count], line, now.boot_ns))
			c->kept_count++;
	}
	return 0;
}

static bool is_of(const struct kept_state *k, const struct target *t)
{
	const struct entity_key *key = &t->entity.key;

	return k->pid == key->pid && k->start_ticks == key->start_ticks &&
	       strcmp(k->service, target_service(t)) == 0;
}

void state_recall(struct collector *c, struct target *t)
{
	struct target_state *s = &t->grade;

	for (size_t i = 0; i < c->kept_count; i++) {
		struct kept_state k = c->kept[i];

		if (!is_of(&k, t))
			continue;
		s->state = k.state;
		s->since_ns = k.since_ns;
		snprintf(s->reason, sizeof(s->reason), "not read again yet");
		for (int j = 0; j < STATE_SLIS; j++)
			s->slis[j] = (struct grading){
				.grade = k.grades[j],
				.beyond_ns = k.beyond_ns[j],
				.recalled = true,
			};
		c->kept[i] = c->kept[--c->kept_count];
		return;
	}
}
