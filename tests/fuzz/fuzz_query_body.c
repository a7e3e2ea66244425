/* Any bytes as the body of POST /query. */
#include "server/http/body.h"
#include "server/http/request_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own(json_decrefp) json_t *body = NULL;
	struct query_request request = { 0 };
	struct problem p = { 0 };

	if (body_parse(&body, (const char *)data, len, &p) == 0)
		query_request_parse(&request, body, 1795000000000ll, &p);
	query_request_fini(&request);
	return 0;
}
