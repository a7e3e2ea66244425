/* Bodies of the JSON data source protocol, as real clients send them. */
#include <check.h>
#include <math.h>

#include "server/http/body.h"
#include "server/http/conditions.h"
#include "server/http/moment.h"
#include "server/http/request_parse.h"
#include "server/http/words.h"
#include "test.h"

#define NOW  1795000000000ll
#define HOUR 3600000ll

static struct problem p;
static struct query_request request;

static json_t *json(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

	ck_assert_msg(j != NULL, "%s: %s", text, e.text);
	return j;
}

static int parse(const char *text)
{
	own(json_decrefp) json_t *body = NULL;
	int r;

	p = (struct problem){ 0 };
	r = body_parse(&body, text, strlen(text), &p);
	return r ? r : query_request_parse(&request, body, NOW, &p);
}

/* One target with this payload. */
static int parse_payload(const char *payload)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"targets\":[{\"refId\":\"A\",\"target\":\"heap_util_rate\","
		 "\"payload\":%s}]}",
		 payload);
	return parse(text);
}

static void refused(int r, enum problem_code code, const char *words)
{
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(p.code == code, "%s: %s", problem_word(p.code), p.text);
	ck_assert_msg(strstr(p.text, words) != NULL, "\"%s\" lacks \"%s\"",
		      p.text, words);
}

/* The words of a parameter as "a|b", patterns between slashes. */
static void words_are(const char *value, const char *expected)
{
	own(json_decrefp) json_t *j = json(value);
	struct words w = { 0 };
	char text[512] = "";

	ck_ok(words_parse(&w, j, "x", &p));
	for (size_t i = 0; i < w.count; i++) {
		const char *mark = w.items[i].pattern ? "/" : "";

		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s%s%s", i ? "|" : "", mark, w.items[i].text, mark);
	}
	if (w.all)
		strcat(text, "(all)");
	words_fini(&w);
	ck_assert_msg(strcmp(text, expected) == 0, "%s became %s, expected %s",
		      value, text, expected);
}

START_TEST(one_value_comes_in_many_forms)
{
	words_are("10", "10");
	words_are("\"10\"", "10");
	words_are("\"a\"", "a");
	words_are("[\"a\",\"b\"]", "a|b");
	words_are("[\"(a|b)\"]", "a|b");
	words_are("\"(a|b)\"", "a|b");
	words_are("\"{a,b}\"", "a|b");
	words_are("\"a,b\"", "a|b");
	words_are("\"a, b c,  d.*, \"", "a|b c|/d.*/");
	words_are("\"{a, b}\"", "a|b");
	words_are("\"(a| b)\"", "a| b"); /* no person's */
	words_are("\"a|b\"", "a|b");
	words_are("[1,\"2\",true]", "1|2|true");
	words_are("null", "");
	words_are("\"\"", "");
	words_are("[]", "");
	words_are("1e6", "1000000");
}
END_TEST

START_TEST(escapes_of_a_variable_are_removed)
{
	words_are("\"hist\\\\(3\\\\)\"", "hist(3)");
	words_are("[\"(plc-01|hist\\\\(3\\\\))\"]", "plc-01|hist(3)");
	words_are("\"nginx\\\\.service\"", "nginx.service");
	words_are("\"nginx.service\"", "nginx.service");
	words_are("\"hist(3)\"", "hist(3)");
	words_are("\"(a\\\\|b|c)\"", "a|b|c");
	words_are("\"a\\\\,b\"", "a,b");
}
END_TEST

START_TEST(signs_of_a_pattern_make_a_pattern)
{
	words_are("\"scada-.*\"", "/scada-.*/");
	words_are("\"(a|b.+)\"", "/(a|b.+)/");
	words_are("\"plc-\\\\d\"", "/plc-\\d/");
	words_are("\"x(a|b)y\"", "/x(a|b)y/");
	words_are("\"a,b.*\"", "a|/b.*/");
	words_are("\"end\\\\\"", "/end\\/");
}
END_TEST

START_TEST(all_is_no_restriction)
{
	words_are("\"$__all\"", "(all)");
	words_are("\".*\"", "(all)");
	words_are("\"*\"", "(all)");
	words_are("[\"a\",\"$__all\"]", "a(all)");
}
END_TEST

