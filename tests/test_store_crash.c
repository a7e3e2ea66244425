/* kill -9 at any time costs a flush interval and one step at most; readers run
 * beside the writer without harm. */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store_fixture.h"

#define ROUNDS 32

/* Without asserts: each tells check where it is, and a kill in the middle of
 * telling it confuses check. */
static struct batch *five_processes(int64_t i)
{
	struct batch *b;

	if (batch_new(&b, at(T0 + i * 1000)))
		_exit(5);
	for (uint32_t n = 1; n <= 5; n++) {
		struct entity e = {.number = n,
				   .kind = ENTITY_PROCESS,
				   .key = {"boot-one", (pid_t)n, 77}};
		char text[16];

		snprintf(text, sizeof(text), "%u", n);
		if (labels_set(&e.labels, "pid", text))
			_exit(5);
		batch_add_entity(b, &e);
		entity_fini(&e);
		for (int c = 0; c < 10; c++)
			batch_add_sample(b, n, (enum column)c, (double)i);
	}
	return b;
}

/* Tells the newest tick taken, through the pipe, until it is killed. */
static void write_until_killed(int64_t from, int fd)
{
	struct store_options o = fixture_options();
	struct problem p = {0};
	struct store *s;

	o.retention_ms = 40000000; /* so that rows are dropped too */
	o.memory_ms = 20000;
	if (store_open(&s, &o, &p))
		_exit(3);
	for (int64_t i = from;; i++) {
		if (store_append(s, five_processes(i)) ||
		    write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(4);
	}
}

static int64_t run_and_kill(int64_t from, unsigned *seed)
{
	int64_t newest = from - 1, i;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(fds[0]);
		write_until_killed(from, fds[1]);
	}
	close(fds[1]);
	for (int left = 20 + rand_r(seed) % 400; left > 0; left--) {
		if (read(fds[0], &i, sizeof(i)) != sizeof(i))
			break;
		newest = i;
	}
	usleep((unsigned)rand_r(seed) % 3000);
	kill(pid, SIGKILL);
	while (read(fds[0], &i, sizeof(i)) == sizeof(i))
		newest = i;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "the writer ended by itself: %d",
		      WEXITSTATUS(status));
	return newest;
}

static struct points found;

START_TEST(a_kill_loses_the_last_interval_at_most)
{
	int64_t newest = 0;
	unsigned seed = 11;

	fixture_wipe();
	for (int round = 0; round < ROUNDS; round++) {
		struct store *s;
		int64_t begin = newest + 1;

		newest = run_and_kill(begin, &seed);
		s = fixture_open(fixture_options());
		scan(s, &found, METRIC_HEAP_UTIL_RATE, T0 + begin * 1000,
		     T0 + (newest + 100) * 1000, 10000);
		/* flush and one step of the resolution, no more;
		 * for each of the five processes */
		ck_assert_int_ge((int64_t)found.count / 5 * 10,
				 newest - begin - 20);
		for (size_t i = 5; i < found.count; i++) {
			int64_t step = found.items[i].time_ms -
				       found.items[i - 5].time_ms;

			ck_assert_int_gt(step, 0);
			ck_assert_int_le(step, 10000);
			ck_assert_double_eq(
				found.items[i].value,
				(double)(found.items[i].time_ms - T0) / 1000);
		}
		store_close(s);
	}
}
END_TEST

/* ---- readers beside the writer ---- */

struct shared {
	struct store *store;
	atomic_long newest; /* tick that is surely in */
	atomic_bool over;
	atomic_long asked;
};

struct check {
	int64_t from, next; /* seconds */
	bool wrong;
};

/* Each second or each ten, none twice, none left out. */
static int in_order(void *arg, size_t index, const struct stretch *p)
{
	struct check *c = arg;

	(void)index;
	for (size_t i = 0; i < p->count; i++) {
		int64_t second = (p->times_ms[i] - T0) / 1000;

		if (second < c->next || p->values[i] != (double)second)
			c->wrong = true;
		if (c->next > c->from + 1 && second > c->next + 9)
			c->wrong = true;
		c->next = second + 1;
	}
	return 0;
}

