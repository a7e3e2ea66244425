#include <math.h>

#include "common/buf.h"
#include "server/cli/report.h"
#include "test.h"

START_TEST(an_empty_list_tells_what_happens_next)
{
	own(buf_fini) struct buf out = BUF_INIT;
	struct census_lack lack = { .what = "processes of other users",
				    .needs = "CAP_SYS_PTRACE",
				    .reason = "2 may not be looked at" };
	struct census c = { .processes = 7, .lacks = &lack, .lack_count = 1 };

	report_write(&out, &c);
	ck_assert_str_eq(
		buf_cstr(&out),
		"0 of 7 processes have a known runtime, 0 are watched\n"
		"no Go or Java process was found; those that start later are "
		"watched too\n"
		"missing: processes of other users; needs CAP_SYS_PTRACE "
		"(2 may not be looked at)\n");
}
END_TEST

START_TEST(what_is_not_watched_has_its_reason_in_the_list)
{
	own(buf_fini) struct buf out = BUF_INIT;
	struct census_target t = { .reason = (char *)"too old",
				   .heap_max_bytes = NAN };
	struct census c = { .processes = 7, .targets = &t, .target_count = 1 };

	t.entity.key.pid = 42;
	report_write(&out, &c);
	ck_assert_str_eq(buf_cstr(&out),
			 "1 of 7 processes have a known runtime, 0 are "
			 "watched\n"
			 "  PID  RUNTIME  VERSION  SERVICE/INSTANCE  BOUND\n"
			 "   42  -        -        -/-               not "
			 "watched: too old\n");
}
END_TEST

TEST_MAIN("report", an_empty_list_tells_what_happens_next,
	  what_is_not_watched_has_its_reason_in_the_list)
