#pragma once
/*
 * live_frame.h - a data frame as JSON, the server's, on its way into a stream.
 */
#include "common/proto.h"

/*
 * The frame, each field under a name of its own: when a series comes or goes,
 * Grafana finds by names which values it has of the fields, and would take
 * the first of a name for all of it. People see "displayNameFromDS".
 */
void live_frame_put(struct buf *out, struct bytes frame);

/* The distance of its times in milliseconds; 0 when it does not say. */
int64_t live_interval_ms(struct bytes frame);

/* A whole number that is a member of an object; 0 when there is none. */
int64_t live_number(struct bytes object, const char *key);
