#include "usdt.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define NOTE_TYPE 3 /* _SDT_NOTE_TYPE */

/* ---- arguments ---- */

/* Registers by name and where the kernel saves them: struct pt_regs of
 * arch/x86/include/uapi/asm/ptrace.h. Of 64, 32, 16 and 8 bits. */
static const struct {
	const char *names[4];
	uint8_t offset;
} registers[] = {
	{ { "rax", "eax", "ax", "al" }, 80 },
	{ { "rbx", "ebx", "bx", "bl" }, 40 },
	{ { "rcx", "ecx", "cx", "cl" }, 88 },
	{ { "rdx", "edx", "dx", "dl" }, 96 },
	{ { "rsi", "esi", "si", "sil" }, 104 },
	{ { "rdi", "edi", "di", "dil" }, 112 },
	{ { "rbp", "ebp", "bp", "bpl" }, 32 },
	{ { "rsp", "esp", "sp", "spl" }, 152 },
	{ { "r8", "r8d", "r8w", "r8b" }, 72 },
	{ { "r9", "r9d", "r9w", "r9b" }, 64 },
	{ { "r10", "r10d", "r10w", "r10b" }, 56 },
	{ { "r11", "r11d", "r11w", "r11b" }, 48 },
	{ { "r12", "r12d", "r12w", "r12b" }, 24 },
	{ { "r13", "r13d", "r13w", "r13b" }, 16 },
	{ { "r14", "r14d", "r14w", "r14b" }, 8 },
	{ { "r15", "r15d", "r15w", "r15b" }, 0 },
};

static bool is_register(const char *name, size_t len, size_t i)
{
	for (int k = 0; k < 4; k++) {
		if (strlen(registers[i].names[k]) == len &&
		    memcmp(registers[i].names[k], name, len) == 0)
			return true;
	}
	return false;
}

/* "%rdx" at *text; moves behind it. */
static bool take_register(const char **text, uint8_t *out)
{
	size_t len;

	if (**text != '%')
		return false;
	len = strspn(*text + 1, "abcdefghijklmnopqrstuvwxyz0123456789");
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		if (is_register(*text + 1, len, i)) {
			*out = registers[i].offset;
			*text += 1 + len;
			return true;
		}
	}
	return false;
}

