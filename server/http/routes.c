#include <errno.h>
#include <string.h>

#include "route.h"

static const struct route routes[] = {
	{ "GET", "/", handle_root, true,
	  "This page; as JSON unless HTML is asked for" },
	{ "POST", "/query", handle_query, false,
	  "Grafana JSON data source: time series and tables" },
	{ "POST", "/metrics", handle_metric_list, false,
	  "Grafana JSON data source: metrics and their options" },
	{ "POST", "/metric-payload-options", handle_metric_options, false,
	  "Grafana JSON data source: choices of one option" },
	{ "POST", "/variable", handle_variable, false,
	  "Grafana JSON data source: values of a label, for variables" },
	{ "POST", "/tag-keys", handle_tag_keys, false,
	  "Grafana JSON data source: labels, for ad-hoc filters" },
	{ "POST", "/tag-values", handle_tag_values, false,
	  "Grafana JSON data source: values of a label, for ad-hoc filters" },
	{ "POST", "/search", handle_search, false,
	  "Grafana's older simple JSON data source: names of metrics" },
	{ "POST", "/annotations", handle_annotations, false,
	  "Grafana's older simple JSON data source: events" },
	{ "GET", "/metrics", handle_prometheus, false,
	  "All last values as Prometheus text or OpenMetrics, by Accept" },
	{ "GET", "/api/v1/series", handle_series, false,
	  "Values over time as flat rows: JSON, CSV or NDJSON" },
	{ "GET", "/api/v1/latest", handle_latest, false,
	  "The newest values, one row a series, for alert rules" },
	{ "GET", "/api/v1/events", handle_events, false,
	  "What happened, as rows" },
	{ "GET", "/api/v1/labels", handle_labels, true,
	  "Labels and their values, as rows" },
	{ "GET", "/api/v1/targets", handle_targets, false,
	  "Processes: watched or not, and why; labels, costs, missing "
	  "metrics" },
	{ "GET", "/api/v1/status", handle_status, false,
	  "Heapwatch itself: version, store, queue, probes, missing rights" },
	{ "GET", "/api/v1/maintenance", handle_maintenance, false,
	  "Planned maintenance under way" },
	{ "POST", "/api/v1/maintenance", handle_maintenance_start, false,
	  "Silence the states of services: {service, for, reason}" },
	{ "DELETE", "/api/v1/maintenance", handle_maintenance_end, false,
	  "End it early: ?service=" },
	{ "GET", "/-/healthy", handle_healthy, false,
	  "200 while rounds go on" },
	{ "GET", "/-/ready", handle_ready, false,
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
	for (size_t i = 0; i < q->param_count; i++) {
		if (strcmp(q->params[i].name, name) == 0)
			return q->params[i].value;
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
	a->slow = route->slow;
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
