/*
 * Every encoder against tests/golden/<encoder>/<case>/: the frames of
 * frame.json must become the bytes of out.
 */
#include "test.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>

#include "server/encode/encode.h"

#include "golden_frame.c"

#define FRAMES_MAX 16

/* Beside the build folder that this program lies in. */
static const char *golden(void)
{
	static char path[PATH_MAX / 2 + 64];
	char self[PATH_MAX / 2] = "";

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1),
			 0);
	snprintf(path, sizeof(path), "%s/../../tests/golden", dirname(self));
	return path;
}

static void read_file(struct buf *out, const char *path)
{
	char part[4096];
	FILE *file = fopen(path, "rb");
	size_t len;

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	while ((len = fread(part, 1, sizeof(part), file)) > 0)
		buf_add(out, part, len);
	fclose(file);
}

/* What comes out is one JSON text, whatever went in. */
static void check_json(const struct buf *out)
{
	json_error_t error;
	json_t *root = json_loadb(out->data, out->len, 0, &error);

	ck_assert_msg(root != NULL, "at %d: %s", error.position, error.text);
	ck_assert(json_is_array(root));
	json_decref(root);
}

static void check_case(const struct encoder *e, const char *dir)
{
	struct frame *frames[FRAMES_MAX];
	struct buf out = BUF_INIT, want = BUF_INIT;
	char path[PATH_MAX + 320];
	size_t count;

	snprintf(path, sizeof(path), "%s/frame.json", dir);
	count = read_frames(path, frames, FRAMES_MAX);
	snprintf(path, sizeof(path), "%s/out", dir);
	read_file(&want, path);
	e->encode(&out, frames, count);
	ck_ok(buf_error(&out));
	ck_assert_msg(out.len == want.len &&
		      memcmp(buf_cstr(&out), buf_cstr(&want), out.len) == 0, "%s: got\n%s\nwanted\n%s", dir,
		      buf_cstr(&out), buf_cstr(&want));
	if (strncmp(e->name, "json", 4) == 0)
		check_json(&out);
	for (size_t i = 0; i < count; i++)
		frame_free(frames[i]);
	buf_fini(&out);
	buf_fini(&want);
}

/* All cases of one encoder; returns how many there were. */
static size_t check_encoder(const char *name)
{
	const struct encoder *e = encoder_find(name);
	char path[PATH_MAX], dir[PATH_MAX + 300];
	struct dirent *entry;
	size_t count = 0;
	DIR *cases;

	ck_assert_msg(e != NULL, "no encoder %s", name);
	snprintf(path, sizeof(path), "%s/%s", golden(), name);
	cases = opendir(path);
	ck_assert_msg(cases != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(cases))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), "%s/%s", path, entry->d_name);
		check_case(e, dir);
		count++;
	}
	closedir(cases);
	return count;
}

START_TEST(golden_frames_become_golden_bytes)
{
	static const char *const names[] = {
		"json-classic", "json-frames", "prometheus",
		"openmetrics",	"ndjson",      "csv",
		"frames-pb",	"frames-pb-json",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_uint_gt(check_encoder(names[i]), 0);
}
END_TEST

START_TEST(unknown_encoder_is_none)
{
	ck_assert_ptr_null(encoder_find("xml"));
	ck_assert_ptr_null(encoder_find(""));
	ck_assert_str_eq(encoder_find("csv")->content_type,
			 "text/csv; charset=utf-8");
}
END_TEST

/* A name that is not UTF-8, as a process may have. */
static struct frame *broken_name(void)
{
	struct frame *f;
	struct field *field;

	ck_ok(frame_new(&f, "", "threads", FRAME_NUMERIC));
	ck_ok(frame_add_field(f, &field, "threads", FIELD_F64, NULL));
	ck_ok(labels_set(&field->labels, "service", "a\xff\xc3(\xe2\x82\xac"));
	ck_ok(cells_add_f64(field->cells, 2));
	return f;
}

static void expect_broken(const char *name, const char *part)
{
	struct frame *f = broken_name();
	struct buf out = BUF_INIT;

	encoder_find(name)->encode(&out, &f, 1);
	ck_assert_msg(strstr(buf_cstr(&out), part) != NULL, "%s",
		      buf_cstr(&out));
	buf_fini(&out);
	frame_free(f);
}

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
	const char *clean = "a\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac";

	expect_broken("json-classic", clean);
	expect_broken("json-frames", clean);
	expect_broken("prometheus", clean);
	expect_broken("csv", clean);
}
END_TEST

START_TEST(full_buffer_is_an_error_and_no_crash)
{
	static const char *const names[] = {
		"json-classic", "json-frames", "prometheus",
		"openmetrics",	"csv",	       "frames-pb",
		"frames-pb-json",
	};
	struct frame *f = broken_name();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t limit = 1; limit < 30; limit++) {
			struct buf out = { .limit = limit };

			encoder_find(names[i])->encode(&out, &f, 1);
			ck_assert_int_eq(buf_error(&out), -EFBIG);
			ck_assert_uint_le(out.len, limit);
			buf_fini(&out);
		}
	}
	frame_free(f);
}
END_TEST

TEST_MAIN("encode", golden_frames_become_golden_bytes,
	  unknown_encoder_is_none, bytes_that_are_no_utf8_are_replaced,
	  full_buffer_is_an_error_and_no_crash)
