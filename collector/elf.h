#pragma once
/*
 * elf.h - a bounds-checked reader of 64-bit little-endian ELF files.
 *
 * Works on a file descriptor with pread, never with mmap: a file that shrinks
 * under a mapping kills its reader. Every number in the file is taken for
 * hostile; sizes are capped (ELF_*_MAX). Nothing here knows any runtime.
 *
 * Errors: -ENOEXEC not such a file, -EBADMSG malformed or truncated, -EFBIG
 * beyond a cap, -ENOENT not there, -EOPNOTSUPP a compression we do not know,
 * -ENOMEM, or what pread said. An open struct elf is immutable: any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/own.h"

#define ELF_SEGMENTS_MAX 1024
#define ELF_SECTIONS_MAX 16384
#define ELF_STRINGS_MAX  (64u << 20) /* one string table */
#define ELF_SYMBOLS_MAX  (8u << 20)  /* symbols looked at in one table */

struct elf_segment {
	uint32_t type;  /* PT_LOAD or PT_NOTE; others are not kept */
	uint32_t flags; /* PF_R, PF_W, PF_X */
	uint64_t offset, vaddr;
	uint64_t file_size, mem_size;
};

struct elf_section {
	const char *name; /* borrowed from the elf; "" if it has none */
	uint32_t type, link;
	uint64_t flags, vaddr, offset;
	uint64_t size; /* in the file */
	uint64_t entry_size;
};

struct elf {
	int fd; /* borrowed */
	uint64_t size;
	uint16_t type;    /* ET_EXEC or ET_DYN */
	uint16_t machine; /* EM_X86_64, ... */
	struct elf_segment *segments; /* owned */
	size_t segment_count;
	struct elf_section *sections; /* owned; none where headers are gone */
	size_t section_count;
	char *names; /* owned */
};

/* Borrows the fd, which must stay open as long as the elf. A few preads. */
int elf_open(struct elf **out, int fd);
void elf_free(struct elf *e);
OWN_DEFINE(struct elf *, elf_free)

/* Exactly len bytes at an offset of the file. */
int elf_read(const struct elf *e, uint64_t offset, void *out, size_t len);

/* Exactly len bytes at a link-time address, as far as the file holds them. */
int elf_read_vaddr(const struct elf *e, uint64_t vaddr, void *out, size_t len);

/* Where in the file a link-time address lies; false if nowhere. */
bool elf_file_offset(const struct elf *e, uint64_t vaddr, uint64_t *out);

/*
 * The link-time address of the file's first byte, rounded down to a page: a
 * mapping of offset 0 at A means that the image is moved by A - base.
 */
int elf_base(const struct elf *e, uint64_t *out);

/* The first section of a name, or NULL. */
const struct elf_section *elf_find_section(const struct elf *e,
					   const char *name);

/* A symbol to look for, and what was found. */
struct elf_symbol {
	const char *name; /* borrowed */
	uint64_t vaddr, size;
	bool found;
};

/*
 * Look for all names in one pass over .symtab, then what is missing over
 * .dynsym. Undefined symbols do not count; of equal names the first does.
 * Returns how many of the count are found; -ENOENT: there is no table.
 */
int elf_find_symbols(const struct elf *e, struct elf_symbol *wanted,
		     size_t count);

/*
 * The description of the first note of an owner and type, looked for in
 * PT_NOTE segments: at most cap bytes. Returns its length there.
 */
ssize_t elf_find_note(const struct elf *e, const char *owner, uint32_t type,
		      void *out, size_t cap);

/* The GNU build id as hex text, cut to fit; -ENOENT. */
int elf_build_id(const struct elf *e, char *out, size_t cap);

/* A section's content from its begin, inflated if it is compressed. */
struct elf_stream;

/*
 * By name without the dot-z: ".debug_info" also finds ".zdebug_info". Knows
 * SHF_COMPRESSED with zlib and the old .zdebug form.
 */
int elf_stream_open(struct elf_stream **out, const struct elf *e,
		    const char *name);
void elf_stream_close(struct elf_stream *s);
OWN_DEFINE(struct elf_stream *, elf_stream_close)

/* What the content's length is said to be: a claim of the file. */
uint64_t elf_stream_size(const struct elf_stream *s);

/* The next bytes, up to len. Returns their number, 0 at the end. */
ssize_t elf_stream_read(struct elf_stream *s, void *out, size_t len);
