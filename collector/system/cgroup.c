/*
 * Memory of control groups, version 1 and 2.
 *
 * Formats: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst
 * of the kernel. A reading opens 4 files (version 1) or 4 and one for each
 * ancestor (version 2), 6 us each, memory.stat 14 us.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/priv.h"
#include "system.h"
#include "text.h"

#define STAT_BYTES	16384
#define PATH_BYTES	4096
#define UNLIMITED_BYTES (1ull << 62) /* v1 tells LONG_MAX cut to a page */

/* ---- finding the tree ---- */

static bool has_word(const char *list, const char *separators, const char *word)
{
	size_t len = strlen(word);

	while (*(list += strspn(list, separators))) {
		size_t n = strcspn(list, separators);

		if (n == len && memcmp(list, word, len) == 0)
			return true;
		list += n;
	}
	return false;
}

static bool is_v2(const char *dir)
{
	char text[512];
	int r = text_read(priv_open_cgroup(dir, "/", "cgroup.controllers"),
			  text, sizeof(text));

	return r > 0 && has_word(text, " \n", "memory");
}

static bool is_v1(const char *dir)
{
	int fd = priv_open_cgroup(dir, "/", "memory.usage_in_bytes");

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool accept_dir(struct cgroup_tree *out, int version, const char *name)
{
	char dir[sizeof(out->memory_dir)];
	int len = snprintf(dir, sizeof(dir), "%s%s%s", out->root,
			   *name ? "/" : "", name);

	if (len < 0 || (size_t)len >= sizeof(dir))
		return false;
	if (version == 2 ? !is_v2(dir) : !is_v1(dir))
		return false;
	memcpy(out->memory_dir, dir, (size_t)len + 1);
	out->version = version;
	return true;
}

/* "memory", or "memory" mounted together with others: "cpu,memory". */
static bool find_v1(struct cgroup_tree *out)
{
	DIR *dir = opendir(out->root);
	const struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir)))
		found = has_word(e->d_name, ",", "memory") &&
			accept_dir(out, 1, e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

void cgroup_tree_find(struct cgroup_tree *out, const char *root)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->root, sizeof(out->root), "%s", root);
	/* Where both are mounted the memory controller is in one of them. */
	if (!accept_dir(out, 2, "") && !find_v1(out))
		accept_dir(out, 2, "unified");
}

/* ---- reading a group ---- */

static int read_file(const struct cgroup_tree *tree, const char *path,
		     const char *file, char *out, size_t cap)
{
	return text_read(priv_open_cgroup(tree->memory_dir, path, file), out,
			 cap);
}

/* -1: absent, or "max". */
static int64_t read_number(const struct cgroup_tree *tree, const char *path,
			   const char *file)
{
	unsigned long long value;
	char text[64];

	if (read_file(tree, path, file, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%llu", &value) != 1 || value >= UNLIMITED_BYTES)
		return -1;
	return (int64_t)value;
}

static int64_t number_in(const char *text, const char *key)
{
	uint64_t value;

	if (!text_number(text, key, &value) || value >= UNLIMITED_BYTES)
		return -1;
	return (int64_t)value;
}

static int64_t lesser(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Cut the last component off; false at the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* The least of a group's limits up to the root that can be seen. */
static int64_t least_limit(const struct cgroup_tree *tree, const char *path,
			   const char *file)
{
	char at[PATH_BYTES];
	int64_t least;

	snprintf(at, sizeof(at), "%s", path);
	least = read_number(tree, at, file);
	while (go_up(at))
		least = lesser(least, read_number(tree, at, file));
	return least;
}

static int read_v1(struct cgroup_memory *out, const struct cgroup_tree *tree,
		   const char *path)
{
	char text[STAT_BYTES] = "";
	int r = read_file(tree, path, "memory.stat", text, sizeof(text));

	out->used_bytes = read_number(tree, path, "memory.usage_in_bytes");
	if (r < 0 && out->used_bytes < 0)
		return r;
	/* hierarchical_memory_limit holds all ancestors, even those that our
	 * namespace hides. */
	out->limit_bytes = number_in(text, "hierarchical_memory_limit");
	if (!strstr(text, "hierarchical_memory_limit"))
		out->limit_bytes =
			least_limit(tree, path, "memory.limit_in_bytes");
	/* usage covers the groups below, and so does total_ */
	out->reclaimable_bytes = number_in(text, "total_inactive_file");
	out->max_events = read_number(tree, path, "memory.failcnt");
	if (read_file(tree, path, "memory.oom_control", text, sizeof(text)) > 0)
		out->oom_kill_events = number_in(text, "oom_kill");
	return 0;
}

/*
 * A group may lie below the last one that the memory controller is enabled
 * for; its memory is charged to that. A path that is not there at all is
 * another matter: it lies outside our cgroup namespace.
 */
static int find_charged(const struct cgroup_tree *tree, char *path)
{
	int fd = priv_open_cgroup(tree->memory_dir, path, "cgroup.controllers");

	if (fd < 0)
		return fd;
	do {
		close(fd);
		fd = priv_open_cgroup(tree->memory_dir, path, "memory.stat");
	} while (fd == -ENOENT && go_up(path));
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int read_v2(struct cgroup_memory *out, const struct cgroup_tree *tree,
		   const char *path)
{
	char text[STAT_BYTES];
	char at[PATH_BYTES];
	int r;

	snprintf(at, sizeof(at), "%s", path);
	r = find_charged(tree, at);
	if (r < 0)
		return r;
	out->used_bytes = read_number(tree, at, "memory.current");
	out->limit_bytes = least_limit(tree, at, "memory.max");
	if (read_file(tree, at, "memory.stat", text, sizeof(text)) > 0)
		out->reclaimable_bytes = number_in(text, "inactive_file");
	if (read_file(tree, at, "memory.events", text, sizeof(text)) > 0) {
		out->max_events = number_in(text, "max");
		out->oom_events = number_in(text, "oom");
		out->oom_kill_events = number_in(text, "oom_kill");
	}
	return 0;
}

int cgroup_memory_read(struct cgroup_memory *out,
		       const struct cgroup_tree *tree, const char *path)
{
	struct cgroup_memory found = { -1, -1, -1, -1, -1, -1 };
	int r;

	if (tree->version == 0)
		return -EOPNOTSUPP;
	if (path[0] != '/' || strlen(path) >= PATH_BYTES)
		return -EINVAL;
	r = tree->version == 1 ? read_v1(&found, tree, path) :
				 read_v2(&found, tree, path);
	if (r < 0)
		return r;
	*out = found;
	return 0;
}
