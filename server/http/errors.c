#include <errno.h>
#include <string.h>

#include "route.h"

/*
 * One body for every reader: Grafana's panels show "message", its data source
 * test shows "error.message", programs read "error.code".
 */
void reply_problem(struct reply *a, const struct problem *p)
{
	struct json j;

	buf_reset(&a->body);
	j = json_writer(&a->body);
	json_object(&j);
	json_put_string(&j, "message", p->text);
	json_key(&j, "error");
	json_object(&j);
	json_put_string(&j, "code", problem_word(p->code));
	json_put_string(&j, "message", p->text);
	json_end(&j);
	json_end(&j);
	a->status = problem_http_status(p->code);
	a->type = "application/json";
	a->slow = false;
}

int site_view(struct view **out, const struct site *s, struct problem *p)
{
	int r = view_open(out, s->store);

	if (r == -EBUSY)
		return problem_set(p, PROBLEM_BUSY,
				   "too many questions at once; ask again");
	if (r)
		return problem_set(p, PROBLEM_UNAVAILABLE,
				   "the database cannot be read: %s",
				   strerror(-r));
	return 0;
}
