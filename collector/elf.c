#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PAGE_MASK_4K 0xfffull
#define NOTES_MAX    65536 /* bytes of one note segment looked at */

static int pread_all(int fd, uint64_t offset, void *out, size_t len)
{
	char *to = out;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG; /* shorter than it said */
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int elf_read(const struct elf *e, uint64_t offset, void *out, size_t len)
{
	if (offset > e->size || len > e->size - offset)
		return -EBADMSG;
	return pread_all(e->fd, offset, out, len);
}

static int check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	return 0;
}

static int read_segments(struct elf *e, const Elf64_Ehdr *h)
{
	own(freep) Elf64_Phdr *raw = NULL;
	int r;

	if (h->e_phnum == 0)
		return 0;
	if (h->e_phentsize != sizeof(*raw))
		return -EBADMSG;
	if (h->e_phnum > ELF_SEGMENTS_MAX)
		return -EFBIG;
	raw = calloc(h->e_phnum, sizeof(*raw));
	e->segments = calloc(h->e_phnum, sizeof(*e->segments));
	if (!raw || !e->segments)
		return -ENOMEM;
	r = elf_read(e, h->e_phoff, raw, h->e_phnum * sizeof(*raw));
	if (r)
		return r;
	for (size_t i = 0; i < h->e_phnum; i++) {
		if (raw[i].p_type != PT_LOAD && raw[i].p_type != PT_NOTE)
			continue;
		e->segments[e->segment_count++] = (struct elf_segment){
			.type = raw[i].p_type,
			.flags = raw[i].p_flags,
			.offset = raw[i].p_offset,
			.vaddr = raw[i].p_vaddr,
			.file_size = raw[i].p_filesz,
			.mem_size = raw[i].p_memsz,
		};
	}
	return 0;
}

/* A string table, NUL-terminated whatever the file says. */
static int read_strings(const struct elf *e, uint64_t offset, uint64_t size,
			char **out)
{
	own(freep) char *text = NULL;
	int r;

	if (size > ELF_STRINGS_MAX)
		return -EFBIG;
	if (offset > e->size || size > e->size - offset)
		return -EBADMSG;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	r = elf_read(e, offset, text, size);
	if (r)
		return r;
	text[size] = '\0';
	*out = take(text);
	return 0;
}

static void keep_section(struct elf *e, const Elf64_Shdr *s,
			 uint64_t names_size)
{
	e->sections[e->section_count++] = (struct elf_section){
		.name = s->sh_name < names_size ? e->names + s->sh_name : "",
		.type = s->sh_type,
		.link = s->sh_link,
		.flags = s->sh_flags,
		.vaddr = s->sh_addr,
		.offset = s->sh_offset,
		.size = s->sh_size,
		.entry_size = s->sh_entsize,
	};
}

static int read_sections(struct elf *e, const Elf64_Ehdr *h)
{
	own(freep) Elf64_Shdr *raw = NULL;
	const Elf64_Shdr *names;
	int r;

	if (h->e_shnum == 0 || h->e_shoff == 0)
		return 0;
	if (h->e_shentsize != sizeof(*raw) || h->e_shstrndx >= h->e_shnum)
		return -EBADMSG;
	if (h->e_shnum > ELF_SECTIONS_MAX)
		return -EFBIG;
	raw = calloc(h->e_shnum, sizeof(*raw));
	e->sections = calloc(h->e_shnum, sizeof(*e->sections));
	if (!raw || !e->sections)
		return -ENOMEM;
	r = elf_read(e, h->e_shoff, raw, h->e_shnum * sizeof(*raw));
	if (r)
		return r;
	names = &raw[h->e_shstrndx];
	r = read_strings(e, names->sh_offset, names->sh_size, &e->names);
	for (size_t i = 0; !r && i < h->e_shnum; i++)
		keep_section(e, &raw[i], names->sh_size);
	return r;
}

int elf_open(struct elf **out, int fd)
{
	own(elf_freep) struct elf *e = calloc(1, sizeof(*e));
	Elf64_Ehdr h;
	struct stat st;
	int r;

	if (!e)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	e->fd = fd;
	e->size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	if (e->size < sizeof(h))
		return -ENOEXEC;
	if ((r = elf_read(e, 0, &h, sizeof(h))) || (r = check_header(&h)) ||
	    (r = read_segments(e, &h)) || (r = read_sections(e, &h)))
		return r;
	e->type = h.e_type;
	e->machine = h.e_machine;
	*out = take(e);
	return 0;
}

void elf_free(struct elf *e)
{
	if (!e)
		return;
	free(e->segments);
	free(e->sections);
	free(e->names);
	free(e);
}

static const struct elf_segment *segment_of(const struct elf *e, uint64_t vaddr)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr &&
		    vaddr - s->vaddr < s->file_size)
			return s;
	}
	return NULL;
}

bool elf_file_offset(const struct elf *e, uint64_t vaddr, uint64_t *out)
{
	const struct elf_segment *s = segment_of(e, vaddr);
	uint64_t offset;

	if (!s || __builtin_add_overflow(s->offset, vaddr - s->vaddr, &offset))
		return false;
	*out = offset;
	return true;
}

