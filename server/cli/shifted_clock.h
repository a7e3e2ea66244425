#pragma once

/* A wall clock that is off by what the file says, milliseconds, for tests. */
int shifted_clock_use(const char *path);
