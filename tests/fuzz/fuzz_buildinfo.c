/*
 * Any bytes as Go's build info: as a file of their own, and as the section
 * and the memory of one around them.
 */
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/go/buildinfo.h"
#include "collector/go/sites.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char names[] = "\0.shstrtab\0.go.buildinfo";

struct headers {
	Elf64_Ehdr file;
	Elf64_Phdr segments[2];
	Elf64_Shdr sections[3];
	char names[sizeof(names)];
};

static void fill(struct headers *h, size_t len)
{
	memcpy(h->names, names, sizeof(names));
	h->file = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_EXEC,
		.e_phoff = offsetof(struct headers, segments),
		.e_phnum = 2, .e_phentsize = sizeof(Elf64_Phdr),
		.e_shoff = offsetof(struct headers, sections), .e_shnum = 3,
		.e_shentsize = sizeof(Elf64_Shdr), .e_shstrndx = 1 };
	h->segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_W,
		.p_offset = sizeof(*h), .p_filesz = len, .p_memsz = len };
	h->segments[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
		.p_offset = sizeof(*h), .p_filesz = len };
	h->sections[1] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct headers, names),
		.sh_size = sizeof(names) };
	h->sections[2] = (Elf64_Shdr){ .sh_name = 11, .sh_type = SHT_PROGBITS,
		.sh_offset = sizeof(*h), .sh_size = len };
}

static void ask(int fd)
{
	own(elf_freep) struct elf *e = NULL;
	char version[GO_VERSION_MAX], id[48];

	if (elf_open(&e, fd))
		return;
	if (go_buildinfo_version(e, version) == 0)
		go_version_minor(version);
	go_build_id(e, id, sizeof(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own(fd_closep) int alone = memfd_create("fuzz", MFD_CLOEXEC);
	own(fd_closep) int inside = memfd_create("fuzz", MFD_CLOEXEC);
	struct headers h;

	fill(&h, len);
	go_first_jump(data, len);
	if (write(alone, data, len) == (ssize_t)len)
		ask(alone);
	if (write(inside, &h, sizeof(h)) != (ssize_t)sizeof(h) ||
	    write(inside, data, len) != (ssize_t)len)
		return 0;
	ask(inside);
	h.file.e_shnum = 0;
	if (pwrite(inside, &h, sizeof(h), 0) == (ssize_t)sizeof(h))
		ask(inside);
	return 0;
}
