#pragma once
/*
 * config_priv.h - what the parts of the configuration share; config.c has the
 * table, config_file.c reads a file, config_rules.c what is a list or mapping.
 */
#include "config.h"
#include "document.h"

/* The row of "retention.age"; NULL: there is none. */
const struct config_key *config_key_find(const char *name);

/* Where the file sets it. */
struct config_place *config_place_of(struct config *c,
				     const struct config_key *key);

/* What a value of the type must be, in words. */
const char *config_wanted(enum config_type type);

/* -EINVAL with the problem when the node is of another kind. */
int config_expect(const struct node *n, enum node_kind kind, const char *name,
		  const char *wanted, struct problem *p);

/* A value from CONFIG_WATCH on; n is of its kind. */
int config_read_rules(struct config *c, enum config_type type,
		      const struct node *n, struct problem *p);
