#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/system/system.h"
#include "test.h"

/* tests/golden/cgroup2/NAME, from the place of this program. */
static struct cgroup_tree find_tree(const char *name)
{
	struct cgroup_tree tree;
	char self[4096], root[4096 + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(len, 0);
	self[len] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(root, sizeof(root), "%s/tests/golden/cgroup2/%s", self, name);
	cgroup_tree_find(&tree, root);
	return tree;
}

static struct cgroup_memory read_group(const char *name, const char *path)
{
	struct cgroup_tree tree = find_tree(name);
	struct cgroup_memory m;

	ck_ok(cgroup_memory_read(&m, &tree, path));
	return m;
}

START_TEST(version_2_alone_is_found_at_its_root)
{
	struct cgroup_tree tree = find_tree("pure");

	ck_assert_int_eq(tree.version, 2);
	ck_assert_str_eq(tree.memory_dir, tree.root);
}
END_TEST

START_TEST(hybrid_tree_has_memory_on_version_1)
{
	struct cgroup_tree tree = find_tree("hybrid");

	ck_assert_int_eq(tree.version, 1);
	ck_assert_ptr_nonnull(strstr(tree.memory_dir, "/hybrid/memory"));
}
END_TEST

START_TEST(controllers_mounted_together_are_found)
{
	struct cgroup_tree tree;
	int fd;

	ck_assert_int_eq(mkdir("cpu,memory", 0755), 0);
	fd = open("cpu,memory/memory.usage_in_bytes", O_CREAT | O_WRONLY, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
	cgroup_tree_find(&tree, ".");
	unlink("cpu,memory/memory.usage_in_bytes");
	rmdir("cpu,memory");
	ck_assert_int_eq(tree.version, 1);
	ck_assert_str_eq(tree.memory_dir, "./cpu,memory");
}
END_TEST

START_TEST(machine_without_the_controller_has_no_numbers)
{
	struct cgroup_tree tree = find_tree("none");
	struct cgroup_memory m;

	ck_assert_int_eq(tree.version, 0);
	ck_err(cgroup_memory_read(&m, &tree, "/"), EOPNOTSUPP);
}
END_TEST

START_TEST(group_tells_use_limit_and_events)
{
	struct cgroup_memory m =
		read_group("pure", "/system.slice/ingest.service");

	ck_assert_int_eq(m.used_bytes, 229638144);
	ck_assert_int_eq(m.limit_bytes, 536870912);
	ck_assert_int_eq(m.reclaimable_bytes, 41943040);
	ck_assert_int_eq(m.max_events, 17);
	ck_assert_int_eq(m.oom_events, 2);
	ck_assert_int_eq(m.oom_kill_events, 1);
}
END_TEST

START_TEST(limit_of_an_ancestor_binds)
{
	struct cgroup_memory open = read_group("pure",
					       "/plant.slice/line-1.service"),
			     wider = read_group("pure",
						"/plant.slice/line-2.service");

	ck_assert_int_eq(open.limit_bytes, 1073741824);
	ck_assert_int_eq(wider.limit_bytes, 1073741824);
}
END_TEST

START_TEST(group_without_the_controller_is_charged_to_the_one_above)
{
	struct cgroup_memory m =
		read_group("pure", "/system.slice/ingest.service/worker");

	ck_assert_int_eq(m.used_bytes, 229638144);
	ck_assert_int_eq(m.limit_bytes, 536870912);
}
END_TEST

START_TEST(no_limit_is_no_number)
{
	ck_assert_int_eq(read_group("pure", "/user.slice").limit_bytes, -1);
	ck_assert_int_eq(read_group("hybrid", "/").limit_bytes, -1);
}
END_TEST

START_TEST(root_of_version_2_tells_what_it_has)
{
	struct cgroup_memory m = read_group("pure", "/");

	ck_assert_int_eq(m.used_bytes, -1);
	ck_assert_int_eq(m.limit_bytes, -1);
	ck_assert_int_eq(m.oom_kill_events, -1);
	ck_assert_int_eq(m.reclaimable_bytes, 900000000);
}
END_TEST

START_TEST(root_of_a_namespace_has_a_limit)
{
	struct cgroup_memory m = read_group("namespace", "/");

	ck_assert_int_eq(m.used_bytes, 104857600);
	ck_assert_int_eq(m.limit_bytes, 268435456);
}
END_TEST

START_TEST(group_that_is_hidden_or_gone_is_not_guessed)
{
	struct cgroup_tree trees[] = { find_tree("pure"), find_tree("hybrid"),
				       find_tree("namespace") };
	struct cgroup_memory m;

	for (int i = 0; i < 3; i++) {
		ck_err(cgroup_memory_read(&m, &trees[i], "/../other.slice"),
		       ENOENT);
		ck_err(cgroup_memory_read(&m, &trees[i], "/system.slice/gone"),
		       ENOENT);
		ck_err(cgroup_memory_read(&m, &trees[i], "relative"), EINVAL);
	}
}
END_TEST

START_TEST(version_1_tells_the_hierarchical_limit)
{
	struct cgroup_memory m = read_group("hybrid", "/docker/abc");

	ck_assert_int_eq(m.used_bytes, 300000000);
	ck_assert_int_eq(m.limit_bytes, 536870912);
	ck_assert_int_eq(m.reclaimable_bytes, 7536640);
	ck_assert_int_eq(m.max_events, 1101);
	ck_assert_int_eq(m.oom_kill_events, 1);
	/* Version 1 does not count how often it met its limit for good. */
	ck_assert_int_eq(m.oom_events, -1);
}
END_TEST

START_TEST(version_1_without_hierarchical_limit_walks_up)
{
	ck_assert_int_eq(read_group("hybrid", "/old/deep").limit_bytes, 8192);
	ck_assert_int_eq(read_group("hybrid", "/old/deep").oom_kill_events, -1);
}
END_TEST

START_TEST(overlong_path_is_refused)
{
	struct cgroup_tree tree = find_tree("pure");
	struct cgroup_memory m;
	char path[5000];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_err(cgroup_memory_read(&m, &tree, path), EINVAL);
}
END_TEST

TEST_MAIN("cgroup", version_2_alone_is_found_at_its_root,
	  hybrid_tree_has_memory_on_version_1,
	  controllers_mounted_together_are_found,
	  machine_without_the_controller_has_no_numbers,
	  group_tells_use_limit_and_events, limit_of_an_ancestor_binds,
	  group_without_the_controller_is_charged_to_the_one_above,
	  no_limit_is_no_number, root_of_version_2_tells_what_it_has,
	  root_of_a_namespace_has_a_limit,
	  group_that_is_hidden_or_gone_is_not_guessed,
	  version_1_tells_the_hierarchical_limit,
	  version_1_without_hierarchical_limit_walks_up,
	  overlong_path_is_refused)
