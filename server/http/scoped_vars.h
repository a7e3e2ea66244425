#pragma once
/*
 * scoped_vars.h - variables that the client left to us to fill in.
 */
#include <jansson.h>

/*
 * Scripts and annotations send variables as they are written, and their values
 * as scopedVars: put these in their places in a target and its payload, one
 * level deep. -ENOMEM.
 */
int scoped_vars_fill(json_t *target, const json_t *vars);
