/* Which Go built a file, on files made by hand. */
#include "test.h"

#include "collector/go/buildinfo.h"
#include "elf_file.h"

static struct elf_file file;
static char blob[256];

static void inline_blob(const char *version)
{
	memset(blob, 0, sizeof(blob));
	memcpy(blob, "\xff Go buildinf:\x08\x02", 16);
	blob[32] = (char)strlen(version);
	memcpy(blob + 33, version, strlen(version));
}

static int version_of(char out[GO_VERSION_MAX])
{
	own(elf_freep) struct elf *e = NULL;
	own(fd_closep) int fd = elf_file_fd(&file, file.len);

	ck_ok(elf_open(&e, fd));
	return go_buildinfo_version(e, out);
}

START_TEST(the_section_tells_the_version)
{
	char version[GO_VERSION_MAX];

	inline_blob("go1.26.8");
	elf_file_init(&file);
	elf_file_section(&file, ".go.buildinfo", SHT_PROGBITS, blob,
			 sizeof(blob));
	elf_file_finish(&file);
	ck_ok(version_of(version));
	ck_assert_str_eq(version, "go1.26.8");
}
END_TEST

START_TEST(without_sections_the_writable_segment_does)
{
	char version[GO_VERSION_MAX];
	size_t offset;

	inline_blob("go1.21.13");
	elf_file_init(&file);
	elf_file_data(&file, "sixteen bytes...", 16);
	offset = elf_file_data(&file, blob, sizeof(blob));
	elf_file_segment(&file, PT_LOAD, 0x4000, offset - 16,
			 sizeof(blob) + 16);
	elf_file_finish(&file);
	((Elf64_Ehdr *)file.data)->e_shnum = 0;
	ck_ok(version_of(version));
	ck_assert_str_eq(version, "go1.21.13");
}
END_TEST

START_TEST(the_old_form_points_to_a_string)
{
	char version[GO_VERSION_MAX];
	uint64_t pointer = 0x4000 + 64, string[2] = { 0x4000 + 96, 8 };
	size_t offset;

	memset(blob, 0, sizeof(blob));
	memcpy(blob, "\xff Go buildinf:\x08\x00", 16);
	memcpy(blob + 16, &pointer, 8);
	memcpy(blob + 64, string, 16);
	memcpy(blob + 96, "go1.17.3", 8);
	elf_file_init(&file);
	offset = elf_file_section(&file, ".go.buildinfo", SHT_PROGBITS, blob,
				  sizeof(blob))->sh_offset;
	elf_file_segment(&file, PT_LOAD, 0x4000, offset, sizeof(blob));
	elf_file_finish(&file);
	ck_ok(version_of(version));
	ck_assert_str_eq(version, "go1.17.3");
}
END_TEST

START_TEST(a_long_version_is_cut)
{
	char version[GO_VERSION_MAX];

	inline_blob("go1.26.8 X:greenteagc,jsonv2,simd,runtimesecret,"
		    "goroutineleakprofile,newinliner");
	elf_file_init(&file);
	elf_file_section(&file, ".go.buildinfo", SHT_PROGBITS, blob,
			 sizeof(blob));
	elf_file_finish(&file);
	ck_ok(version_of(version));
	ck_assert_uint_eq(strlen(version), GO_VERSION_MAX - 1);
	ck_assert_int_eq(go_version_minor(version), 26);
}
END_TEST

START_TEST(what_is_damaged_is_no_version)
{
	char version[GO_VERSION_MAX];

	inline_blob("go1.26.8");
	blob[35] = '\n';
	elf_file_init(&file);
	elf_file_section(&file, ".go.buildinfo", SHT_PROGBITS, blob,
			 sizeof(blob));
	elf_file_finish(&file);
	ck_err(version_of(version), EBADMSG);
	elf_file_init(&file);
	elf_file_section(&file, ".go.buildinfo", SHT_PROGBITS, "short", 5);
	elf_file_finish(&file);
	ck_err(version_of(version), ENOENT);
	elf_file_init(&file);
	elf_file_finish(&file);
	ck_err(version_of(version), ENOENT);
}
END_TEST

START_TEST(the_minor_version_is_the_number_after_go1)
{
	static const struct {
		const char *version;
		int minor;
	} cases[] = {
		{ "go1.26.8", 26 }, { "go1.27rc1", 27 }, { "go1.9", 9 },
		{ "devel go1.28-3f2a Tue", 28 }, { "go1.", -1 }, { "", -1 },
		{ "devel +abcdef", -1 }, { "go1.99999999999999", 9999 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(go_version_minor(cases[i].version),
				 cases[i].minor);
}
END_TEST

START_TEST(gos_own_build_id_stands_in)
{
	own(elf_freep) struct elf *e = NULL;
	own(fd_closep) int fd = -1;
	struct {
		Elf64_Nhdr h;
		char name[4], id[20];
	} note = { { 4, 19, 4 }, "Go\0", "action/x/y/contents" };
	char id[48];
	size_t offset;

	elf_file_init(&file);
	offset = elf_file_data(&file, &note, sizeof(note));
	elf_file_segment(&file, PT_NOTE, 0, offset, sizeof(note));
	elf_file_finish(&file);
	fd = elf_file_fd(&file, file.len);
	ck_ok(elf_open(&e, fd));
	ck_ok(go_build_id(e, id, sizeof(id)));
	ck_assert_str_eq(id, "action/contents");
}
END_TEST

TEST_MAIN("go_buildinfo", the_section_tells_the_version,
	  without_sections_the_writable_segment_does,
	  the_old_form_points_to_a_string, a_long_version_is_cut,
	  what_is_damaged_is_no_version,
	  the_minor_version_is_the_number_after_go1,
	  gos_own_build_id_stands_in)
