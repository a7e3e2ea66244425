#include "dwarf.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"

#define CODES_MAX   16384  /* abbreviation codes of one table */
#define SPECS_MAX   262144 /* attributes of one table */
#define NESTING_MAX 16     /* types followed, path elements */
#define PIECE       (256u << 10)

/* Numbers of the DWARF 5 standard, section 7: those of use here. */
enum {
	DW_UT_compile = 0x01,
	DW_UT_type = 0x02,
	DW_UT_skeleton = 0x04,
	DW_UT_split_compile = 0x05,
	DW_UT_split_type = 0x06,
	DW_CHILDREN_yes = 0x01,
	DW_TAG_array_type = 0x01,
	DW_TAG_member = 0x0d,
	DW_TAG_pointer_type = 0x0f,
	DW_TAG_structure_type = 0x13,
	DW_TAG_typedef = 0x16,
	DW_TAG_const_type = 0x26,
	DW_TAG_variable = 0x34,
	DW_TAG_volatile_type = 0x35,
	DW_AT_location = 0x02,
	DW_AT_name = 0x03,
	DW_AT_byte_size = 0x0b,
	DW_AT_data_member_location = 0x38,
	DW_AT_type = 0x49,
	DW_OP_addr = 0x03,
};

enum {
	DW_FORM_addr = 0x01,
	DW_FORM_block2 = 0x03,
	DW_FORM_block4 = 0x04,
	DW_FORM_data2 = 0x05,
	DW_FORM_data4 = 0x06,
	DW_FORM_data8 = 0x07,
	DW_FORM_string = 0x08,
	DW_FORM_block = 0x09,
	DW_FORM_block1 = 0x0a,
	DW_FORM_data1 = 0x0b,
	DW_FORM_flag = 0x0c,
	DW_FORM_sdata = 0x0d,
	DW_FORM_strp = 0x0e,
	DW_FORM_udata = 0x0f,
	DW_FORM_ref_addr = 0x10,
	DW_FORM_ref1 = 0x11,
	DW_FORM_ref2 = 0x12,
	DW_FORM_ref4 = 0x13,
	DW_FORM_ref8 = 0x14,
	DW_FORM_ref_udata = 0x15,
	DW_FORM_indirect = 0x16,
	DW_FORM_sec_offset = 0x17,
	DW_FORM_exprloc = 0x18,
	DW_FORM_flag_present = 0x19,
	DW_FORM_strx = 0x1a,
	DW_FORM_addrx = 0x1b,
	DW_FORM_ref_sup4 = 0x1c,
	DW_FORM_strp_sup = 0x1d,
	DW_FORM_data16 = 0x1e,
	DW_FORM_line_strp = 0x1f,
	DW_FORM_ref_sig8 = 0x20,
	DW_FORM_implicit_const = 0x21,
	DW_FORM_loclistx = 0x22,
	DW_FORM_rnglistx = 0x23,
	DW_FORM_ref_sup8 = 0x24,
	DW_FORM_strx1 = 0x25,
	DW_FORM_strx2 = 0x26,
	DW_FORM_strx3 = 0x27,
	DW_FORM_strx4 = 0x28,
	DW_FORM_addrx1 = 0x29,
	DW_FORM_addrx2 = 0x2a,
	DW_FORM_addrx3 = 0x2b,
	DW_FORM_addrx4 = 0x2c,
};

/* Reads ahead of which the end is checked; bad is sticky. */
struct cursor {
	const unsigned char *at, *end;
	bool bad;
};

struct spec {
	uint16_t name, form;
};

struct abbrev {
	uint16_t tag;
	bool known, children;
	uint32_t first, count; /* of the specs */
};

struct unit {
	uint64_t start, end; /* in .debug_info; end is exclusive */
	uint64_t entries;    /* where its first entry is */
	uint64_t abbrevs;    /* offset of its table */
	uint8_t version, address_size, offset_size;
};

