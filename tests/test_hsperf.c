/* The parser of a JVM's counters, on blocks good and hostile. */
#include "test.h"

#include "collector/jvm/hsperf.h"
#include "jvm_block.h"

static struct block b;
static struct hsperf h;

static void setup(void)
{
	block_init(&b);
	block_number(&b, "java.cls.loadedClasses", 914);
	block_text(&b, "sun.gc.policy.name", "GarbageFirst");
}

static int look(void)
{
	return hsperf_index(&h, b.bytes, sizeof(b.bytes));
}

START_TEST(values_are_found_by_name)
{
	char text[64];
	int64_t n;

	setup();
	ck_ok(look());
	ck_assert(hsperf_number(&h, b.bytes, sizeof(b), HSPERF_CLASSES_LOADED,
				&n));
	ck_assert_int_eq(n, 914);
	ck_assert(hsperf_text(&h, b.bytes, sizeof(b), HSPERF_POLICY_NAME, text,
			      sizeof(text)));
	ck_assert_str_eq(text, "GarbageFirst");
	ck_assert(!hsperf_number(&h, b.bytes, sizeof(b), HSPERF_OLD_USED, &n));
}
END_TEST

START_TEST(text_is_cut_and_made_printable)
{
	char text[8];

	block_init(&b);
	block_text(&b, "sun.gc.policy.name", "a\nb\x1b[31mlong");
	ck_ok(look());
	ck_assert(hsperf_text(&h, b.bytes, sizeof(b), HSPERF_POLICY_NAME, text,
			      sizeof(text)));
	ck_assert_str_eq(text, "a?b?[31");
}
END_TEST

START_TEST(counter_of_the_wrong_type_is_not_there)
{
	char text[8];

	block_init(&b);
	block_number(&b, "sun.gc.policy.name", 1);
	ck_ok(look());
	ck_assert(!hsperf_text(&h, b.bytes, sizeof(b), HSPERF_POLICY_NAME, text,
			       sizeof(text)));
}
END_TEST

START_TEST(block_in_the_making_is_asked_again)
{
	setup();
	b.bytes[7] = 0; /* not accessible */
	ck_err(look(), EAGAIN);
	memset(&b, 0, sizeof(b));
	ck_err(look(), EAGAIN);
}
END_TEST

START_TEST(foreign_blocks_are_refused)
{
	setup();
	b.bytes[0] = 0x7f;
	ck_err(look(), EBADMSG);
	setup();
	b.bytes[5] = 3;
	ck_err(look(), EPROTONOSUPPORT);
	setup();
	b.bytes[4] = 0; /* big endian */
	ck_err(look(), EPROTONOSUPPORT);
	ck_err(hsperf_index(&h, b.bytes, 31), EBADMSG);
}
END_TEST

START_TEST(prologue_that_reaches_outside_is_refused)
{
	static const struct {
		size_t at;
		int32_t value;
	} bad[] = {
		{ BLOCK_USED, BLOCK_BYTES + 1 }, { BLOCK_USED, -1 },
		{ BLOCK_USED, 31 },              { BLOCK_ENTRY, 0 },
		{ BLOCK_ENTRY, -8 },             { BLOCK_ENTRY, INT32_MAX },
		{ BLOCK_ENTRIES, -1 },           { BLOCK_ENTRIES, INT32_MAX },
		{ BLOCK_ENTRIES, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		setup();
		block_set_int(&b, bad[i].at, bad[i].value);
		ck_err(look(), EBADMSG);
	}
}
END_TEST

START_TEST(entry_that_reaches_outside_is_refused)
{
	static const struct {
		size_t at; /* in the entry */
		int32_t value;
	} bad[] = {
		{ 0, 0 },          { 0, -1 },        { 0, INT32_MAX },
		{ 0, 19 },         { 4, -1 },        { 4, 0 },
		{ 4, INT32_MAX },  { 4, 1000 },      { 8, -1 },
		{ 8, INT32_MAX },  { 16, -1 },       { 16, 0 },
		{ 16, INT32_MAX }, { 16, 56 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		setup();
		block_set_int(&b, 32 + bad[i].at, bad[i].value);
		ck_err(look(), EBADMSG);
	}
}
END_TEST

START_TEST(name_without_an_end_is_refused)
{
	setup();
	memset(b.bytes + 32 + 20, 'x', (size_t)block_int(&b, 32) - 20);
	ck_err(look(), EBADMSG);
}
END_TEST

START_TEST(block_that_grew_is_looked_through_again)
{
	setup();
	ck_ok(look());
	ck_assert(hsperf_current(&h, b.bytes, sizeof(b)));
	block_number(&b, "sun.os.hrt.frequency", 1000000000);
	ck_assert(!hsperf_current(&h, b.bytes, sizeof(b)));
}
END_TEST

START_TEST(value_beyond_a_shorter_copy_is_not_read)
{
	int64_t n;

	setup();
	ck_ok(look());
	ck_assert(!hsperf_number(&h, b.bytes, 40, HSPERF_CLASSES_LOADED, &n));
	ck_assert(!hsperf_current(&h, b.bytes, 40));
}
END_TEST

START_TEST(failed_look_leaves_the_result_alone)
{
	setup();
	ck_ok(look());
	b.bytes[0] = 0;
	ck_err(look(), EBADMSG);
	ck_assert_int_eq(h.entries, 2);
}
END_TEST

TEST_MAIN("hsperf", values_are_found_by_name, text_is_cut_and_made_printable,
	  counter_of_the_wrong_type_is_not_there,
	  block_in_the_making_is_asked_again, foreign_blocks_are_refused,
	  prologue_that_reaches_outside_is_refused,
	  entry_that_reaches_outside_is_refused,
	  name_without_an_end_is_refused,
	  block_that_grew_is_looked_through_again,
	  value_beyond_a_shorter_copy_is_not_read,
	  failed_look_leaves_the_result_alone)