START_TEST(a_parameter_that_is_an_object_is_refused)
{
	refused(parse_payload("{\"node\":{}}"), PROBLEM_BAD_REQUEST,
		"payload.node");
	refused(parse_payload("{\"node\":[[1]]}"), PROBLEM_BAD_REQUEST,
		"payload.node");
}
END_TEST

START_TEST(a_payload_becomes_matchers_and_options)
{
	ck_ok(parse_payload("{\"node\":[\"(a|b)\"],\"service\":\"x\","
			    "\"site\":\"n.*\",\"agg\":\"p95\",\"fn\":\"rate\","
			    "\"by\":\"node,service\",\"step\":\"30\","
			    "\"top\":\"-5\",\"shift\":\"1d\","
			    "\"legend\":\"{{node}}, {{service}}\","
			    "\"format\":\"table\"}"));
	ck_assert_uint_eq(request.count, 1);
	const struct query *q = &request.queries[0];

	ck_assert_str_eq(q->ref_id, "A");
	ck_assert_int_eq(q->metric, METRIC_HEAP_UTIL_RATE);
	ck_assert_uint_eq(q->matcher_count, 3);
	ck_assert_str_eq(q->matchers[0].name, "node");
	ck_assert_int_eq(q->matchers[0].op, MATCH_ONE_OF);
	ck_assert_uint_eq(q->matchers[0].value_count, 2);
	ck_assert_int_eq(q->matchers[1].op, MATCH_EQUAL);
	ck_assert_int_eq(q->matchers[2].op, MATCH_REGEX);
	ck_assert_int_eq(q->agg, AGG_P95);
	ck_assert_int_eq(q->fn, FN_RATE);
	ck_assert_uint_eq(q->by_count, 2);
	ck_assert_str_eq(q->by[1], "service");
	ck_assert_int_eq(q->step_ms, 30000);
	ck_assert_int_eq(q->top, -5);
	ck_assert_int_eq(q->shift_ms, 24 * HOUR);
	ck_assert_str_eq(q->legend, "{{node}}, {{service}}");
	ck_assert_int_eq(q->format, QUERY_TABLE);
	ck_assert(!request.frames);
	query_request_fini(&request);
}
END_TEST

START_TEST(literals_and_patterns_of_one_label_become_one_pattern)
{
	ck_ok(parse_payload("{\"node\":[\"a.b\",\"c.*\"]}"));
	const struct matcher *m = &request.queries[0].matchers[0];

	ck_assert_uint_eq(request.queries[0].matcher_count, 1);
	ck_assert_int_eq(m->op, MATCH_REGEX);
	ck_assert(pattern_matches(m->pattern, "a.b"));
	ck_assert(!pattern_matches(m->pattern, "axb"));
	ck_assert(pattern_matches(m->pattern, "cd"));
	query_request_fini(&request);
}
END_TEST

START_TEST(empty_options_are_not_given)
{
	ck_ok(parse_payload("{\"node\":\"\",\"agg\":\"\",\"by\":[],\"fn\":null,"
			    "\"step\":\"\",\"top\":[\"\"],\"legend\":\"\"}"));
	ck_assert_uint_eq(request.queries[0].matcher_count, 0);
	ck_assert_int_eq(request.queries[0].agg, AGG_NONE);
	ck_assert_ptr_null(request.queries[0].legend);
	query_request_fini(&request);
}
END_TEST

START_TEST(a_wrong_option_is_told_by_name)
{
	refused(parse_payload("{\"agg\":\"median\"}"), PROBLEM_BAD_REQUEST,
		"payload.agg");
	refused(parse_payload("{\"fn\":\"x\"}"), PROBLEM_BAD_REQUEST,
		"payload.fn");
	refused(parse_payload("{\"step\":\"soon\"}"), PROBLEM_BAD_REQUEST,
		"payload.step");
	refused(parse_payload("{\"step\":-1}"), PROBLEM_BAD_REQUEST,
		"payload.step");
	refused(parse_payload("{\"top\":1.5}"), PROBLEM_BAD_REQUEST,
		"payload.top");
	refused(parse_payload("{\"format\":\"xml\"}"), PROBLEM_BAD_REQUEST,
		"payload.format");
	refused(parse_payload("{\"agg\":[\"max\",\"min\"]}"),
		PROBLEM_BAD_REQUEST, "wants one value");
	refused(parse_payload("{\"by\":\"no-de\"}"), PROBLEM_BAD_REQUEST,
		"payload.by");
	refused(parse_payload("{\"no-de\":\"x\"}"), PROBLEM_BAD_REQUEST,
		"neither an option nor the name of a label");
	refused(parse_payload("{\"legend\":5}"), PROBLEM_BAD_REQUEST,
		"payload.legend");
	refused(parse_payload("[]"), PROBLEM_BAD_REQUEST, "payload must be");
}
END_TEST

