#pragma once
/*
 * elf_file.h - ELF files made by hand, for tests: sections and segments are
 * added one by one, and the file comes as an anonymous descriptor.
 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

struct elf_file {
	unsigned char data[131072];
	size_t len;
	Elf64_Shdr sections[16];
	size_t section_count;
	Elf64_Phdr segments[8];
	size_t segment_count;
	char names[512];
	size_t names_len;
};

static inline void elf_file_init(struct elf_file *f)
{
	memset(f, 0, sizeof(*f));
	f->len = 4096; /* headers */
	f->section_count = 1;
	f->names_len = 1;
}

/* Returns the offset of the data in the file. */
static inline size_t elf_file_data(struct elf_file *f, const void *data,
				   size_t len)
{
	size_t offset = f->len;

	ck_assert_uint_le(offset + len, sizeof(f->data));
	memcpy(f->data + offset, data, len);
	f->len = (offset + len + 15) & ~(size_t)15;
	return offset;
}

static inline Elf64_Shdr *elf_file_section(struct elf_file *f, const char *name,
					   uint32_t type, const void *data,
					   size_t len)
{
	Elf64_Shdr *s = &f->sections[f->section_count++];

	s->sh_name = (uint32_t)f->names_len;
	strcpy(f->names + f->names_len, name);
	f->names_len += strlen(name) + 1;
	s->sh_type = type;
	s->sh_offset = elf_file_data(f, data, len);
	s->sh_size = len;
	return s;
}

/* As a linker compresses: header of SHF_COMPRESSED, then zlib. */
static inline void elf_file_compressed(struct elf_file *f, const char *name,
				       const void *data, size_t len)
{
	static unsigned char packed[65536];
	Elf64_Chdr h = { .ch_type = ELFCOMPRESS_ZLIB, .ch_size = len };
	uLongf n = sizeof(packed) - sizeof(h);

	memcpy(packed, &h, sizeof(h));
	ck_assert_int_eq(compress(packed + sizeof(h), &n, data, len), Z_OK);
	elf_file_section(f, name, SHT_PROGBITS, packed, sizeof(h) + n)
		->sh_flags = SHF_COMPRESSED;
}

static inline Elf64_Phdr *elf_file_segment(struct elf_file *f, uint32_t type,
					   uint64_t vaddr, size_t offset,
					   size_t len)
{
	Elf64_Phdr *p = &f->segments[f->segment_count++];

	p->p_type = type;
	p->p_flags = PF_R | PF_W;
	p->p_vaddr = vaddr;
	p->p_offset = offset;
	p->p_filesz = p->p_memsz = len;
	return p;
}

/* Lay the headers; after that only bytes may be changed. */
static inline void elf_file_finish(struct elf_file *f)
{
	Elf64_Ehdr h = { .e_type = ET_DYN, .e_machine = EM_X86_64,
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_shentsize = sizeof(Elf64_Shdr) };

	elf_file_section(f, ".shstrtab", SHT_STRTAB, "", 0);
	f->sections[f->section_count - 1].sh_offset =
		elf_file_data(f, f->names, f->names_len);
	f->sections[f->section_count - 1].sh_size = f->names_len;
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	h.e_phoff = sizeof(h);
	h.e_phnum = (uint16_t)f->segment_count;
	h.e_shoff = 1024;
	h.e_shnum = (uint16_t)f->section_count;
	h.e_shstrndx = (uint16_t)(f->section_count - 1);
	memcpy(f->data, &h, sizeof(h));
	memcpy(f->data + h.e_phoff, f->segments,
	       f->segment_count * sizeof(f->segments[0]));
	memcpy(f->data + h.e_shoff, f->sections,
	       f->section_count * sizeof(f->sections[0]));
}

/* The first len bytes of it as a file; the caller closes. */
static inline int elf_file_fd(const struct elf_file *f, size_t len)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, f->data, len), (ssize_t)len);
	return fd;
}
