#include "test.h"

#include "collector/usdt.h"
#include "elf_file.h"

#define CODE 0x1000u /* link-time address of the code */
#define BASE 0x9000u

/* ---- arguments ---- */

START_TEST(arguments_as_compilers_write_them_are_read)
{
	struct usdt_args a;

	/* JDK 11's own, then every other form */
	ck_assert_int_eq(usdt_parse_args("8@%r13 8@-88(%rbp) 8@%r15 8@%rax "
					 "8@%rsi 8@%r8 8@%r9 8@%r10", &a), 8);
	ck_assert_int_eq(a.at[0].kind, USDT_REGISTER);
	ck_assert_int_eq(a.at[0].base, 16);
	ck_assert_int_eq(a.at[1].kind, USDT_MEMORY);
	ck_assert_int_eq(a.at[1].base, 32);
	ck_assert_int_eq(a.at[1].index, USDT_NO_REGISTER);
	ck_assert_int_eq(a.at[1].value, -88);
	ck_assert_int_eq(usdt_parse_args("-4@$-12 1@%dil -2@(%rsp) "
					 "4@0x10(%rax,%r12,4) 8@(%rbx,%rcx)",
					 &a), 5);
	ck_assert_int_eq(a.at[0].kind, USDT_CONSTANT);
	ck_assert_int_eq(a.at[0].value, -12);
	ck_assert_int_eq(a.at[0].size, 4);
	ck_assert_int_eq(a.at[0].is_signed, 1);
	ck_assert_int_eq(a.at[1].base, 112);
	ck_assert_int_eq(a.at[2].base, 152);
	ck_assert_int_eq(a.at[3].value, 16);
	ck_assert_int_eq(a.at[3].base, 80);
	ck_assert_int_eq(a.at[3].index, 24);
	ck_assert_int_eq(a.at[3].shift, 2);
	ck_assert_int_eq(a.at[4].shift, 0);
	ck_assert_int_eq(usdt_parse_args("", &a), 0);
}
END_TEST

