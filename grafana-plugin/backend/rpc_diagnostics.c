/*
 * Diagnostics: CheckHealth asks the server how it is, as the test button of
 * the data source does; CollectMetrics tells of this program itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/json.h"
#include "common/json_span.h"

#include "rpc.h"

enum { STATUS = 1, MESSAGE = 2, DETAILS = 3 };
enum { HEALTH_OK = 1, HEALTH_ERROR = 2 };

struct check {
	struct grpc_call *call;
	struct upstream *upstream;
};

static void answer(struct grpc_call *c, int status, const char *text,
		   const char *details)
{
	struct buf out = BUF_INIT, object = BUF_INIT;
	struct json j = json_writer(&object);

	json_begin_object(&j);
	json_put_string(&j, "verboseMessage", details);
	json_end(&j);
	proto_put_number(&out, STATUS, (uint64_t)status);
	proto_put_text(&out, MESSAGE, text);
	proto_put_built(&out, DETAILS, &object);
	grpc_send(c, &out);
	grpc_finish(c, GRPC_OK, NULL);
	buf_fini(&object);
	buf_fini(&out);
}

/* "heapwatch 0.1.0 on plc-01 watches 3 processes", of GET /api/v1/status. */
static bool describe(struct bytes status, char *out, size_t len)
{
	struct bytes version, node, collector, watched;
	char version_text[64], node_text[128];

	if (!json_span_check(status) ||
	    !json_span_member(status, "version", &version) ||
	    !json_span_text(version, version_text, sizeof(version_text)) ||
	    !json_span_member(status, "node", &node) ||
	    !json_span_text(node, node_text, sizeof(node_text)))
		return false;
	if (json_span_member(status, "collector", &collector) &&
	    json_span_member(collector, "watched", &watched))
		snprintf(out, len, "heapwatch %s on %s watches %.*s processes",
			 version_text, node_text,
			 (int)(watched.len < 12 ? watched.len : 12),
			 watched.data);
	else
		snprintf(out, len, "heapwatch %s on %s", version_text,
			 node_text);
	return true;
}

static void on_status(void *arg, const struct upstream_answer *a)
{
	struct check *k = arg;
	char text[400];

	rpc_problem(a, text, sizeof(text));
	if (a->status != 200 || !a->body)
		answer(k->call, HEALTH_ERROR, text, text);
	else if (describe((struct bytes){ a->body->data, a->body->len }, text,
			  sizeof(text)))
		answer(k->call, HEALTH_OK, text, "");
	else
		answer(k->call, HEALTH_ERROR,
		       "what is at this URL is not a heapwatch server", "");
	free(k);
}

static void on_gone(void *arg)
{
	struct check *k = arg;

	upstream_cancel(k->upstream);
	free(k);
}

void rpc_check_health(struct grpc_call *c, struct bytes message)
{
	struct settings settings;
	char problem[320];
	struct upstream_request q = {
		.method = "GET",
		.path = "/api/v1/status",
		.accept = "application/json",
		.time_left_ns = grpc_time_left_ns(c),
	};
	struct check *k;

	if (settings_parse(&settings, rpc_field(message, REQUEST_CONTEXT),
			   problem, sizeof(problem))) {
		answer(c, HEALTH_ERROR, problem, problem);
		return;
	}
	k = calloc(1, sizeof(*k));
	if (!k) {
		settings_fini(&settings);
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	k->call = c;
	grpc_on_gone(c, on_gone, k);
	if (upstream_start(&k->upstream, grpc_base(c), &settings, &q,
			   on_status, k)) {
		answer(c, HEALTH_ERROR, "too many questions at once", "");
		free(k);
	}
}

/* ---- metrics of this program ---- */

static void put_metric(struct buf *out, const char *name, const char *type,
		       const char *help, double value)
{
	buf_printf(out,
		   "# HELP heapwatch_plugin_%s %s.\n"
		   "# TYPE heapwatch_plugin_%s %s\nheapwatch_plugin_%s %.17g\n",
		   name, help, name, type, name, value);
}

static double resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_metrics(struct buf *out)
{
	const struct upstream_counts *u = upstream_counts();
	const struct grpc_counts *g = grpc_counts();
	double resident = resident_bytes();

	put_metric(out, "calls_total", "counter", "Calls that Grafana made",
		   (double)g->calls);
	put_metric(out, "calls_failed_total", "counter",
		   "Calls that ended with a gRPC error", (double)g->failed);
	put_metric(out, "calls_cancelled_total", "counter",
		   "Calls that Grafana gave up", (double)g->cancelled);
	put_metric(out, "calls_open", "gauge", "Calls without an end so far",
		   (double)g->open);
	put_metric(out, "upstream_requests_total", "counter",
		   "Requests to heapwatch servers", (double)u->asked);
	put_metric(out, "upstream_failed_total", "counter",
		   "Requests without an answer", (double)u->failed);
	put_metric(out, "upstream_active", "gauge",
		   "Requests on the wire now", (double)u->active);
	if (resident > 0)
		put_metric(out, "resident_bytes", "gauge",
			   "Memory of this program", resident);
}

void rpc_collect_metrics(struct grpc_call *c, struct bytes message)
{
	struct buf text = BUF_INIT, payload = BUF_INIT, out = BUF_INIT;

	(void)message;
	put_metrics(&text);
	proto_put_built(&payload, 1, &text);
	proto_put_built(&out, 1, &payload);
	grpc_send(c, &out);
	grpc_finish(c, GRPC_OK, NULL);
	buf_fini(&text);
	buf_fini(&payload);
	buf_fini(&out);
}
