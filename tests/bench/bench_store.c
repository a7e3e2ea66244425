/*
 * What the store costs: bytes on disk and written, rates, memory.
 *
 * bench_store [series [hours]]: ticks of 1 s, points of 10 s, in ./bench.db.
 * A third of the processes is idle; the others have saw-tooth heaps, counters
 * and ratios of six digits, as a collector brings them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "server/store/store.h"

#define T0	1900000000000ll
#define COLUMNS 40

static unsigned seed = 1;

static double noise(void)
{
	return rand_r(&seed) / (double)RAND_MAX;
}

/* One process: what its 40 columns show at second t. */
static double value_of(int process, int column, long t)
{
	bool idle = process % 3 == 0;
	double rate = 50000 + 977 * process;
	double used = idle ? 4e7 : 3e7 + fmod(rate * (double)t, 6e7);

	switch (column % 8) {
	case 0: /* ratios */
		return number_round(used / 1.5e8 + (idle ? 0 : noise() * 1e-4),
				    6);
	case 1: /* bytes of objects */
		return idle ? 4e7 : floor(used / 8) * 8;
	case 2: /* counters of bytes */
		return idle ? 1e9 : floor(rate * (double)t / 16) * 16;
	case 3: /* what seldom moves */
		return 1.5e8;
	case 4: /* pages */
		return idle ? 4096.0 * 20000 : 4096 * floor(used / 4096);
	case 5: /* small counts */
		return idle ? 12 : floor(12 + 8 * noise());
	case 6: /* counters of events */
		return floor((double)t * rate / 6e7);
	default: /* seconds */
		return idle ? 1.25
			    : number_round((double)t * 0.0012 + process, 6);
	}
}

static struct batch *tick(int processes, long t, bool first)
{
	struct now now = {(1000 + t) * 1000000000, T0 + t * 1000};
	struct batch *b;

	if (batch_new(&b, now))
		abort();
	for (int p = 0; p < processes; p++) {
		uint32_t number = (uint32_t)p + 1;

		if (first) {
			struct entity e = {.number = number,
					   .kind = ENTITY_PROCESS,
					   .key = {"boot", 100 + p, 5}};
			char text[16];

			snprintf(text, sizeof(text), "s%d", p);
			labels_set(&e.labels, "service", text);
			batch_add_entity(b, &e);
			entity_fini(&e);
		}
		for (int c = 0; c < COLUMNS; c++)
			batch_add_sample(b, number, (enum column)c,
					 value_of(p, c, t));
	}
	return b;
}

static long field(const char *path, const char *name)
{
	char line[256];
	long value = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name) + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return value;
}

static int count_points(void *arg, size_t index, const struct stretch *p)
{
	(void)index;
	*(size_t *)arg += p->count;
	return 0;
}

static void time_scan(struct store *s, const char *what, size_t most,
		      int64_t from_ms, int64_t to_ms, int64_t step_ms)
{
	struct series *series;
	struct view *v;
	size_t count, points = 0;
	int64_t begin = clock_monotonic_ns(), selected;

	if (view_open(&v, s) || view_select(v, METRIC_COUNT, NULL, 0, from_ms,
					    to_ms, &series, &count))
		abort();
	selected = clock_monotonic_ns();
	if (view_scan(v, series, count < most ? count : most, from_ms, to_ms,
		      step_ms, count_points, &points))
		abort();
	printf("%s: %zu series of %zu, %zu points: select %.2f ms, scan %.2f "
	       "ms\n",
	       what, count < most ? count : most, count, points,
	       (double)(selected - begin) / 1e6,
	       (double)(clock_monotonic_ns() - selected) / 1e6);
	series_free(series, count);
	view_close(v);
}

int main(int argc, char **argv)
{
	int processes = (argc > 1 ? atoi(argv[1]) : 1200) / COLUMNS;
	long seconds = (argc > 2 ? atol(argv[2]) : 4) * 3600;
	struct store_options o = {.path = "bench.db",
				  .resolution_ms = 10000,
				  .flush_ms = 10000,
				  .memory_ms = 900000};
	struct problem p = {0};
	struct store_stats stats;
	struct store *s;
	int64_t spent = 0, slowest = 0;
	double stored = (double)processes * COLUMNS * (double)seconds / 10;
	long before = field("/proc/self/io", "wchar:");

	unlink("bench.db");
	if (store_open(&s, &o, &p))
		return fprintf(stderr, "%s\n", p.text), 1;
	for (long t = 1; t <= seconds; t++) {
		struct batch *b = tick(processes, t, t == 1);
		int64_t begin = clock_monotonic_ns(), took;

		if (store_append(s, b))
			return 1;
		took = clock_monotonic_ns() - begin;
		spent += took;
		slowest = took > slowest ? took : slowest;
	}
	store_flush(s);
	store_stats(s, &stats);
	printf("%d series, %ld h: %.0f samples taken, %.0f points stored\n",
	       processes * COLUMNS, seconds / 3600, (double)stats.samples,
	       stored);
	printf("row bytes a point %.3f, file bytes a point %.3f, written bytes "
	       "a point %.2f\n",
	       (double)stats.row_bytes / stored,
	       (double)field("/proc/self/io", "wchar:") > 0
		       ? (double)stats.file_bytes / stored
		       : 0,
	       (double)(field("/proc/self/io", "wchar:") - before) / stored);
	printf("ingest %.2f M samples/s, slowest append %.1f ms\n",
	       (double)stats.samples / ((double)spent / 1e9) / 1e6,
	       (double)slowest / 1e6);
	printf("memory of the newest minutes %.1f MB, RSS %.1f MB, anonymous "
	       "%.1f MB\n",
	       (double)stats.memory_bytes / 1e6,
	       (double)field("/proc/self/status", "VmRSS:") / 1e3,
	       (double)field("/proc/self/status", "RssAnon:") / 1e3);
	time_scan(s, "1 h by 10 s", 50, T0 + (seconds - 3600) * 1000,
		  T0 + seconds * 1000, 10000);
	time_scan(s, "15 min by 1 s", 50, T0 + (seconds - 880) * 1000,
		  T0 + seconds * 1000, 1000);
	time_scan(s, "all by 10 s", 1, T0, T0 + seconds * 1000, 10000);
	store_close(s);
	return 0;
}
