#include "test.h"

#include <pthread.h>

#include "common/census.h"

START_TEST(newest_census_is_had)
{
	own(census_board_freep) struct census_board *board = NULL;
	own(census_unrefp) struct census *first = NULL;
	own(census_unrefp) struct census *second = NULL;
	struct census *c = NULL;

	ck_ok(census_board_new(&board));
	ck_assert_ptr_null(census_get(board));
	ck_ok(census_new(&c, (struct now){ 1, 1 }));
	census_publish(board, c);
	first = census_get(board);
	ck_ok(census_new(&c, (struct now){ 2, 2 }));
	census_publish(board, c);
	second = census_get(board);
	/* who still reads the first one keeps it */
	ck_assert_int_eq(first->now.wall_ms, 1);
	ck_assert_int_eq(second->now.wall_ms, 2);
}
END_TEST

START_TEST(census_owns_its_targets)
{
	struct census *c = NULL;
	struct census_target *t;

	ck_ok(census_new(&c, (struct now){ 1, 1 }));
	c->targets = calloc(1, sizeof(c->targets[0]));
	c->target_count = 1;
	t = &c->targets[0];
	ck_ok(labels_set(&t->entity.labels, "service", "x"));
	t->reason = strdup("excluded");
	t->probes = calloc(2, sizeof(t->probes[0]));
	t->gaps = calloc(2, sizeof(t->gaps[0]));
	c->lacks = calloc(1, sizeof(c->lacks[0]));
	ck_ok(labels_set(&c->machine.labels, "node", "x"));
	census_unref(c); /* the sanitizer tells what is left */
	census_unref(NULL);
}
END_TEST

static void *read_all(void *arg)
{
	struct census_board *board = arg;
	int64_t last = 0;

	for (;;) {
		struct census *c = census_get(board);
		int64_t at = c ? c->now.wall_ms : 0;

		census_unref(c);
		if (at < last)
			return board; /* went backwards */
		if (at == 2000)
			return NULL;
		last = at;
	}
}

START_TEST(readers_and_publisher_do_not_meet)
{
	own(census_board_freep) struct census_board *board = NULL;
	pthread_t readers[2];
	void *fault;

	ck_ok(census_board_new(&board));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_all,
						board), 0);
	for (int64_t i = 1; i <= 2000; i++) {
		struct census *c = NULL;

		ck_ok(census_new(&c, (struct now){ i, i }));
		census_publish(board, c);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], &fault);
		ck_assert_ptr_null(fault);
	}
}
END_TEST

TEST_MAIN("census", newest_census_is_had, census_owns_its_targets,
	  readers_and_publisher_do_not_meet)
