#pragma once
/*
 * arrow.h - one data frame as an Arrow IPC file, as Grafana's SDK reads it.
 *
 * A schema message, one record batch, the footer; no compression, no
 * dictionaries. Numbers are nullable, times are nanoseconds without a zone.
 */
#include "common/buf.h"
#include "common/frame.h"

/* meta is the frame's meta as JSON. All fields have equally many cells.
 * Errors are the buffer's. */
void arrow_write(struct buf *out, const struct frame *f, const char *meta);
