#include "sites.h"

#include <errno.h>
#include <string.h>

#define PROLOGUE_MAX 24

/* Instructions that a stack check is made of; 0 in mask: any byte. */
static const struct {
	uint8_t len, bytes[8], mask[8];
} checks[] = {
	/* cmp rsp, [r14+0x10] or +0x18 */
	{ 4, { 0x49, 0x3b, 0x66, 0x10 }, { 0xff, 0xff, 0xff, 0xf7 } },
	/* lea r12, [rsp+disp8]; the same with disp32 */
	{ 5, { 0x4c, 0x8d, 0x64, 0x24 }, { 0xff, 0xff, 0xff, 0xff } },
	{ 8, { 0x4c, 0x8d, 0xa4, 0x24 }, { 0xff, 0xff, 0xff, 0xff } },
	/* cmp r12, [r14+0x10] or +0x18 */
	{ 4, { 0x4d, 0x3b, 0x66, 0x10 }, { 0xff, 0xff, 0xff, 0xf7 } },
};

static bool is_check(size_t i, const uint8_t *code, size_t len)
{
	if (len < checks[i].len)
		return false;
	for (size_t k = 0; k < checks[i].len; k++) {
		if ((code[k] & checks[i].mask[k]) !=
		    (checks[i].bytes[k] & checks[i].mask[k]))
			return false;
	}
	return true;
}

static size_t check_length(const uint8_t *code, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (is_check(i, code, len))
			return checks[i].len;
	}
	return 0;
}

/* jbe rel8 or rel32 */
static bool is_jump(const uint8_t *code, size_t len)
{
	return (len >= 2 && code[0] == 0x76) ||
	       (len >= 6 && code[0] == 0x0f && code[1] == 0x86);
}

int go_first_jump(const uint8_t *code, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n;

		if (at > 0 && is_jump(code + at, len - at))
			return (int)at;
		n = check_length(code + at, len - at);
		if (n == 0)
			return -ENOENT;
		at += n;
	}
	return -ENOENT;
}

static bool find_site(const struct elf *e, const struct elf_symbol *s,
		      uint64_t *out)
{
	uint8_t code[PROLOGUE_MAX];
	int jump;

	if (!s->found || elf_read_vaddr(e, s->vaddr, code, sizeof(code)))
		return false;
	jump = go_first_jump(code, sizeof(code));
	return jump >= 0 && elf_file_offset(e, s->vaddr + (uint64_t)jump, out);
}

size_t go_find_sites(const struct elf *e, struct probe_site out[2])
{
	struct elf_symbol s[2] = {
		{ .name = "runtime.gcStart" },
		{ .name = "runtime.gcMarkTermination" },
	};

	if (elf_find_symbols(e, s, 2) != 2)
		return 0;
	out[0].probe = PROBE_GO_GC_START;
	out[1].probe = PROBE_GO_GC_END;
	if (!find_site(e, &s[0], &out[0].file_offset) ||
	    !find_site(e, &s[1], &out[1].file_offset))
		return 0;
	return 2;
}
