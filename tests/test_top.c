/* The table of "heapwatch top", from answers that may be anything. */
#include "test.h"

#include <math.h>

#include "server/cli/top.h"

#define STATUS                                                                 \
	"{\"version\":\"1.2.3\",\"node\":\"gw\",\"ready\":true,"               \
	"\"collector\":{\"processes\":9},\"lacks\":[],\"thresholds\":{"        \
	"\"heap_util_rate\":{\"warning\":0.75,\"critical\":0.9,"               \
	"\"bad\":\"above\"},\"frag_ratio\":{\"warning\":0.3,"                  \
	"\"critical\":0.1,\"bad\":\"below\"}}}"

#define TARGET(pid, service, more)                                             \
	"{\"pid\":" pid ",\"watched\":true,\"labels\":{\"service\":\"" service \
	"\",\"instance\":\"0\",\"runtime\":\"go\"},\"attributes\":"            \
	"{\"version\":\"go1.26\"}" more "}"

#define TARGETS                                                                \
	"{\"time_ms\":600000,\"targets\":[" TARGET("7", "b", "") "," TARGET(   \
		"8", "a", "") "," TARGET("9", "c",                             \
					 ",\"state\":\"warning\",\"state_"     \
					 "reason\":\"grows\","                 \
					 "\"state_since_ms\":300000") "]}"

/* refId 0: heap_util_rate; 1: heap_live_rate; 3: frag_ratio; t: the trend */
#define COLUMNS(metric)                                                        \
	"\"columns\":[{\"text\":\"basis\"},{\"text\":\"service\"},"            \
	"{\"text\":\"instance\"},{\"text\":\"" metric "\"}]"
#define QUERY                                                                                                                                   \
	"[{\"refId\":\"0\"," COLUMNS(                                                                                                           \
		"heap_util_rate") ",\"rows\":["                                                                                                 \
				  "[null,\"a\",\"0\",0.5],[null,\"b\",\"0\","                                                                   \
				  "0.95],"                                                                                                      \
				  "[null,\"nobody\",\"0\",1]]},"                                                                                \
				  "{\"refId\":\"1\"," COLUMNS(                                                                                  \
					  "heap_live_rate") ",\"rows\":["                                                                       \
							    "[\"floor\","                                                                       \
							    "\"a\",\"0\",0.4]"                                                                  \
							    ",[null,\"b\","                                                                     \
							    "\"0\",0.8],"                                                                       \
							    "[\"floor\","                                                                       \
							    "\"b\",\"0\",0.1]"                                                                  \
							    "]},"                                                                               \
							    "{\"refId\":"                                                                       \
							    "\"3\"," COLUMNS(                                                                   \
								    "frag_"                                                                     \
								    "ratio") ",\"rows\":["                                                      \
									     "[null,\"a\",\"0\",0.2]]},"                                        \
									     "{\"refId\":\"t\",\"tags\":{\"service\":\"a\",\"instance\":\"0\"," \
									     "\"pid\":\"8\"},\"datapoints\":[[null,1],[0.1,2],[0.99,3]]}]"

static struct top *parse(const char *status, const char *targets,
			 const char *query)
{
	struct problem p = { 0 };
	struct top *t = NULL;

	ck_ok(top_parse(&t, status, targets, query, &p));
	return t;
}

static const char *draw(struct top *t, struct top_view view)
{
	static struct buf b;

	buf_reset(&b);
	view.line_end = "\n";
	view.url = "http://x";
	view.width = view.width ? view.width : 200;
	top_sort(t, &view);
	top_draw(&b, t, &view, false);
	return buf_cstr(&b);
}

static const struct top_row *row(const struct top *t, int64_t pid)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->rows[i].pid == pid)
			return &t->rows[i];
	}
	return NULL;
}

START_TEST(values_find_their_process_by_labels)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);

	ck_assert_uint_eq(t->count, 3);
	ck_assert_double_eq(row(t, 8)->values[TOP_UTIL], 0.5);
	ck_assert_double_eq(row(t, 7)->values[TOP_UTIL], 0.95);
	ck_assert(isnan(row(t, 9)->values[TOP_UTIL]));
	ck_assert_double_eq(row(t, 8)->trend[TOP_TREND - 1], 0.99);
	ck_assert_double_eq(row(t, 8)->trend[TOP_TREND - 2], 0.1);
	ck_assert(isnan(row(t, 8)->trend[TOP_TREND - 3]));
	ck_assert(isnan(row(t, 8)->trend[0]));
}
END_TEST

