#pragma once
/*
 * encode.h - frames as bytes, one encoder a file, one line each in a table.
 *
 * Every encoder reads the same frames, appends to a buffer, and knows
 * neither the query nor HTTP.
 */
#include "common/buf.h"
#include "common/frame.h"

struct json; /* common/json.h */
/* What our Grafana plugin asks for; with ";format=json" not in Arrow. */
#define FRAMES_PB_TYPE "application/vnd.heapwatch.frames"

struct encoder {
	const char *name;         /* "json-classic" */
	const char *content_type;
	/* Append all frames; errors are the buffer's. */
	void (*encode)(struct buf *out, struct frame *const *frames,
		       size_t count);
};

/* By name; NULL when there is none. */
const struct encoder *encoder_find(const char *name);

/* Grafana's JSON datasource protocol: datapoints and columns/rows shapes. */
void encode_json_classic(struct buf *out, struct frame *const *frames,
			 size_t count);
/* Grafana's wire data frames: [{"schema":...,"data":...}]. */
void encode_json_frames(struct buf *out, struct frame *const *frames,
			size_t count);
/* Prometheus text exposition 0.0.4 of the last row of each frame. */
void encode_prometheus(struct buf *out, struct frame *const *frames,
		       size_t count);
/* The same as OpenMetrics 1.0, but for the closing "# EOF". */
void encode_openmetrics(struct buf *out, struct frame *const *frames,
			size_t count);
/* Its line of the unit, if the name of the family ends with one. */
void encode_unit(struct buf *out, const char *name, size_t len);
/* Rows of tables as objects with the same keys, one a line. */
void encode_ndjson(struct buf *out, struct frame *const *frames, size_t count);
/* The same as the member "rows" of an open object. */
void encode_rows(struct json *j, const struct frame *f);
/* Notices as the member "notices" of an open object. */
void encode_notices(struct json *j, const struct frame *f);
/* A table as CSV with a header line (RFC 4180). */
void encode_csv(struct buf *out, struct frame *const *frames, size_t count);

/*
 * Grafana's pluginv2.QueryDataResponse: an Arrow file per frame, or JSON. The
 * frames of one refId stand together; a time series or number becomes a frame
 * of its own. Such messages add up: an answer is written question by question.
 */
void encode_frames_pb(struct buf *out, struct frame *const *frames,
		      size_t count);
void encode_frames_pb_json(struct buf *out, struct frame *const *frames,
			   size_t count);

/* The answer to one question that failed, with its HTTP status. */
void encode_frames_pb_error(struct buf *out, const char *ref_id, int status,
			    const char *text);
