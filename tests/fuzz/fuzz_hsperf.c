/* Counters from a hostile process: found, read, and turned into numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/jvm/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_all(const struct hsperf *h, const uint8_t *data, size_t len)
{
	char text[64];
	int64_t n;

	for (int i = 0; i < HSPERF_COUNT; i++) {
		if (hsperf_text(h, data, len, (enum hsperf_counter)i, text,
				sizeof(text)) &&
		    strlen(text) >= sizeof(text))
			abort();
		hsperf_number(h, data, len, (enum hsperf_counter)i, &n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct jvm_input in = { .memory_gap = GAP_NOT_PERMITTED };
	struct jvm_reading reading;
	struct jvm_memory memory;
	struct hsperf h;

	if (hsperf_index(&h, data, len))
		return 0;
	read_all(&h, data, len);
	read_all(&h, data, len / 2); /* it shrank since */
	in.collector = jvm_collector_find(&h, data, len);
	if (!in.collector)
		return 0;
	in.index = &h;
	in.block = data;
	in.len = len;
	jvm_memory_init(&memory);
	jvm_reading_fill(&reading, &memory, &in);
	jvm_reading_fill(&reading, &memory, &in);
	for (size_t i = 0; i < jvm_column_count; i++) {
		enum column c = jvm_columns[i];

		if (isnan(reading.value[c]) != (reading.gap[c] != GAP_NONE))
			abort();
	}
	return 0;
}
