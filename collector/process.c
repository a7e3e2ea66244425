#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "priv.h"
#include "system/text.h"

#define KERNEL_THREAD	  0x00200000 /* PF_KTHREAD, linux/sched.h */
#define FIELD_FLAGS	  9	     /* of stat, proc(5) */
#define FIELD_START_TICKS 22
#define CMDLINE_BYTES	  4096
#define CONTAINER_ID_LEN  64
#define USERS_KNOWN	  64
#define USER_KNOWN_NS	  (600 * 1000000000ll)
#define USER_UNKNOWN_NS	  (60 * 1000000000ll) /* it may be made meanwhile */

/* ---- stat ---- */

/* Fields are counted behind the last ')': a comm may hold anything. */
static const char *find_field(const char *stat, int number)
{
	const char *at = strrchr(stat, ')');

	if (!at || at[1] != ' ')
		return NULL;
	at += 2; /* field 3 */
	for (int i = 3; i < number; i++) {
		at = strchr(at, ' ');
		if (!at)
			return NULL;
		at++;
	}
	return isdigit((unsigned char)*at) ? at : NULL;
}

static void copy_comm(char out[16], const char *stat)
{
	const char *begin = strchr(stat, '('), *end = strrchr(stat, ')');
	size_t len = (size_t)(end - begin) - 1;

	if (len > 15)
		len = 15;
	memcpy(out, begin + 1, len);
	out[len] = '\0';
}

int process_parse_stat(struct process_stat *out, const char *text)
{
	const char *flags = find_field(text, FIELD_FLAGS);
	const char *start = find_field(text, FIELD_START_TICKS);

	const char *open = strchr(text, '(');

	if (!flags || !start || !open || open > strrchr(text, ')'))
		return -EBADMSG;
	copy_comm(out->comm, text);
	out->kernel_thread = strtoul(flags, NULL, 10) & KERNEL_THREAD;
	out->zombie = strrchr(text, ')')[2] == 'Z';
	out->start_ticks = strtoull(start, NULL, 10);
	return 0;
}

static int read_stat(struct process_stat *out, pid_t pid)
{
	char text[1024];
	int r = text_read(priv_open_proc(pid, "stat"), text, sizeof(text));

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	return process_parse_stat(out, text);
}

int process_start_ticks(pid_t pid, uint64_t *out)
{
	struct process_stat stat;
	int r = read_stat(&stat, pid);

	if (r)
		return r;
	*out = stat.start_ticks;
	return 0;
}

static int64_t wall_ms_of_ticks(uint64_t ticks)
{
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t ms = ticks / per_second * 1000 +
		      ticks % per_second * 1000 / per_second;

	return clock_wall_of(clock_now(), (int64_t)ms * 1000000);
}

/* ---- status ---- */

static pid_t last_number_of(const char *line)
{
	pid_t last = 0;

	while (*(line += strspn(line, " \t")) && *line != '\n') {
		last = (pid_t)strtol(line, NULL, 10);
		line += strcspn(line, " \t\n");
	}
	return last;
}

void process_parse_status(struct process *p, const char *text)
{
	const char *ns_pids = strstr(text, "\nNSpid:");
	uint64_t uid;

	if (text_number(text, "Uid:", &uid))
		p->uid = (uid_t)uid;
	p->ns_pid = ns_pids ? last_number_of(ns_pids + strlen("\nNSpid:")) : 0;
	if (p->ns_pid <= 0)
		p->ns_pid = p->pid; /* before Linux 4.1 */
}

/* False: it has none, so its number stands for it. */
static bool look_up_user(char *out, size_t len, uid_t uid)
{
	struct passwd entry, *found = NULL;
	char memory[1024];

	if (getpwuid_r(uid, &entry, memory, sizeof(memory), &found) == 0 &&
	    found) {
		snprintf(out, len, "%s", found->pw_name);
		return true;
	}
	snprintf(out, len, "%u", uid);
	return false;
}

/*
 * Names may come over a network, which may be slow or away; and every program
 * that starts has a user. So they are asked for once in a while.
 */
static char *name_user(uid_t uid)
{
	static _Thread_local struct {
		uid_t uid;
		int64_t until_ns; /* 0: empty */
		char name[256];
	} known[USERS_KNOWN];
	int64_t now_ns = clock_monotonic_ns();
	size_t i = uid % USERS_KNOWN;

	if (known[i].uid != uid || known[i].until_ns <= now_ns) {
		bool found = look_up_user(known[i].name,
					  sizeof(known[i].name), uid);

		known[i].uid = uid;
		known[i].until_ns = now_ns + (found ? USER_KNOWN_NS :
						      USER_UNKNOWN_NS);
	}
	return strdup(known[i].name);
}

static int read_status(struct process *p)
{
	char text[16384];
	int r = text_read(priv_open_proc(p->pid, "status"), text, sizeof(text));

	if (r < 0)
		return r;
	process_parse_status(p, text);
	p->user = name_user(p->uid);
	return p->user ? 0 : -ENOMEM;
}

/* ---- control group ---- */

static bool lists(const char *controllers, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	for (size_t i = 0; i + word_len <= len; i++) {
		bool begins = i == 0 || controllers[i - 1] == ',';
		size_t end = i + word_len;

		if (begins && memcmp(controllers + i, word, word_len) == 0 &&
		    (end == len || controllers[end] == ','))
			return true;
	}
	return false;
}

