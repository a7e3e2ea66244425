/* What is checked, and how it is mended. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>

#include <jansson.h>

#include "collector/rights.h"
#include "common/clock.h"
#include "common/own.h"
#include "common/units.h"

#include "client.h"
#include "files.h"

/* linux/proc_ns.h: those that the kernel begins with */
#define CGROUP_NAMESPACE_FIRST 0xEFFFFFFB
#define PID_NAMESPACE_FIRST    0xEFFFFFFC
#define USER_NAMESPACE_FIRST   0xEFFFFFFD
#define ROOM_LEAST	       (64 * UNIT_MIB)

#define CAPS_MEND "run as root, or make install: the unit it brings has it"
#define CAPS_MEND_UNIT                                                         \
	"systemctl start heapwatch (its unit has it), or run as root"

static void file_closep(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* The first line of a file without its end; false when it cannot be read. */
static bool line_read(const char *path, char *out, size_t cap)
{
	own(file_closep) FILE *file = fopen(path, "re");

	if (!file || !fgets(out, (int)cap, file))
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static void found(struct finding *f, enum verdict verdict, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));

static void found(struct finding *f, enum verdict verdict, const char *format,
		  ...)
{
	va_list args;

	f->verdict = verdict;
	va_start(args, format);
	vsnprintf(f->found, sizeof(f->found), format, args);
	va_end(args);
}

/* ---- kernel ---- */

bool doctor_kernel_reaches(const char *release, int major, int minor)
{
	int a = 0, b = 0;

	return sscanf(release, "%d.%d", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

/* arg: major * 100 + minor */
static void check_kernel(const struct check *c, const struct config *cfg,
			 struct finding *f)
{
	int major = (int)(c->arg / 100), minor = (int)(c->arg % 100);
	struct utsname name;
	bool reaches = !uname(&name) &&
		       doctor_kernel_reaches(name.release, major, minor);

	(void)cfg;
	found(f, reaches ? VERDICT_WELL : VERDICT_LOST, "%s, wanted %d.%d",
	      name.release, major, minor);
}

/* No program of heapwatch asks for BTF: its lack is told, and costs nothing. */
static void check_btf(const struct check *c, const struct config *cfg,
		      struct finding *f)
{
	(void)c;
	(void)cfg;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		found(f, VERDICT_LOST, "absent");
	else
		found(f, VERDICT_WELL, "/sys/kernel/btf/vmlinux");
}

static void check_lockdown(const struct check *c, const struct config *cfg,
			   struct finding *f)
{
	char line[128] = "";

	(void)c;
	(void)cfg;
	if (!line_read("/sys/kernel/security/lockdown", line, sizeof(line)))
		found(f, VERDICT_WELL, "none");
	else
		found(f,
		      strstr(line, "[confidentiality]") ? VERDICT_LOST :
							  VERDICT_WELL,
		      "%s", line);
}

/* ---- rights ---- */

/* To start a unit that is not there would be no mend. */
static bool has_unit(void)
{
	static const char *const folders[] = {
		"/etc/systemd/system", "/usr/lib/systemd/system",
		"/lib/systemd/system", "/usr/local/lib/systemd/system"
	};
	char path[96];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/heapwatch.service",
			 folders[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void check_capability(const struct check *c, const struct config *cfg,
			     struct finding *f)
{
	bool part = c->arg == RIGHT_BPF || c->arg == RIGHT_PERFMON;

	(void)cfg;
	if (right_held((enum right)c->arg))
		found(f, VERDICT_WELL, "in effect");
	else
		found(f, part ? VERDICT_LOST : VERDICT_DENIED, "not in effect");
	if (f->verdict != VERDICT_WELL && has_unit())
		f->mend = CAPS_MEND_UNIT;
}

static long number_read(const char *path)
{
	char line[32], *end;
	long value;

	if (!line_read(path, line, sizeof(line)))
		return -1;
	value = strtol(line, &end, 10);
	return end == line ? -1 : value;
}

/* Reading memory counts as attaching to Yama. */
static void check_yama(const struct check *c, const struct config *cfg,
		       struct finding *f)
{
	long scope = number_read("/proc/sys/kernel/yama/ptrace_scope");

	(void)c;
	(void)cfg;
	if (scope < 0)
		found(f, VERDICT_WELL, "not there");
	else if (scope == 0 || (scope < 3 && right_held(RIGHT_SYS_PTRACE)))
		found(f, VERDICT_WELL, "ptrace_scope %ld%s", scope,
		      scope ? ", CAP_SYS_PTRACE passes it" : "");
	else
		found(f, VERDICT_DENIED, "ptrace_scope %ld", scope);
	if (scope == 3)
		f->mend = "kernel.yama.ptrace_scope = 2 in /etc/sysctl.d, then "
			  "restart the machine: 3 cannot be taken back";
}

static void check_paranoid(const struct check *c, const struct config *cfg,
			   struct finding *f)
{
	long level = number_read("/proc/sys/kernel/perf_event_paranoid");

	(void)c;
	(void)cfg;
	found(f, VERDICT_WELL, "%ld; %s", level,
	      right_held(RIGHT_PERFMON) ? "CAP_PERFMON passes it" :
				       "of no effect without CAP_PERFMON");
}

static void check_unprivileged_bpf(const struct check *c,
				   const struct config *cfg, struct finding *f)
{
	long level = number_read("/proc/sys/kernel/unprivileged_bpf_disabled");

	(void)c;
	(void)cfg;
	found(f, VERDICT_WELL, "%ld; %s", level,
	      right_held(RIGHT_BPF) ? "CAP_BPF passes it" :
				   "of no effect without CAP_BPF");
}

/* ---- what can be seen ---- */

int doctor_hidepid(const char *options)
{
	static const struct {
		const char *word;
		int value;
	} words[] = { { "0", 0 },	 { "off", 0 },	     { "1", 1 },
		      { "noaccess", 1 }, { "2", 2 },	     { "invisible", 2 },
		      { "4", 4 },	 { "ptraceable", 4 } };
	const char *at = strstr(options, "hidepid=");
	size_t len;

	if (!at)
		return 0;
	at += strlen("hidepid=");
	len = strcspn(at, ", \n");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) == len &&
		    memcmp(words[i].word, at, len) == 0)
			return words[i].value;
	}
	return -1;
}

static void check_hidepid(const struct check *c, const struct config *cfg,
			  struct finding *f)
{
	own(file_closep) FILE *file = fopen("/proc/self/mounts", "re");
	char line[1024], options[512];
	int hidden = 0;

	(void)c;
	(void)cfg;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s /proc proc %511s", options) == 1)
			hidden = doctor_hidepid(options);
	}
	if (hidden == 0)
		found(f, VERDICT_WELL, "off");
	else if (right_held(RIGHT_SYS_PTRACE))
		found(f, VERDICT_WELL, "%d, CAP_SYS_PTRACE passes it", hidden);
	else
		found(f, VERDICT_DENIED, "hidepid=%d", hidden);
}

/* The check's name begins with the namespace's. */
static void check_namespace(const struct check *c, const struct config *cfg,
			    struct finding *f)
{
	struct stat st;
	char path[64];

	(void)cfg;
	snprintf(path, sizeof(path), "/proc/self/ns/%.*s",
		 (int)strcspn(c->name, " "), c->name);
	if (stat(path, &st))
		found(f, VERDICT_LOST, "cannot be told: %s", strerror(errno));
	else if ((uint32_t)st.st_ino == (uint32_t)c->arg)
		found(f, VERDICT_WELL, "the machine's own");
	else
		found(f, VERDICT_LOST, "a container's");
}

static bool lists_memory(const char *controllers)
{
	const char *at = strstr(controllers, "memory");

	return at && (at == controllers || at[-1] == ' ') &&
	       (at[6] == '\0' || at[6] == ' ');
}

static void check_cgroup(const struct check *c, const struct config *cfg,
			 struct finding *f)
{
	char path[4096], line[512] = "";

	(void)c;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", cfg->cgroup_root);
	if (line_read(path, line, sizeof(line)) && lists_memory(line)) {
		found(f, VERDICT_WELL, "version 2 with memory");
		return;
	}
	snprintf(path, sizeof(path), "%s/memory/memory.limit_in_bytes",
		 cfg->cgroup_root);
	if (access(path, R_OK) == 0)
		found(f, VERDICT_WELL, "version 1 with memory");
	else
		found(f, VERDICT_LOST, "no memory controller below %.100s",
		      cfg->cgroup_root);
}

/* ---- open files, clock, database, port ---- */

static void check_files(const struct check *c, const struct config *cfg,
			struct finding *f)
{
	int64_t limit = files_limit(), wanted = files_wanted(cfg);

	(void)c;
	if (limit < 0)
		found(f, VERDICT_WELL, "no limit is told");
	else
		found(f, limit < wanted ? VERDICT_LOST : VERDICT_WELL,
		      "%lld may be open, up to %lld wanted", (long long)limit,
		      (long long)wanted);
}

static void check_clock(const struct check *c, const struct config *cfg,
			struct finding *f)
{
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	char text[CLOCK_TEXT_MAX];

	(void)c;
	(void)cfg;
	clock_text(text, now_ms);
	found(f, now_ms < clock_build_ms() ? VERDICT_LOST : VERDICT_WELL, "%s",
	      text);
}

/* The folder of the database; the one above, where it is yet to be made. */
static void folder_of(char out[4096], const char *path)
{
	char *slash;

	snprintf(out, 4096, "%s", path);
	for (int i = 0; i < 2; i++) {
		slash = strrchr(out, '/');
		if (!slash)
			snprintf(out, 4096, ".");
		else
			slash[slash == out] = '\0';
		if (!slash || access(out, F_OK) == 0)
			return;
	}
}

static bool may_write(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static void check_database(const struct check *c, const struct config *cfg,
			   struct finding *f)
{
	char folder[4096];
	struct stat st;

	(void)c;
	folder_of(folder, cfg->db);
	if (stat(cfg->db, &st) == 0 && !S_ISREG(st.st_mode))
		found(f, VERDICT_LOST, "%.120s is no regular file", cfg->db);
	else if (!may_write(folder))
		found(f, VERDICT_DENIED, "%.120s: %s", folder, strerror(errno));
	else if (access(cfg->db, F_OK) == 0 && !may_write(cfg->db))
		found(f, VERDICT_DENIED, "%.120s: %s", cfg->db,
		      strerror(errno));
	else
		found(f, VERDICT_WELL, "%.160s", cfg->db);
}

static void check_room(const struct check *c, const struct config *cfg,
		       struct finding *f)
{
	char folder[4096];
	struct statvfs fs;
	struct stat st;
	int64_t room, wanted = cfg->retention_bytes;

	(void)c;
	folder_of(folder, cfg->db);
	if (statvfs(folder, &fs)) {
		found(f, VERDICT_LOST, "%.120s: %s", folder, strerror(errno));
		return;
	}
	room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (stat(cfg->db, &st) == 0)
		wanted -= st.st_size; /* has its room already */
	wanted = wanted < ROOM_LEAST ? ROOM_LEAST : wanted;
	found(f, room < wanted ? VERDICT_LOST : VERDICT_WELL,
	      "%lld MiB free, up to %lld MiB wanted",
	      (long long)(room / UNIT_MIB), (long long)(wanted / UNIT_MIB));
}

/* 0, or why nothing can listen there. */
static int address_try(const char *listen_at)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *a = NULL;
	own(freep) char *host = strdup(listen_at);
	own(fd_closep) int fd = -1;
	char *port = host ? strrchr(host, ':') : NULL, *name = host;
	int on = 1, r;

	if (!port)
		return -EINVAL;
	*port++ = '\0';
	if (*name == '[') {
		name++;
		name[strcspn(name, "]")] = '\0';
	}
	if (getaddrinfo(name, port, &hints, &a))
		return -EINVAL;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1);
	r = r ? -errno : 0;
	freeaddrinfo(a);
	return r;
}