START_TEST(a_problem_names_ref_id_and_target)
{
	refused(parse("{\"targets\":[{\"refId\":\"B\",\"target\":"
		      "\"gc_pressure\",\"payload\":{\"agg\":\"x\"}}]}"),
		PROBLEM_BAD_REQUEST, "refId B, target gc_pressure: ");
	refused(parse("{\"targets\":[{\"refId\":\"A\",\"target\":"
		      "\"heap_utl_rate\"}]}"),
		PROBLEM_UNKNOWN_METRIC, "heap_util_rate");
}
END_TEST

START_TEST(an_empty_target_never_means_everything)
{
	refused(parse("{\"targets\":[{\"refId\":\"A\",\"target\":\"\"}]}"),
		PROBLEM_EMPTY_TARGET, "refId A");
	refused(parse("{\"targets\":[{\"refId\":\"A\"}]}"),
		PROBLEM_EMPTY_TARGET, "refId A");
	refused(parse("{\"targets\":[{\"target\":[\"\"]}]}"),
		PROBLEM_EMPTY_TARGET, "target is empty");
}
END_TEST

START_TEST(a_variable_in_the_target_asks_for_each_metric)
{
	ck_ok(parse("{\"targets\":[{\"refId\":\"A\",\"target\":"
		    "\"(heap_util_rate|gc_pressure)\"}]}"));
	ck_assert_uint_eq(request.count, 2);
	ck_assert_int_eq(request.queries[1].metric, METRIC_GC_PRESSURE);
	query_request_fini(&request);
	ck_ok(parse("{\"targets\":[{\"target\":\"memory_.*_bytes\"}]}"));
	ck_assert_uint_eq(request.count, 4);
	query_request_fini(&request);
	refused(parse("{\"targets\":[{\"target\":\"nothing_.*\"}]}"),
		PROBLEM_UNKNOWN_METRIC, "nothing_.*");
}
END_TEST

START_TEST(hidden_targets_are_left_out)
{
	ck_ok(parse("{\"targets\":[{\"target\":\"threads\",\"hide\":true}]}"));
	ck_assert_uint_eq(request.count, 0);
	query_request_fini(&request);
	ck_ok(parse("{\"targets\":[]}"));
	ck_assert_uint_eq(request.count, 0);
	query_request_fini(&request);
	refused(parse("{}"), PROBLEM_BAD_REQUEST, "targets");
	refused(parse("{\"targets\":[5]}"), PROBLEM_BAD_REQUEST, "targets");
}
END_TEST

START_TEST(too_many_targets_are_refused)
{
	char text[8192] = "{\"targets\":[";

	for (int i = 0; i < 5; i++)
		strcat(text, "{\"target\":\".*\"},");
	text[strlen(text) - 1] = '\0';
	strcat(text, "]}");
	refused(parse(text), PROBLEM_BAD_REQUEST, "more than 200");
}
END_TEST

START_TEST(conditions_times_targets_are_bounded)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "{\"targets\":[{\"target\":\".*\",\"payload\":{");
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "%s\"l%d\":\"x+\"", i ? "," : "", i);
	buf_puts(&b, "}}]}");
	refused(parse(buf_cstr(&b)), PROBLEM_TOO_MUCH, "too many conditions");
	buf_fini(&b);
}
END_TEST

