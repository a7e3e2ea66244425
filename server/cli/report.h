#pragma once
/*
 * report.h - what the first scan found, a line per process, for people.
 */
#include "common/buf.h"
#include "common/census.h"

/* Aligned columns: pid, runtime, version, service/instance, bound or why it
 * cannot be watched; then what is missing for want of a right. */
void report_write(struct buf *out, const struct census *c);
