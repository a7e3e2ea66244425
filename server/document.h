#pragma once
/*
 * document.h - a YAML file as a small tree that knows where each piece stood.
 *
 * Mappings, lists and scalars only: anchors, aliases, tags, several documents
 * in one file, duplicate keys, deep nesting and large files are refused, so
 * no file can grow in memory beyond its own size.
 */
#include <stddef.h>
#include <stdio.h>

#include "common/own.h"
#include "common/problem.h"

#define DOCUMENT_BYTES_MAX   (1024 * 1024)
#define DOCUMENT_DEPTH_MAX   8
#define DOCUMENT_ENTRIES_MAX 1000 /* of one mapping or list */

enum node_kind { NODE_SCALAR, NODE_MAPPING, NODE_LIST };

struct node {
	enum node_kind kind;
	int line, column; /* from 1 */
	char *text;       /* of a scalar; owned; NULL for "", ~ and null */
	struct node *key; /* owned; in a mapping, a scalar */
	struct node *children; /* owned; the first */
	struct node *next;     /* owned; in the same mapping or list */
};

/*
 * Read a whole document; an empty one is NULL. What is malformed fills the
 * problem with line and column and is -EINVAL; -EIO, -EFBIG, -ENOMEM.
 */
int document_read(struct node **out, FILE *file, struct problem *p);
void node_free(struct node *n);
OWN_DEFINE(struct node *, node_free)

/* Fill the problem with the place of this node, and return -EINVAL. */
int node_problem(const struct node *n, struct problem *p, const char *format,
		 ...) __attribute__((format(printf, 3, 4)));
