/* The DWARF reader, on debug information made by hand. */
#include "test.h"

#include "collector/dwarf.h"
#include "common/buf.h"
#include "elf_file.h"

/* Forms and tags are spelled as numbers, as they stand in a file. */
enum { STRING = 8, REF_ADDR = 0x10, UDATA = 0x0f, BLOCK1 = 0x0a, REF4 = 0x13,
       UNKNOWN = 0x7f };
enum { NAME = 3, SIZE = 0x0b, TYPE = 0x49, MEMBER = 0x38, LOCATION = 2 };
enum { CU = 1, VARIABLE, STRUCT, FIELD, BASE, POINTER, TYPEDEF, STRANGE,
       ARRAY };

static const unsigned char abbrevs[] = {
	CU, 0x11, 1, NAME, STRING, 0, 0,
	VARIABLE, 0x34, 0, NAME, STRING, LOCATION, BLOCK1, TYPE, REF_ADDR, 0, 0,
	STRUCT, 0x13, 1, NAME, STRING, SIZE, UDATA, 0, 0,
	FIELD, 0x0d, 0, NAME, STRING, MEMBER, UDATA, TYPE, REF_ADDR, 0, 0,
	BASE, 0x24, 0, NAME, STRING, SIZE, UDATA, 0, 0,
	POINTER, 0x0f, 0, TYPE, REF4, 0, 0,
	TYPEDEF, 0x16, 0, NAME, STRING, TYPE, REF_ADDR, 0, 0,
	STRANGE, 0x34, 0, NAME, UNKNOWN, 0, 0,
	ARRAY, 0x01, 0, SIZE, UDATA, TYPE, REF_ADDR, 0, 0,
	0,
};

static struct elf_file file;
static struct buf info;

static void byte(int value)
{
	buf_putc(&info, (char)value);
}

static void text(const char *value)
{
	buf_add(&info, value, strlen(value) + 1);
}

static void word(uint32_t value)
{
	buf_add(&info, &value, 4);
}

static void patch(size_t at, uint32_t value)
{
	memcpy(info.data + at, &value, 4);
}

/* Begin a unit; returns where it is. */
static size_t begin(int version, const char *name)
{
	size_t at = info.len;

	word(0);
	byte(version);
	byte(0);
	if (version == 5) {
		byte(1); /* DW_UT_compile */
		byte(8);
		word(0);
	} else {
		word(0);
		byte(8);
	}
	byte(CU);
	text(name);
	return at;
}

static void end(size_t at)
{
	byte(0);
	patch(at, (uint32_t)(info.len - at - 4));
}

static void variable(const char *name, uint64_t address, uint32_t type)
{
	byte(VARIABLE);
	text(name);
	byte(9);
	byte(3); /* DW_OP_addr */
	buf_add(&info, &address, 8);
	word(type);
}

static void field(const char *name, int offset, uint32_t type)
{
	byte(FIELD);
	text(name);
	byte(offset);
	word(type);
}

static size_t base(const char *name, int size)
{
	size_t at = info.len;

	byte(BASE);
	text(name);
	byte(size);
	return at;
}

/*
 * One unit in a form we do not know, one of another name, one of the right
 * name with variables, and one with their types: a structure inside another.
 */
static void make_units(int version, const char *strange)
{
	size_t unit, variables, number, inner, outer, name, pointer, array;

	unit = begin(version, strange);
	byte(STRANGE);
	end(unit);
	unit = begin(version, "other");
	variable("rt.wanted", 1, 1); /* in the wrong unit */
	end(unit);
	unit = begin(version, "rt");
	variables = info.len;
	variable("rt.wanted", 0x1234, 0);
	variable("rt.list", 0x5678, 0);
	end(unit);
	unit = begin(version, "rt");
	number = base("uint64", 8);
	inner = info.len;
	byte(STRUCT);
	text("rt.inner");
	byte(24);
	field("head", 0, (uint32_t)number);
	field("n", 16, (uint32_t)number);
	byte(0);
	name = info.len;
	byte(TYPEDEF);
	text("rt.name");
	word((uint32_t)inner);
	outer = info.len;
	byte(STRUCT);
	text("rt.outer");
	byte(64);
	field("first", 0, (uint32_t)number);
	field("part", 8, (uint32_t)name);
	byte(0);
	pointer = info.len;
	byte(POINTER);
	word((uint32_t)(outer - unit)); /* ref4 counts from the unit */
	array = info.len;
	byte(ARRAY);
	byte(24);
	word((uint32_t)pointer);
	end(unit);
	patch(variables + 1 + sizeof("rt.wanted") + 10, (uint32_t)outer);
	patch(variables + 1 + sizeof("rt.wanted") + 14 + 1 + sizeof("rt.list") +
		      10, (uint32_t)array);
}

static void make_info(int version)
{
	buf_reset(&info);
	make_units(version, "another producer");
}