START_TEST(a_value_on_its_own_basis_wins_over_the_floor)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);

	ck_assert_int_eq(row(t, 8)->basis[TOP_LIVE], 'f');
	ck_assert_int_eq(row(t, 7)->basis[TOP_LIVE], 0);
	ck_assert_double_eq(row(t, 7)->values[TOP_LIVE], 0.8);
	ck_assert_ptr_nonnull(strstr(draw(t, (struct top_view){ 0 }), "~40%"));
}
END_TEST

START_TEST(grades_follow_the_servers_limits_in_both_directions)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);
	const char *text = draw(t, (struct top_view){ 0 });

	ck_assert_int_eq(row(t, 7)->worst, GRADE_CRITICAL);
	ck_assert_int_eq(row(t, 8)->worst, GRADE_WARNING);
	ck_assert_ptr_nonnull(strstr(text, "95%!!"));
	ck_assert_ptr_nonnull(strstr(text, "0.20! "));
	ck_assert_ptr_nonnull(strstr(text, "1 critical  2 warning"));
}
END_TEST

START_TEST(the_servers_state_is_told_with_its_age_and_reason)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);
	const char *text = draw(t, (struct top_view){ 0 });

	ck_assert_ptr_nonnull(strstr(text, "warning 5m"));
	ck_assert_ptr_nonnull(strstr(text, "grows"));
}
END_TEST

START_TEST(a_silenced_state_is_bracketed_and_counts_as_nothing_bad)
{
	own(top_freep) struct top *t =
		parse(STATUS,
		      "{\"targets\":[" TARGET(
			      "1", "a",
			      ",\"state\":\"critical\",\"silenced\":true") "]}",
		      "[]");
	const char *text = draw(t, (struct top_view){ 0 });

	ck_assert_ptr_nonnull(strstr(text, "(critical)"));
	ck_assert_ptr_nonnull(strstr(text, "0 critical"));
}
END_TEST

START_TEST(the_worst_comes_first_and_what_is_absent_last)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);

	draw(t, (struct top_view){ .sort = 't' });
	ck_assert_int_eq(t->rows[0].pid, 7);
	draw(t, (struct top_view){ .sort = 's' });
	ck_assert_int_eq(t->rows[0].pid, 8);
	draw(t, (struct top_view){ .sort = 's', .reversed = true });
	ck_assert_int_eq(t->rows[0].pid, 9);
	for (int turned = 0; turned < 2; turned++) {
		draw(t, (struct top_view){ .sort = 'u', .reversed = turned });
		ck_assert_int_eq(t->rows[2].pid, 9);
		ck_assert_int_eq(t->rows[0].pid, turned ? 8 : 7);
	}
}
END_TEST

START_TEST(a_hostile_name_cannot_steer_the_terminal)
{
	own(top_freep) struct top *t = parse(
		"{\"node\":\"\\u001b[2J\"}",
		"{\"targets\":[" TARGET("1", "\\u001b]0;x\\u0007\\n\\u009b",
					",\"state\":\"\\u001bc\"") "]}",
		"[]");
	const char *text = draw(t, (struct top_view){ .colour = false });

	for (; *text; text++)
		ck_assert(*text == '\n' || (*text >= ' ' && *text <= '~'));
}
END_TEST

START_TEST(a_line_is_never_wider_than_the_screen)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);

	for (int width = 1; width < 260; width++) {
		const char *text = draw(t, (struct top_view){ .width = width });

		while (*text) {
			size_t len = strcspn(text, "\n");

			ck_assert_uint_le(len, (size_t)width);
			text += len + 1;
		}
	}
}
END_TEST

START_TEST(limits_of_a_service_win_over_the_general_ones)
{
	own(top_freep) struct top *t = parse(
		STATUS,
		"{\"targets\":[" TARGET("7", "b", "") "," TARGET(
			"8", "a",
			",\"thresholds\":{\"heap_util_rate\":{\"warning\":0.4,"
			"\"critical\":0.9,\"bad\":\"above\"}}") "]}",
		QUERY);
	const struct top_row *a = &t->rows[0];

	ck_assert_str_eq(a->service, "a");
	ck_assert_int_eq(top_grade(t, a, TOP_UTIL), GRADE_WARNING);
	ck_assert_int_eq(a->worst, GRADE_WARNING);
	ck_assert_int_eq(top_grade(t, &t->rows[1], TOP_UTIL), GRADE_CRITICAL);
	/* what it does not name stays as it is for all */
	ck_assert_int_eq(top_grade(t, a, TOP_FRAG), GRADE_WARNING);
}
END_TEST

