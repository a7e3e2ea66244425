#include <errno.h>
#include <string.h>

#include "body.h"
#include "conditions.h"
#include "route.h"

static void put_key(struct json *j, const char *name)
{
	json_begin_object(j);
	json_put_string(j, "type", "string");
	json_put_string(j, "text", name);
	json_put_string(j, "value", name);
	json_end(j);
}

int handle_tag_keys(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(view_closep) struct view *view = NULL;
	struct json j = json_writer(&a->body);
	char **names = NULL;
	size_t count = 0;
	int r;

	if ((r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = site_view(&view, q->site, p)) ||
	    (r = query_label_names(view, NULL, 0, &names, &count)))
		return r;
	json_begin_array(&j);
	for (size_t i = 0; i < count; i++)
		put_key(&j, names[i]);
	json_end(&j);
	strings_free(names, count);
	return 0;
}

static void put_value(struct json *j, const char *value)
{
	json_begin_object(j);
	json_put_string(j, "text", value);
	json_put_string(j, "value", value);
	json_end(j);
}

int put_label_values(struct json *j, const struct request *q,
		     const char *label, const struct matcher_list *l,
		     void (*put)(struct json *j, const char *value),
		     struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	char **values = NULL;
	size_t count = 0;
	int r = site_view(&view, q->site, p);

	if (r)
		return r;
	r = query_label_values(view, label, l->items, l->count, &values,
			       &count);
	if (r)
		return r;
	json_begin_array(j);
	for (size_t i = 0; i < count; i++)
		put(j, values[i]);
	json_end(j);
	strings_free(values, count);
	return 0;
}

/* The other filters narrow the choice; one on the same key would leave only
 * itself. */
static int other_filters(struct matcher_list *l, const json_t *filters,
			 const char *key, struct problem *p)
{
	own(json_decrefp) json_t *others = json_array();
	json_t *filter;
	size_t i;

	if (!others)
		return -ENOMEM;
	if (filters && !json_is_null(filters) && !json_is_array(filters))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "filters must be a list");
	json_array_foreach(filters, i, filter)
	{
		const char *name =
			json_string_value(json_object_get(filter, "key"));

		if (name && strcmp(name, key) == 0)
			continue;
		if (json_array_append(others, filter))
			return -ENOMEM;
	}
	return matchers_add_filters(l, others, p);
}

int handle_tag_values(const struct request *q, struct reply *a,
		      struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(matcher_list_fini) struct matcher_list matchers = { 0 };
	struct json j = json_writer(&a->body);
	const char *key;
	int r;

	r = body_parse(&body, q->body, q->body_len, p);
	if (r)
		return r;
	key = json_string_value(json_object_get(body, "key"));
	if (!key || !label_name_valid(key))
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "key must be the name of a label");
	r = other_filters(&matchers, json_object_get(body, "filters"), key, p);
	return r ? r : put_label_values(&j, q, key, &matchers, put_value, p);
}