struct dwarf {
	struct elf_stream *stream; /* owned; of .debug_info */
	unsigned char *info;       /* owned; as far as inflated */
	uint64_t len, cap;
	unsigned char *abbrev_data; /* owned; whole */
	uint64_t abbrev_len;

	struct unit *units; /* owned; those whose headers were read */
	size_t unit_count, unit_cap;
	uint64_t next_unit; /* where the next header is */

	/* the table of the unit last looked into */
	uint64_t table_offset;
	bool table_valid;
	struct abbrev *abbrevs; /* owned; CODES_MAX by code */
	struct spec *specs;     /* owned */
	size_t spec_count, spec_cap;
	uint64_t code_count; /* highest code of the table, plus one */

	long steps_left;
};

/* What is kept of one entry. */
struct entry {
	uint16_t tag;
	bool children;
	const char *name; /* in info, NUL-terminated; or NULL */
	dwarf_type type;  /* 0: none */
	uint64_t member;  /* DW_AT_data_member_location */
	uint64_t size;    /* DW_AT_byte_size */
	uint64_t vaddr;   /* DW_AT_location that is one address */
	bool has_member, has_size, has_vaddr;
};

/* ---- bytes ---- */

static uint64_t get(struct cursor *c, size_t n)
{
	uint64_t value = 0;

	if ((size_t)(c->end - c->at) < n) {
		c->bad = true;
		c->at = c->end;
		return 0;
	}
	memcpy(&value, c->at, n);
	c->at += n;
	return value;
}

static void skip(struct cursor *c, uint64_t n)
{
	if ((uint64_t)(c->end - c->at) < n) {
		c->bad = true;
		n = (uint64_t)(c->end - c->at);
	}
	c->at += n;
}

static uint64_t get_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint64_t byte = get(c, 1);

		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;
	return 0;
}

static const char *get_string(struct cursor *c)
{
	const char *text = (const char *)c->at;
	const void *nul = memchr(c->at, 0, (size_t)(c->end - c->at));

	if (!nul) {
		c->bad = true;
		c->at = c->end;
		return NULL;
	}
	c->at = (const unsigned char *)nul + 1;
	return text;
}

/* ---- sections ---- */

/* Inflate .debug_info up to an offset. */
static int need(struct dwarf *d, uint64_t end)
{
	if (end > d->cap)
		return d->cap == DWARF_INFO_MAX ? -EFBIG : -EBADMSG;
	while (d->len < end) {
		uint64_t want = d->cap - d->len < PIECE ? d->cap - d->len :
							  PIECE;
		ssize_t n = elf_stream_read(d->stream, d->info + d->len, want);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EBADMSG;
		d->len += (uint64_t)n;
	}
	return 0;
}

static int read_abbrevs(struct dwarf *d, const struct elf *e)
{
	own(elf_stream_closep) struct elf_stream *s = NULL;
	uint64_t size;
	int r = elf_stream_open(&s, e, ".debug_abbrev");

	if (r)
		return r;
	size = elf_stream_size(s);
	if (size > DWARF_ABBREV_MAX)
		return -EFBIG;
	d->abbrev_data = malloc(size + 1);
	if (!d->abbrev_data)
		return -ENOMEM;
	while (d->abbrev_len < size) {
		ssize_t n = elf_stream_read(s, d->abbrev_data + d->abbrev_len,
					    size - d->abbrev_len);

		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		d->abbrev_len += (uint64_t)n;
	}
	return 0;
}

int dwarf_open(struct dwarf **out, const struct elf *e)
{
	own(dwarf_freep) struct dwarf *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->steps_left = DWARF_STEPS_MAX;
	if ((r = elf_stream_open(&d->stream, e, ".debug_info")) ||
	    (r = read_abbrevs(d, e)))
		return r;
	d->cap = elf_stream_size(d->stream);
	if (d->cap > DWARF_INFO_MAX)
		d->cap = DWARF_INFO_MAX;
	/* The kernel gives the pages only as they are written. */
	d->info = malloc(d->cap + 1);
	d->abbrevs = calloc(CODES_MAX, sizeof(*d->abbrevs));
	if (!d->info || !d->abbrevs)
		return -ENOMEM;
	*out = take(d);
	return 0;
}

