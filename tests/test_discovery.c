/* What the last run left open: who still is there, and who is closed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/internal.h"
#include "test.h"

static struct collector c;

static void leave_open(enum entity_kind kind, const char *boot_id)
{
	struct entity *e = &c.known[c.known_count++];

	e->kind = kind;
	snprintf(e->key.boot_id, sizeof(e->key.boot_id), "%s", boot_id);
	if (kind == ENTITY_PROCESS)
		e->key.pid = 1; /* started at other ticks */
	ck_ok(labels_set(&e->labels, "node", "plc7"));
}

START_TEST(what_ended_with_the_last_boot_is_closed)
{
	struct now now = clock_now();

	strcpy(c.boot_id, "this-boot");
	c.known = calloc(4, sizeof(c.known[0]));
	ck_assert_ptr_nonnull(c.known);
	c.last_number = 1;
	ck_ok(batch_new(&c.batch, now));
	leave_open(ENTITY_MACHINE, "last-boot");
	leave_open(ENTITY_MACHINE, "this-boot");
	leave_open(ENTITY_PROCESS, "last-boot");
	discovery_adopt(&c, now);
	ck_assert_uint_eq(c.known_count, 0);
	ck_assert_uint_eq(c.batch->entity_count, 2);
	ck_assert_uint_eq(c.batch->closed_count, 2);
	ck_assert_int_eq(c.batch->entities[0].kind, ENTITY_MACHINE);
	ck_assert_str_eq(c.batch->entities[0].key.boot_id, "last-boot");
	ck_assert_uint_eq(c.batch->closed[0].entity, 2);
	ck_assert_str_eq(c.batch->closed[0].reason, "restarted");
	ck_assert_int_eq(c.batch->entities[1].kind, ENTITY_PROCESS);
	batch_free(c.batch);
	free(c.known);
}
END_TEST

/* That process, watched by the last run. */
static void leave_open_process(const struct process *p)
{
	struct entity *e = &c.known[c.known_count++];

	*e = (struct entity){ .kind = ENTITY_PROCESS };
	e->key.pid = p->pid;
	e->key.start_ticks = p->start_ticks;
	ck_ok(labels_set(&e->labels, "service", "scada"));
	ck_ok(labels_set(&e->labels, "instance", "0"));
}

/* Nothing would ever tell of its end. */
START_TEST(what_ended_while_it_was_looked_at_is_no_target)
{
	struct watch_settings settings = { 0 };
	struct process *p;
	struct binary *b;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	c.settings = &settings;
	c.node = "plc7";
	ck_ok(batch_new(&c.batch, clock_now()));
	ck_ok(process_read(&p, child));
	ck_ok(binaries_get(&c.binaries, &b,
			   open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	c.known = calloc(1, sizeof(c.known[0]));
	ck_assert_ptr_nonnull(c.known);
	leave_open_process(p);
	watch_open(&c, p, b, &source_jvm, clock_now());
	ck_assert_ptr_null(map_get(&c.targets, (uint64_t)child));
	ck_assert_uint_eq(c.known_count, 0);
	ck_assert_uint_eq(c.batch->entity_count, 1);
	ck_assert_uint_eq(c.batch->closed_count, 1);
	ck_assert_uint_eq(c.batch->closed[0].entity,
			  c.batch->entities[0].number);
	free(c.known);
	batch_free(c.batch);
	binaries_fini(&c.binaries);
	watch_fini(&c);
}
END_TEST

TEST_MAIN("discovery", what_ended_with_the_last_boot_is_closed,
	  what_ended_while_it_was_looked_at_is_no_target)
