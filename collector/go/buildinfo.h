#pragma once
/*
 * buildinfo.h - which Go built an executable, from its build info blob.
 *
 * The linker puts it into .go.buildinfo, or, where section headers are gone,
 * at the begin of the first writable segment: magic "\xff Go buildinf:", then
 * pointer size and flags; since Go 1.18 the version follows at offset 32 as a
 * varint length and text, before that a pointer to a Go string did.
 */
#include "collector/elf.h"

#define GO_VERSION_MAX 64

/*
 * The version as the runtime tells it, "go1.26.8". -ENOENT: no Go program;
 * -EBADMSG: the blob is damaged. A few preads.
 */
int go_buildinfo_version(const struct elf *e, char out[GO_VERSION_MAX]);

/* 26 of "go1.26.8", "go1.26rc1" or "devel go1.26-3f2a"; -1 if it is none. */
int go_version_minor(const char *version);

/*
 * GNU's build id as hex, else first and last part of Go's own (what was
 * built and what came out). -ENOENT: neither.
 */
int go_build_id(const struct elf *e, char *out, size_t cap);