void dwarf_free(struct dwarf *d)
{
	if (!d)
		return;
	elf_stream_close(d->stream);
	free(d->info);
	free(d->abbrev_data);
	free(d->units);
	free(d->abbrevs);
	free(d->specs);
	free(d);
}

/* ---- units ---- */

static int keep_unit(struct dwarf *d, const struct unit *u)
{
	if (array_room(&d->units, d->unit_count, &d->unit_cap))
		return -ENOMEM;
	d->units[d->unit_count++] = *u;
	return 0;
}

/* The header's fields behind the length; moves to the first entry. */
static void parse_header(struct cursor *c, struct unit *u)
{
	uint64_t kind = DW_UT_compile;

	u->version = (uint8_t)get(c, 2);
	if (u->version >= 5) {
		kind = get(c, 1);
		u->address_size = (uint8_t)get(c, 1);
		u->abbrevs = get(c, u->offset_size);
	} else {
		u->abbrevs = get(c, u->offset_size);
		u->address_size = (uint8_t)get(c, 1);
	}
	if (kind == DW_UT_skeleton || kind == DW_UT_split_compile)
		skip(c, 8);
	else if (kind == DW_UT_type || kind == DW_UT_split_type)
		skip(c, 8u + u->offset_size);
}

/* Read the header at next_unit and inflate the whole unit. */
static int read_unit(struct dwarf *d)
{
	struct unit u = { .start = d->next_unit, .offset_size = 4 };
	struct cursor c;
	uint64_t len;
	int r;

	if (u.start >= d->cap)
		return d->cap == DWARF_INFO_MAX ? -EFBIG : -ENOENT;
	r = need(d, u.start + 4);
	if (r)
		return r;
	c = (struct cursor){ d->info + u.start, d->info + d->len, false };
	len = get(&c, 4);
	if (len == 0xffffffff) {
		u.offset_size = 8;
		r = need(d, u.start + 12);
		if (r)
			return r;
		c.end = d->info + d->len;
		len = get(&c, 8);
	}
	u.entries = (uint64_t)(c.at - d->info);
	if (len > d->cap || len > d->cap - u.entries)
		return d->cap == DWARF_INFO_MAX ? -EFBIG : -EBADMSG;
	u.end = u.entries + len;
	r = need(d, u.end);
	if (r)
		return r;
	c.end = d->info + u.end;
	parse_header(&c, &u);
	u.entries = (uint64_t)(c.at - d->info);
	if (c.bad)
		return -EBADMSG;
	d->next_unit = u.end;
	return keep_unit(d, &u);
}

/* The unit by number, its header read if need be. -ENOENT: no more. */
static int unit_at(struct dwarf *d, size_t i, struct unit *out)
{
	while (i >= d->unit_count) {
		int r = read_unit(d);

		if (r)
			return r;
	}
	*out = d->units[i];
	return 0;
}

/* The unit an entry lies in. */
static int unit_of(struct dwarf *d, uint64_t offset, struct unit *out)
{
	size_t low = 0, high;

	while (d->next_unit <= offset) {
		int r = read_unit(d);

		if (r)
			return r == -ENOENT ? -EBADMSG : r;
	}
	high = d->unit_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (d->units[middle].start <= offset)
			low = middle;
		else
			high = middle;
	}
	*out = d->units[low];
	return offset < out->entries ? -EBADMSG : 0;
}

/* ---- abbreviations ---- */

static int keep_spec(struct dwarf *d, uint64_t name, uint64_t form)
{
	if (name > UINT16_MAX || form > UINT16_MAX)
		return -EBADMSG;
	if (d->spec_count == SPECS_MAX)
		return -EFBIG;
	if (array_room(&d->specs, d->spec_count, &d->spec_cap))
		return -ENOMEM;
	d->specs[d->spec_count++] =
		(struct spec){ (uint16_t)name, (uint16_t)form };
	return 0;
}

