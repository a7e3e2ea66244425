#include "test.h"

#include "server/store/tick.h"

/* A tick of these series, the last one 0. */
static struct tick *tick_of(const uint32_t *ids)
{
	struct tick *t;
	size_t count = 0;

	while (ids[count])
		count++;
	ck_ok(tick_new(&t, 1000, 1, count));
	for (size_t i = 0; i < count; i++) {
		t->ids[i] = ids[i];
		t->values[i] = 0;
	}
	return t;
}

START_TEST(series_of_many_ticks_are_united_each_once)
{
	static const uint32_t given[][6] = {
		{ 0 }, { 3, 7 }, { 3, 7 }, { 1, 7, 9 }, { 9 }, { 4, 5 },
	};
	static const uint32_t united[] = { 1, 3, 4, 5, 7, 9 };
	struct tick *ticks[ARRAY_SIZE(given)];
	uint32_t *ids;
	size_t count;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		ticks[i] = tick_of(given[i]);
	ck_ok(tick_ids(&ids, &count, ticks, ARRAY_SIZE(given)));
	ck_assert_uint_eq(count, ARRAY_SIZE(united));
	ck_assert_mem_eq(ids, united, sizeof(united));
	free(ids);
	ck_ok(tick_ids(&ids, &count, ticks, 1));
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(ids);
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		tick_unref(ticks[i]);
}
END_TEST

START_TEST(tick_is_within_what_has_all_its_series)
{
	static const uint32_t known[] = { 2, 4, 6, 8 };
	static const struct {
		uint32_t ids[5];
		bool within;
	} cases[] = {
		{ { 0 }, true },
		{ { 2, 8 }, true },
		{ { 2, 4, 6, 8 }, true },
		{ { 1 }, false },
		{ { 2, 5 }, false },
		{ { 8, 9 }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tick *t = tick_of(cases[i].ids);

		ck_assert_msg(tick_within(t, known, 4) == cases[i].within,
			      "case %zu", i);
		ck_assert(tick_within(t, NULL, 0) == (t->count == 0));
		tick_unref(t);
	}
}
END_TEST

TEST_MAIN("tick", series_of_many_ticks_are_united_each_once,
	  tick_is_within_what_has_all_its_series)