START_TEST(ad_hoc_filters_apply_under_both_names)
{
	ck_ok(parse("{\"targets\":[{\"target\":\"threads\"}],"
		    "\"filters\":[{\"key\":\"site\",\"operator\":\"=|\","
		    "\"value\":\"a\",\"values\":[\"a\",\"b|c\"]},"
		    "{\"key\":\"node\",\"operator\":\"!=\",\"value\":\"n.*\"}],"
		    "\"adhocFilters\":[{\"key\":\"line\",\"operator\":\"=~\","
		    "\"value\":\"7.*\"},{\"key\":\"\",\"operator\":\"=\"}]}"));
	const struct query *q = &request.queries[0];

	ck_assert_uint_eq(q->matcher_count, 3);
	ck_assert_int_eq(q->matchers[0].op, MATCH_ONE_OF);
	ck_assert_uint_eq(q->matchers[0].value_count, 2);
	ck_assert_str_eq(q->matchers[0].values[1], "b|c");
	ck_assert_int_eq(q->matchers[1].op, MATCH_NOT_EQUAL);
	ck_assert_str_eq(q->matchers[1].values[0], "n.*");
	ck_assert_int_eq(q->matchers[2].op, MATCH_REGEX);
	query_request_fini(&request);
}
END_TEST

START_TEST(a_wrong_filter_is_told)
{
	static const char head[] = "{\"targets\":[{\"target\":\"threads\"}],";
	char text[512];

	snprintf(text, sizeof(text),
		 "%s\"filters\":[{\"key\":\"site\","
		 "\"operator\":\"<\",\"value\":\"a\"}]}",
		 head);
	refused(parse(text), PROBLEM_BAD_REQUEST, "operator \"<\" of site");
	snprintf(text, sizeof(text), "%s\"filters\":{}}", head);
	refused(parse(text), PROBLEM_BAD_REQUEST, "filters");
	snprintf(text, sizeof(text), "%s\"filters\":[7]}", head);
	refused(parse(text), PROBLEM_BAD_REQUEST, "filters");
	snprintf(text, sizeof(text),
		 "%s\"filters\":[{\"key\":\"site\","
		 "\"operator\":\"=~\",\"value\":\"(\"}]}",
		 head);
	ck_assert_int_eq(parse(text), -EINVAL);
}
END_TEST

START_TEST(without_a_range_it_is_the_last_hour)
{
	ck_ok(parse_payload("{}"));
	ck_assert_int_eq(request.queries[0].to_ms, NOW);
	ck_assert_int_eq(request.queries[0].from_ms, NOW - HOUR);
	query_request_fini(&request);
}
END_TEST

static int64_t time_of(const char *value)
{
	own(json_decrefp) json_t *j = json(value);
	int64_t ms = -1;

	ck_ok(time_parse(&ms, j, NOW, "t", &p));
	return ms;
}

START_TEST(a_moment_comes_in_many_forms)
{
	ck_assert_int_eq(time_of("\"2026-11-22T15:00:00.000Z\""),
			 1795359600000ll);
	ck_assert_int_eq(time_of("\"2026-11-22T15:00:00Z\""), 1795359600000ll);
	ck_assert_int_eq(time_of("\"2026-11-22T17:00:00.5+02:00\""),
			 1795359600500ll);
	ck_assert_int_eq(time_of("\"2026-11-22T17:00:00 02:00\""),
			 1795359600000ll);
	ck_assert_int_eq(time_of("1795359600"), 1795359600000ll);
	ck_assert_int_eq(time_of("1795359600000"), 1795359600000ll);
	ck_assert_int_eq(time_of("\"1795359600000\""), 1795359600000ll);
	ck_assert_int_eq(time_of("\"now\""), NOW);
	ck_assert_int_eq(time_of("\"now-6h\""), NOW - 6 * HOUR);
	ck_assert_int_eq(time_of("\"now+1h\""), NOW + HOUR);
}
END_TEST

START_TEST(what_is_no_moment_is_refused)
{
	static const char *const bad[] = {
		"\"\"",
		"\"yesterday\"",
		"\"2026-13-22T15:00:00Z\"",
		"\"2026-11-22\"",
		"\"2026-11-22T15:00:00\"",
		"-1",
		"1e30",
		"\"now-\"",
		"\"now-6\"",
		"\"now/d\"",
		"null",
		"[]",
		"\"2026-11-22T15:00:00+2\"",
		"\"99999999999999999999\"",
	};
	int64_t ms = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		own(json_decrefp) json_t *j = json(bad[i]);

		ck_assert_msg(time_parse(&ms, j, NOW, "range.from", &p) ==
				      -EINVAL,
			      "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(p.text, "range.from"));
	}
	ck_assert_int_eq(ms, 7);
}
END_TEST