static int parse_abbrev(struct dwarf *d, struct cursor *c, struct abbrev *a)
{
	uint64_t name, form;
	int r;

	a->tag = (uint16_t)get_uleb(c);
	a->children = get(c, 1) == DW_CHILDREN_yes;
	a->first = (uint32_t)d->spec_count;
	for (;;) {
		name = get_uleb(c);
		form = get_uleb(c);
		if (form == DW_FORM_implicit_const)
			get_uleb(c); /* no attribute of ours uses it */
		d->steps_left--;
		if (c->bad || d->steps_left < 0)
			return c->bad ? -EBADMSG : -EFBIG;
		if (name == 0 && form == 0)
			break;
		r = keep_spec(d, name, form);
		if (r)
			return r;
	}
	a->count = (uint32_t)d->spec_count - a->first;
	a->known = true;
	return 0;
}

static int load_table(struct dwarf *d, uint64_t offset)
{
	struct cursor c = { d->abbrev_data, d->abbrev_data + d->abbrev_len,
			    false };

	if (d->table_valid && d->table_offset == offset)
		return 0;
	memset(d->abbrevs, 0, d->code_count * sizeof(*d->abbrevs));
	d->code_count = d->spec_count = 0;
	d->table_valid = false;
	skip(&c, offset);
	for (;;) {
		uint64_t code = get_uleb(&c);
		int r;

		if (c.bad)
			return -EBADMSG;
		if (code == 0)
			break;
		if (code >= CODES_MAX)
			return -EFBIG;
		if (code >= d->code_count)
			d->code_count = code + 1;
		r = parse_abbrev(d, &c, &d->abbrevs[code]);
		if (r)
			return r;
	}
	d->table_offset = offset;
	d->table_valid = true;
	return 0;
}

/* ---- attributes ---- */

struct value {
	uint64_t number;
	const char *text;            /* DW_FORM_string */
	const unsigned char *block;  /* of number bytes */
	bool constant, reference;    /* what number is */
};

static void get_block(struct cursor *c, uint64_t len, struct value *v)
{
	v->block = c->at;
	v->number = len;
	skip(c, len);
}

/* The bytes that forms of a fixed width take; 0: another kind of form. */
static size_t fixed_width(uint64_t form, const struct unit *u)
{
	switch (form) {
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_ref1:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_addr:
		return u->address_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
		return u->offset_size;
	case DW_FORM_ref_addr:
		/* DWARF 2 took the size of an address. */
		return u->version <= 2 ? u->address_size : u->offset_size;
	default:
		return 0;
	}
}

