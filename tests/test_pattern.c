#include "test.h"

#include <stdbool.h>

#include "common/clock.h"
#include "common/pattern.h"

static bool matches(const char *pattern, const char *text)
{
	own(pattern_freep) struct pattern *compiled = NULL;
	struct problem p = { 0 };
	int r = pattern_compile(&compiled, pattern, &p);

	ck_assert_msg(r == 0, "%s: %s", pattern, p.text);
	return pattern_matches(compiled, text);
}

START_TEST(whole_text_must_match)
{
	ck_assert(matches("sca.a", "scada"));
	ck_assert(!matches("sca", "scada"));
	ck_assert(!matches("cada", "scada"));
	ck_assert(matches("a|scada", "scada"));
	ck_assert(!matches("a|sca", "scada"));
	ck_assert(matches("", ""));
	ck_assert(!matches("", "x"));
	ck_assert(matches(".*", "a\nb"));
	ck_assert(!matches("a", "a\n"));
	ck_assert(matches("hist\\(3\\)", "hist(3)"));
	ck_assert(matches(".", "\xc3\xa4"));
}
END_TEST

START_TEST(text_that_is_no_utf8_is_no_crash)
{
	ck_assert(!matches("scada", "\xff\xfe"));
	matches(".*", "\xff\xfe");
}
END_TEST

static void refused(const char *pattern, const char *part)
{
	struct pattern *compiled = NULL;
	struct problem p = { 0 };

	ck_err(pattern_compile(&compiled, pattern, &p), EINVAL);
	ck_assert_ptr_null(compiled);
	ck_assert_int_eq(p.code, PROBLEM_BAD_REQUEST);
	ck_assert_msg(strstr(p.text, part) != NULL, "%s", p.text);
}

START_TEST(malformed_pattern_tells_where)
{
	char pattern[PATTERN_MAX + 2];

	refused("a(b", "at byte 4");
	refused("[a", "bad regular expression");
	refused("\\C", "bad regular expression");
	memset(pattern, 'a', sizeof(pattern));
	pattern[PATTERN_MAX + 1] = '\0';
	refused(pattern, "512");
	memset(pattern, '(', PATTERN_MAX);
	pattern[PATTERN_MAX] = '\0';
	refused(pattern, "bad regular expression");
}
END_TEST

START_TEST(no_pattern_holds_a_thread)
{
	char text[257];
	int64_t begin = clock_thread_cpu_ns();

	memset(text, 'a', 256);
	text[256] = '\0';
	ck_assert(!matches("(a+)+b", text));
	ck_assert(!matches("(a|a)*b", text));
	ck_assert(!matches("(.*)*(.*)*(.*)*x", text));
	ck_assert(!matches("(?:(?:(?:a?){64}){64})*b", "aaaa"));
	ck_assert_int_lt(clock_thread_cpu_ns() - begin, 1000000000);
}
END_TEST

TEST_MAIN("pattern", whole_text_must_match, text_that_is_no_utf8_is_no_crash,
	  malformed_pattern_tells_where, no_pattern_holds_a_thread)
