/* Any bytes as an ELF file: every question of elf.h. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_section(const struct elf *e, const char *name)
{
	own(elf_stream_closep) struct elf_stream *s = NULL;
	char piece[4096];

	if (elf_stream_open(&s, e, name))
		return;
	for (int i = 0; i < 64; i++) {
		if (elf_stream_read(s, piece, sizeof(piece)) <= 0)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own(fd_closep) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	own(elf_freep) struct elf *e = NULL;
	struct elf_symbol s[] = { { .name = "first" }, { .name = "second" } };
	char id[48], some[64];
	uint64_t at;

	if (fd < 0 || write(fd, data, len) != (ssize_t)len ||
	    elf_open(&e, fd))
		return 0;
	elf_find_symbols(e, s, 2);
	elf_build_id(e, id, sizeof(id));
	elf_find_note(e, "Go", 4, some, sizeof(some));
	if (elf_base(e, &at) == 0 && elf_file_offset(e, at, &at))
		elf_read_vaddr(e, at, some, sizeof(some));
	read_section(e, ".debug_info");
	read_section(e, ".shstrtab");
	return 0;
}