static void ask(struct shared *sh, int64_t step_ms)
{
	long newest = sh->newest;
	int64_t from = newest > 2000 ? newest - 2000 : 0;
	struct check check = {from, from + 1, false};
	struct series *series;
	struct view *v;
	size_t count;

	if (view_open(&v, sh->store))
		abort();
	if (view_select(v, METRIC_HEAP_ALLOCATED_BYTES_TOTAL, NULL, 0,
			INT64_MIN, INT64_MAX, &series, &count))
		abort();
	/* a step ends at its time at the latest */
	if (count > 0 &&
	    view_scan(v, series, 1, T0 + from * 1000, T0 + newest / 10 * 10000,
		      step_ms, in_order, &check))
		abort();
	if (check.wrong || (newest >= 20 && check.next < newest - 10))
		abort();
	series_free(series, count);
	view_close(v);
	sh->asked++;
}

static void *read_all(void *arg)
{
	struct shared *sh = arg;

	while (!sh->over) {
		struct store_stats stats;

		ask(sh, 1000);
		ask(sh, 10000);
		store_stats(sh->store, &stats);
	}
	return NULL;
}

START_TEST(readers_see_each_point_once_beside_the_writer)
{
	struct store_options o = fixture_options();
	struct shared sh = {0};
	pthread_t threads[3];
	struct batch *b;

	o.memory_ms = 300000;
	sh.store = fixture_fresh(o);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, read_all, &sh), 0);
	for (long i = 1; i <= 4000; i++) {
		b = tick_of(at(T0 + i * 1000));
		add_process(b, 1, 100);
		batch_add_sample(b, 1, COL_HEAP_ALLOCATED_BYTES_TOTAL,
				 (double)i);
		if (i % 50 == 0) { /* new series, closes, events */
			uint32_t n = (uint32_t)(i / 50 + 1);

			add_process(b, n, (pid_t)(1000 + i));
			batch_add_sample(b, n, COL_GOROUTINES, 1);
			batch_add_event(b, EVENT_TARGET_STARTED, n,
					b->now.boot_ns, "came");
			if (n > 3)
				batch_add_close(b, n - 1, b->now.boot_ns,
						"exited");
		}
		ck_ok(store_append(sh.store, b));
		sh.newest = i;
		/* They get their turn, however busy the machine is. */
		while (sh.asked < i / 200)
			usleep(500);
	}
	sh.over = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_gt(sh.asked, 10);
	store_close(sh.store);
}
END_TEST

/* One of two begins before the other ends, and so on. */
static void *read_without_end(void *arg)
{
	atomic_bool *over = arg;
	sqlite3 *readers[2];

	for (int i = 0; i < 2; i++) {
		if (sqlite3_open(DB, &readers[i]))
			abort();
		sqlite3_busy_timeout(readers[i], 10000);
	}
	for (int i = 0; !*over; i = !i) {
		if (sqlite3_exec(readers[i],
				 "BEGIN; SELECT count(*) FROM head", NULL, NULL,
				 NULL))
			abort();
		sqlite3_exec(readers[!i], "COMMIT", NULL, NULL, NULL);
		usleep(2000);
	}
	sqlite3_close(readers[0]);
	sqlite3_close(readers[1]);
	return NULL;
}

START_TEST(readers_without_end_do_not_let_the_log_grow)
{
	struct store_options o = fixture_options();
	atomic_bool over = false;
	int64_t most = 0;
	pthread_t thread;
	struct store *s;
	struct stat st;

	o.retention_bytes = 2 << 20; /* 32 pages: 264 kB at most */
	s = fixture_fresh(o);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_without_end, &over),
			 0);
	for (int i = 1; i <= 600; i++) {
		put(s, T0 + i * 10000, COL_HEAP_USED_BYTES, i);
		ck_ok(store_flush(s));
		ck_assert_int_eq(stat(DB "-wal", &st), 0);
		most = st.st_size > most ? st.st_size : most;
	}
	over = true;
	pthread_join(thread, NULL);
	store_close(s);
	ck_assert_int_lt(most, 700000);
}
END_TEST

TEST_MAIN("store_crash", a_kill_loses_the_last_interval_at_most,
	  readers_see_each_point_once_beside_the_writer,
	  readers_without_end_do_not_let_the_log_grow)
