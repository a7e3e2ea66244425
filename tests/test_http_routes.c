/* Endpoints without a socket: routes, problems, what the census becomes. */
#include <check.h>
#include <jansson.h>

#include "server/http/listen.h"
#include "server/http/route.h"
#include "test.h"

static struct store *store;
static struct queue *queue;
static struct census_board *board;
static struct site site;
static json_t *answer; /* of the last call that was JSON */

static void set_up(void)
{
	struct problem p = { 0 };
	struct store_options o = { .path = "heapwatch.db",
				   .resolution_ms = 1000,
				   .flush_ms = 1000,
				   .memory_ms = 60000 };

	ck_ok(store_open(&store, &o, &p));
	ck_ok(queue_new(&queue));
	ck_ok(census_board_new(&board));
	site = (struct site){ .store = store, .queue = queue, .board = board };
	site.options.node = "gw-1";
	site.options.limits = (struct query_limits){ 100, 100000, 100000 };
}

static void tear_down(void)
{
	json_decref(answer);
	answer = NULL;
	census_board_free(board);
	queue_free(queue);
	store_close(store);
}

/* Status; the body is in answer when it is JSON. */
static int call(const char *method, const char *path, const char *body)
{
	struct request q = { .site = &site,
			     .method = method,
			     .path = path,
			     .accept = "",
			     .body = body,
			     .body_len = strlen(body) };
	struct reply a = { 0 };

	routes_answer(&q, &a);
	json_decref(answer);
	answer = a.type && strcmp(a.type, "application/json") == 0 ?
			 json_loadb(a.body.data, a.body.len, 0, NULL) :
			 NULL;
	if (a.type && strcmp(a.type, "application/json") == 0)
		ck_assert_ptr_nonnull(answer);
	buf_fini(&a.body);
	return a.status;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* One watched Go process that lacks a metric, and one that is refused. */
static void publish(void)
{
	struct census *c;
	struct census_target *t;

	ck_ok(census_new(&c, (struct now){ 50000000000, 1795000000000 }));
	c->targets = calloc(2, sizeof(*c->targets));
	c->target_count = 2;
	t = &c->targets[0];
	t->entity.key.pid = 42;
	ck_ok(labels_set(&t->entity.labels, "service", "scada"));
	ck_ok(labels_set(&t->entity.labels, "node", "gw-1"));
	ck_ok(labels_set(&t->entity.attributes, "bound", "cgroup"));
	t->watched = true;
	t->last_read_boot_ns = 49000000000;
	t->read_cpu_ns = 1500000;
	t->probes = calloc(2, sizeof(*t->probes));
	t->probe_count = 2;
	t->probes[0] = (struct census_probe){
		.name = "gcStart", .state = "attached", .hits = 1000,
		.cost_ns = 2000, .hits_per_s = 50,
	};
	t->probes[1] = (struct census_probe){
		.name = "gcMarkTermination", .state = "backing_off",
		.until_boot_ns = c->now.boot_ns, .why = "too dear", .hits = 7,
	};
	t->gaps = calloc(1, sizeof(*t->gaps));
	t->gap_count = 1;
	t->gaps[0] = (struct census_gap){ COL_GC_COLLECTIONS_FORCED,
					  GAP_WINDOW_FILLING };
	c->targets[1].entity.key.pid = 43;
	c->targets[1].reason = strdup("another user's process");
	c->lacks = calloc(1, sizeof(*c->lacks));
	c->lack_count = 1;
	c->lacks[0] = (struct census_lack){ "probes", "CAP_BPF", "refused" };
	census_publish(board, c);
}

START_TEST(a_path_loses_double_and_trailing_slashes)
{
	char out[16];

	ck_ok(path_clean(out, sizeof(out), "//query///x/"));
	ck_assert_str_eq(out, "/query/x");
	ck_ok(path_clean(out, sizeof(out), "////"));
	ck_assert_str_eq(out, "/");
	ck_err(path_clean(out, sizeof(out), "/0123456789abcdef"), ENAMETOOLONG);
	ck_ok(path_clean(out, sizeof(out), "/0123456789abcd"));
}
END_TEST

START_TEST(a_problem_has_one_body_for_every_reader)
{
	ck_assert_int_eq(call("GET", "/nothing", ""), 404);
	ck_assert_str_eq(text_of(json_object_get(answer, "error"), "code"),
			 "unknown_path");
	ck_assert_str_eq(text_of(answer, "message"),
			 text_of(json_object_get(answer, "error"), "message"));
}
END_TEST

START_TEST(a_wrong_method_is_told_apart_from_a_wrong_path)
{
	ck_assert_int_eq(call("GET", "/query", ""), 405);
	ck_assert_int_eq(call("POST", "/-/healthy", ""), 405);
	ck_assert_int_eq(call("HEAD", "/-/healthy", ""), 200);
	ck_assert_int_eq(call("OPTIONS", "/query", ""), 204);
	ck_assert_int_eq(call("OPTIONS", "/nothing", ""), 404);
}
END_TEST

START_TEST(every_route_stands_once)
{
	size_t count;
	const struct route *all = routes_all(&count);

	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count; k++)
			ck_assert(strcmp(all[i].path, all[k].path) != 0 ||
				  strcmp(all[i].method, all[k].method) != 0);
	}
}
END_TEST

