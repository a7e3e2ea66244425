/* Who may ask, and how an answer travels. */
#include <check.h>
#include <stdio.h>
#include <zlib.h>

#include "server/http/door.h"
#include "test.h"

START_TEST(only_addresses_and_known_names_are_hosts)
{
	ck_assert(host_allowed(NULL, ""));
	ck_assert(host_allowed("127.0.0.1:9817", ""));
	ck_assert(host_allowed("localhost", ""));
	ck_assert(host_allowed("LOCALHOST:1", ""));
	ck_assert(host_allowed("[::1]:9817", ""));
	ck_assert(host_allowed("10.0.0.7", ""));
	ck_assert(!host_allowed("evil.example:9817", ""));
	ck_assert(!host_allowed("127.0.0.1.evil.example", ""));
	ck_assert(!host_allowed("localhost.evil.example", ""));
	ck_assert(!host_allowed("", ""));
	ck_assert(!host_allowed("[::1", ""));
	ck_assert(host_allowed("gw-1.plant:80", "gw-2.plant, gw-1.plant"));
	ck_assert(!host_allowed("gw-1", "gw-2.plant, gw-1.plant"));
}
END_TEST

START_TEST(an_origin_is_allowed_as_a_whole)
{
	const char *list = "https://a.example, http://b:3000";

	ck_assert(origin_allowed("https://a.example", list));
	ck_assert(origin_allowed("http://b:3000", list));
	ck_assert(!origin_allowed("http://b", list));
	ck_assert(!origin_allowed("https://a.example.evil", list));
	ck_assert(!origin_allowed(NULL, list));
	ck_assert(!origin_allowed("", list));
	ck_assert(!origin_allowed("https://a.example", ""));
	ck_assert(origin_allowed("null", "*"));
}
END_TEST

START_TEST(gzip_is_sent_to_who_takes_it)
{
	ck_assert(accepts_gzip("gzip"));
	ck_assert(accepts_gzip("deflate, gzip;q=1.0, *;q=0.5"));
	ck_assert(accepts_gzip("br,GZIP"));
	ck_assert(!accepts_gzip("gzip;q=0"));
	ck_assert(!accepts_gzip("gzip;q=0.0, deflate"));
	ck_assert(!accepts_gzip("deflate"));
	ck_assert(!accepts_gzip("gzippy"));
	ck_assert(!accepts_gzip(""));
	ck_assert(!accepts_gzip(NULL));
}
END_TEST

START_TEST(a_body_survives_gzip)
{
	struct buf b = BUF_INIT;
	char back[8000];
	z_stream z = { .next_out = (unsigned char *)back,
		       .avail_out = sizeof(back) };

	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "[%d],", i % 10);
	ck_assert(gzip_body(&b));
	ck_assert_uint_lt(b.len, 400);
	z.next_in = (unsigned char *)b.data;
	z.avail_in = (unsigned)b.len;
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.total_out, 4000);
	ck_assert_mem_eq(back, "[0],[1],", 8);
	inflateEnd(&z);
	buf_fini(&b);
}
END_TEST

START_TEST(what_gzip_makes_no_shorter_stays)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "xyz");
	ck_assert(!gzip_body(&b));
	ck_assert_str_eq(buf_cstr(&b), "xyz");
	buf_fini(&b);
}
END_TEST

START_TEST(an_etag_names_bytes)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	char one[ETAG_LEN], other[ETAG_LEN], list[3 * ETAG_LEN];

	buf_puts(&a, "a");
	buf_puts(&b, "b");
	etag_of(one, &a);
	etag_of(other, &b);
	ck_assert_str_ne(one, other);
	ck_assert(etag_matches(one, one));
	ck_assert(etag_matches("*", one));
	ck_assert(!etag_matches(other, one));
	ck_assert(!etag_matches(NULL, one));
	snprintf(list, sizeof(list), "%s, %s", other, one);
	ck_assert(etag_matches(list, one));
	buf_fini(&a);
	buf_fini(&b);
}
END_TEST

START_TEST(a_base_path_is_taken_off)
{
	ck_assert_str_eq(below_base("/query", ""), "/query");
	ck_assert_str_eq(below_base("/hw/query", "/hw"), "/query");
	ck_assert_str_eq(below_base("/hw/query", "/hw/"), "/query");
	ck_assert_str_eq(below_base("/hw", "/hw"), "/");
	ck_assert_ptr_null(below_base("/hwx/query", "/hw"));
	ck_assert_ptr_null(below_base("/query", "/hw"));
}
END_TEST

START_TEST(a_request_id_is_short_and_plain)
{
	ck_assert(request_id_valid("4bf92f35-77b3:a_b.c"));
	ck_assert(!request_id_valid(""));
	ck_assert(!request_id_valid(NULL));
	ck_assert(!request_id_valid("a b"));
	ck_assert(!request_id_valid("a\"b"));
	ck_assert(!request_id_valid(
		"0123456789012345678901234567890123456789"
		"0123456789012345678901234"));
}
END_TEST

TEST_MAIN("door", only_addresses_and_known_names_are_hosts,
	  an_origin_is_allowed_as_a_whole, gzip_is_sent_to_who_takes_it,
	  a_body_survives_gzip, what_gzip_makes_no_shorter_stays,
	  an_etag_names_bytes, a_base_path_is_taken_off,
	  a_request_id_is_short_and_plain)
