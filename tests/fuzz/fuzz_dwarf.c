/*
 * Any bytes as debug information: the first two say how long .debug_abbrev
 * is, then come it and .debug_info, put into an ELF file around them.
 */
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/dwarf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char names[] = "\0.shstrtab\0.debug_abbrev\0.debug_info";

struct headers {
	Elf64_Ehdr file;
	Elf64_Shdr sections[4];
	char names[sizeof(names)];
};

static int make_file(const uint8_t *data, size_t len, size_t abbrevs)
{
	struct headers h = { .file = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_EXEC, .e_shoff = sizeof(Elf64_Ehdr), .e_shnum = 4,
		.e_shentsize = sizeof(Elf64_Shdr), .e_shstrndx = 1 } };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	memcpy(h.names, names, sizeof(names));
	h.sections[1] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct headers, names),
		.sh_size = sizeof(names) };
	h.sections[2] = (Elf64_Shdr){ .sh_name = 11, .sh_type = SHT_PROGBITS,
		.sh_offset = sizeof(h), .sh_size = abbrevs };
	h.sections[3] = (Elf64_Shdr){ .sh_name = 25, .sh_type = SHT_PROGBITS,
		.sh_offset = sizeof(h) + abbrevs, .sh_size = len - abbrevs };
	if (fd >= 0 && (write(fd, &h, sizeof(h)) != (ssize_t)sizeof(h) ||
			write(fd, data, len) != (ssize_t)len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void ask(struct dwarf *d)
{
	struct dwarf_variable v[] = { { .name = "a" }, { .name = "b" } };
	uint64_t number;
	dwarf_type type;

	dwarf_find_variables(d, "r", v, 2);
	for (int i = 0; i < 2; i++) {
		if (!v[i].found)
			continue;
		dwarf_member(d, v[i].type, "m.n", &number, &type);
		dwarf_size(d, v[i].type, &number);
		if (dwarf_target(d, v[i].type, &type) == 0)
			dwarf_member(d, type, "m", &number, &type);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own(fd_closep) int fd = -1;
	own(elf_freep) struct elf *e = NULL;
	own(dwarf_freep) struct dwarf *d = NULL;
	size_t abbrevs;

	if (len < 2)
		return 0;
	abbrevs = data[0] | (size_t)data[1] << 8;
	if (abbrevs > len - 2)
		return 0;
	fd = make_file(data + 2, len - 2, abbrevs);
	if (fd >= 0 && elf_open(&e, fd) == 0 && dwarf_open(&d, e) == 0)
		ask(d);
	return 0;
}
