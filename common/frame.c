#include "frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "array.h"

static int cells_new(struct cells **out, enum field_type type)
{
	struct cells *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->references = 1;
	c->type = type;
	*out = c;
	return 0;
}

static void cells_unref(struct cells *c)
{
	if (!c || --c->references > 0)
		return;
	if (c->type == FIELD_STRING) {
		for (size_t i = 0; i < c->count; i++)
			free(c->string[i]);
	}
	free(c->f64);
	free(c->valid);
	free(c);
}

static size_t cell_size(enum field_type type)
{
	switch (type) {
	case FIELD_TIME_MS:
	case FIELD_I64:
		return sizeof(int64_t);
	case FIELD_F64:
		return sizeof(double);
	case FIELD_BOOL:
		return sizeof(bool);
	case FIELD_STRING:
		return sizeof(char *);
	}
	return 0;
}

static int cells_room(struct cells *c)
{
	size_t cap = c->cap ? c->cap * 2 : 16;
	void *values;
	uint8_t *valid;

	if (c->count < c->cap)
		return 0;
	values = realloc(c->f64, cap * cell_size(c->type));
	if (!values)
		return -ENOMEM;
	c->f64 = values;
	valid = realloc(c->valid, cap / 8);
	if (!valid)
		return -ENOMEM;
	memset(valid + c->cap / 8, 0, (cap - c->cap) / 8);
	c->valid = valid;
	c->cap = cap;
	return 0;
}

static void mark_valid(struct cells *c)
{
	c->valid[c->count / 8] |= (uint8_t)(1u << (c->count % 8));
	c->count++;
}

int cells_add_f64(struct cells *c, double value)
{
	if (cells_room(c))
		return -ENOMEM;
	c->f64[c->count] = value;
	mark_valid(c);
	return 0;
}

int cells_add_i64(struct cells *c, int64_t value)
{
	if (cells_room(c))
		return -ENOMEM;
	c->i64[c->count] = value;
	mark_valid(c);
	return 0;
}

int cells_add_bool(struct cells *c, bool value)
{
	if (cells_room(c))
		return -ENOMEM;
	c->boolean[c->count] = value;
	mark_valid(c);
	return 0;
}

int cells_add_string(struct cells *c, const char *value)
{
	char *copy = strdup(value);

	if (!copy || cells_room(c)) {
		free(copy);
		return -ENOMEM;
	}
	c->string[c->count] = copy;
	mark_valid(c);
	return 0;
}

int cells_add_null(struct cells *c)
{
	if (cells_room(c))
		return -ENOMEM;
	memset((char *)c->f64 + c->count * cell_size(c->type), 0,
	       cell_size(c->type));
	c->count++;
	c->null_count++;
	return 0;
}

int frame_new(struct frame **out, const char *ref_id, const char *name,
	      enum frame_type type)
{
	own(frame_freep) struct frame *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->type = type;
	f->ref_id = strdup(ref_id);
	f->name = strdup(name);
	if (!f->ref_id || !f->name)
		return -ENOMEM;
	*out = take(f);
	return 0;
}

static void field_fini(struct field *field)
{
	free(field->name);
	free(field->unit);
	free(field->display_name);
	labels_fini(&field->labels);
	cells_unref(field->cells);
}

void frame_free(struct frame *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->field_count; i++)
		field_fini(&f->fields[i]);
	for (size_t i = 0; i < f->notice_count; i++)
		free(f->notices[i].text);
	free(f->fields);
	free(f->notices);
	free(f->ref_id);
	free(f->name);
	free(f);
}

int frame_add_field(struct frame *f, struct field **out, const char *name,
		    enum field_type type, struct cells *shared)
{
	struct field field = { .cells = shared };

	if (array_room(&f->fields, f->field_count, &f->field_cap))
		return -ENOMEM;
	field.name = strdup(name);
	if (!field.name)
		return -ENOMEM;
	if (shared) {
		shared->references++;
	} else if (cells_new(&field.cells, type)) {
		free(field.name);
		return -ENOMEM;
	}
	f->fields[f->field_count++] = field;
	*out = &f->fields[f->field_count - 1];
	return 0;
}

int frame_add_column(struct frame *f, const char *name, enum field_type type,
		     const char *unit)
{
	struct field *field;
	int r = frame_add_field(f, &field, name, type, NULL);

	if (r || !unit)
		return r;
	field->unit = strdup(unit);
	return field->unit ? 0 : -ENOMEM;
}

int frame_notice(struct frame *f, enum notice_severity severity,
		 const char *format, ...)
{
	char text[300];
	va_list args;
	char *copy;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	copy = strdup(text);
	if (!copy || array_room(&f->notices, f->notice_count, &f->notice_cap)) {
		free(copy);
		return -ENOMEM;
	}
	f->notices[f->notice_count++] = (struct notice){ severity, copy };
	return 0;
}
