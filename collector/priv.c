#include "priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/log.h"
#include "common/own.h"

/*
 * BPF_LINK_CREATE for uprobe_multi, as union bpf_attr of linux/bpf.h 6.6 has
 * it; the header that Debian 12 builds with is older.
 */
#define ATTACH_TYPE_UPROBE_MULTI 48
#define COMMAND_LINK_CREATE	 28

struct link_create_uprobe_multi {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_counter_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t uprobe_flags;
	uint32_t pid; /* 0: every process; its filter errs in 6.6 to 6.9 */
	uint32_t padding;
};
_Static_assert(sizeof(struct link_create_uprobe_multi) == 64,
	       "the kernel refuses bytes it does not know");

/* What may be taken away, for tests. */
enum lack {
	LACK_BTF = 1 << 0,
	LACK_CAPS = 1 << 1,
	LACK_BPF = 1 << 2,
	LACK_UPROBE_MULTI = 1 << 3,
	LACK_PROC = 1 << 4,
};

static const struct {
	const char *word;
	unsigned lack;
} lack_words[] = {
	{ "btf", LACK_BTF },
	{ "caps", LACK_CAPS },
	{ "bpf", LACK_BPF },
	{ "uprobe_multi", LACK_UPROBE_MULTI },
	{ "proc", LACK_PROC },
};

/* Set once at start, before any thread. */
static unsigned lacks;

static unsigned lack_find(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(lack_words); i++) {
		if (strlen(lack_words[i].word) == len &&
		    memcmp(lack_words[i].word, word, len) == 0)
			return lack_words[i].lack;
	}
	return 0;
}

int priv_set_without(const char *list)
{
	unsigned found = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		unsigned lack = lack_find(list, len);

		if (!lack)
			return -EINVAL;
		found |= lack;
		list += len;
		list += *list == ',';
	}
	lacks = found;
	return 0;
}

bool priv_has_ptrace(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (lacks & (LACK_CAPS | LACK_PROC))
		return false;
	if (syscall(SYS_capget, &header, sets) < 0)
		return false;
	return sets[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective &
	       CAP_TO_MASK(CAP_SYS_PTRACE);
}

/* One component after the other: no way up, no way round. */
static bool path_stays_below(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return false;
		path += len;
		path += *path == '/';
	}
	return true;
}

