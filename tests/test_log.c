#include "test.h"

#include <stdio.h>

#include "common/log.h"

static char caught[4096];
static int count;

static void sink(enum log_level level, const char *line)
{
	snprintf(caught, sizeof(caught), "%d %s", (int)level, line);
	count++;
}

START_TEST(level_decides_what_is_said)
{
	count = 0;
	log_set_sink(sink);
	log_debug("quiet");
	ck_assert_int_eq(count, 0);
	log_info("pid=%d", 7);
	ck_assert_str_eq(caught, "1 pid=7");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("quiet");
	ck_assert_int_eq(count, 1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("loud");
	ck_assert_int_eq(count, 2);
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL);
}
END_TEST

START_TEST(error_is_said_and_handed_back)
{
	log_set_sink(sink);
	ck_err(log_err(-ENOENT, "cannot open %s", "x"), ENOENT);
	ck_assert_str_eq(caught, "3 cannot open x "
				 "error=\"No such file or directory\"");
	log_set_sink(NULL);
}
END_TEST

START_TEST(message_is_one_line)
{
	log_set_sink(sink);
	log_info("exe=%s", "a\nerror forged\r\t\x1b[2J");
	ck_assert_str_eq(caught, "1 exe=a?error forged???[2J");
	log_set_sink(NULL);
}
END_TEST

START_TEST(long_message_is_cut)
{
	static char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	log_set_sink(sink);
	log_info("%s", text);
	ck_assert_uint_lt(strlen(caught), 2100);
	ck_err(log_err(-EIO, "%s", text), EIO);
	ck_assert_uint_lt(strlen(caught), 2100);
	log_set_sink(NULL);
}
END_TEST

START_TEST(levels_have_words)
{
	enum log_level level;

	ck_ok(log_level_parse(&level, "warn"));
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
	ck_ok(log_level_parse(&level, "debug"));
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_err(log_level_parse(&level, "loud"), EINVAL);
}
END_TEST

TEST_MAIN("log", level_decides_what_is_said, error_is_said_and_handed_back,
	  message_is_one_line, long_message_is_cut, levels_have_words)
