#pragma once
/*
 * conditions.h - conditions on labels in the forms in which clients send
 * them: parameters of a payload, Grafana's filters, text.
 */
#include <jansson.h>
#include <stdbool.h>

#include "matcher_list.h"

/* label: value(s), tolerant; none or "all" adds nothing. */
int matchers_add_value(struct matcher_list *l, const char *label,
		       const json_t *value, struct problem *p);

/* Grafana's ad-hoc filters: [{key, operator, value, values}]; NULL is none. */
int matchers_add_filters(struct matcher_list *l, const json_t *filters,
			 struct problem *p);

/*
 * Conditions as text, {service=~"scada.*", node!="gw-2"}: braces and quotes
 * may be left out, commas or newlines stand between them.
 */
int matchers_add_text(struct matcher_list *l, const char *text,
		      struct problem *p);

/* Every key of a payload that is no option is a label to match. */
int matchers_add_payload(struct matcher_list *l, const json_t *payload,
			 struct problem *p);

/* Is it a word with a meaning of its own in a payload, not a label? */
bool payload_reserved(const char *key);
