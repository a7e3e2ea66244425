#include <errno.h>
#include <string.h>

#include "route.h"

static const struct route routes[] = {
	{ "GET", "/", handle_root,
	  "This page; as JSON unless HTML is asked for" },
	{ "POST", "/query", handle_query,
	  "Grafana JSON data source: time series and tables" },
	{ "POST", "/metrics", handle_metric_list,
	  "Grafana JSON data source: metrics and their options" },
	{ "POST", "/metric-payload-options", handle_metric_options,
	  "Grafana JSON data source: choices of one option" },
	{ "POST", "/variable", handle_variable,
	  "Grafana JSON data source: values of a label, for variables" },
	{ "POST", "/tag-keys", handle_tag_keys,
	  "Grafana JSON data source: labels, for ad-hoc filters" },
	{ "POST", "/tag-values", handle_tag_values,
	  "Grafana JSON data source: values of a label, for ad-hoc filters" },
	{ "GET", "/metrics", handle_prometheus,
	  "All last values as Prometheus text" },
	{ "GET", "/api/v1/targets", handle_targets,
	  "Processes: watched or not, and why; labels, costs, missing "
	  "metrics" },
	{ "GET", "/api/v1/status", handle_status,
	  "Heapwatch itself: version, store, queue, probes, missing rights" },
	{ "GET", "/api/v1/events", handle_events,
	  "What happened: from, to, kind, and labels to match" },
	{ "GET", "/api/v1/maintenance", handle_maintenance,
	  "Planned maintenance under way" },
	{ "POST", "/api/v1/maintenance", handle_maintenance_start,
	  "Silence the states of services: {service, for, reason}" },
	{ "DELETE", "/api/v1/maintenance", handle_maintenance_end,
	  "End it early: ?service=" },
	{ "GET", "/-/healthy", handle_healthy, "200 while the server answers" },
	{ "GET", "/-/ready", handle_ready,
	  "200 once the first round over all processes is done" },
};

/* Allow of each path, by its methods: GET, POST, DELETE. */
static const char *const allowed[] = {
	NULL,
	"GET, HEAD, OPTIONS",
	"POST, OPTIONS",
	"GET, HEAD, POST, OPTIONS",
	"DELETE, OPTIONS",
	"GET, HEAD, DELETE, OPTIONS",
	"POST, DELETE, OPTIONS",
	"GET, HEAD, POST, DELETE, OPTIONS",
};

static int method_bit(const char *method)
{
	return strcmp(method, "GET") == 0  ? 1 :
	       strcmp(method, "POST") == 0 ? 2 :
					     4;
}

const char *request_arg(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->arg_count; i++) {
		if (strcmp(q->args[i].name, name) == 0)
			return q->args[i].value;
	}
	return NULL;
}

const struct route *routes_all(size_t *count)
{
	*count = ARRAY_SIZE(routes);
	return routes;
}

int path_clean(char *out, size_t len, const char *path)
{
	size_t count = 0;

	for (; *path; path++) {
		if (*path == '/' && count && out[count - 1] == '/')
			continue;
		if (count + 1 >= len)
			return -ENAMETOOLONG;
		out[count++] = *path;
	}
	if (count > 1 && out[count - 1] == '/')
		count--;
	out[count] = '\0';
	return 0;
}

/* The route; NULL when there is none, with what the path does allow. */
static const struct route *route_find(const char *method, const char *path,
				      const char **allow)
{
	bool head = strcmp(method, "HEAD") == 0;
	const struct route *found = NULL;
	int methods = 0;

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(routes[i].path, path))
			continue;
		methods |= method_bit(routes[i].method);
		if (strcmp(routes[i].method, head ? "GET" : method) == 0)
			found = &routes[i];
	}
	*allow = allowed[methods];
	return found;
}

static int route_problem(const struct request *q, struct reply *a,
			 struct problem *p)
{
	if (a->allow)
		return problem_set(p, PROBLEM_WRONG_METHOD,
				   "%.100s does not take %.20s, but %s",
				   q->path, q->method, a->allow);
	return problem_set(p, PROBLEM_UNKNOWN_PATH,
			   "nothing is at %.100s; GET / lists what there is",
			   q->path);
}

static int dispatch(const struct request *q, struct reply *a, struct problem *p)
{
	const struct route *route = route_find(q->method, q->path, &a->allow);
	int r;

	if (!route && a->allow && strcmp(q->method, "OPTIONS") == 0) {
		a->status = 204;
		return 0;
	}
	if (!route)
		return route_problem(q, a, p);
	a->allow = NULL;
	a->status = 200;
	a->type = "application/json";
	r = route->handle(q, a, p);
	return r ? r : buf_error(&a->body);
}

void routes_answer(const struct request *q, struct reply *a)
{
	struct problem p = { 0 };
	int r = dispatch(q, a, &p);

	if (r && p.code == PROBLEM_NONE)
		problem_set(&p, PROBLEM_INTERNAL, "%s", strerror(-r));
	if (r)
		reply_problem(a, &p);
	if (buf_error(&a->body)) {
		buf_reset(&a->body);
		a->status = 500;
	}
}
