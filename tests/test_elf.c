/* The ELF reader, on files made by hand and on this very program. */
#include "test.h"

#include <fcntl.h>

#include "collector/elf.h"
#include "elf_file.h"

static struct elf_file file;

/* A file with a bit of everything. */
static void make_file(void)
{
	static const char strings[] = "\0first\0second\0gone";
	Elf64_Sym symbols[4] = {
		{ 0 },
		{ .st_name = 1, .st_value = 0x5010, .st_size = 7,
		  .st_shndx = 1 },
		{ .st_name = 7, .st_value = 0x5020, .st_shndx = 1 },
		{ .st_name = 14, .st_value = 0x5030, .st_shndx = SHN_UNDEF },
	};
	struct {
		Elf64_Nhdr h;
		char name[4];
		unsigned char id[4];
	} note = { { 4, 4, NT_GNU_BUILD_ID }, "GNU", { 0xde, 0xad, 1, 2 } };
	static char text[20000];
	size_t offset;

	memset(text, 'x', sizeof(text));
	text[19999] = 'y';
	elf_file_init(&file);
	offset = elf_file_data(&file, "code and data", 13);
	elf_file_segment(&file, PT_LOAD, 0x4000, 0, 4096);
	elf_file_segment(&file, PT_LOAD, 0x9000 + offset, offset, 13);
	offset = elf_file_data(&file, &note, sizeof(note));
	elf_file_segment(&file, PT_NOTE, 0, offset, sizeof(note));
	elf_file_section(&file, ".strtab", SHT_STRTAB, strings,
			 sizeof(strings));
	elf_file_section(&file, ".symtab", SHT_SYMTAB, symbols,
			 sizeof(symbols))->sh_link = 1;
	elf_file_compressed(&file, ".debug_info", text, sizeof(text));
	elf_file_section(&file, ".plain", SHT_PROGBITS, "plain", 5);
	elf_file_finish(&file);
}

static struct elf *open_file(int *fd)
{
	struct elf *e = NULL;

	make_file();
	*fd = elf_file_fd(&file, file.len);
	ck_ok(elf_open(&e, *fd));
	return e;
}

START_TEST(symbols_are_found_in_one_pass)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	struct elf_symbol s[] = { { .name = "second" }, { .name = "first" },
				  { .name = "gone" }, { .name = "none" } };

	ck_assert_int_eq(elf_find_symbols(e, s, 4), 2);
	ck_assert_uint_eq(s[0].vaddr, 0x5020);
	ck_assert_uint_eq(s[1].vaddr, 0x5010);
	ck_assert_uint_eq(s[1].size, 7);
	ck_assert(!s[2].found);
	ck_assert(!s[3].found);
}
END_TEST

START_TEST(an_address_becomes_an_offset_of_the_file)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	uint64_t offset, base;
	char text[13];

	ck_assert(elf_file_offset(e, 0x9000 + 4096 + 9, &offset));
	ck_assert_uint_eq(offset, 4096 + 9);
	ck_assert(!elf_file_offset(e, 0x9000 + 4096 + 13, &offset));
	ck_assert(!elf_file_offset(e, 0, &offset));
	ck_ok(elf_read_vaddr(e, 0x9000 + 4096, text, 13));
	ck_assert_mem_eq(text, "code and data", 13);
	ck_err(elf_read_vaddr(e, 0x9000 + 4096 + 1, text, 13), EBADMSG);
	ck_ok(elf_base(e, &base));
	ck_assert_uint_eq(base, 0x4000);
}
END_TEST

START_TEST(a_build_id_is_hex)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	char id[48], part[6];

	ck_ok(elf_build_id(e, id, sizeof(id)));
	ck_assert_str_eq(id, "dead0102");
	ck_ok(elf_build_id(e, part, sizeof(part)));
	ck_assert_str_eq(part, "dead");
}
END_TEST

START_TEST(a_compressed_section_is_inflated_in_pieces)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	own(elf_stream_closep) struct elf_stream *s = NULL;
	char piece[700], last = 0;
	size_t total = 0;
	ssize_t n;

	ck_ok(elf_stream_open(&s, e, ".debug_info"));
	ck_assert_uint_eq(elf_stream_size(s), 20000);
	while ((n = elf_stream_read(s, piece, sizeof(piece))) > 0) {
		total += (size_t)n;
		last = piece[n - 1];
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(total, 20000);
	ck_assert_int_eq(last, 'y');
}
END_TEST

START_TEST(a_plain_section_is_read_as_it_is)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	own(elf_stream_closep) struct elf_stream *s = NULL;
	char text[16];

	ck_ok(elf_stream_open(&s, e, ".plain"));
	ck_assert_int_eq(elf_stream_read(s, text, sizeof(text)), 5);
	ck_assert_mem_eq(text, "plain", 5);
	ck_assert_int_eq(elf_stream_read(s, text, sizeof(text)), 0);
}
END_TEST

