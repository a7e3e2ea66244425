#pragma once
/*
 * rpc.h - the calls that Grafana makes, one function each; a file a service.
 * Numbers of fields are those of the SDK's backend.proto.
 */
#include "grpc.h"
#include "settings.h"
#include "upstream.h"

/* Every request has its PluginContext in field 1. */
enum { REQUEST_CONTEXT = 1 };

/* The bytes of one field, the last one; empty when there is none. */
struct bytes rpc_field(struct bytes message, uint32_t number);

/* The text of a span, cut; returns whether it fit and has no NUL. */
bool rpc_text(struct bytes from, char *out, size_t len);

/* What the server said is wrong: its JSON's "message", else the status. */
void rpc_problem(const struct upstream_answer *a, char *out, size_t len);

void rpc_health(struct grpc_call *c, struct bytes message);
void rpc_hold(struct grpc_call *c, struct bytes message);
void rpc_query(struct grpc_call *c, struct bytes message);
void rpc_query_chunked(struct grpc_call *c, struct bytes message);
void rpc_check_health(struct grpc_call *c, struct bytes message);
void rpc_collect_metrics(struct grpc_call *c, struct bytes message);
void rpc_resource(struct grpc_call *c, struct bytes message);
void rpc_subscribe(struct grpc_call *c, struct bytes message);
void rpc_publish(struct grpc_call *c, struct bytes message);
void rpc_run_stream(struct grpc_call *c, struct bytes message);

/* A row of a server's table each; who controls the process adds its own. */
#define RPC_METHODS							       \
	{ "/grpc.health.v1.Health/Check", rpc_health, false },		       \
	{ "/plugin.GRPCBroker/StartStream", rpc_hold, true },		       \
	{ "/pluginv2.Data/QueryData", rpc_query, false },		       \
	{ "/pluginv2.Data/QueryChunkedData", rpc_query_chunked, false },       \
	{ "/pluginv2.Diagnostics/CheckHealth", rpc_check_health, false },      \
	{ "/pluginv2.Diagnostics/CollectMetrics", rpc_collect_metrics, false },\
	{ "/pluginv2.Resource/CallResource", rpc_resource, false },	       \
	{ "/pluginv2.Stream/SubscribeStream", rpc_subscribe, false },	       \
	{ "/pluginv2.Stream/PublishStream", rpc_publish, false },	       \
	{ "/pluginv2.Stream/RunStream", rpc_run_stream, false }
