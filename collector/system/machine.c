/*
 * The machine as a whole. All files are open to anybody; a reading costs
 * 10 us (meminfo), 27 us (vmstat) and 6 us for each file of pressure.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/own.h"
#include "system.h"
#include "text.h"

uint64_t system_ram_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

/*
 * What a kernel lacks it lacks for good: told once for each entity, not each
 * second. One thread reads the machine, so the note is that thread's.
 */
static _Thread_local uint32_t gaps_told_of;

static void miss(struct batch *b, uint32_t entity, enum column column)
{
	if (gaps_told_of != entity)
		batch_add_gap(b, entity, column, GAP_UNSUPPORTED);
}

static void read_meminfo(struct batch *b, uint32_t entity)
{
	static const struct {
		const char *key;
		enum column column;
	} wanted[] = {
		{ "MemTotal:", COL_MEMORY_TOTAL_BYTES },
		{ "MemAvailable:", COL_MEMORY_AVAILABLE_BYTES },
		{ "SReclaimable:", COL_MEMORY_SRECLAIMABLE_BYTES },
		{ "AnonHugePages:", COL_MEMORY_ANON_HUGE_BYTES },
	};
	char text[8192] = "";
	uint64_t bytes;

	text_read_path("/proc/meminfo", text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (text_kib(text, wanted[i].key, &bytes))
			batch_add_sample(b, entity, wanted[i].column,
					 (double)bytes);
		else
			miss(b, entity, wanted[i].column);
	}
}

double system_pressure_seconds(const char *text, const char *line)
{
	const char *found = strstr(text, line);
	const char *total = found ? strstr(found, "total=") : NULL;
	const char *end = found ? strchr(found, '\n') : NULL;

	if (!total || (end && total > end))
		return NAN;
	return (double)strtoull(total + strlen("total="), NULL, 10) / 1e6;
}

static void read_pressure(struct batch *b, uint32_t entity)
{
	static const struct {
		const char *path, *line;
		enum column column;
	} wanted[] = {
		{ "/proc/pressure/memory", "some ", COL_PRESSURE_MEMORY_SOME },
		{ "/proc/pressure/memory", "full ", COL_PRESSURE_MEMORY_FULL },
		{ "/proc/pressure/cpu", "some ", COL_PRESSURE_CPU_SOME },
		{ "/proc/pressure/io", "some ", COL_PRESSURE_IO_SOME },
		{ "/proc/pressure/io", "full ", COL_PRESSURE_IO_FULL },
	};
	char text[512] = "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		double seconds;

		if (i == 0 || wanted[i].path != wanted[i - 1].path) {
			text[0] = '\0';
			text_read_path(wanted[i].path, text, sizeof(text));
		}
		seconds = system_pressure_seconds(text, wanted[i].line);
		if (isnan(seconds))
			miss(b, entity, wanted[i].column);
		else
			batch_add_sample(b, entity, wanted[i].column, seconds);
	}
}

void system_read_machine(struct batch *b, uint32_t entity)
{
	char text[16384] = "";
	uint64_t kills;

	read_meminfo(b, entity);
	read_pressure(b, entity);
	text_read_path("/proc/vmstat", text, sizeof(text));
	if (text_number(text, "oom_kill", &kills))
		batch_add_sample(b, entity, COL_OOM_KILLS_TOTAL, (double)kills);
	else
		miss(b, entity, COL_OOM_KILLS_TOTAL);
	gaps_told_of = entity;
}