/* Does a heapwatch answer there? Its version and pid. */
static bool server_ask(const char *listen_at, char *out, size_t cap)
{
	own(client_freep) struct client *client = NULL;
	own(buf_fini) struct buf body = BUF_INIT;
	own(json_decrefp) json_t *status = NULL;
	struct problem p = { 0 };
	const char *version;
	char url[256];

	snprintf(url, sizeof(url), "http://%.200s", listen_at);
	if (client_new(&client, url, &p) ||
	    client_ask(client, "/api/v1/status", NULL, &body, &p))
		return false;
	status = json_loads(buf_cstr(&body), 0, NULL);
	version = json_string_value(json_object_get(status, "version"));
	if (!version)
		return false;
	snprintf(out, cap, "heapwatch %.24s, pid %lld", version,
		 (long long)json_integer_value(json_object_get(
			 json_object_get(status, "self"), "pid")));
	return true;
}

static void check_port(const struct check *c, const struct config *cfg,
		       struct finding *f)
{
	int r = address_try(cfg->listen);
	char who[80];

	(void)c;
	if (r == 0)
		found(f, VERDICT_WELL, "%.64s is free", cfg->listen);
	else if (r == -EADDRINUSE && server_ask(cfg->listen, who, sizeof(who)))
		found(f, VERDICT_WELL, "%s, already serves on %.64s", who,
		      cfg->listen);
	else
		found(f, r == -EACCES ? VERDICT_DENIED : VERDICT_LOST,
		      "%.64s: %s", cfg->listen, strerror(-r));
}