static bool take_number(const char **text, long long *out)
{
	char *end;

	if (!strchr("-0123456789", **text) || !**text)
		return false;
	errno = 0;
	*out = strtoll(*text, &end, 0);
	if (end == *text || errno)
		return false;
	*text = end;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool take_scale(const char **text, struct usdt_arg *a)
{
	long long scale = 1;

	if (take_char(text, ',') && !take_number(text, &scale))
		return false;
	a->shift = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
	return scale == 1 << a->shift;
}

/* "-88(%rbp)", "(%rax)", "8(%rax,%rcx,4)" */
static bool take_memory(const char **text, struct usdt_arg *a)
{
	a->kind = USDT_MEMORY;
	take_number(text, &a->value);
	if (!take_char(text, '(') || !take_register(text, &a->base))
		return false;
	if (take_char(text, ',') &&
	    (!take_register(text, &a->index) || !take_scale(text, a)))
		return false;
	return take_char(text, ')');
}

static bool take_size(const char **text, struct usdt_arg *a)
{
	long long size;

	if (!take_number(text, &size) || !take_char(text, '@'))
		return false;
	a->is_signed = size < 0;
	if (size < 0)
		size = -size;
	a->size = (uint8_t)size;
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool take_arg(const char **text, struct usdt_arg *a)
{
	*a = (struct usdt_arg){ .base = USDT_NO_REGISTER,
				.index = USDT_NO_REGISTER };
	if (!take_size(text, a))
		return false;
	if (take_char(text, '$')) {
		a->kind = USDT_CONSTANT;
		return take_number(text, &a->value);
	}
	if (take_register(text, &a->base)) {
		a->kind = USDT_REGISTER;
		return true;
	}
	return take_memory(text, a);
}

int usdt_parse_args(const char *text, struct usdt_args *out)
{
	struct usdt_args args = { 0 };
	int count = 0;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		if (count == USDT_ARGS_MAX || !take_arg(&text, &args.at[count]) ||
		    (*text && *text != ' '))
			return -EOPNOTSUPP;
		count++;
	}
	*out = args;
	return count;
}

/* ---- notes ---- */

/* What is left to read of the notes. */
struct reader {
	const uint8_t *at;
	size_t left;
};

static bool take_bytes(struct reader *r, void *out, size_t len)
{
	if (r->left < len)
		return false;
	memcpy(out, r->at, len);
	r->at += len;
	r->left -= len;
	return true;
}

/* A text within the reader, its NUL included. */
static const char *take_text(struct reader *r)
{
	const uint8_t *end = memchr(r->at, 0, r->left);
	const char *text = (const char *)r->at;

	if (!end)
		return NULL;
	r->left -= (size_t)(end - r->at) + 1;
	r->at = end + 1;
	return text;
}

/* The next note's owner and description; both end at multiples of 4. */
static bool take_note(struct reader *r, Elf64_Nhdr *h, struct reader *owner,
		      struct reader *description)
{
	size_t owner_len, len;

	if (!take_bytes(r, h, sizeof(*h)))
		return false;
	owner_len = ((size_t)h->n_namesz + 3) & ~(size_t)3;
	len = ((size_t)h->n_descsz + 3) & ~(size_t)3;
	if (r->left < owner_len || r->left - owner_len < h->n_descsz)
		return false;
	*owner = (struct reader){ r->at, h->n_namesz };
	*description = (struct reader){ r->at + owner_len, h->n_descsz };
	/* The last one may lack its padding. */
	len = r->left < owner_len + len ? r->left : owner_len + len;
	r->at += len;
	r->left -= len;
	return true;
}

struct search {
	const struct elf *elf;
	const char *provider, *name;
	struct usdt_site *out;
	size_t cap, count;
};

static bool is_ours(const Elf64_Nhdr *h, const struct reader *owner)
{
	static const char name[] = "stapsdt";

	return h->n_type == NOTE_TYPE && owner->left == sizeof(name) &&
	       memcmp(owner->at, name, sizeof(name)) == 0;
}

/* A prelinked file was moved after its notes were written. */
static uint64_t moved(const struct elf *e, uint64_t address, uint64_t base)
{
	const struct elf_section *s = elf_find_section(e, ".stapsdt.base");

	return s ? address + (s->vaddr - base) : address;
}

static int add_site(struct search *s, const uint64_t words[3], const char *args)
{
	struct usdt_site *site = &s->out[s->count];
	int n;

	if (words[2]) /* the semaphore: we would have to write into it */
		return -EOPNOTSUPP;
	n = usdt_parse_args(args, &site->args);
	if (n < 0)
		return n;
	site->arg_count = (size_t)n;
	if (!elf_file_offset(s->elf, moved(s->elf, words[0], words[1]),
			     &site->file_offset))
		return -EBADMSG;
	s->count++;
	return 0;
}

static int look_at(struct search *s, struct reader d)
{
	uint64_t words[3]; /* address, base, semaphore */
	const char *provider, *name, *args;

	if (!take_bytes(&d, words, sizeof(words)) ||
	    !(provider = take_text(&d)) || !(name = take_text(&d)) ||
	    !(args = take_text(&d)))
		return -EBADMSG;
	if (strcmp(provider, s->provider) != 0 || strcmp(name, s->name) != 0)
		return 0;
	return s->count < s->cap ? add_site(s, words, args) : 0;
}

static int read_notes(const struct elf *e, uint8_t **out, size_t *len)
{
	const struct elf_section *s = elf_find_section(e, ".note.stapsdt");
	own(freep) uint8_t *data = NULL;
	int r;

	if (!s)
		return -ENOENT;
	if (s->size > USDT_NOTES_MAX)
		return -EBADMSG;
	data = malloc(s->size + 1);
	if (!data)
		return -ENOMEM;
	r = elf_read(e, s->offset, data, s->size);
	if (r)
		return r;
	*len = s->size;
	*out = take(data);
	return 0;
}

int usdt_find(const struct elf *e, const char *provider, const char *name,
	      struct usdt_site *out, size_t cap)
{
	struct search s = { e, provider, name, out, cap, 0 };
	own(freep) uint8_t *data = NULL;
	struct reader rest = { 0 }, owner, description;
	Elf64_Nhdr h;
	int r;

	if (e->machine != EM_X86_64)
		return -EOPNOTSUPP;
	r = read_notes(e, &data, &rest.left);
	rest.at = data;
	while (!r && rest.left > 0) {
		if (!take_note(&rest, &h, &owner, &description))
			r = -EBADMSG;
		else if (is_ours(&h, &owner))
			r = look_at(&s, description);
	}
	if (r)
		return r;
	return s.count ? (int)s.count : -ENOENT;
}