START_TEST(the_old_zdebug_form_is_inflated)
{
	static unsigned char packed[1000] = "ZLIB\0\0\0\0\0\0\0\x0a";
	uLongf n = sizeof(packed) - 12;
	own(elf_freep) struct elf *e = NULL;
	own(fd_closep) int fd = -1;
	own(elf_stream_closep) struct elf_stream *s = NULL;
	char text[16];

	ck_assert_int_eq(compress(packed + 12, &n, (void *)"0123456789", 10),
			 Z_OK);
	elf_file_init(&file);
	elf_file_section(&file, ".zdebug_info", SHT_PROGBITS, packed, 12 + n);
	elf_file_finish(&file);
	fd = elf_file_fd(&file, file.len);
	ck_ok(elf_open(&e, fd));
	ck_ok(elf_stream_open(&s, e, ".debug_info"));
	ck_assert_uint_eq(elf_stream_size(s), 10);
	ck_assert_int_eq(elf_stream_read(s, text, sizeof(text)), 10);
	ck_assert_mem_eq(text, "0123456789", 10);
}
END_TEST

START_TEST(what_is_no_such_file_is_refused)
{
	struct elf *e;
	own(fd_closep) int fd = memfd_create("text", 0);
	own(fd_closep) int directory = open("/", O_RDONLY);

	ck_err(elf_open(&e, fd), ENOEXEC);
	ck_assert_int_eq(write(fd, "#!/bin/sh\n", 10), 10);
	ck_err(elf_open(&e, fd), ENOEXEC);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_err(elf_open(&e, fd), ENOEXEC);
	ck_assert_int_lt(elf_open(&e, directory), 0);
	make_file();
	file.data[EI_CLASS] = ELFCLASS32;
	close(fd);
	fd = elf_file_fd(&file, file.len);
	ck_err(elf_open(&e, fd), ENOEXEC);
}
END_TEST

/* Everything that may be asked of a file; no answer may be a crash. */
static void ask_everything(int fd)
{
	own(elf_freep) struct elf *e = NULL;
	own(elf_stream_closep) struct elf_stream *s = NULL;
	struct elf_symbol symbol = { .name = "second" };
	char text[4096], id[48];
	uint64_t offset;

	if (elf_open(&e, fd))
		return;
	elf_find_symbols(e, &symbol, 1);
	elf_build_id(e, id, sizeof(id));
	elf_base(e, &offset);
	elf_file_offset(e, 0x9000, &offset);
	elf_read_vaddr(e, 0x9000 + 4096, text, 13);
	if (elf_stream_open(&s, e, ".debug_info") == 0) {
		for (int i = 0; i < 100; i++) {
			if (elf_stream_read(s, text, sizeof(text)) <= 0)
				break;
		}
	}
}

START_TEST(no_truncation_does_harm)
{
	make_file();
	for (size_t len = 0; len <= file.len; len += len < 5000 ? 37 : 3) {
		own(fd_closep) int fd = elf_file_fd(&file, len);

		ask_everything(fd);
	}
}
END_TEST

START_TEST(no_changed_byte_does_harm)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };

	make_file();
	for (size_t at = 0; at < file.len; at++) {
		unsigned char old = file.data[at];

		if (at > 2048 && at < 4096)
			continue; /* nothing there */
		for (size_t i = 0; i < sizeof(values); i++) {
			own(fd_closep) int fd = -1;

			file.data[at] = values[i];
			fd = elf_file_fd(&file, file.len);
			ask_everything(fd);
		}
		file.data[at] = old;
	}
}
END_TEST

START_TEST(a_file_that_shrinks_under_us_is_an_error)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = open_file(&fd);
	struct elf_symbol symbol = { .name = "second" };
	own(elf_stream_closep) struct elf_stream *s = NULL;
	char text[16];

	ck_ok(elf_stream_open(&s, e, ".debug_info"));
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_err(elf_find_symbols(e, &symbol, 1), EBADMSG);
	ck_err(elf_stream_read(s, text, sizeof(text)), EBADMSG);
}
END_TEST

START_TEST(this_program_reads_itself)
{
	own(fd_closep) int fd = open("/proc/self/exe", O_RDONLY);
	own(elf_freep) struct elf *e = NULL;
	struct elf_symbol s[] = { { .name = "elf_open" }, { .name = "main" } };
	unsigned char code[16];
	uint64_t base;

	ck_ok(elf_open(&e, fd));
	ck_assert_int_eq(elf_find_symbols(e, s, 2), 2);
	ck_ok(elf_read_vaddr(e, s[0].vaddr, code, sizeof(code)));
	ck_assert_mem_eq(code, (void *)elf_open, sizeof(code));
	ck_ok(elf_base(e, &base));
	ck_assert_uint_eq(base, 0);
}
END_TEST

TEST_MAIN("elf", symbols_are_found_in_one_pass,
	  an_address_becomes_an_offset_of_the_file, a_build_id_is_hex,
	  a_compressed_section_is_inflated_in_pieces,
	  a_plain_section_is_read_as_it_is, the_old_zdebug_form_is_inflated,
	  what_is_no_such_file_is_refused, no_truncation_does_harm,
	  no_changed_byte_does_harm, a_file_that_shrinks_under_us_is_an_error,
	  this_program_reads_itself)