static int open_below(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * The directory first: one process is looked up once, and what is opened
 * below it is that one's or nothing, even if its pid is given away meanwhile.
 */
static int open_process(pid_t pid)
{
	char path[32];
	int fd;

	if (lacks & LACK_PROC)
		return -EACCES;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open_below(AT_FDCWD, path, O_PATH | O_DIRECTORY);
	return fd == -ENOENT ? -ESRCH : fd;
}

static int open_of_process(pid_t pid, const char *name, int flags)
{
	own(fd_closep) int dir_fd = open_process(pid);

	if (dir_fd < 0)
		return dir_fd;
	return open_below(dir_fd, name, flags);
}

/* What an ordinary user may not have of another's process. */
static int open_guarded(pid_t pid, const char *name, int flags)
{
	if (lacks & LACK_CAPS)
		return -EACCES;
	return open_of_process(pid, name, flags);
}

int priv_open_mem(pid_t pid)
{
	return open_guarded(pid, "mem", O_RDONLY);
}

int priv_open_exe(pid_t pid)
{
	return open_guarded(pid, "exe", O_RDONLY);
}

int priv_read_exe_link(pid_t pid, char *out, size_t cap)
{
	own(fd_closep) int dir_fd = open_process(pid);
	ssize_t len;

	if (dir_fd < 0)
		return dir_fd;
	if (lacks & LACK_CAPS)
		return -EACCES;
	len = readlinkat(dir_fd, "exe", out, cap - 1);
	if (len < 0)
		return -errno;
	out[len] = '\0';
	return (int)len;
}

int priv_open_proc(pid_t pid, const char *name)
{
	if (name[0] == '/' || !path_stays_below(name))
		return -EINVAL;
	return open_of_process(pid, name, O_RDONLY | O_NOFOLLOW);
}

/* O_PATH on the root of a process needs the same right as reading it, and a
 * directory of descriptors must be listed. */
int priv_open_proc_dir(pid_t pid, const char *name)
{
	bool listed = strcmp(name, "fd") == 0 || strcmp(name, "fdinfo") == 0 ||
		      strcmp(name, "task") == 0;

	if (name[0] == '/' || !path_stays_below(name))
		return -EINVAL;
	return open_guarded(pid, name,
			    O_DIRECTORY | (listed ? O_RDONLY : O_PATH));
}

int priv_open_in_root(pid_t pid, const char *path)
{
	struct open_how how = {
		/* a FIFO that a container lays must not hold us */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	own(fd_closep) int root_fd = priv_open_proc_dir(pid, "root");
	long fd;

	if (root_fd < 0)
		return root_fd;
	/* Without openat2 (before Linux 5.6) the answer is -ENOSYS: a plain
	 * path could be led out of the container. */
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

int priv_open_cgroup(const char *root, const char *path, const char *file)
{
	char full[4096 + 512];
	int len;

	/* "/../x" is what a group outside our cgroup namespace looks like. */
	if (!path_stays_below(path) || strchr(file, '/'))
		return -ENOENT;
	len = snprintf(full, sizeof(full), "%s/%s/%s", root, path, file);
	if (len < 0 || (size_t)len >= sizeof(full))
		return -ENAMETOOLONG;
	return open_below(AT_FDCWD, full, O_RDONLY | O_NOFOLLOW);
}

bool priv_has_btf(void)
{
	return !(lacks & LACK_BTF) &&
	       access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

int priv_bpf_load(struct bpf_object *object)
{
	int r;

	if (lacks & LACK_BPF)
		return -ENOSYS;
	if (lacks & LACK_CAPS)
		return -EPERM;
	r = bpf_object__load(object);
	/* Some kernels answer the one, some the other. */
	return r == -EACCES && geteuid() != 0 ? -EPERM : r;
}

int priv_attach_raw_tracepoint(int program_fd, const char *name)
{
	int fd;

	if (lacks & LACK_CAPS)
		return -EPERM;
	fd = bpf_raw_tracepoint_open(name, program_fd);
	return fd < 0 ? -errno : fd;
}

static int create_link(const struct link_create_uprobe_multi *attr)
{
	long fd = syscall(SYS_bpf, COMMAND_LINK_CREATE, attr, sizeof(*attr));

	return fd < 0 ? -errno : (int)fd;
}

/* A kernel that knows uprobe_multi complains of the directory (-EBADF), one
 * that does not of everything (-EINVAL). */
static bool kernel_knows(struct link_create_uprobe_multi attr)
{
	attr.path = (uintptr_t) "/";
	return create_link(&attr) == -EBADF;
}

int priv_attach_uprobes(int program_fd, int exe_fd,
			const struct uprobe_site *sites, size_t count)
{
	own(freep) uint64_t *offsets = calloc(count * 2, sizeof(*offsets));
	struct link_create_uprobe_multi attr = {
		.attach_type = ATTACH_TYPE_UPROBE_MULTI
	};
	char path[32];
	int r;

	if (lacks & (LACK_UPROBE_MULTI | LACK_BPF))
		return -EOPNOTSUPP;
	if (lacks & LACK_CAPS)
		return -EPERM;
	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		offsets[i] = sites[i].file_offset;
		offsets[count + i] = sites[i].cookie;
	}
	/* The open file itself, whatever its name means by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe_fd);
	attr.program_fd = (uint32_t)program_fd;
	attr.path = (uintptr_t)path;
	attr.offsets = (uintptr_t)offsets;
	attr.cookies = (uintptr_t)(offsets + count);
	attr.count = (uint32_t)count;
	r = create_link(&attr);
	return r == -EINVAL && !kernel_knows(attr) ? -EOPNOTSUPP : r;
}
