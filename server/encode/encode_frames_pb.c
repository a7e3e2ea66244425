/*
 * Grafana's QueryDataResponse (backend.proto of its plugin SDK), finished: our
 * plugin hands it on unread.
 *
 * The data plane contract wants series one by one ("multi"), each with a time
 * and a number, and numbers one by one; tables stay as they are.
 */
#include "encode.h"

#include <string.h>

#include "common/proto.h"

#include "arrow.h"
#include "encode_parts.h"

/* Field numbers: QueryDataResponse, its map's entry, DataResponse. */
enum { RESPONSES = 1 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum {
	DATA_FRAME = 1,
	DATA_ERROR = 2,
	DATA_STATUS = 4,
	DATA_ERROR_SOURCE = 5,
	DATA_FORMAT = 6
};
enum { FORMAT_ARROW = 0, FORMAT_JSON = 1 };

/* The frames of one question on their way out. */
struct response {
	struct buf *out; /* a DataResponse */
	int format;
};

static void write_arrow(struct buf *out, const struct frame *f,
			const char *type)
{
	struct buf meta = BUF_INIT;
	struct json j = json_writer(&meta);

	put_frame_meta(&j, f, type);
	arrow_write(out, f, buf_cstr(&meta));
	if (buf_error(&meta) && !out->error)
		out->error = buf_error(&meta);
	buf_fini(&meta);
}

static void put_one(struct response *r, const struct frame *f,
		    const char *type)
{
	struct buf part = { .limit = r->out->limit };
	struct json j = json_writer(&part);

	if (r->format == FORMAT_JSON)
		put_frame(&j, f, type, true);
	else
		write_arrow(&part, f, type);
	proto_put_built(r->out, DATA_FRAME, &part);
	buf_fini(&part);
}

/* One series: the time, where there is one, and a field. Borrows from f. */
static void put_series(struct response *r, const struct frame *f, size_t i,
		       bool notices)
{
	bool timed = f->type == FRAME_TIMESERIES;
	struct field fields[2] = { f->fields[0], f->fields[i] };
	struct frame part = *f;

	part.fields = timed ? fields : fields + 1;
	part.field_count = timed ? 2 : 1;
	part.notice_count = notices ? f->notice_count : 0;
	put_one(r, &part, timed ? "timeseries-multi" : "numeric-multi");
}

/* Without a series or row: a frame without fields, but with its type. */
static void put_nothing(struct response *r, const struct frame *f)
{
	struct frame part = *f;

	part.field_count = 0;
	put_one(r, &part,
		f->type == FRAME_TIMESERIES ? "timeseries-multi" :
					      "numeric-multi");
}

static void put_answer(struct response *r, const struct frame *f)
{
	size_t first = f->type == FRAME_TIMESERIES ? 1 : 0;

	if (f->type == FRAME_TABLE) {
		put_one(r, f, NULL);
	} else if (f->type == FRAME_HEATMAP) { /* its buckets are one picture */
		put_one(r, f, "heatmap-rows");
	} else if (frame_rows(f) == 0 || f->field_count <= first) {
		put_nothing(r, f);
	} else {
		for (size_t i = first; i < f->field_count; i++)
			put_series(r, f, i, i == first);
	}
}

static void put_entry(struct buf *out, const char *ref_id,
		      const struct buf *response)
{
	struct buf entry = { .limit = out->limit };

	proto_put_text(&entry, ENTRY_KEY, ref_id);
	proto_put_built(&entry, ENTRY_VALUE, response);
	proto_put_built(out, RESPONSES, &entry);
	buf_fini(&entry);
}

/* The frames from "first" on with one refId; returns the next one's number. */
static size_t put_ref(struct buf *out, struct frame *const *frames,
		      size_t count, size_t first, int format)
{
	struct buf response = { .limit = out->limit };
	struct response r = { &response, format };
	const char *ref_id = frames[first]->ref_id;
	size_t i = first;

	for (; i < count && strcmp(frames[i]->ref_id, ref_id) == 0; i++)
		put_answer(&r, frames[i]);
	proto_put_number(&response, DATA_STATUS, 200);
	proto_put_number(&response, DATA_FORMAT, (uint64_t)format);
	put_entry(out, ref_id, &response);
	buf_fini(&response);
	return i;
}

static void put_all(struct buf *out, struct frame *const *frames,
		    size_t count, int format)
{
	for (size_t i = 0; i < count;)
		i = put_ref(out, frames, count, i, format);
}

void encode_frames_pb(struct buf *out, struct frame *const *frames,
		      size_t count)
{
	put_all(out, frames, count, FORMAT_ARROW);
}

void encode_frames_pb_json(struct buf *out, struct frame *const *frames,
			   size_t count)
{
	put_all(out, frames, count, FORMAT_JSON);
}

void encode_frames_pb_error(struct buf *out, const char *ref_id, int status,
			    const char *text)
{
	struct buf response = { .limit = out->limit };

	proto_put_text(&response, DATA_ERROR, text);
	proto_put_number(&response, DATA_STATUS, (uint64_t)status);
	proto_put_text(&response, DATA_ERROR_SOURCE, "downstream");
	put_entry(out, ref_id, &response);
	buf_fini(&response);
}
