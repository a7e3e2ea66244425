#include "scoped_vars.h"

#include <errno.h>
#include <string.h>

#include "common/labels.h"

/* The name in "$name", "${name}", "${name:csv}" or "[[name]]" as a whole;
 * empty for other text. */
static void variable_name(char out[LABEL_NAME_MAX + 1], const char *text)
{
	const char *close = "", *rest;
	size_t len;

	out[0] = '\0';
	if (strncmp(text, "${", 2) == 0)
		close = "}";
	else if (strncmp(text, "[[", 2) == 0)
		close = "]]";
	else if (*text != '$')
		return;
	text += *close ? 2 : 1;
	len = strspn(text,
		     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		     "0123456789_");
	if (len == 0 || len > LABEL_NAME_MAX)
		return;
	rest = text + len;
	if (*close && *rest == ':') /* a format, of which we need none */
		rest += strcspn(rest, "]}");
	if (strcmp(rest, close))
		return;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* What a variable that the client did not fill in stands for; NULL: it is no
 * variable, or nothing is known of it. */
static json_t *variable_value(const json_t *vars, const json_t *text)
{
	char name[LABEL_NAME_MAX + 1];

	if (!json_is_string(text))
		return NULL;
	variable_name(name, json_string_value(text));
	return *name ? json_object_get(json_object_get(vars, name), "value") :
		       NULL;
}

/* All variables of an object, one level deep, which is where parameters are;
 * several values of one go into the list they stand in. */
static int fill_list(json_t **out, const json_t *list, const json_t *vars)
{
	json_t *item;
	size_t i;
	int r = 0;

	*out = json_array();
	json_array_foreach(list, i, item)
	{
		json_t *value = variable_value(vars, item);

		if (json_is_array(value))
			r |= json_array_extend(*out, value);
		else
			r |= json_array_append(*out, value ? value : item);
	}
	return *out && !r ? 0 : -ENOMEM;
}

static int fill_variables(json_t *object, const json_t *vars)
{
	json_t *item, *list;
	const char *key;
	void *next;
	int r = 0;

	json_object_foreach_safe(object, next, key, item)
	{
		json_t *value = variable_value(vars, item);

		if (value)
			r = json_object_set(object, key, value);
		else if (json_is_array(item) &&
			 !(r = fill_list(&list, item, vars)))
			r = json_object_set_new(object, key, list);
		if (r)
			return -ENOMEM;
	}
	return 0;
}

int scoped_vars_fill(json_t *target, const json_t *vars)
{
	json_t *payload = json_object_get(target, "payload");
	int r = fill_variables(target, vars);

	return !r && json_is_object(payload) ? fill_variables(payload, vars) :
					       r;
}
