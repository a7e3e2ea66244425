/* What the kernel tells of a process, with the names that the process chose
 * in it: stat, status, cgroup, and numbers by their key. */
#include <stdlib.h>
#include <string.h>

#include "collector/process.h"
#include "collector/system/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void parse_stat(const char *text)
{
	struct process_stat stat;

	if (process_parse_stat(&stat, text) == 0 &&
	    strnlen(stat.comm, sizeof(stat.comm)) == sizeof(stat.comm))
		abort();
}

static void parse_status(const char *text)
{
	struct process p = { .pid = 1 };

	process_parse_status(&p, text);
}

/* A path is one line of the text; what is found in it lies in it. */
static void parse_cgroup(const char *text)
{
	own(freep) char *path = process_cgroup_path(text);
	own(freep) char *unit = path ? process_unit(path) : NULL;
	own(freep) char *container = path ? process_container(path) : NULL;

	if (!unit || !container)
		abort();
	if (strchr(path, '\n') || strlen(path) > strlen(text) + 1 ||
	    strlen(unit) > strlen(path) || strlen(container) > strlen(path))
		abort();
}

static void find_numbers(const char *text)
{
	static const char *const keys[] = { "VmRSS:", "Threads:", "oom_kill",
					    "Pss:" };
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		text_number(text, keys[i], &value);
		text_kib(text, keys[i], &value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const parsers[])(const char *text) = {
		parse_stat, parse_status, parse_cgroup, find_numbers
	};
	own(freep) char *text = malloc(len + 1);

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(parsers); i++)
		parsers[i](text);
	return 0;
}