START_TEST(arguments_of_a_form_we_do_not_know_are_refused)
{
	static const char *const texts[] = {
		"8", "8@", "8@%", "8@%xmm0", "3@%rax", "0@%rax", "-128@%rax",
		"8@$", "8@sym(%rip)", "8@8(%rip)", "8@8(%rax", "8@8(%rax,)",
		"8@(%rax,%rcx,3)", "8@(%rax,%rcx,16)", "8@%rax8@%rbx",
		"8@%raxx", "%rax", "99999999999999999999@%rax", "8@(", "8@(%",
		"8@%r1 8@%r2 8@%r3 8@%r4 8@%r5 8@%r6 8@%r7 8@%r8 8@%r9",
		"8@%r8 8@%r8 8@%r8 8@%r8 8@%r8 8@%r8 8@%r8 8@%r8 8@%r8",
	};
	struct usdt_args a = { .at[0].value = 42 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(usdt_parse_args(texts[i], &a) == -EOPNOTSUPP,
			      "%s", texts[i]);
	ck_assert_int_eq(a.at[0].value, 42);
}
END_TEST

/* ---- notes ---- */

static unsigned char notes[4096];
static size_t notes_len;

static void add(const void *data, size_t len)
{
	memcpy(notes + notes_len, data, len);
	notes_len += len;
}

static void add_note(const char *owner, uint64_t address, uint64_t semaphore,
		     const char *texts, size_t texts_len)
{
	uint64_t words[] = { address, BASE, semaphore };
	Elf64_Nhdr h = { .n_namesz = (uint32_t)strlen(owner) + 1,
			 .n_descsz = (uint32_t)(sizeof(words) + texts_len),
			 .n_type = 3 };

	add(&h, sizeof(h));
	add(owner, h.n_namesz);
	notes_len = (notes_len + 3) & ~3u;
	add(words, sizeof(words));
	add(texts, texts_len);
	notes_len = (notes_len + 3) & ~3u;
}

#define ADD(address, semaphore, texts)                                         \
	add_note("stapsdt", address, semaphore, texts, sizeof(texts))

/* A file with those notes, cut to len bytes of them; base: where the section
 * .stapsdt.base is, 0: there is none. */
static int find(size_t len, uint64_t base, struct usdt_site *out, size_t cap)
{
	static struct elf_file f;
	own(elf_freep) struct elf *e = NULL;
	own(fd_closep) int fd = -1;
	size_t code;

	elf_file_init(&f);
	code = elf_file_data(&f, "\x90\x90\x90\x90", 4);
	ck_assert_uint_eq(code, 4096);
	elf_file_segment(&f, PT_LOAD, CODE, code, 256);
	elf_file_section(&f, ".note.stapsdt", SHT_NOTE, notes, len);
	if (base)
		elf_file_section(&f, ".stapsdt.base", SHT_PROGBITS, "", 1)
			->sh_addr = base;
	elf_file_finish(&f);
	fd = elf_file_fd(&f, f.len);
	ck_ok(elf_open(&e, fd));
	return usdt_find(e, "hotspot", "end", out, cap);
}

START_TEST(all_sites_of_a_probe_are_found)
{
	struct usdt_site s[4];

	notes_len = 0;
	ADD(CODE + 1, 0, "hotspot\0begin\0" "8@%rax");
	ADD(CODE + 2, 0, "hotspot\0end\0" "8@%rax -4@$7");
	ADD(CODE + 3, 0, "other\0end\0" "8@%rax");
	add_note("someone", 1, 0, "x", 2);
	ADD(CODE + 4, 0, "hotspot\0end\0");
	ck_assert_int_eq(find(notes_len, 0, s, 4), 2);
	ck_assert_uint_eq(s[0].file_offset, 4096 + 2);
	ck_assert_uint_eq(s[0].arg_count, 2);
	ck_assert_uint_eq(s[1].file_offset, 4096 + 4);
	ck_assert_uint_eq(s[1].arg_count, 0);
	ck_assert_int_eq(find(notes_len, 0, s, 1), 1);
}
END_TEST

START_TEST(file_that_was_moved_after_linking_is_understood)
{
	struct usdt_site s[1];

	notes_len = 0;
	ADD(CODE + 2 - 0x100, 0, "hotspot\0end\0");
	ck_assert_int_eq(find(notes_len, BASE + 0x100, s, 1), 1);
	ck_assert_uint_eq(s[0].file_offset, 4096 + 2);
}
END_TEST

START_TEST(probe_behind_a_semaphore_or_outside_the_file_is_refused)
{
	struct usdt_site s[1];

	notes_len = 0;
	ADD(CODE, CODE + 8, "hotspot\0end\0");
	ck_assert_int_eq(find(notes_len, 0, s, 1), -EOPNOTSUPP);
	notes_len = 0;
	ADD(1ull << 40, 0, "hotspot\0end\0");
	ck_assert_int_eq(find(notes_len, 0, s, 1), -EBADMSG);
	notes_len = 0;
	ADD(CODE, 0, "hotspot\0other\0");
	ck_assert_int_eq(find(notes_len, 0, s, 1), -ENOENT);
	ck_assert_int_eq(find(0, 0, s, 1), -ENOENT);
}
END_TEST

START_TEST(notes_cut_anywhere_are_malformed)
{
	struct usdt_site s[1];

	notes_len = 0;
	ADD(CODE, 0, "hotspot\0end\0" "8@%rax");
	for (size_t len = 1; len + 3 < notes_len; len++)
		ck_assert_int_eq(find(len, 0, s, 1), -EBADMSG);
	notes_len = 0;
	add_note("stapsdt", CODE, 0, "hotspot", 7); /* no NUL */
	ck_assert_int_eq(find(notes_len, 0, s, 1), -EBADMSG);
	memset(notes, 0xff, 64); /* lengths beyond all */
	ck_assert_int_eq(find(64, 0, s, 1), -EBADMSG);
}
END_TEST

TEST_MAIN("usdt", arguments_as_compilers_write_them_are_read,
	  arguments_of_a_form_we_do_not_know_are_refused,
	  all_sites_of_a_probe_are_found,
	  file_that_was_moved_after_linking_is_understood,
	  probe_behind_a_semaphore_or_outside_the_file_is_refused,
	  notes_cut_anywhere_are_malformed)
