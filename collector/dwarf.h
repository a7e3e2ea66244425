#pragma once
/*
 * dwarf.h - global variables and members of their types, from .debug_info.
 *
 * A subset of DWARF 2 to 5, enough for what runtimes tell of themselves:
 * units are looked through by name, variables by name, and from a variable
 * on types are followed by reference. Names must be inline strings
 * (DW_FORM_string, as Go's linker writes them); units of other producers are
 * stepped over. The section is inflated only as far as needed, at most
 * DWARF_INFO_MAX, and the work is bounded by DWARF_STEPS_MAX, so a hostile
 * file costs a known amount.
 *
 * Errors: -ENOENT not there, -EBADMSG malformed, -EFBIG beyond a bound,
 * -EOPNOTSUPP a compression or form we do not know, -ENOMEM. A struct dwarf
 * is for one thread.
 */
#include "elf.h"

#define DWARF_INFO_MAX   (96ull << 20)
#define DWARF_ABBREV_MAX (4ull << 20)
#define DWARF_STEPS_MAX  50000000 /* attributes looked at */

struct dwarf;

/* Borrows the elf. -ENOENT: no debug information in this file. */
int dwarf_open(struct dwarf **out, const struct elf *e);
void dwarf_free(struct dwarf *d);
OWN_DEFINE(struct dwarf *, dwarf_free)

/* A type: where its entry is in .debug_info. Never 0. */
typedef uint64_t dwarf_type;

struct dwarf_variable {
	const char *name; /* borrowed */
	uint64_t vaddr;   /* link-time address */
	dwarf_type type;
	bool found;
};

/*
 * Look through all units of a name, stopping when all variables are found.
 * Returns how many of the count are.
 */
int dwarf_find_variables(struct dwarf *d, const char *unit,
			 struct dwarf_variable *wanted, size_t count);

/*
 * A member of a structure by path, "gFree.stack.size", through typedefs and
 * nested structures. Gives its offset in the outermost one, and its type.
 */
int dwarf_member(struct dwarf *d, dwarf_type type, const char *path,
		 uint64_t *offset, dwarf_type *member);

/* What a pointer points to, or the element of an array. */
int dwarf_target(struct dwarf *d, dwarf_type type, dwarf_type *out);

/* Bytes of a value of the type; -ENOENT when it is not told. */
int dwarf_size(struct dwarf *d, dwarf_type type, uint64_t *out);