/* ---- the table ---- */

static const struct check checks[] = {
	{ "kernel for eBPF", check_kernel,
	  "programs that start are seen at once; they wait for the next look "
	  "at /proc",
	  "a kernel of 5.8 or later", 508 },
	{ "kernel for uprobe_multi", check_kernel,
	  "exact begin and end of collections",
	  "a kernel of 6.6 or later (Debian 12: linux-image-amd64 from "
	  "bookworm-backports)",
	  606 },
	{ "BTF", check_btf, "exit codes and OOM victims",
	  "run a kernel with CONFIG_DEBUG_INFO_BTF", 0 },
	{ "CAP_BPF", check_capability,
	  "exec events, and exact begin and end of collections", CAPS_MEND,
	  RIGHT_BPF },
	{ "CAP_PERFMON", check_capability,
	  "exec events, and exact begin and end of collections", CAPS_MEND,
	  RIGHT_PERFMON },
	{ "CAP_SYS_PTRACE", check_capability, "processes of other users",
	  CAPS_MEND, RIGHT_SYS_PTRACE },
	{ "CAP_DAC_READ_SEARCH", check_capability,
	  "memory and open files of processes of other users", CAPS_MEND,
	  RIGHT_DAC_READ_SEARCH },
	{ "lockdown", check_lockdown, "eBPF programs that read the kernel",
	  "start the kernel with lockdown=integrity", 0 },
	{ "hidepid of /proc", check_hidepid, "processes of other users",
	  "mount -o remount,hidepid=0 /proc, or give CAP_SYS_PTRACE", 0 },
	{ "Yama", check_yama, "the memory of every process, so all of Go",
	  "sysctl kernel.yama.ptrace_scope=0, or give CAP_SYS_PTRACE", 0 },
	{ "perf_event_paranoid", check_paranoid, "", "", 0 },
	{ "unprivileged_bpf_disabled", check_unprivileged_bpf, "", "", 0 },
	{ "control groups", check_cgroup,
	  "limits of control groups as the bound of a heap, and their events",
	  "start the kernel with cgroup_enable=memory (Raspberry Pi: in "
	  "cmdline.txt), or set collector.cgroup_root",
	  0 },
	{ "cgroup namespace", check_namespace,
	  "memory limits of other containers and services as the bound of a "
	  "heap, and their names",
	  "docker run --cgroupns=host, or packaging/compose/host-cgroups.yml",
	  CGROUP_NAMESPACE_FIRST },
	{ "user namespace", check_namespace,
	  "what the capabilities above give: here they count inside this "
	  "container only",
	  "a container that is not rootless: docker run --userns=host",
	  USER_NAMESPACE_FIRST },
	{ "pid namespace", check_namespace,
	  "every process outside this container",
	  "docker run --pid=host, or hostPID: true in Kubernetes",
	  PID_NAMESPACE_FIRST },
	{ "open files", check_files,
	  "processes, when as many run as collector.targets_max allows",
	  "LimitNOFILE= in the unit, ulimit -n as root before serve, or a "
	  "smaller collector.targets_max",
	  0 },
	{ "clock", check_clock,
	  "storing: the clock stands before this build, and data waits",
	  "timedatectl set-ntp true, or date --set", 0 },
	{ "database", check_database,
	  "everything: the database cannot be "
	  "written",
	  "serve --db elsewhere, which doctor --db checks, or chown heapwatch "
	  "that folder", 0 },
	{ "room for the database", check_room,
	  "history: the disk will be full before retention.bytes is reached",
	  "a smaller retention.bytes, or more room", 0 },
	{ "port", check_port, "everything: nothing can listen there",
	  "serve --listen elsewhere; ss -ltnp tells who has it", 0 },
};

const struct check *doctor_checks(size_t *count)
{
	*count = ARRAY_SIZE(checks);
	return checks;
}
