#pragma once
/*
 * sites.h - where probes sit in a Go executable.
 *
 * At the first conditional jump of a function, which is the check of its
 * stack's size: the kernel emulates a jump instead of single-stepping it, so
 * a hit costs 0.5 us and not 11, and no argument has moved yet. Where the
 * prologue is none that we know, there is no site. amd64.
 */
#include "collector/elf.h"
#include "collector/probes.h"

/* Offset of the jump behind a stack check, or -ENOENT. Pure. */
int go_first_jump(const uint8_t *code, size_t len);

/*
 * The sites of runtime.gcStart and runtime.gcMarkTermination, both or none:
 * an end without begins tells nothing. Returns how many were put into out.
 */
size_t go_find_sites(const struct elf *e, struct probe_site out[2]);
