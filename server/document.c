#include "document.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t yaml;
	struct problem *problem;
};

static inline void event_fini(yaml_event_t *e)
{
	yaml_event_delete(e);
}

/* A long list must not become a deep recursion. */
void node_free(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		node_free(n->children);
		node_free(n->key);
		free(n->text);
		free(n);
		n = next;
	}
}

static int problem_at(struct problem *p, size_t line, size_t column)
{
	p->line = (int)line + 1;
	p->column = (int)column + 1;
	return -EINVAL;
}

int node_problem(const struct node *n, struct problem *p, const char *format,
		 ...)
{
	va_list args;

	va_start(args, format);
	problem_vset(p, PROBLEM_USAGE, format, args);
	va_end(args);
	p->line = n->line;
	p->column = n->column;
	return -EINVAL;
}

static int event_problem(struct reader *r, const yaml_event_t *e,
			 const char *text)
{
	problem_set(r->problem, PROBLEM_USAGE, "%s", text);
	return problem_at(r->problem, e->start_mark.line, e->start_mark.column);
}

static int yaml_problem(struct reader *r)
{
	const yaml_parser_t *y = &r->yaml;

	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	problem_set(r->problem, PROBLEM_USAGE, "%s%s%s",
		    y->problem ? y->problem : "not YAML",
		    y->context ? ", " : "", y->context ? y->context : "");
	if (y->error == YAML_READER_ERROR) /* no mark there */
		return problem_at(r->problem, y->mark.line, y->mark.column);
	return problem_at(r->problem, y->problem_mark.line,
			  y->problem_mark.column);
}

/* The next event; anchors and tags are refused wherever they stand. */
static int next_event(struct reader *r, yaml_event_t *out)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (!yaml_parser_parse(&r->yaml, out))
		return yaml_problem(r);
	if (out->type == YAML_ALIAS_EVENT)
		return event_problem(r, out, "aliases are not allowed here");
	if (out->type == YAML_SCALAR_EVENT) {
		anchor = out->data.scalar.anchor;
		tag = out->data.scalar.tag;
	} else if (out->type == YAML_MAPPING_START_EVENT) {
		anchor = out->data.mapping_start.anchor;
		tag = out->data.mapping_start.tag;
	} else if (out->type == YAML_SEQUENCE_START_EVENT) {
		anchor = out->data.sequence_start.anchor;
		tag = out->data.sequence_start.tag;
	}
	if (anchor)
		return event_problem(r, out, "anchors are not allowed here");
	if (tag)
		return event_problem(r, out, "tags are not allowed here");
	return 0;
}