int elf_read_vaddr(const struct elf *e, uint64_t vaddr, void *out, size_t len)
{
	const struct elf_segment *s = segment_of(e, vaddr);
	uint64_t offset;

	if (!s || len > s->file_size - (vaddr - s->vaddr) ||
	    !elf_file_offset(e, vaddr, &offset))
		return -EBADMSG;
	return elf_read(e, offset, out, len);
}

int elf_base(const struct elf *e, uint64_t *out)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		/* The linker may begin the first segment inside page 0. */
		if (s->type == PT_LOAD && (s->offset & ~PAGE_MASK_4K) == 0) {
			*out = s->vaddr & ~PAGE_MASK_4K;
			return 0;
		}
	}
	return -ENOENT;
}

const struct elf_section *elf_find_section(const struct elf *e,
					   const char *name)
{
	for (size_t i = 0; i < e->section_count; i++) {
		if (strcmp(e->sections[i].name, name) == 0)
			return &e->sections[i];
	}
	return NULL;
}

/* ---- symbols ---- */

static const struct elf_section *section_of_type(const struct elf *e,
						 uint32_t type)
{
	for (size_t i = 0; i < e->section_count; i++) {
		if (e->sections[i].type == type)
			return &e->sections[i];
	}
	return NULL;
}

static void note_symbol(const Elf64_Sym *s, const char *name,
			struct elf_symbol *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (wanted[i].found || strcmp(wanted[i].name, name) != 0)
			continue;
		wanted[i].vaddr = s->st_value;
		wanted[i].size = s->st_size;
		wanted[i].found = true;
	}
}

static int scan_symbols(const struct elf *e, const struct elf_section *table,
			struct elf_symbol *wanted, size_t count)
{
	const struct elf_section *strings;
	own(freep) char *names = NULL;
	Elf64_Sym some[256];
	uint64_t left = table->size / sizeof(*some), at = table->offset;
	int r;

	if (table->link >= e->section_count)
		return -EBADMSG;
	if (left > ELF_SYMBOLS_MAX)
		return -EFBIG;
	strings = &e->sections[table->link];
	r = read_strings(e, strings->offset, strings->size, &names);
	while (!r && left > 0) {
		size_t n = left < ARRAY_SIZE(some) ? left : ARRAY_SIZE(some);

		r = elf_read(e, at, some, n * sizeof(*some));
		for (size_t i = 0; !r && i < n; i++) {
			if (some[i].st_shndx != SHN_UNDEF &&
			    some[i].st_name < strings->size)
				note_symbol(&some[i], names + some[i].st_name,
					    wanted, count);
		}
		at += n * sizeof(*some);
		left -= n;
	}
	return r;
}

static int count_found(const struct elf_symbol *wanted, size_t count)
{
	int found = 0;

	for (size_t i = 0; i < count; i++)
		found += wanted[i].found;
	return found;
}

int elf_find_symbols(const struct elf *e, struct elf_symbol *wanted,
		     size_t count)
{
	static const uint32_t tables[] = { SHT_SYMTAB, SHT_DYNSYM };
	bool any = false;

	for (size_t i = 0; i < count; i++)
		wanted[i].found = false;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct elf_section *t = section_of_type(e, tables[i]);
		int r;

		if (!t || count_found(wanted, count) == (int)count)
			continue;
		r = scan_symbols(e, t, wanted, count);
		if (r)
			return r;
		any = true;
	}
	return any ? count_found(wanted, count) : -ENOENT;
}

/* ---- notes ---- */

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* Some producers count the padding of the owner's name (Go: "Go\0\0"). */
static bool is_owner(const Elf64_Nhdr *h, const char *name, const char *owner)
{
	size_t size = strlen(owner) + 1;

	return (h->n_namesz == size || h->n_namesz == align4(size)) &&
	       memcmp(name, owner, size) == 0;
}

/* One after the other until the wanted one; the buffer is the segment. */
static ssize_t scan_notes(const char *data, size_t len, const char *owner,
			  uint32_t type, void *out, size_t cap)
{
	uint64_t at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name, desc, next;

		memcpy(&h, data + at, sizeof(h));
		name = at + sizeof(h);
		desc = name + align4(h.n_namesz);
		next = desc + align4(h.n_descsz);
		if (desc > len || h.n_descsz > len - desc)
			return -ENOENT;
		if (h.n_type == type && is_owner(&h, data + name, owner)) {
			size_t n = h.n_descsz < cap ? h.n_descsz : cap;

			memcpy(out, data + desc, n);
			return (ssize_t)n;
		}
		if (next > len)
			return -ENOENT;
		at = next;
	}
	return -ENOENT;
}

ssize_t elf_find_note(const struct elf *e, const char *owner, uint32_t type,
		      void *out, size_t cap)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];
		size_t len = s->file_size < NOTES_MAX ? s->file_size :
							NOTES_MAX;
		own(freep) char *data = NULL;
		ssize_t n;

		if (s->type != PT_NOTE)
			continue;
		data = malloc(len + 1);
		if (!data)
			return -ENOMEM;
		if (elf_read(e, s->offset, data, len))
			continue;
		n = scan_notes(data, len, owner, type, out, cap);
		if (n >= 0)
			return n;
	}
	return -ENOENT;
}