static int call_from(const char *origin, const char *method, const char *path)
{
	struct request q = { .site = &site, .method = method, .path = path,
			     .accept = "", .origin = origin, .body = "{}",
			     .body_len = 2 };
	struct reply a = { 0 };

	routes_answer(&q, &a);
	buf_fini(&a.body);
	return a.status;
}

START_TEST(a_strangers_page_may_silence_nothing)
{
	site.options.cors_origins = "https://grafana.example";
	ck_assert_int_eq(call_from("https://evil.example", "POST",
				   "/api/v1/maintenance"), 403);
	ck_assert_int_eq(call_from("https://evil.example", "DELETE",
				   "/api/v1/maintenance"), 403);
	/* listed: it gets as far as its empty body */
	ck_assert_int_eq(call_from("https://grafana.example", "POST",
				   "/api/v1/maintenance"), 400);
	ck_assert_int_eq(call_from(NULL, "POST", "/api/v1/maintenance"), 400);
}
END_TEST

START_TEST(readiness_waits_for_the_first_census)
{
	ck_assert_int_eq(call("GET", "/-/healthy", ""), 200);
	ck_assert_int_eq(call("GET", "/-/ready", ""), 503);
	ck_assert_int_eq(call("GET", "/api/v1/targets", ""), 200);
	ck_assert(json_is_false(json_object_get(answer, "ready")));
	publish();
	ck_assert_int_eq(call("GET", "/-/ready", ""), 200);
}
END_TEST

static struct now when;

static struct now tell_when(void)
{
	return when;
}

START_TEST(health_ends_when_rounds_stop)
{
	site.options.stale_ms = 5000;
	publish(); /* of second 50 after boot */
	clock_set_source(tell_when);
	when.boot_ns = 54000000000;
	ck_assert_int_eq(call("GET", "/-/healthy", ""), 200);
	when.boot_ns = 57000000000;
	ck_assert_int_eq(call("GET", "/-/healthy", ""), 503);
	clock_set_source(NULL);
}
END_TEST