START_TEST(a_range_backwards_is_refused)
{
	refused(parse("{\"range\":{\"from\":\"now\",\"to\":\"now-1h\"},"
		      "\"targets\":[{\"target\":\"threads\"}]}"),
		PROBLEM_BAD_REQUEST, "range.from");
}
END_TEST

START_TEST(the_panel_gives_step_and_points_as_number_or_text)
{
	ck_ok(parse("{\"intervalMs\":\"30000\",\"maxDataPoints\":700,"
		    "\"targets\":[{\"target\":\"threads\"}]}"));
	ck_assert_int_eq(request.queries[0].step_ms, 30000);
	ck_assert_int_eq(request.queries[0].max_points, 700);
	query_request_fini(&request);
	refused(parse("{\"maxDataPoints\":\"many\",\"targets\":"
		      "[{\"target\":\"threads\"}]}"),
		PROBLEM_BAD_REQUEST, "maxDataPoints");
}
END_TEST

START_TEST(frames_are_asked_for)
{
	ck_ok(parse_payload("{\"frame\":\"true\"}"));
	ck_assert(request.frames);
	query_request_fini(&request);
	ck_ok(parse_payload("{\"format\":\"frames\"}"));
	ck_assert(request.frames);
	query_request_fini(&request);
	ck_ok(parse_payload("{\"frame\":\"false\"}"));
	ck_assert(!request.frames);
	query_request_fini(&request);
}
END_TEST

START_TEST(what_grafana_really_sends_is_taken)
{
	ck_ok(parse("{\"app\":\"dashboard\",\"requestId\":\"SQR101\","
		    "\"range\":{\"from\":\"2026-11-22T15:00:00.000Z\","
		    "\"to\":\"2026-11-22T21:00:00.000Z\",\"raw\":"
		    "{\"from\":\"now-6h\",\"to\":\"now\"}},"
		    "\"interval\":\"30s\",\"intervalMs\":30000,"
		    "\"maxDataPoints\":700,\"targets\":[{\"refId\":\"A\","
		    "\"datasource\":{\"type\":\"simpod-json-datasource\","
		    "\"uid\":\"hw\"},\"editorMode\":\"builder\","
		    "\"target\":\"heap_util_rate\",\"payload\":{\"node\":"
		    "[\"(plc-01|hist\\\\(3\\\\))\"]}}],"
		    "\"scopedVars\":{\"__sceneObject\":{\"value\":{}}},"
		    "\"filters\":[],\"startTime\":1795000000000,"
		    "\"scopes\":[],\"panelId\":2,\"dashboardUID\":\"hw\"}"));
	const struct query *q = &request.queries[0];

	ck_assert_int_eq(q->to_ms - q->from_ms, 6 * HOUR);
	ck_assert_str_eq(q->matchers[0].values[1], "hist(3)");
	query_request_fini(&request);
}
END_TEST

START_TEST(a_body_that_is_no_object_is_refused)
{
	refused(parse("[]"), PROBLEM_BAD_REQUEST, "JSON object");
	refused(parse("{\"a\":1,\"a\":2}"), PROBLEM_BAD_REQUEST, "line 1");
	refused(parse("{"), PROBLEM_BAD_REQUEST, "not JSON");
	refused(parse("nonsense"), PROBLEM_BAD_REQUEST, "not JSON");
}
END_TEST

START_TEST(depth_is_bounded_and_text_does_not_count)
{
	own(json_decrefp) json_t *body = NULL;
	char deep[200];

	memset(deep, '[', sizeof(deep));
	ck_err(body_parse(&body, deep, sizeof(deep), &p), EINVAL);
	ck_assert_ptr_nonnull(strstr(p.text, "deeper than 32"));
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":\"\\\"", 8);
	memcpy(deep + sizeof(deep) - 2, "\"}", 2);
	ck_ok(body_parse(&body, deep, sizeof(deep), &p));
}
END_TEST

START_TEST(an_empty_body_is_an_empty_object)
{
	own(json_decrefp) json_t *body = NULL;

	ck_ok(body_parse(&body, NULL, 0, &p));
	ck_assert_uint_eq(json_object_size(body), 0);
}
END_TEST