static bool scalar_is_null(const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;

	return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static int node_new(struct node **out, const yaml_event_t *e,
		    enum node_kind kind)
{
	own(node_freep) struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->line = (int)e->start_mark.line + 1;
	n->column = (int)e->start_mark.column + 1;
	if (kind == NODE_SCALAR && !scalar_is_null(e)) {
		n->text = strdup((const char *)e->data.scalar.value);
		if (!n->text)
			return -ENOMEM;
	}
	*out = take(n);
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *e, unsigned depth,
		     struct node **out);

static int read_key(struct reader *r, const yaml_event_t *e,
		    const struct node *mapping, struct node **out)
{
	own(node_freep) struct node *key = NULL;
	int err;

	if (e->type != YAML_SCALAR_EVENT)
		return event_problem(r, e, "a key must be a word");
	if (strlen((const char *)e->data.scalar.value) != e->data.scalar.length)
		return event_problem(r, e, "a key must not contain NUL");
	err = node_new(&key, e, NODE_SCALAR);
	if (err)
		return err;
	if (!key->text)
		return event_problem(r, e, "a key is missing");
	for (const struct node *n = mapping->children; n; n = n->next) {
		if (strcmp(n->key->text, key->text) == 0)
			return node_problem(
				key, r->problem,
				"%.64s is given twice, first in line %d",
				key->text, n->key->line);
	}
	*out = take(key);
	return 0;
}

/* Children up to the event that ends this mapping or list. */
static int read_children(struct reader *r, struct node *parent, unsigned depth)
{
	struct node **tail = &parent->children;

	for (int count = 0;; count++) {
		own(event_fini) yaml_event_t e = { 0 };
		own(event_fini) yaml_event_t value = { 0 };
		own(node_freep) struct node *key = NULL;
		int err;

		err = next_event(r, &e);
		if (err || e.type == YAML_MAPPING_END_EVENT ||
		    e.type == YAML_SEQUENCE_END_EVENT)
			return err;
		if (count == DOCUMENT_ENTRIES_MAX)
			return event_problem(r, &e, "too many entries");
		if (parent->kind == NODE_MAPPING &&
		    ((err = read_key(r, &e, parent, &key)) ||
		     (err = next_event(r, &value))))
			return err;
		err = read_node(r, key ? &value : &e, depth, tail);
		if (err)
			return err;
		(*tail)->key = take(key);
		tail = &(*tail)->next;
	}
}

static int read_node(struct reader *r, const yaml_event_t *e, unsigned depth,
		     struct node **out)
{
	own(node_freep) struct node *n = NULL;
	enum node_kind kind = e->type == YAML_SCALAR_EVENT ? NODE_SCALAR :
			      e->type == YAML_MAPPING_START_EVENT ?
							     NODE_MAPPING :
							     NODE_LIST;
	int err;

	if (depth >= DOCUMENT_DEPTH_MAX)
		return event_problem(r, e, "nested too deeply");
	if (kind == NODE_SCALAR &&
	    strlen((const char *)e->data.scalar.value) != e->data.scalar.length)
		return event_problem(r, e, "a value must not contain NUL");
	err = node_new(&n, e, kind);
	if (!err && kind != NODE_SCALAR)
		err = read_children(r, n, depth + 1);
	if (err)
		return err;
	*out = take(n);
	return 0;
}

/* What follows the first document: its end and the stream's, or an error. */
static int read_end(struct reader *r)
{
	for (;;) {
		own(event_fini) yaml_event_t e = { 0 };
		int err = next_event(r, &e);

		if (err || e.type == YAML_STREAM_END_EVENT)
			return err;
		if (e.type == YAML_DOCUMENT_START_EVENT)
			return event_problem(r, &e,
					     "only one document is allowed");
	}
}

static int read_document(struct reader *r, struct node **out)
{
	for (;;) {
		own(event_fini) yaml_event_t e = { 0 };
		int err = next_event(r, &e);

		if (err || e.type == YAML_STREAM_END_EVENT)
			return err;
		if (e.type == YAML_STREAM_START_EVENT ||
		    e.type == YAML_DOCUMENT_START_EVENT)
			continue;
		err = read_node(r, &e, 0, out);
		return err ? err : read_end(r);
	}
}

/* All bytes of the file; the caller frees. */
static int read_bytes(FILE *file, char **out, size_t *len)
{
	own(freep) char *data = malloc(DOCUMENT_BYTES_MAX + 1);

	if (!data)
		return -ENOMEM;
	errno = EIO; /* unless it says why */
	*len = fread(data, 1, DOCUMENT_BYTES_MAX + 1, file);
	if (ferror(file))
		return -errno;
	if (*len > DOCUMENT_BYTES_MAX)
		return -EFBIG;
	*out = take(data);
	return 0;
}

int document_read(struct node **out, FILE *file, struct problem *p)
{
	own(freep) char *data = NULL;
	own(node_freep) struct node *root = NULL;
	struct reader r = { .problem = p };
	size_t len;
	int err;

	err = read_bytes(file, &data, &len);
	if (err)
		return err;
	if (!yaml_parser_initialize(&r.yaml))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)data, len);
	err = read_document(&r, &root);
	yaml_parser_delete(&r.yaml);
	if (err)
		return err;
	*out = take(root);
	return 0;
}
