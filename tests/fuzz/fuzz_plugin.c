/*
 * Any bytes as what Grafana sends the plugin: a data source's settings, and
 * a request with questions that becomes a body for the server. And as a
 * frame of the server's on its way into a stream.
 */
#include <stdlib.h>

#include "grafana-plugin/backend/data.c"
#include "grafana-plugin/backend/live_frame.c"
#include "grafana-plugin/backend/resolve.c"
#include "grafana-plugin/backend/settings.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* No header may end the headers early. */
static void check_headers(const struct buf *headers)
{
	for (size_t i = 0; i + 1 < headers->len; i++) {
		if (headers->data[i] == '\n' && headers->data[i + 1] == '\r')
			abort();
	}
}

/* What was JSON still is. */
static void stream_frame(struct bytes frame)
{
	struct buf out = BUF_INIT;

	if (!json_span_check(frame))
		return;
	live_interval_ms(frame);
	live_frame_put(&out, frame);
	if (!json_span_check((struct bytes){ out.data, out.len }))
		abort();
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct data_request request;
	struct bytes all = { (const char *)data, len };
	struct buf body = BUF_INIT, context = BUF_INIT;
	struct settings settings;
	char problem[320];

	if (!data_request_parse(&request, all))
		data_request_write(&body, &request);
	/* so that no luck is needed to find the data source's field */
	proto_put_bytes(&context, CONTEXT_DATA_SOURCE, data, len);
	if (!settings_parse(&settings,
			    (struct bytes){ context.data, context.len },
			    problem, sizeof(problem))) {
		check_headers(&settings.headers);
		settings_fini(&settings);
	}
	stream_frame(all);
	buf_fini(&body);
	buf_fini(&context);
	return 0;
}