START_TEST(targets_tell_costs_and_what_is_missing)
{
	const json_t *t, *item;

	publish();
	ck_assert_int_eq(call("GET", "/api/v1/targets", ""), 200);
	t = json_array_get(json_object_get(answer, "targets"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(t, "pid")), 42);
	ck_assert(json_is_true(json_object_get(t, "watched")));
	ck_assert_int_eq(json_integer_value(json_object_get(t, "last_read_ms")),
			 1794999999000);
	ck_assert_str_eq(text_of(json_object_get(t, "attributes"), "bound"),
			 "cgroup");
	item = json_array_get(json_object_get(t, "probes"), 0);
	ck_assert(json_number_value(json_object_get(item, "cpu_seconds")) ==
		  0.002);
	ck_assert(json_number_value(json_object_get(item, "cpu_ratio")) ==
		  0.0001);
	ck_assert_str_eq(text_of(item, "state"), "attached");
	ck_assert_ptr_null(json_object_get(item, "why"));
	item = json_array_get(json_object_get(t, "probes"), 1);
	ck_assert_str_eq(text_of(item, "state"), "backing_off");
	ck_assert_str_eq(text_of(item, "why"), "too dear");
	ck_assert_int_eq(json_integer_value(json_object_get(item, "retry_ms")),
			 1795000000000);
	ck_assert_ptr_null(json_object_get(item, "cpu_seconds"));
	item = json_array_get(json_object_get(t, "missing"), 0);
	ck_assert_str_eq(text_of(item, "metric"), "gc_collections_total");
	ck_assert_str_eq(text_of(item, "kind"), "forced");
	ck_assert_str_eq(text_of(item, "reason"), "window_filling");
	t = json_array_get(json_object_get(answer, "targets"), 1);
	ck_assert(json_is_false(json_object_get(t, "watched")));
	ck_assert_str_eq(text_of(t, "reason"), "another user's process");
}
END_TEST

START_TEST(status_tells_which_rights_are_missing)
{
	const json_t *lack;

	publish();
	ck_assert_int_eq(call("GET", "/api/v1/status", ""), 200);
	lack = json_array_get(json_object_get(answer, "lacks"), 0);
	ck_assert_str_eq(text_of(lack, "needs"), "CAP_BPF");
	ck_assert_int_eq(
		json_integer_value(json_object_get(
			json_object_get(answer, "collector"), "not_watched")),
		1);
}
END_TEST

START_TEST(an_empty_store_answers_empty_lists)
{
	ck_assert_int_eq(call("POST", "/tag-keys", ""), 200);
	ck_assert_uint_eq(json_array_size(answer), 0);
	ck_assert_int_eq(call("POST", "/variable",
			      "{\"payload\":{\"target\":\"nodes\"}}"),
			 200);
	ck_assert_uint_eq(json_array_size(answer), 0);
	ck_assert_int_eq(call("POST", "/query", "{\"targets\":[]}"), 200);
	ck_assert_uint_eq(json_array_size(answer), 0);
	ck_assert_int_eq(call("POST", "/metrics", "{}"), 200);
	/* and events, targets, status, lacks */
	ck_assert_uint_eq(json_array_size(answer), METRIC_COUNT + 4);
	ck_assert_int_eq(call("GET", "/metrics", ""), 200);
}
END_TEST

START_TEST(an_address_must_be_loopback)
{
	static const char *const good[] = { "127.0.0.1:0", "127.9.9.9:80",
					    "[::1]:65535", "localhost:1" };
	static const char *const bad[] = {
		"0.0.0.0:1",
		"[::]:1",
		"10.0.0.1:1",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"[::ffff:127.0.0.1]:1",
		"::1:80",
		"[::1]",
		"",
		":",
		"host:1",
		"127.0.0.1:-1",
	};
	struct problem p = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_ok(listen_check(good[i], &p));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_err(listen_check(bad[i], &p), EINVAL);
		ck_assert_int_eq(problem_exit_code(p.code), 2);
	}
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		every_route_stands_once,
		a_strangers_page_may_silence_nothing,
		a_path_loses_double_and_trailing_slashes,
		a_problem_has_one_body_for_every_reader,
		a_wrong_method_is_told_apart_from_a_wrong_path,
		readiness_waits_for_the_first_census,
		health_ends_when_rounds_stop,
		targets_tell_costs_and_what_is_missing,
		status_tells_which_rights_are_missing,
		an_empty_store_answers_empty_lists,
		an_address_must_be_loopback,
	};
	Suite *suite = suite_create("http_routes");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(all, TEST_SECONDS_MAX);
	tcase_add_checked_fixture(all, set_up, tear_down);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		tcase_add_test(all, cases[i]);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
