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

#include "common/own.h"
#include "common/problem.h"
#include "server/query/query.h"

#define BODY_DEPTH_MAX 32
#define TARGETS_MAX    200  /* questions of one request */
#define REF_ID_MAX     64   /* bytes kept of a refId */
#define WORDS_MAX      1000 /* values of one parameter */
#define CONDITIONS_MAX (4 * 1024 * 1024) /* bytes of all of one request */

/*
 * The object in a body; an empty body is an empty object. Depth is bounded
 * before parsing, duplicate keys are refused.
 */
int body_parse(json_t **out, const char *data, size_t len, struct problem *p);

/* One value of a parameter. */
struct word {
	char *text;   /* owned */
	bool pattern; /* a regular expression; else literal */
};

struct words {
	struct word *items; /* owned */
	size_t count;
	bool all; /* "$__all", "*" or ".*" was among them: no restriction */
};

void words_fini(struct words *w);

/*
 * All values of a parameter: text, number, bool, null (none) or a list of
 * them; what a variable became is split and its escapes are removed. Text is
 * a pattern only if it has signs that no literal wants: * + ? [ ] ^ $ \d.
 * field names it in a problem.
 */
int words_parse(struct words *out, const json_t *value, const char *field,
		struct problem *p);

/* A growing list of conditions. A pattern of targets makes many questions
 * of a short body, so what all their conditions weigh is bounded. */
struct matcher_list {
	struct matcher *items; /* owned */
	size_t count;
	size_t spent; /* bytes, about; up to CONDITIONS_MAX */
};

void matcher_list_fini(struct matcher_list *l);

/* label: value(s), tolerant; none or "all" adds nothing. */
int matchers_add_value(struct matcher_list *l, const char *label,
		       const json_t *value, struct problem *p);

/* Grafana's ad-hoc filters: [{key, operator, value, values}]; NULL is none. */
int matchers_add_filters(struct matcher_list *l, const json_t *filters,
			 struct problem *p);

/*
 * Conditions as text, {service=~"scada.*", node!="gw-2"}: braces and quotes
 * may be left out, commas or newlines stand between them.
 */
int matchers_add_text(struct matcher_list *l, const char *text,
		      struct problem *p);

/* One condition; several values for =| and !=|. */
int matchers_add(struct matcher_list *l, const char *label, enum match_op op,
		 const char *const *values, size_t count, struct problem *p);

/* Every key of a payload that is no option is a label to match. */
int matchers_add_payload(struct matcher_list *l, const json_t *payload,
			 struct problem *p);

/* Is it a word with a meaning of its own in a payload, not a label? */
bool payload_reserved(const char *key);

/*
 * A moment: Unix seconds or milliseconds as number or text, RFC 3339, "now",
 * "now-6h". field names it in a problem.
 */
int time_parse(int64_t *out_ms, const json_t *value, int64_t now_ms,
	       const char *field, struct problem *p);

/* A target that is no question: it is told in its place among the others. */
struct failure {
	char *ref_id, *target; /* owned */
	size_t before;         /* so many questions come first */
	struct problem problem;
};

struct query_request {
	struct query *queries; /* owned */
	size_t count;
	struct failure *failures; /* owned */
	size_t failure_count;
	size_t spent; /* bytes of all conditions */
	bool frames; /* wire data frames are wanted, not the classic shapes */
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
