/*
 * A plant that never was, for tests and benchmarks: the same samples into a
 * heapwatch store and, as OpenMetrics text, to whatever else shall hold them.
 *
 * load_store DB TEXT PROCESSES SECONDS END TICK
 *
 * Processes are read each TICK seconds, for SECONDS up to the Unix second END,
 * a multiple of 10. TEXT has every sample as it was appended, in 17 digits; a
 * reference reads that. Counters start over, processes are silent for minutes,
 * names have signs that regular expressions and CSV care about. The same
 * arguments always make the same samples.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "server/store/store.h"

#define RESOLUTION_S 10

static const enum column columns[] = {
	COL_HEAP_UTIL_RATE,	 COL_FRAG_RATIO,
	COL_HEAP_USED_BYTES,	 COL_HEAP_ALLOCATED_BYTES_TOTAL,
	COL_GC_PAUSE_SECONDS_TOTAL, COL_GC_COLLECTIONS_YOUNG,
	COL_GC_COLLECTIONS_OLD,
};

static const char *const nodes[] = { "plc-01", "hist(3)", "edge,7|b \"x\"" };

struct loader {
	struct store *store;
	FILE *text;
	int processes;
	long seconds, end, tick;
};

/* A number from 0 to 1 that belongs to this process and moment. */
static double noise(long process, long t, long salt)
{
	uint64_t x = (uint64_t)process * 0x9e3779b97f4a7c15ull ^
		     (uint64_t)t * 0xbf58476d1ce4e5b9ull ^
		     (uint64_t)salt * 0x94d049bb133111ebull;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return (double)(x >> 11) / 9007199254740992.0;
}

/* Every third process starts its counters over after 17 minutes and some. */
static double age(long process, long t)
{
	return (double)(process % 3 == 1 ? t % (1020 + process) : t);
}

static double value_of(long p, enum column c, long t)
{
	double used = 3e7 + fmod((50000.0 + 977 * (double)p) * (double)t, 6e7);

	switch (c) {
	case COL_HEAP_UTIL_RATE:
		return number_round(used / 1.2e8 + noise(p, t, 1) * 1e-3, 6);
	case COL_FRAG_RATIO:
		return number_round(1 - used / 1e8 * noise(p, t / 30, 2), 6);
	case COL_HEAP_USED_BYTES:
		return floor(used / 8) * 8;
	case COL_HEAP_ALLOCATED_BYTES_TOTAL:
		return floor((50000.0 + 977 * (double)p) * age(p, t));
	case COL_GC_PAUSE_SECONDS_TOTAL:
		return number_round(age(p, t) * 0.0012 + (double)p, 6);
	case COL_GC_COLLECTIONS_YOUNG:
		return floor(age(p, t) / 3);
	default:
		return floor(age(p, t) / 300);
	}
}

/* Every fifth process is silent for five minutes of each half hour. */
static bool silent(long process, long t)
{
	return process % 5 == 4 && (t + 60 * process) % 1800 < 300;
}

static void describe(struct labels *l, int p)
{
	char service[16], instance[16], pid[16];

	snprintf(service, sizeof(service), "svc-%02d", p / 4);
	snprintf(instance, sizeof(instance), "i%d", p % 4);
	snprintf(pid, sizeof(pid), "%d", 4000000 + p);
	if (labels_set(l, "node", nodes[p % ARRAY_SIZE(nodes)]) ||
	    labels_set(l, "service", service) ||
	    labels_set(l, "instance", instance) ||
	    labels_set(l, "runtime", p % 2 ? "go" : "jvm") ||
	    labels_set(l, "pid", pid))
		abort();
}

static void add_process(struct batch *b, int p, int64_t start_ms)
{
	struct entity e = { .number = (uint32_t)p + 1,
			    .kind = ENTITY_PROCESS,
			    .key = { "a boot that never was", 4000000 + p, 5 },
			    .start_wall_ms = start_ms };

	describe(&e.labels, p);
	if (labels_set(&e.attributes, "version", p % 8 < 4 ? "1.0" : "1.1"))
		abort();
	batch_add_entity(b, &e);
	entity_fini(&e);
}

static void put_text(FILE *out, int p, enum column c, double value, long at)
{
	const struct column_info *info = column_info(c);
	struct labels l = { 0 };
	const char *separator = "{";

	describe(&l, p);
	if (info->dim && labels_set(&l, info->dim, info->value))
		abort();
	fputs(metric_info(info->metric)->name, out);
	for (size_t i = 0; i < l.count; i++) {
		fprintf(out, "%s%s=\"", separator, l.items[i].name);
		for (const char *s = l.items[i].value; *s; s++)
			fprintf(out, *s == '"' ? "\\%c" : "%c", *s);
		fputc('"', out);
		separator = ",";
	}
	fprintf(out, "} %.17g %ld\n", value, at);
	labels_fini(&l);
}

static void sample(struct loader *plant, struct batch *b, int p, long t, long at)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		double value = value_of(p, columns[i], t);

		batch_add_sample(b, (uint32_t)p + 1, columns[i], value);
		put_text(plant->text, p, columns[i], value, at);
	}
}

/* One reading of all processes; the first brings them, the last ends them. */
static int round_at(struct loader *plant, long t)
{
	long at = plant->end - plant->seconds + t;
	struct now now = { (1000 + t) * 1000000000, at * 1000 };
	struct batch *b;

	if (batch_new(&b, now))
		return -ENOMEM;
	for (int p = 0; p < plant->processes; p++) {
		if (t == plant->tick) {
			add_process(b, p, at * 1000);
			batch_add_event(b, EVENT_TARGET_STARTED,
					(uint32_t)p + 1, now.boot_ns,
					"process %d, \"started\"", p);
		}
		if (!silent(p, t))
			sample(plant, b, p, t, at);
		if (t == plant->seconds)
			batch_add_close(b, (uint32_t)p + 1, now.boot_ns,
					"exited");
	}
	return store_append(plant->store, b);
}

static int load(struct loader *plant, const char *db)
{
	struct store_options o = { .path = db,
				   .resolution_ms = RESOLUTION_S * 1000,
				   .flush_ms = 600000,
				   .memory_ms = 60000 };
	struct problem p = { 0 };
	int r = store_open(&plant->store, &o, &p);

	if (r) {
		fprintf(stderr, "%s: %s\n", db, p.text);
		return r;
	}
	for (long t = plant->tick; t <= plant->seconds && !r; t += plant->tick)
		r = round_at(plant, t);
	store_close(plant->store);
	return r;
}

int main(int argc, char **argv)
{
	struct loader plant;

	if (argc != 7)
		return fprintf(stderr, "load_store DB TEXT PROCESSES SECONDS "
				       "END TICK\n"),
		       2;
	plant.processes = atoi(argv[3]);
	plant.seconds = atol(argv[4]);
	plant.end = atol(argv[5]);
	plant.tick = atol(argv[6]);
	if (plant.processes < 1 || plant.tick < 1 || plant.seconds < 1 ||
	    plant.seconds % plant.tick || plant.end % RESOLUTION_S)
		return fprintf(stderr, "END is no multiple of %d, or SECONDS "
				       "none of TICK\n",
			       RESOLUTION_S),
		       2;
	plant.text = fopen(argv[2], "w");
	if (!plant.text || load(&plant, argv[1])) {
		perror(argv[2]);
		return 1;
	}
	fputs("# EOF\n", plant.text);
	return fclose(plant.text) ? 1 : 0;
}