static int get_varied(struct cursor *c, uint64_t form, struct value *v)
{
	switch (form) {
	case DW_FORM_string:
		v->text = get_string(c);
		return 0;
	case DW_FORM_block1:
		get_block(c, get(c, 1), v);
		return 0;
	case DW_FORM_block2:
		get_block(c, get(c, 2), v);
		return 0;
	case DW_FORM_block4:
		get_block(c, get(c, 4), v);
		return 0;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		get_block(c, get_uleb(c), v);
		return 0;
	case DW_FORM_data16:
		skip(c, 16);
		return 0;
	case DW_FORM_udata:
		v->number = get_uleb(c);
		v->constant = true;
		return 0;
	case DW_FORM_sdata: /* nothing negative is of use here */
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
		v->number = get_uleb(c);
		return 0;
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int get_value(struct cursor *c, uint64_t form, const struct unit *u,
		     struct value *v)
{
	size_t width;
	int r = 0;

	*v = (struct value){ 0 };
	if (form == DW_FORM_indirect) {
		form = get_uleb(c);
		if (form == DW_FORM_indirect)
			return -EBADMSG;
	}
	width = fixed_width(form, u);
	if (width > 8)
		return -EBADMSG;
	if (width) {
		v->number = get(c, width);
		v->constant = form == DW_FORM_data1 || form == DW_FORM_data2 ||
			      form == DW_FORM_data4 || form == DW_FORM_data8;
	} else {
		r = get_varied(c, form, v);
	}
	v->reference = form == DW_FORM_ref_addr || form == DW_FORM_ref1 ||
		       form == DW_FORM_ref2 || form == DW_FORM_ref4 ||
		       form == DW_FORM_ref8 || form == DW_FORM_ref_udata;
	/* All but ref_addr count from the begin of the unit. */
	if (v->reference && form != DW_FORM_ref_addr &&
	    __builtin_add_overflow(v->number, u->start, &v->number))
		return -EBADMSG;
	return r ? r : c->bad ? -EBADMSG : 0;
}

static void note_attribute(struct entry *e, uint64_t name,
			   const struct value *v)
{
	switch (name) {
	case DW_AT_name:
		e->name = v->text;
		break;
	case DW_AT_type:
		e->type = v->reference ? v->number : 0;
		break;
	case DW_AT_data_member_location:
		e->has_member = v->constant;
		e->member = v->number;
		break;
	case DW_AT_byte_size:
		e->has_size = v->constant;
		e->size = v->number;
		break;
	case DW_AT_location:
		if (v->block && v->number == 9 && v->block[0] == DW_OP_addr) {
			e->has_vaddr = true;
			memcpy(&e->vaddr, v->block + 1, 8);
		}
		break;
	}
}

/* The entry at the cursor; tag 0: the end of a row of children. */
static int get_entry(struct dwarf *d, struct cursor *c, const struct unit *u,
		     struct entry *out)
{
	uint64_t code = get_uleb(c);
	const struct abbrev *a;

	*out = (struct entry){ 0 };
	if (c->bad)
		return -EBADMSG;
	d->steps_left--;
	if (code == 0)
		return 0;
	if (code >= d->code_count || !d->abbrevs[code].known)
		return -EBADMSG;
	a = &d->abbrevs[code];
	out->tag = a->tag;
	out->children = a->children;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct spec *s = &d->specs[a->first + i];
		struct value v;
		int r = get_value(c, s->form, u, &v);

		if (r)
			return r;
		if (--d->steps_left < 0)
			return -EFBIG;
		note_attribute(out, s->name, &v);
	}
	return d->steps_left < 0 ? -EFBIG : 0;
}

/* Begin at an entry of a unit, its table loaded. */
static int enter(struct dwarf *d, const struct unit *u, uint64_t offset,
		 struct cursor *c)
{
	*c = (struct cursor){ d->info + offset, d->info + u->end, false };
	return load_table(d, u->abbrevs);
}

/* ---- questions ---- */

static int note_variable(const struct entry *e, struct dwarf_variable *wanted,
			 size_t count)
{
	int found = 0;

	if (e->tag != DW_TAG_variable || !e->name || !e->has_vaddr || !e->type)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (wanted[i].found || strcmp(wanted[i].name, e->name) != 0)
			continue;
		wanted[i].vaddr = e->vaddr;
		wanted[i].type = e->type;
		wanted[i].found = true;
		found++;
	}
	return found;
}

/* All entries of one unit; *missing counts down. */
static int search_unit(struct dwarf *d, const struct unit *u, const char *name,
		       struct dwarf_variable *wanted, size_t count,
		       int *missing)
{
	struct cursor c;
	struct entry e;
	int r;

	if ((r = enter(d, u, u->entries, &c)) || (r = get_entry(d, &c, u, &e)))
		return r;
	if (!e.name || strcmp(e.name, name) != 0)
		return 0;
	while (*missing > 0 && c.at < c.end) {
		r = get_entry(d, &c, u, &e);
		if (r)
			return r;
		*missing -= note_variable(&e, wanted, count);
	}
	return 0;
}