START_TEST(a_bad_target_leaves_the_others)
{
	ck_ok(parse("{\"targets\":["
		    "{\"refId\":\"A\",\"target\":\"(heap_util_rate|nonsense)\"},"
		    "{\"refId\":\"B\",\"target\":\"threads\"},"
		    "{\"refId\":\"C\",\"target\":\"\"}]}"));
	ck_assert_uint_eq(request.count, 1);
	ck_assert_str_eq(request.queries[0].ref_id, "B");
	ck_assert_uint_eq(request.failure_count, 2);
	ck_assert_str_eq(request.failures[0].ref_id, "A");
	ck_assert_uint_eq(request.failures[0].before, 0);
	ck_assert_ptr_nonnull(
		strstr(request.failures[0].problem.text, "nonsense"));
	ck_assert_uint_eq(request.failures[1].before, 1);
	ck_assert_int_eq(request.failures[1].problem.code,
			 PROBLEM_EMPTY_TARGET);
	query_request_fini(&request);
}
END_TEST

START_TEST(ranks_limits_and_events_are_asked_by_words)
{
	ck_ok(parse_payload("{\"topk\":\"5\",\"fn\":\"beyond\","
			    "\"threshold\":\"critical\"}"));
	ck_assert_int_eq(request.queries[0].top, 5);
	ck_assert_int_eq(request.queries[0].fn, FN_BEYOND);
	ck_assert_int_eq(request.queries[0].limit, LIMIT_CRITICAL);
	query_request_fini(&request);
	ck_ok(parse_payload("{\"bottomk\":3,\"threshold\":0.8,"
			    "\"format\":\"heatmap\"}"));
	ck_assert_int_eq(request.queries[0].top, -3);
	ck_assert_int_eq(request.queries[0].limit, LIMIT_NUMBER);
	ck_assert_double_eq(request.queries[0].limit_value, 0.8);
	ck_assert_int_eq(request.queries[0].agg, AGG_HISTOGRAM);
	query_request_fini(&request);
	ck_ok(parse_payload("{\"type\":\"annotations\"}"));
	ck_assert_int_eq(request.queries[0].format, QUERY_EVENTS);
	query_request_fini(&request);
	/* events are events in whatever format */
	ck_ok(parse("{\"targets\":[{\"target\":\"events\",\"payload\":"
		    "{\"format\":\"heatmap\"}}]}"));
	ck_assert_int_eq(request.queries[0].format, QUERY_EVENTS);
	query_request_fini(&request);
	refused(parse_payload("{\"topk\":\"-1\"}"), PROBLEM_BAD_REQUEST,
		"payload.topk");
	refused(parse_payload("{\"threshold\":\"bad\"}"), PROBLEM_BAD_REQUEST,
		"payload.threshold");
}
END_TEST

START_TEST(variables_that_nobody_filled_in_are_found_in_scoped_vars)
{
	const struct query *q;

	ck_ok(parse("{\"scopedVars\":{"
		    "\"node\":{\"text\":\"x\",\"value\":[\"a\",\"hist(3)\"]},"
		    "\"m\":{\"value\":\"threads\"},\"n\":{\"value\":5}},"
		    "\"targets\":[{\"target\":\"$m\",\"payload\":{"
		    "\"node\":\"${node:csv}\",\"site\":[\"[[node]]\",\"c\"],"
		    "\"top\":\"$n\",\"area\":\"$unknown.x\"}}]}"));
	q = &request.queries[0];
	ck_assert_int_eq(q->metric, METRIC_THREADS);
	ck_assert_int_eq(q->top, 5);
	ck_assert_uint_eq(q->matcher_count, 3);
	ck_assert_str_eq(q->matchers[0].values[1], "hist(3)");
	ck_assert_uint_eq(q->matchers[1].value_count, 3);
	query_request_fini(&request);
}
END_TEST

