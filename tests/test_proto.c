#include "test.h"

#include "common/proto.h"

static struct bytes of(const char *data, size_t len)
{
	return (struct bytes){ data, len };
}

START_TEST(what_is_written_is_read_back)
{
	struct buf out = BUF_INIT, part = BUF_INIT;
	struct proto_reader r;
	struct proto_field f;

	proto_put_number(&out, 1, 300);
	proto_put_number(&out, 2000, UINT64_MAX);
	proto_put_text(&part, 3, "inner");
	proto_put_built(&out, 15, &part);
	r = proto_read(of(out.data, out.len));
	ck_assert(proto_next(&r, &f) && f.number == 1 && f.value == 300);
	ck_assert(proto_next(&r, &f) && f.number == 2000 &&
		  f.value == UINT64_MAX);
	ck_assert(proto_next(&r, &f) && f.wire == PROTO_BYTES &&
		  f.bytes.len == 7);
	ck_assert(!proto_next(&r, &f) && !r.bad);
	buf_fini(&out);
	buf_fini(&part);
}
END_TEST

START_TEST(fixed_numbers_are_little_endian)
{
	struct proto_reader r = proto_read(
		of("\x09\x01\0\0\0\0\0\0\0\x15\x02\0\0\0", 14));
	struct proto_field f;

	ck_assert(proto_next(&r, &f) && f.number == 1 && f.value == 1);
	ck_assert(proto_next(&r, &f) && f.number == 2 && f.value == 2);
	ck_assert(!proto_next(&r, &f) && !r.bad);
}
END_TEST

/* A number without an end, one of eleven bytes, a length beyond the end,
 * field 0, a group, a fixed number cut short. */
START_TEST(malformed_messages_are_bad_and_stay_so)
{
	static const struct bytes bad[] = {
		{ "\x08\x80", 2 },
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
		{ "\x0a\x05" "abc", 5 },
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "\x00\x01", 2 },
		{ "\x0b\x0c", 2 },
		{ "\x09\x01\x02", 3 },
		{ "\x0d\x01\x02", 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct proto_reader r = proto_read(bad[i]);
		struct proto_field f;

		ck_assert(!proto_next(&r, &f));
		ck_assert(r.bad);
		ck_assert(!proto_next(&r, &f));
	}
}
END_TEST

START_TEST(entry_of_a_map_has_key_and_value)
{
	struct bytes key, value;

	ck_assert(proto_entry(of("\x0a\x01k\x12\x02vw", 7), &key, &value));
	ck_assert(key.len == 1 && *key.data == 'k');
	ck_assert(value.len == 2 && memcmp(value.data, "vw", 2) == 0);
	ck_assert(proto_entry(of("", 0), &key, &value));
	ck_assert(key.len == 0 && value.len == 0);
	ck_assert(!proto_entry(of("\x0a\x09", 2), &key, &value));
}
END_TEST

START_TEST(error_of_a_part_becomes_that_of_the_whole)
{
	struct buf out = BUF_INIT, part = { .limit = 1 };

	proto_put_text(&part, 1, "too long");
	proto_put_built(&out, 1, &part);
	ck_assert_int_eq(buf_error(&out), -EFBIG);
	buf_fini(&out);
	buf_fini(&part);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_mended)
{
	static const char mended[] = "\x0a\x0d" "\xc3\xbc\xef\xbf\xbd" "a"
				     "\xef\xbf\xbd" "b" "\xef\xbf\xbd";
	struct buf out = BUF_INIT;

	proto_put_text(&out, 1, "\xc3\xbc\xff" "a\x80" "b\xc3");
	ck_assert_int_eq(buf_error(&out), 0);
	ck_assert_uint_eq(out.len, sizeof(mended) - 1);
	ck_assert_mem_eq(out.data, mended, out.len);
	buf_fini(&out);
}
END_TEST

TEST_MAIN("proto", what_is_written_is_read_back,
	  fixed_numbers_are_little_endian,
	  malformed_messages_are_bad_and_stay_so,
	  entry_of_a_map_has_key_and_value,
	  error_of_a_part_becomes_that_of_the_whole,
	  text_that_is_not_utf8_is_mended)
