#pragma once
/*
 * request_parse.h - bodies of the JSON datasource protocol as questions.
 *
 * Tolerant where Grafana is: a parameter may come as a number, as text, as a
 * list, or as what becomes of a variable: "(a|b\.c)", "{a,b}", "a,b". Strict
 * where a mistake would give a wrong answer: an unknown metric, a word that
 * is none, an empty target are problems that name the field.
 */
#include <jansson.h>
#include <stdbool.h>

#include "common/problem.h"
#include "server/query/query.h"

#define TARGETS_MAX 200 /* questions of one request */
#define REF_ID_MAX  64	/* bytes kept of a refId */

/* A target that is no question: it is told in its place among the others. */
struct failure {
	char *ref_id, *target; /* owned */
	size_t before;	       /* so many questions come first */
	struct problem problem;
};

struct query_request {
	struct query *queries; /* owned */
	size_t count;
	struct failure *failures; /* owned */
	size_t failure_count;
	size_t spent; /* bytes of all conditions */
	bool frames;  /* wire data frames are wanted, not the classic shapes */
};

/*
 * The body of POST /query; without a range it is the last hour. A bad target
 * does not take the others down; it is a problem when no other is left.
 */
int query_request_parse(struct query_request *out, const json_t *body,
			int64_t now_ms, struct problem *p);
void query_request_fini(struct query_request *r);

/* Put "refId A, target x: " before the text of a problem. */
void problem_of_query(struct problem *p, const char *ref_id,
		      const char *target);