int elf_build_id(const struct elf *e, char *out, size_t cap)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char id[64];
	ssize_t n = elf_find_note(e, "GNU", NT_GNU_BUILD_ID, id, sizeof(id));
	size_t at = 0;

	if (n < 0)
		return (int)n;
	if (cap == 0)
		return -EINVAL;
	for (ssize_t i = 0; i < n && at + 2 < cap; i++) {
		out[at++] = digits[id[i] >> 4];
		out[at++] = digits[id[i] & 15];
	}
	out[at] = '\0';
	return 0;
}

/* ---- streams ---- */

struct elf_stream {
	const struct elf *elf; /* borrowed */
	uint64_t at, left;     /* of the file, not yet taken */
	uint64_t size;         /* of the content, as claimed */
	bool packed, ended;
	z_stream z;
	unsigned char in[16384];
};

/* The header of a compressed section; moves the stream behind it. */
static int begin_compressed(struct elf_stream *s)
{
	Elf64_Chdr h;
	int r;

	if (s->left < sizeof(h))
		return -EBADMSG;
	r = elf_read(s->elf, s->at, &h, sizeof(h));
	if (r)
		return r;
	if (h.ch_type != ELFCOMPRESS_ZLIB)
		return -EOPNOTSUPP;
	s->at += sizeof(h);
	s->left -= sizeof(h);
	s->size = h.ch_size;
	s->packed = true;
	return 0;
}

/* "ZLIB" and the size, big-endian. */
static int begin_zdebug(struct elf_stream *s)
{
	unsigned char h[12];
	int r;

	if (s->left < sizeof(h))
		return -EBADMSG;
	r = elf_read(s->elf, s->at, h, sizeof(h));
	if (r)
		return r;
	if (memcmp(h, "ZLIB", 4) != 0)
		return -EBADMSG;
	s->at += sizeof(h);
	s->left -= sizeof(h);
	s->size = 0;
	for (int i = 4; i < 12; i++)
		s->size = s->size << 8 | h[i];
	s->packed = true;
	return 0;
}

static const struct elf_section *stream_section(const struct elf *e,
						const char *name, bool *old)
{
	const struct elf_section *s = elf_find_section(e, name);
	char zname[64];

	*old = false;
	if (s || name[0] != '.' || strlen(name) + 2 > sizeof(zname))
		return s;
	zname[0] = '.';
	zname[1] = 'z';
	memcpy(zname + 2, name + 1, strlen(name));
	*old = true;
	return elf_find_section(e, zname);
}

int elf_stream_open(struct elf_stream **out, const struct elf *e,
		    const char *name)
{
	bool old;
	const struct elf_section *section = stream_section(e, name, &old);
	own(elf_stream_closep) struct elf_stream *s = NULL;
	int r = 0;

	if (!section || section->type == SHT_NOBITS)
		return -ENOENT;
	if (section->offset > e->size ||
	    section->size > e->size - section->offset)
		return -EBADMSG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->elf = e;
	s->at = section->offset;
	s->left = s->size = section->size;
	if (section->flags & SHF_COMPRESSED)
		r = begin_compressed(s);
	else if (old)
		r = begin_zdebug(s);
	if (r)
		return r;
	if (s->packed && inflateInit(&s->z) != Z_OK) {
		s->packed = false;
		return -ENOMEM;
	}
	*out = take(s);
	return 0;
}

void elf_stream_close(struct elf_stream *s)
{
	if (!s)
		return;
	if (s->packed)
		inflateEnd(&s->z);
	free(s);
}

uint64_t elf_stream_size(const struct elf_stream *s)
{
	return s->size;
}

static ssize_t take_plain(struct elf_stream *s, void *out, size_t len)
{
	size_t n = s->left < len ? s->left : len;
	int r = elf_read(s->elf, s->at, out, n);

	if (r)
		return r;
	s->at += n;
	s->left -= n;
	return (ssize_t)n;
}

static int refill(struct elf_stream *s)
{
	ssize_t n = take_plain(s, s->in, sizeof(s->in));

	if (n < 0)
		return (int)n;
	s->z.next_in = s->in;
	s->z.avail_in = (uInt)n;
	return n ? 0 : -EBADMSG; /* the data ends before the content does */
}

static ssize_t take_packed(struct elf_stream *s, void *out, size_t len)
{
	s->z.next_out = out;
	s->z.avail_out = (uInt)len;
	while (s->z.avail_out > 0 && !s->ended) {
		int r = s->z.avail_in ? 0 : refill(s);

		if (r)
			return r;
		r = inflate(&s->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			s->ended = true;
		else if (r != Z_OK)
			return -EBADMSG;
	}
	return (ssize_t)(len - s->z.avail_out);
}

ssize_t elf_stream_read(struct elf_stream *s, void *out, size_t len)
{
	if (len > 1u << 30)
		len = 1u << 30;
	return s->packed ? take_packed(s, out, len) : take_plain(s, out, len);
}
