#include "test.h"

#include <stdio.h>

#include "common/frame.h"

START_TEST(cells_keep_value_and_validity)
{
	own(frame_freep) struct frame *f = NULL;
	struct field *field;

	ck_ok(frame_new(&f, "A", "x", FRAME_TABLE));
	ck_assert_uint_eq(frame_rows(f), 0);
	ck_ok(frame_add_field(f, &field, "v", FIELD_F64, NULL));
	for (int i = 0; i < 1000; i++)
		ck_ok(i % 3 ? cells_add_f64(field->cells, i) :
			      cells_add_null(field->cells));
	ck_assert_uint_eq(frame_rows(f), 1000);
	ck_assert_uint_eq(field->cells->null_count, 334);
	for (size_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(cells_valid(field->cells, i), i % 3 != 0);
		ck_assert_double_eq(field->cells->f64[i],
				    i % 3 ? (double)i : 0);
	}
}
END_TEST

START_TEST(texts_are_copied_and_null_is_no_text)
{
	own(frame_freep) struct frame *f = NULL;
	struct field *field;
	char text[] = "abc";

	ck_ok(frame_new(&f, "", "x", FRAME_TABLE));
	ck_ok(frame_add_field(f, &field, "s", FIELD_STRING, NULL));
	ck_ok(cells_add_string(field->cells, text));
	ck_ok(cells_add_null(field->cells));
	text[0] = 'X';
	ck_assert_str_eq(field->cells->string[0], "abc");
	ck_assert_ptr_null(field->cells->string[1]);
}
END_TEST

START_TEST(every_type_has_its_cells)
{
	own(frame_freep) struct frame *f = NULL;
	struct field *field;

	ck_ok(frame_new(&f, "", "x", FRAME_TABLE));
	ck_ok(frame_add_field(f, &field, "b", FIELD_BOOL, NULL));
	ck_ok(cells_add_bool(field->cells, true));
	ck_ok(cells_add_bool(field->cells, false));
	ck_assert(field->cells->boolean[0]);
	ck_assert(!field->cells->boolean[1]);
	ck_ok(frame_add_field(f, &field, "i", FIELD_I64, NULL));
	ck_ok(cells_add_i64(field->cells, INT64_MIN));
	ck_assert_int_eq(field->cells->i64[0], INT64_MIN);
}
END_TEST

START_TEST(fields_may_share_cells)
{
	own(frame_freep) struct frame *a = NULL;
	struct frame *b = NULL;
	struct field *first, *second;

	ck_ok(frame_new(&a, "", "a", FRAME_TIMESERIES));
	ck_ok(frame_new(&b, "", "b", FRAME_TIMESERIES));
	ck_ok(frame_add_field(a, &first, "time", FIELD_TIME_MS, NULL));
	ck_ok(frame_add_field(b, &second, "time", FIELD_TIME_MS,
			      first->cells));
	ck_assert_uint_eq(first->cells->references, 2);
	ck_ok(cells_add_i64(second->cells, 7));
	frame_free(b);
	ck_assert_uint_eq(frame_rows(a), 1);
	ck_assert_uint_eq(a->fields[0].cells->references, 1);
}
END_TEST

START_TEST(notice_is_cut_at_its_length)
{
	own(frame_freep) struct frame *f = NULL;
	char text[1000];

	ck_ok(frame_new(&f, "", "x", FRAME_TABLE));
	memset(text, 'n', sizeof(text));
	text[999] = '\0';
	for (int i = 0; i < 10; i++)
		ck_ok(frame_notice(f, NOTICE_WARNING, "%d %s", i, text));
	ck_assert_uint_eq(f->notice_count, 10);
	ck_assert_uint_eq(strlen(f->notices[9].text), 299);
	ck_assert_int_eq(f->notices[9].text[0], '9');
	frame_free(NULL);
}
END_TEST

TEST_MAIN("frame", cells_keep_value_and_validity,
	  texts_are_copied_and_null_is_no_text, every_type_has_its_cells,
	  fields_may_share_cells, notice_is_cut_at_its_length)
