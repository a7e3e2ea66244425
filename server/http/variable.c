#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "body.h"
#include "conditions.h"
#include "route.h"

static void put_variable(struct json *j, const char *text)
{
	json_begin_object(j);
	json_put_string(j, "__text", text);
	json_put_string(j, "__value", text);
	json_end(j);
}

static void put_metrics(struct json *j)
{
	json_begin_array(j);
	for (int m = 0; m < METRIC_COUNT; m++)
		put_variable(j, metric_info((enum metric)m)->name);
	json_end(j);
}

/* What a person may write for a label: "nodes" means node. */
static void singular(char out[LABEL_NAME_MAX + 1], const char *word)
{
	static const char *const plurals[] = {
		"nodes", "services", "instances", "runtimes", "pids",
		"sites", "areas",    "lines",	  "kinds",    "pools"
	};

	snprintf(out, LABEL_NAME_MAX + 1, "%s", word);
	for (size_t i = 0; i < ARRAY_SIZE(plurals); i++) {
		if (strcmp(plurals[i], out) == 0)
			out[strlen(out) - 1] = '\0';
	}
}

/* The payload: an object with target, or the target alone as text. */
static int read_target(const json_t *body, const json_t **payload,
		       const char **target, struct problem *p)
{
	*payload = json_object_get(body, "payload");
	if (!*payload)
		*payload = body;
	*target =
		json_is_string(*payload) ?
			json_string_value(*payload) :
			json_string_value(json_object_get(*payload, "target"));
	if (!*target || !**target)
		return problem_set(p, PROBLEM_EMPTY_TARGET,
				   "payload.target is empty: name a label "
				   "(service, node, ...) or \"metrics\"");
	if (strlen(*target) > LABEL_NAME_MAX)
		return problem_set(p, PROBLEM_BAD_REQUEST,
				   "payload.target is no name of a label");
	return 0;
}

int handle_variable(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(matcher_list_fini) struct matcher_list matchers = { 0 };
	struct json j = json_writer(&a->body);
	char label[LABEL_NAME_MAX + 1];
	const json_t *payload;
	const char *target;
	int r;

	if ((r = body_parse(&body, q->body, q->body_len, p)) ||
	    (r = read_target(body, &payload, &target, p)))
		return r;
	if (strcmp(target, "metrics") == 0 || strcmp(target, "metric") == 0) {
		put_metrics(&j);
		return 0;
	}
	singular(label, target);
	if (!label_name_valid(label))
		return problem_set(
			p, PROBLEM_BAD_REQUEST,
			"payload.target: \"%s\" is no name of a label", target);
	if (payload != body && json_is_object(payload))
		r = matchers_add_payload(&matchers, payload, p);
	return r ? r : put_label_values(&j, q, label, &matchers,
					put_variable, p);
}