START_TEST(the_narrowest_display_tells_who_is_ill)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);
	const char *text = draw(t, (struct top_view){ .width = 20,
						      .sort = 't' });

	ck_assert_ptr_nonnull(strstr(text, "\ncritical "));
	ck_assert_ptr_nonnull(strstr(text, "/0\n"));
}
END_TEST

/* Each pair must compare alike, whatever a third one lacks. */
START_TEST(what_has_no_value_stands_below_its_likes_by_state_too)
{
	const char *targets = "{\"targets\":[" TARGET("1", "a", "") ","
			      TARGET("2", "b", "") "," TARGET("3", "c", "") "]}";
	own(top_freep) struct top *t = parse("{}", targets, "[]");

	for (size_t i = 0; i < t->count; i++)
		t->rows[i].values[TOP_UTIL] = t->rows[i].pid == 2 ? NAN :
					      t->rows[i].pid == 1 ? 0.1 : 0.9;
	draw(t, (struct top_view){ .sort = 't' });
	ck_assert_int_eq(t->rows[0].pid, 3);
	ck_assert_int_eq(t->rows[1].pid, 1);
	ck_assert_int_eq(t->rows[2].pid, 2);
}
END_TEST

START_TEST(answers_of_another_shape_are_empty_not_fatal)
{
	static const char *const shapes[] = {
		"{}",
		"[]",
		"[[]]",
		"[1,null,\"x\"]",
		"{\"targets\":7,\"collector\":[],\"thresholds\":\"x\"}",
		"{\"targets\":[null,7,{\"labels\":[],\"pid\":\"x\"}]}",
		"[{\"refId\":\"9\"},{\"refId\":\"0\",\"rows\":[null,[]],"
		"\"columns\":[7,{\"text\":null}]},{\"refId\":\"\"},"
		"{\"refId\":\"t\",\"datapoints\":[7]}]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
			own(top_freep) struct top *t =
				parse(shapes[i], shapes[k], shapes[i]);

			ck_assert_uint_gt(
				strlen(draw(t, (struct top_view){ 0 })), 0);
		}
	}
}
END_TEST

START_TEST(what_is_no_json_is_a_problem_that_names_the_path)
{
	struct problem p = { 0 };
	struct top *t = NULL;

	ck_err(top_parse(&t, "<html>", "{}", "[]", &p), EBADMSG);
	ck_assert_ptr_nonnull(strstr(p.text, "/api/v1/status"));
	ck_assert_ptr_null(t);
}
END_TEST

START_TEST(numbers_of_any_size_keep_their_column)
{
	own(top_freep) struct top *t = parse(STATUS, TARGETS, QUERY);
	static const double numbers[] = { 0,	  -1,	  1e-300,  0.0994,
					  0.0996, 9.94e5, 1e9,	   1e17,
					  1e300,  -1e300, INFINITY };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (int v = 0; v < TOP_VALUES; v++)
			t->rows[0].values[v] = numbers[i];
		for (int k = 0; k < TOP_TREND; k++)
			t->rows[0].trend[k] = numbers[i];
		ck_assert_uint_gt(strlen(draw(t, (struct top_view){ 0 })), 0);
	}
	t->rows[0].values[TOP_HEAP] = 1536.0 * 1024 * 1024;
	ck_assert_ptr_nonnull(strstr(draw(t, (struct top_view){ 0 }), "1.5G"));
}
END_TEST

TEST_MAIN("top", values_find_their_process_by_labels,
	  a_value_on_its_own_basis_wins_over_the_floor,
	  grades_follow_the_servers_limits_in_both_directions,
	  the_servers_state_is_told_with_its_age_and_reason,
	  a_silenced_state_is_bracketed_and_counts_as_nothing_bad,
	  the_worst_comes_first_and_what_is_absent_last,
	  a_hostile_name_cannot_steer_the_terminal,
	  a_line_is_never_wider_than_the_screen,
	  limits_of_a_service_win_over_the_general_ones,
	  the_narrowest_display_tells_who_is_ill,
	  what_has_no_value_stands_below_its_likes_by_state_too,
	  answers_of_another_shape_are_empty_not_fatal,
	  what_is_no_json_is_a_problem_that_names_the_path,
	  numbers_of_any_size_keep_their_column)
