#include "buildinfo.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_SIZE   32
#define MAGIC_SIZE    14
#define FLAG_BIG      1
#define FLAG_INLINE   2
#define SCAN_MAX      65536 /* bytes of a segment searched for the magic */
#define GO_NOTE_ID    4     /* type of the note with Go's build id */

static const unsigned char magic[MAGIC_SIZE + 1] = "\xff Go buildinf:";

/* The blob lies on a multiple of 16. */
static int scan(const struct elf *e, const struct elf_segment *s, uint64_t *out)
{
	uint64_t len = s->file_size < SCAN_MAX ? s->file_size : SCAN_MAX;
	own(freep) unsigned char *data = malloc(len + 1);
	int r;

	if (!data)
		return -ENOMEM;
	r = elf_read(e, s->offset, data, len);
	if (r)
		return r;
	for (uint64_t at = 0; at + HEADER_SIZE <= len; at += 16) {
		if (memcmp(data + at, magic, MAGIC_SIZE) == 0) {
			*out = s->offset + at;
			return 0;
		}
	}
	return -ENOENT;
}

static int find_blob(const struct elf *e, uint64_t *out)
{
	const struct elf_section *s = elf_find_section(e, ".go.buildinfo");

	if (s && s->type != SHT_NOBITS) {
		*out = s->offset;
		return 0;
	}
	if (e->section_count > 0)
		return -ENOENT;
	for (size_t i = 0; i < e->segment_count; i++) {
		if (e->segments[i].type == PT_LOAD &&
		    (e->segments[i].flags & PF_W))
			return scan(e, &e->segments[i], out);
	}
	return -ENOENT;
}

/* Keep it if it reads like a version: printable, not empty, not cut. */
static int keep_version(const char *text, uint64_t len,
			char out[GO_VERSION_MAX])
{
	if (len == 0)
		return -EBADMSG;
	if (len >= GO_VERSION_MAX)
		len = GO_VERSION_MAX - 1; /* a long list of experiments */
	for (uint64_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)text[i]))
			return -EBADMSG;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static int read_inline(const struct elf *e, uint64_t at,
		       char out[GO_VERSION_MAX])
{
	char data[GO_VERSION_MAX + 2];
	uint64_t room, len;
	size_t begin = 1;
	int r;

	if (at >= e->size)
		return -EBADMSG;
	room = e->size - at;
	if (room > sizeof(data))
		room = sizeof(data);
	r = elf_read(e, at, data, room);
	if (r)
		return r;
	len = (unsigned char)data[0];
	if (len & 0x80) {
		if (room < 2 || ((unsigned char)data[1] & 0x80))
			return -EBADMSG;
		len = (len & 0x7f) | (uint64_t)(unsigned char)data[1] << 7;
		begin = 2;
	}
	if (len > room - begin) {
		if (room < sizeof(data))
			return -EBADMSG;
		len = room - begin;
	}
	return keep_version(data + begin, len, out);
}

/* Before Go 1.18: a pointer to a string header in the data. */
static int read_pointed(const struct elf *e, const unsigned char *header,
			char out[GO_VERSION_MAX])
{
	char text[GO_VERSION_MAX];
	uint64_t pointer, string[2];
	size_t len;
	int r;

	if (header[MAGIC_SIZE] != 8 || (header[MAGIC_SIZE + 1] & FLAG_BIG))
		return -EBADMSG;
	memcpy(&pointer, header + 16, sizeof(pointer));
	r = elf_read_vaddr(e, pointer, string, sizeof(string));
	if (r)
		return r;
	len = string[1] < sizeof(text) ? string[1] : sizeof(text);
	r = elf_read_vaddr(e, string[0], text, len);
	return r ? r : keep_version(text, len, out);
}

int go_buildinfo_version(const struct elf *e, char out[GO_VERSION_MAX])
{
	unsigned char header[HEADER_SIZE];
	uint64_t at = 0;
	int r;

	if ((r = find_blob(e, &at)) ||
	    (r = elf_read(e, at, header, sizeof(header))))
		return r;
	if (memcmp(header, magic, MAGIC_SIZE) != 0)
		return -ENOENT;
	if (header[MAGIC_SIZE + 1] & FLAG_INLINE)
		return read_inline(e, at + HEADER_SIZE, out);
	return read_pointed(e, header, out);
}

int go_version_minor(const char *version)
{
	const char *text = strstr(version, "go1.");
	int minor = 0, digits = 0;

	if (!text)
		return -1;
	for (text += 4; isdigit((unsigned char)*text) && digits < 4; text++) {
		minor = minor * 10 + (*text - '0');
		digits++;
	}
	return digits ? minor : -1;
}

int go_build_id(const struct elf *e, char *out, size_t cap)
{
	char text[256];
	const char *first_end, *last;
	ssize_t n;

	if (elf_build_id(e, out, cap) == 0)
		return 0;
	n = elf_find_note(e, "Go", GO_NOTE_ID, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	for (ssize_t i = 0; i < n; i++) {
		if (!isgraph((unsigned char)text[i]))
			return -EBADMSG;
	}
	first_end = strchr(text, '/');
	last = strrchr(text, '/');
	if (!last)
		first_end = last = text + n;
	snprintf(out, cap, "%.*s%s", (int)(first_end - text), text, last);
	return 0;
}
