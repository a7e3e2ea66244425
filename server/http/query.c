/* POST /query: what panels, Explore and annotations of Grafana ask. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "server/encode/encode.h"

#include "ask.h"
#include "body.h"

int handle_query(const struct request *q, struct reply *a, struct problem *p)
{
	own(json_decrefp) json_t *body = NULL;
	own(query_request_fini) struct query_request request = { 0 };
	own(answers_fini) struct answers answers = { 0 };
	int r;

	r = body_parse(&body, q->body, q->body_len, p);
	if (r)
		return r;
	if (strstr(q->accept, FRAMES_PB_TYPE))
		return query_frames(q, a, body, p);
	if ((r = query_request_parse(&request, body, clock_now().wall_ms, p)) ||
	    (r = ask(&answers, &request, q, a, p)))
		return r;
	if (request.frames)
		encode_json_frames(&a->body, answers.items, answers.count);
	else
		encode_json_classic(&a->body, answers.items, answers.count);
	return 0;
}
