#pragma once
/*
 * usdt.h - the static probes (USDT) that a file's notes tell of.
 *
 * A note of .note.stapsdt names the provider, the probe, the address of its
 * nop and, in the assembler's words, where its arguments lie. The layout is
 * that of systemtap's sys/sdt.h. The file is hostile: every length is checked
 * and the section is cut at USDT_NOTES_MAX. x86-64.
 */
#include "bpf/events.h"
#include "elf.h"

#define USDT_NOTES_MAX (4u << 20)

struct usdt_site {
	uint64_t file_offset;
	struct usdt_args args;
	size_t arg_count;
};

/*
 * All sites of one probe, up to cap. Returns their number; -ENOENT: the file
 * has no such notes, -EBADMSG: they are malformed, -EOPNOTSUPP: one of its
 * arguments lies where we cannot read it, or a semaphore guards it, or the
 * file is of another machine.
 */
int usdt_find(const struct elf *e, const char *provider, const char *name,
	      struct usdt_site *out, size_t cap);

/*
 * "8@%rdx -4@$12 8@-88(%rbp) 8@8(%rax,%rcx,4)": returns how many arguments.
 * -EOPNOTSUPP: a form we do not know, or more than USDT_ARGS_MAX. Pure.
 */
int usdt_parse_args(const char *text, struct usdt_args *out);
