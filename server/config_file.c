/* The configuration file: keys, groups of keys, and what is wrong with them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/near.h"
#include "config_priv.h"

static enum node_kind value_kind(const struct config_key *key)
{
	return key->type < CONFIG_WATCH	      ? NODE_SCALAR :
	       key->type == CONFIG_THRESHOLDS ? NODE_MAPPING :
						NODE_LIST;
}

static int value_read(struct config *c, const struct config_key *key,
		      const struct node *n, struct problem *p)
{
	int r;

	if (n->kind == NODE_SCALAR && !n->text)
		return 0; /* "key:" with nothing behind it keeps the default */
	r = config_expect(n, value_kind(key), key->key,
			  config_wanted(key->type), p);
	if (r)
		return r;
	if (key->type >= CONFIG_WATCH)
		return config_read_rules(c, key->type, n, p);
	r = config_set(c, key, n->text, p);
	p->line = r ? n->line : 0;
	p->column = r ? n->column : 0;
	*config_place_of(c, key) = (struct config_place){ n->line, n->column };
	return r;
}

/* ---- one problem, or all ---- */

struct reading {
	struct config *config;
	struct problem *problem; /* the last one */
	void (*tell)(void *arg, const struct problem *p); /* NULL: stop */
	void *arg;
	size_t told;
};

static bool stands_at(const struct node *n, const struct problem *p)
{
	if (n->line == p->line && n->column == p->column)
		return true;
	if (n->key && stands_at(n->key, p))
		return true;
	for (const struct node *child = n->children; child; child = child->next) {
		if (stands_at(child, p))
			return true;
	}
	return false;
}

/* Take out the rule at fault; false: it is not one of them. */
static bool drop_rule(struct node *n, const struct problem *p)
{
	for (struct node **at = &n->children; *at; at = &(*at)->next) {
		own(node_freep) struct node *child = *at;

		if (stands_at(child, p)) {
			*at = child->next;
			child->next = NULL;
			return true;
		}
		(void)take(child);
	}
	return false;
}

/* Tell it, when all are wanted; then reading goes on. */
static int tell(struct reading *r, int err)
{
	if (err != -EINVAL || !r->tell)
		return err;
	r->tell(r->arg, r->problem);
	*r->problem = (struct problem){ 0 };
	r->told++;
	return 0;
}

/* A value of rules is read again without the one at fault, for what else is
 * wrong in it. */
static int key_read(struct reading *r, const struct config_key *key,
		    struct node *n)
{
	bool rules = key->type >= CONFIG_WATCH && n->kind == value_kind(key);
	int err = value_read(r->config, key, n, r->problem);

	while (err == -EINVAL && r->tell && rules) {
		struct problem why = *r->problem;

		tell(r, err);
		if (!drop_rule(n, &why))
			return 0;
		err = value_read(r->config, key, n, r->problem);
	}
	return tell(r, err);
}

/* Do keys begin with "name."? */
static bool is_group(const char *name)
{
	size_t len = strlen(name), count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		if (strncmp(keys[i].key, name, len) == 0 &&
		    keys[i].key[len] == '.')
			return true;
	}
	return false;
}

static const char *key_name(size_t i)
{
	size_t count;

	return config_keys(&count)[i].key;
}

static int unknown_key(const struct node *key, const char *name,
		       struct problem *p)
{
	char close[160];
	size_t count;

	if (config_key_find(name)) /* as messages and README name it */
		return node_problem(key, p,
				    "%s is written as a mapping: %.*s, and "
				    "below it %s",
				    name, (int)strcspn(name, "."), name,
				    strchr(name, '.') + 1);
	config_keys(&count);
	near_names(name, key_name, count, close, sizeof(close));
	return node_problem(key, p, "unknown key %s; %s%s", name,
			    *close ? "close to it: " : "\"heapwatch serve "
						      "--help\" lists all",
			    close);
}

static int mapping_read(struct reading *r, const char *group, struct node *n);

/* "retention:" with its keys below it. */
static int group_read(struct reading *r, const char *name, struct node *n)
{
	int err;

	if (n->kind == NODE_SCALAR && !n->text)
		return 0;
	err = config_expect(n, NODE_MAPPING, name, "a mapping", r->problem);
	return err ? tell(r, err) : mapping_read(r, name, n);
}

static int mapping_read(struct reading *r, const char *group, struct node *n)
{
	int err = 0;

	for (struct node *f = n->children; f && !err; f = f->next) {
		const struct config_key *key;
		char name[96];

		snprintf(name, sizeof(name), "%s%s%.64s", group,
			 *group ? "." : "", f->key->text);
		key = config_key_find(name);
		if (!*group && is_group(name))
			err = group_read(r, name, f);
		else if (key && (*group || !strchr(f->key->text, '.')))
			err = key_read(r, key, f);
		else
			err = tell(r, unknown_key(f->key, name, r->problem));
	}
	return err;
}

static int file_problem(struct problem *p, int r, const char *what)
{
	char text[128];

	problem_set(p, PROBLEM_USAGE, "%s: %s", what,
		    strerror_r(-r, text, sizeof(text)));
	return r;
}

static int file_read(struct reading *r, const char *path)
{
	own(node_freep) struct node *root = NULL;
	struct problem *p = r->problem;
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return file_problem(p, -errno, "cannot be opened");
	err = document_read(&root, file, p);
	fclose(file);
	if (err && err != -EINVAL)
		return file_problem(p, err, "cannot be read");
	r->config->from_file = true;
	if (err || !root || (root->kind == NODE_SCALAR && !root->text))
		return err;
	err = config_expect(root, NODE_MAPPING, "the file", "keys and values", p);
	return err ? err : mapping_read(r, "", root);
}

int config_read(struct config *c, const char *path, struct problem *p)
{
	return file_read(&(struct reading){ .config = c, .problem = p }, path);
}

size_t config_examine(struct config *c, const char *path,
		      void (*tell_one)(void *arg, const struct problem *p),
		      void *arg)
{
	struct problem p = { 0 };
	struct reading r = { .config = c,
			     .problem = &p,
			     .tell = tell_one,
			     .arg = arg };
	int err = file_read(&r, path);

	if (err) {
		if (p.code == PROBLEM_NONE)
			file_problem(&p, err, "cannot be read");
		tell_one(arg, &p);
	}
	return r.told + (err != 0);
}
