/* Any bytes as the notes of an ELF file, and as the text of arguments. */
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/usdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A file whose only section is these notes. */
static void as_notes(const uint8_t *data, size_t len)
{
	const struct elf_section section = { .name = ".note.stapsdt",
					     .size = len };
	struct elf_section sections[] = { section };
	const struct elf e = {
		.fd = memfd_create("fuzz", MFD_CLOEXEC),
		.size = len,
		.machine = EM_X86_64,
		.sections = sections,
		.section_count = 1,
	};
	struct usdt_site sites[3];

	if (e.fd < 0)
		return;
	if (write(e.fd, data, len) == (ssize_t)len)
		usdt_find(&e, "hotspot", "end", sites, 3);
	close(e.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct usdt_args args;
	char text[512] = "";

	as_notes(data, len);
	memcpy(text, data, len < sizeof(text) ? len : sizeof(text) - 1);
	usdt_parse_args(text, &args);
	return 0;
}
