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

/*
 * A FRAME_NUMERIC has a field per series; as rows it is one row per field:
 * a column per label name, sorted, then the value. The array is the caller's,
 * its texts the frame's; NULL for want of memory.
 */
const char **label_columns(const struct frame *f, size_t *count);
