/*
 * The encoders there are.
 */
#include "encode.h"

#include <string.h>

#include "common/own.h"

static const struct encoder encoders[] = {
	{ "json-classic", "application/json", encode_json_classic },
	{ "json-frames", "application/json", encode_json_frames },
	{ "prometheus", "text/plain; version=0.0.4; charset=utf-8",
	  encode_prometheus },
	{ "openmetrics",
	  "application/openmetrics-text; version=1.0.0; charset=utf-8",
	  encode_openmetrics },
	{ "ndjson", "application/x-ndjson", encode_ndjson },
	{ "frames-pb", FRAMES_PB_TYPE, encode_frames_pb },
	{ "frames-pb-json", FRAMES_PB_TYPE, encode_frames_pb_json },
	{ "csv", "text/csv; charset=utf-8", encode_csv },
};

const struct encoder *encoder_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		if (strcmp(encoders[i].name, name) == 0)
			return &encoders[i];
	}
	return NULL;
}