/* The path of one line "ID:CONTROLLERS:PATH" that ends at end, if it is the
 * controller's; "" stands for version 2, whose list is empty. */
static const char *path_in_line(const char *line, const char *end,
				const char *controller)
{
	const char *list = memchr(line, ':', (size_t)(end - line));
	const char *path;

	if (!list)
		return NULL;
	list++;
	path = memchr(list, ':', (size_t)(end - list));
	if (!path)
		return NULL;
	if (*controller ? lists(list, (size_t)(path - list), controller) :
			  path == list)
		return path + 1;
	return NULL;
}

static char *path_of(const char *text, const char *controller)
{
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		const char *path = path_in_line(text, end, controller);

		if (path)
			return strndup(path, (size_t)(end - path));
		text = end + (*end == '\n');
	}
	return NULL;
}

char *process_cgroup_path(const char *text)
{
	char *path = path_of(text, "memory");

	if (!path)
		path = path_of(text, "");
	return path ? path : strdup("/");
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len > end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

/* The innermost of services and scopes decides. */
char *process_unit(const char *cgroup)
{
	const char *unit = "";
	size_t unit_len = 0;
	bool in_slice = false;

	for (const char *at = cgroup; *at; at += *at == '/') {
		size_t len = strcspn(at, "/");

		in_slice |= ends_with(at, len, ".slice");
		if (in_slice && ends_with(at, len, ".service")) {
			unit = at;
			unit_len = len;
		} else if (ends_with(at, len, ".scope")) {
			unit_len = 0;
		}
		at += len;
	}
	return strndup(unit, unit_len);
}

/* docker-ID.scope, /docker/ID, cri-containerd-ID, /kubepods/.../ID: whoever
 * made it, the id is 64 hexadecimal digits between others; innermost wins. */
char *process_container(const char *cgroup)
{
	const char *id = "";
	size_t id_len = 0;

	for (const char *at = cgroup; *at;) {
		size_t len = strspn(at, "0123456789abcdef");
		bool whole = at == cgroup || !isalnum((unsigned char)at[-1]);

		if (len == CONTAINER_ID_LEN && whole &&
		    !isalnum((unsigned char)at[len])) {
			id = at;
			id_len = len;
		}
		at += len ? len : 1;
	}
	return strndup(id, id_len);
}

static int read_cgroup(struct process *p)
{
	char text[8192];
	int r = text_read(priv_open_proc(p->pid, "cgroup"), text, sizeof(text));

	if (r < 0 && r != -ENOENT)
		return r;
	p->cgroup = process_cgroup_path(r < 0 ? "" : text);
	if (!p->cgroup)
		return -ENOMEM;
	p->unit = process_unit(p->cgroup);
	p->container = process_container(p->cgroup);
	return p->unit && p->container ? 0 : -ENOMEM;
}

/* ---- command line, executable ---- */

static int read_cmdline(struct process *p)
{
	char text[CMDLINE_BYTES];
	int len = text_read(priv_open_proc(p->pid, "cmdline"), text,
			    sizeof(text));

	if (len < 0)
		return len;
	while (len > 0 && text[len - 1] == '\0')
		len--;
	for (int i = 0; i < len; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	p->cmdline = strndup(text, (size_t)len);
	return p->cmdline ? 0 : -ENOMEM;
}

static int read_exe(struct process *p)
{
	static const char deleted[] = " (deleted)";
	char text[4096];
	int len = priv_read_exe_link(p->pid, text, sizeof(text));

	/* No executable any more: it is on its way out. */
	if (len == -ENOENT)
		return -ESRCH;
	if (len > 0 && ends_with(text, (size_t)len, deleted))
		text[(size_t)len - strlen(deleted)] = '\0';
	if (len < 0 && len != -EACCES)
		return len;
	p->exe = strdup(len < 0 ? "" : text);
	if (!p->exe)
		return -ENOMEM;
	return len < 0 ? len : 0;
}

void process_free(struct process *p)
{
	if (!p)
		return;
	free(p->user);
	free(p->exe);
	free(p->cmdline);
	free(p->cgroup);
	free(p->unit);
	free(p->container);
	free(p);
}

static int read_all(struct process *p)
{
	int r;

	if ((r = read_status(p)) || (r = read_cgroup(p)) ||
	    (r = read_cmdline(p)))
		return r == -ENOENT ? -ESRCH : r;
	return read_exe(p);
}

int process_read(struct process **out, pid_t pid)
{
	own(process_freep) struct process *p = NULL;
	struct process_stat stat;
	int r = read_stat(&stat, pid);

	if (r)
		return r == -EACCES ? -EPERM : r;
	if (stat.zombie)
		return -ESRCH;
	if (stat.kernel_thread)
		return -ENOEXEC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = pid;
	p->start_ticks = stat.start_ticks;
	p->start_wall_ms = wall_ms_of_ticks(stat.start_ticks);
	memcpy(p->comm, stat.comm, sizeof(p->comm));
	r = read_all(p);
	if (r && !p->exe)
		return r == -EACCES ? -EPERM : r;
	*out = take(p);
	return r;
}

int64_t process_start_boot_ns(const struct process *p)
{
	return (int64_t)(p->start_ticks *
			 (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK)));
}
