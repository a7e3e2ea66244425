#include "common/units.h"
#include "common/utf8.h"
#include "test.h"

static const char *text_of(double bytes)
{
	static char out[16];

	bytes_format(out, bytes);
	return out;
}

START_TEST(bytes_have_three_digits_and_a_unit)
{
	ck_assert_str_eq(text_of(0), "0 B");
	ck_assert_str_eq(text_of(512), "512 B");
	ck_assert_str_eq(text_of(1536), "1.5 KiB");
	ck_assert_str_eq(text_of(256.0 * UNIT_MIB), "256 MiB");
	ck_assert_str_eq(text_of(1023.0 * UNIT_MIB), "1023 MiB");
	ck_assert_str_eq(text_of(1023.9 * UNIT_MIB), "1 GiB");
	ck_assert_str_eq(text_of(23.54 * UNIT_GIB), "23.5 GiB");
	ck_assert_str_eq(text_of(5000.0 * UNIT_TIB), "5000 TiB");
}
END_TEST

START_TEST(strangers_names_cannot_command_a_terminal)
{
	char name[] = "ev\nerror \033[31mline\x7f";

	text_one_line(name);
	ck_assert_str_eq(name, "ev?error ?[31mline?");
}
END_TEST

TEST_MAIN("units", bytes_have_three_digits_and_a_unit,
	  strangers_names_cannot_command_a_terminal)
