#pragma once
/*
 * encode_parts.h - what several encoders need.
 */
#include "common/frame.h"
#include "common/json.h"

/* One cell; absent: null. NaN and infinity become null too. */
void put_cell(struct json *j, const struct cells *c, size_t row);

/* "meta":{"notices":[...]} members of an open object; nothing without. */
void put_notices(struct json *j, const struct frame *f);

/* {"name":"value",...} */
void put_labels(struct json *j, const struct labels *l);

/* {"type":...,"typeVersion":[0,1],"notices":...}; type may be NULL. */
void put_frame_meta(struct json *j, const struct frame *f, const char *type);

/* {"schema":...,"data":...}, with what the SDK for Go wants to know if typed. */
void put_frame(struct json *j, const struct frame *f, const char *type,
	       bool typed);

/* May cells of this column be missing, here or in the next answer? A reader
 * must not see the type change, so only times without a gap may not. */
bool cells_nullable(const struct cells *c);

/* {"unit":...}: Grafana's FieldConfig; false, and nothing is written, where
 * the field has none. */
bool has_config(const struct field *f);
bool put_config(struct json *j, const struct field *f);

/*
 * A FRAME_NUMERIC has a field per series; as rows it is one row per field:
 * a column per label name, sorted, then the value. The array is the caller's,
 * its texts the frame's; NULL for want of memory.
 */
const char **label_columns(const struct frame *f, size_t *count);
