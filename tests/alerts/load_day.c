/*
 * A recorded day (tests/alerts/record.py) into a store, so that the server
 * answers for it as it would have then.
 *
 * load_day DB END DAY
 *
 * END is the Unix second, a multiple of 10, at which the day shall have ended.
 * A process that starts anew is another entity; what is missing in a round of
 * readings has ended.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store.h"

#define PARTS_MAX   32
#define TARGETS_MAX 64

struct target {
	char who[128]; /* service, instance and runtime */
	double start;  /* tells one run from the next; 0: the machine */
	uint32_t number;
	bool seen;
};

struct day {
	struct store *store;
	struct batch *batch;		   /* owned */
	long end, last, at;		   /* last: second of the day's end */
	enum column columns[2][PARTS_MAX]; /* of processes, of the machine */
	int column_count[2];
	struct target targets[TARGETS_MAX];
	int target_count;
	uint32_t entities;
};

static int split(char *line, char *parts[PARTS_MAX])
{
	int n = 0;

	for (char *p = strtok(line, " \n"); p && n < PARTS_MAX;
	     p = strtok(NULL, " \n"))
		parts[n++] = p;
	return n;
}

/* metric, or metric{dim="value"} */
static enum column column_of(char *name)
{
	char *dim = strchr(name, '{'), *value = NULL;

	if (dim) {
		*dim++ = '\0';
		value = strstr(dim, "=\"");
		if (!value)
			return COL_COUNT;
		*value = '\0';
		value += 2;
		value[strcspn(value, "\"")] = '\0';
	}
	return column_find(name, dim, value);
}

/* "# ...: service instance runtime COLUMN..." or "# ...: - - - COLUMN..." */
static int header(struct day *d, char *line)
{
	char *parts[PARTS_MAX], *list = strstr(line, ": ");
	int n = list ? split(list + 2, parts) : 0, kind;

	if (n < 4)
		return 0;
	kind = strcmp(parts[0], "-") == 0;
	if (!kind && strcmp(parts[0], "service"))
		return 0;
	for (int i = 3; i < n; i++) {
		d->columns[kind][i - 3] = column_of(parts[i]);
		if (d->columns[kind][i - 3] == COL_COUNT)
			return -EINVAL;
	}
	d->column_count[kind] = n - 3;
	return 0;
}

static int64_t boot_ns(const struct day *d)
{
	return (1000 + d->at) * 1000000000;
}

/* Ends what was not seen, and gives the round to the store. */
static int round_end(struct day *d)
{
	int kept = 0;

	if (!d->batch)
		return 0;
	for (int i = 0; i < d->target_count; i++) {
		struct target *t = &d->targets[i];

		if (t->seen || t->start == 0) {
			t->seen = false;
			d->targets[kept++] = *t;
			continue;
		}
		batch_add_close(d->batch, t->number, boot_ns(d), "exited");
	}
	d->target_count = kept;
	return store_append(d->store, take(d->batch));
}

static int round_begin(struct day *d, long second)
{
	int r = round_end(d);
	struct now now;

	d->at = second;
	now = (struct now){ boot_ns(d), (d->end - d->last + second) * 1000 };
	return r ? r : batch_new(&d->batch, now);
}

static int add_entity(struct day *d, struct target *t, char *parts[])
{
	bool machine = t->start == 0;
	struct entity e = { .number = t->number,
			    .kind = machine ? ENTITY_MACHINE : ENTITY_PROCESS,
			    .key = { "a recorded boot",
				     machine ? 0 : (int)(1000 + t->number),
				     machine ? 0 : t->number } };
	char pid[16];
	int r;

	snprintf(pid, sizeof(pid), "%d", 1000 + (int)t->number);
	r = labels_set(&e.labels, "node", "gw-1");
	if (!machine && !r)
		r = labels_set(&e.labels, "service", parts[0])		?:
			    labels_set(&e.labels, "instance", parts[1]) ?:
			    labels_set(&e.labels, "runtime", parts[2])	?:
			    labels_set(&e.labels, "pid", pid);
	if (!r)
		batch_add_entity(d->batch, &e);
	entity_fini(&e);
	return r;
}

/* The run of that process, which may be a new one; NULL: no room. */
static struct target *target_of(struct day *d, char *parts[], double start)
{
	struct target *t = NULL;
	char who[128];

	snprintf(who, sizeof(who), "%s %s %s", parts[0], parts[1], parts[2]);
	for (int i = 0; i < d->target_count; i++) {
		t = &d->targets[i];
		if (strcmp(t->who, who) == 0 && t->start == start)
			return t;
	}
	if (d->target_count == TARGETS_MAX)
		return NULL;
	t = &d->targets[d->target_count++];
	*t = (struct target){ .start = start, .number = ++d->entities };
	snprintf(t->who, sizeof(t->who), "%s", who);
	return add_entity(d, t, parts) ? NULL : t;
}

/* When it started, which stands in its own column. */
static double start_of(const struct day *d, char *parts[], int n)
{
	for (int i = 0; i + 3 < n && i < d->column_count[0]; i++) {
		if (column_info(d->columns[0][i])->metric ==
		    METRIC_START_TIME_SECONDS)
			return atof(parts[i + 3]);
	}
	return 0;
}

static int reading(struct day *d, char *line)
{
	char *parts[PARTS_MAX];
	int n = split(line, parts), kind;
	struct target *t;

	if (n < 4 || !d->batch)
		return -EINVAL;
	kind = strcmp(parts[0], "-") == 0;
	if (n - 3 != d->column_count[kind])
		return -EINVAL;
	t = target_of(d, parts, kind ? 0 : start_of(d, parts, n));
	if (!t)
		return -ENOSPC;
	t->seen = true;
	for (int i = 3; i < n; i++) {
		if (strcmp(parts[i], "-"))
			batch_add_sample(d->batch, t->number,
					 d->columns[kind][i - 3],
					 atof(parts[i]));
	}
	return 0;
}

static int one_line(struct day *d, char *line)
{
	if (line[0] == '#')
		return header(d, line);
	return line[0] == '@' ? round_begin(d, atol(line + 1)) :
				reading(d, line);
}

/* The last round says how long the day was. */
static long length_of(FILE *day)
{
	char line[4096];
	long last = 0;

	while (fgets(line, sizeof(line), day)) {
		if (line[0] == '@')
			last = atol(line + 1);
	}
	rewind(day);
	return last;
}

static int load(struct day *d, FILE *in)
{
	char line[4096];
	int r = 0;

	d->last = length_of(in);
	while (r == 0 && fgets(line, sizeof(line), in))
		r = one_line(d, line);
	return r ? r : round_end(d);
}

int main(int argc, char **argv)
{
	struct store_options o = { .resolution_ms = 1000,
				   .flush_ms = 600000,
				   .memory_ms = 60000,
				   .tick_ms = 5000 };
	struct problem p = { 0 };
	struct day day = { 0 };
	FILE *in;
	int r;

	if (argc != 4)
		return fprintf(stderr, "load_day DB END DAY\n"), 2;
	o.path = argv[1];
	day.end = atol(argv[2]);
	in = fopen(argv[3], "r");
	if (!in)
		return perror(argv[3]), 1;
	r = store_open(&day.store, &o, &p);
	if (r) {
		fprintf(stderr, "%s: %s\n", argv[1], p.text);
		fclose(in);
		return 1;
	}
	r = load(&day, in);
	fclose(in);
	batch_free(day.batch);
	store_close(day.store);
	if (r)
		fprintf(stderr, "load_day: %s\n", strerror(-r));
	return r ? 1 : 0;
}
