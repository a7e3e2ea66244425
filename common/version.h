#pragma once
/*
 * version.h - which heapwatch this is; the Makefile says it.
 */
const char *heapwatch_version(void); /* "0.1.0" */