int dwarf_find_variables(struct dwarf *d, const char *unit,
			 struct dwarf_variable *wanted, size_t count)
{
	int missing = (int)count;
	struct unit u;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		wanted[i].found = false;
	for (size_t i = 0; missing > 0 && !(r = unit_at(d, i, &u)); i++) {
		r = search_unit(d, &u, unit, wanted, count, &missing);
		/* Another producer's unit may use what we do not know. */
		if (r && r != -EOPNOTSUPP && r != -EBADMSG)
			return r;
	}
	if (r && r != -ENOENT && r != -EOPNOTSUPP && r != -EBADMSG)
		return r;
	return (int)count - missing;
}

static int read_entry(struct dwarf *d, dwarf_type type, struct unit *u,
		      struct cursor *c, struct entry *out)
{
	int r;

	if ((r = unit_of(d, type, u)) || (r = enter(d, u, type, c)))
		return r;
	return get_entry(d, c, u, out);
}

/* Through typedefs to the type itself. The cursor stands behind it. */
static int resolve(struct dwarf *d, dwarf_type type, struct unit *u,
		   struct cursor *c, struct entry *out)
{
	for (int i = 0; i < NESTING_MAX; i++) {
		int r = read_entry(d, type, u, c, out);

		if (r)
			return r;
		if (out->tag != DW_TAG_typedef &&
		    out->tag != DW_TAG_const_type &&
		    out->tag != DW_TAG_volatile_type)
			return 0;
		if (!out->type)
			return -ENOENT;
		type = out->type;
	}
	return -EBADMSG;
}

static bool has_name(const struct entry *e, const char *name, size_t len)
{
	return e->name && strncmp(e->name, name, len) == 0 &&
	       e->name[len] == '\0';
}

/* The direct member of a structure by name. */
static int find_member(struct dwarf *d, dwarf_type type, const char *name,
		       size_t len, struct entry *out)
{
	struct unit u;
	struct cursor c;
	struct entry e;
	int depth = 1;
	int r = resolve(d, type, &u, &c, &e);

	if (r)
		return r;
	if (e.tag != DW_TAG_structure_type || !e.children)
		return -ENOENT;
	while (depth > 0) {
		r = get_entry(d, &c, &u, &e);
		if (r)
			return r;
		if (depth == 1 && e.tag == DW_TAG_member &&
		    has_name(&e, name, len) && e.has_member && e.type) {
			*out = e;
			return 0;
		}
		depth += e.tag == 0 ? -1 : e.children;
	}
	return -ENOENT;
}

int dwarf_member(struct dwarf *d, dwarf_type type, const char *path,
		 uint64_t *offset, dwarf_type *member)
{
	uint64_t sum = 0;

	for (int i = 0; i < NESTING_MAX; i++) {
		size_t len = strcspn(path, ".");
		struct entry e;
		int r = find_member(d, type, path, len, &e);

		if (r)
			return r;
		if (__builtin_add_overflow(sum, e.member, &sum))
			return -EBADMSG;
		type = e.type;
		if (path[len] == '\0') {
			*offset = sum;
			*member = type;
			return 0;
		}
		path += len + 1;
	}
	return -EINVAL;
}

int dwarf_target(struct dwarf *d, dwarf_type type, dwarf_type *out)
{
	struct unit u;
	struct cursor c;
	struct entry e;
	int r = resolve(d, type, &u, &c, &e);

	if (r)
		return r;
	if ((e.tag != DW_TAG_pointer_type && e.tag != DW_TAG_array_type) ||
	    !e.type)
		return -ENOENT;
	*out = e.type;
	return 0;
}

int dwarf_size(struct dwarf *d, dwarf_type type, uint64_t *out)
{
	struct unit u;
	struct cursor c;
	struct entry e;
	int r = resolve(d, type, &u, &c, &e);

	if (r)
		return r;
	if (!e.has_size)
		return -ENOENT;
	*out = e.size;
	return 0;
}