/* Conditions as text, and what became of them: "name op value value;". */
static void conditions_are(const char *text, const char *expected)
{
	own(matcher_list_fini) struct matcher_list l = { 0 };
	char seen[512] = "";

	p = (struct problem){ 0 };
	ck_assert_msg(matchers_add_text(&l, text, &p) == 0, "%s", p.text);
	for (size_t i = 0; i < l.count; i++) {
		const struct matcher *m = &l.items[i];
		size_t used = strlen(seen);

		used += (size_t)sprintf(seen + used, "%s %d", m->name, m->op);
		for (size_t k = 0; k < m->value_count; k++)
			used += (size_t)sprintf(seen + used, " %s",
						m->values[k]);
		sprintf(seen + used, ";");
	}
	ck_assert_str_eq(seen, expected);
}

START_TEST(conditions_may_be_text)
{
	struct matcher_list l = { 0 };

	conditions_are("", "");
	conditions_are("{node=\"a,b\", service!=x y }",
		       "node 0 a,b;service 1 x y;");
	conditions_are("node=|a|b\nsite!=|\"c|d\"", "node 4 a b;site 5 c d;");
	conditions_are("exe=\"say \\\"hi\\\" \\\\\"", "exe 0 say \"hi\" \\;");
	/* a variable, made ready for a pattern, where none is asked for */
	conditions_are("service=\"hist\\(3\\)\\.x\"", "service 0 hist(3).x;");
	conditions_are("service=~\"a\\.b\"", "service 2 a\\.b;");
	refused(matchers_add_text(&l, "node", &p), PROBLEM_BAD_REQUEST,
		"none of =");
	refused(matchers_add_text(&l, "node=\"a", &p), PROBLEM_BAD_REQUEST,
		"does not end");
	refused(matchers_add_text(&l, "=a", &p), PROBLEM_BAD_REQUEST,
		"no name");
	refused(matchers_add_text(&l, "node=\"a\" x", &p), PROBLEM_BAD_REQUEST,
		"no comma");
	matcher_list_fini(&l);
}
END_TEST

/* Not metrics, but asked for like them; the format plays no part. */
START_TEST(what_is_so_now_has_names_of_its_own)
{
	static const struct {
		const char *target;
		enum query_format format;
	} rows[] = {
		{ "targets", QUERY_TARGETS },
		{ "status", QUERY_STATUS },
		{ "lacks", QUERY_LACKS },
		{ "events", QUERY_EVENTS },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text),
			 "{\"targets\":[{\"target\":\"%s\",\"payload\":"
			 "{\"state\":\"critical\",\"format\":\"table\"}}]}",
			 rows[i].target);
		ck_ok(parse(text));
		ck_assert_uint_eq(request.count, 1);
		ck_assert_int_eq(request.queries[0].format, rows[i].format);
		ck_assert_uint_eq(request.queries[0].matcher_count, 1);
		query_request_fini(&request);
	}
	refused(parse("{\"targets\":[{\"target\":\"target\"}]}"),
		PROBLEM_UNKNOWN_METRIC, "target");
	query_request_fini(&request);
}
END_TEST

TEST_MAIN("http_request", one_value_comes_in_many_forms,
	  escapes_of_a_variable_are_removed, signs_of_a_pattern_make_a_pattern,
	  all_is_no_restriction, a_parameter_that_is_an_object_is_refused,
	  a_payload_becomes_matchers_and_options,
	  literals_and_patterns_of_one_label_become_one_pattern,
	  empty_options_are_not_given, a_wrong_option_is_told_by_name,
	  a_problem_names_ref_id_and_target,
	  an_empty_target_never_means_everything,
	  a_variable_in_the_target_asks_for_each_metric,
	  hidden_targets_are_left_out, too_many_targets_are_refused,
	  conditions_times_targets_are_bounded,
	  ad_hoc_filters_apply_under_both_names, a_wrong_filter_is_told,
	  without_a_range_it_is_the_last_hour, a_moment_comes_in_many_forms,
	  what_is_no_moment_is_refused, a_range_backwards_is_refused,
	  the_panel_gives_step_and_points_as_number_or_text,
	  frames_are_asked_for, what_grafana_really_sends_is_taken,
	  a_body_that_is_no_object_is_refused,
	  depth_is_bounded_and_text_does_not_count,
	  an_empty_body_is_an_empty_object, a_bad_target_leaves_the_others,
	  ranks_limits_and_events_are_asked_by_words, conditions_may_be_text,
	  what_is_so_now_has_names_of_its_own,
	  variables_that_nobody_filled_in_are_found_in_scoped_vars)