static void make_file(bool compressed)
{
	elf_file_init(&file);
	if (compressed)
		elf_file_compressed(&file, ".debug_info", info.data, info.len);
	else
		elf_file_section(&file, ".debug_info", SHT_PROGBITS, info.data,
				 info.len);
	elf_file_section(&file, ".debug_abbrev", SHT_PROGBITS, abbrevs,
			 sizeof(abbrevs));
	elf_file_finish(&file);
}

/* All that runtimes are asked. 0: all of it was found. */
static int ask(int fd)
{
	own(elf_freep) struct elf *e = NULL;
	own(dwarf_freep) struct dwarf *d = NULL;
	struct dwarf_variable w[] = { { .name = "rt.wanted" },
				      { .name = "rt.list" } };
	uint64_t offset, size;
	dwarf_type t;
	int r;

	if ((r = elf_open(&e, fd)) || (r = dwarf_open(&d, e)))
		return r;
	r = dwarf_find_variables(d, "rt", w, 2);
	if (r != 2)
		return r < 0 ? r : -ENOENT;
	if ((r = dwarf_member(d, w[0].type, "part.n", &offset, &t)) ||
	    (r = dwarf_size(d, t, &size)))
		return r;
	if (w[0].vaddr != 0x1234 || offset != 24 || size != 8)
		return -EINVAL;
	if ((r = dwarf_target(d, w[1].type, &t)) ||
	    (r = dwarf_target(d, t, &t)) ||
	    (r = dwarf_member(d, t, "first", &offset, &t)))
		return r;
	return dwarf_member(d, w[0].type, "nothing", &offset, &t) == -ENOENT ?
		       0 : -EINVAL;
}

static int ask_file(void)
{
	own(fd_closep) int fd = elf_file_fd(&file, file.len);

	return ask(fd);
}

START_TEST(variables_and_members_are_found)
{
	make_info(4);
	make_file(false);
	ck_ok(ask_file());
}
END_TEST

START_TEST(version_5_reads_the_same)
{
	make_info(5);
	make_file(false);
	ck_ok(ask_file());
}
END_TEST

START_TEST(compressed_information_reads_the_same)
{
	make_info(4);
	make_file(true);
	ck_ok(ask_file());
}
END_TEST

/* Of another name it is never looked into, of ours it is given up. */
START_TEST(a_unit_in_a_strange_form_is_stepped_over)
{
	static const char *const names[] = { "rt", "C++" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		buf_reset(&info);
		make_units(4, names[i]);
		make_file(false);
		ck_ok(ask_file());
	}
}
END_TEST

START_TEST(what_is_not_there_is_enoent)
{
	own(elf_freep) struct elf *e = NULL;
	own(fd_closep) int fd = -1;
	struct dwarf *d;
	size_t unit;

	buf_reset(&info);
	unit = begin(4, "rt");
	end(unit);
	make_file(false);
	ck_err(ask_file(), ENOENT);
	elf_file_init(&file);
	elf_file_finish(&file);
	fd = elf_file_fd(&file, file.len);
	ck_ok(elf_open(&e, fd));
	ck_err(dwarf_open(&d, e), ENOENT);
}
END_TEST

START_TEST(a_type_that_is_itself_ends)
{
	size_t unit, loop;

	buf_reset(&info);
	unit = begin(4, "rt");
	loop = info.len;
	byte(TYPEDEF);
	text("rt.loop");
	word((uint32_t)loop);
	variable("rt.wanted", 0x1234, (uint32_t)loop);
	variable("rt.list", 0x1234, 0xfffffff0);
	end(unit);
	make_file(false);
	ck_err(ask_file(), EBADMSG);
}
END_TEST

START_TEST(no_truncation_does_harm)
{
	make_info(5);
	for (size_t len = 0; len < info.len; len++) {
		size_t whole = info.len;

		info.len = len;
		make_file(len & 1);
		info.len = whole;
		ck_assert_int_ne(ask_file(), 0);
	}
}
END_TEST

START_TEST(no_changed_byte_does_harm)
{
	static const unsigned char values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };

	make_info(4);
	make_file(false);
	for (size_t at = 4096; at < 4096 + info.len + sizeof(abbrevs) + 16;
	     at++) {
		unsigned char old = file.data[at];

		for (size_t i = 0; i < sizeof(values); i++) {
			file.data[at] = values[i];
			ask_file();
		}
		file.data[at] = old;
	}
	ck_ok(ask_file());
}
END_TEST

TEST_MAIN("dwarf", variables_and_members_are_found, version_5_reads_the_same,
	  compressed_information_reads_the_same,
	  a_unit_in_a_strange_form_is_stepped_over, what_is_not_there_is_enoent,
	  a_type_that_is_itself_ends, no_truncation_does_harm,
	  no_changed_byte_does_harm)
