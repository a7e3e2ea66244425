#include "probes.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/clock.h"
#include "common/log.h"
#include "priv.h"

#include "bpf/go.skel.h"
#include "bpf/process.skel.h"

#define ATTACH_TYPE_UPROBE_MULTI 48 /* Linux 6.6; our headers are older */

enum { LINK_EXEC, LINK_EXIT, LINK_COUNT };

struct probes {
	struct process_bpf *process; /* owned; NULL: not loaded */
	struct go_bpf *go;	     /* owned; NULL: not loaded */
	struct ring_buffer *ring;    /* owned; NULL: none */
	int links[LINK_COUNT];	     /* owned; -1: none */
	bool has_uprobes;
	double hit_cost_ns;

	struct census_lack lacks[4];
	size_t lack_count;

	/* only within probes_consume: */
	void (*on_event)(void *arg, const struct event_header *e);
	void *arg;
};

OWN_DEFINE(struct process_bpf *, process_bpf__destroy)
OWN_DEFINE(struct go_bpf *, go_bpf__destroy)

struct link_set {
	int fd; /* owned; the uprobe_multi link */
};

__attribute__((format(printf, 2, 0))) static int
log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[1024];

	(void)level;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("libbpf: %s", line);
	return 0;
}

/* ---- what is lost ---- */

/* With both of them it is something else that refuses. */
static const char *needs_rights(void)
{
	bool bpf = priv_has(RIGHT_BPF), perfmon = priv_has(RIGHT_PERFMON);

	if (bpf != perfmon)
		return right_info(bpf ? RIGHT_PERFMON : RIGHT_BPF)->name;
	return "CAP_BPF and CAP_PERFMON";
}

static const char NEEDS_EBPF[] = "Linux 5.8 or later with eBPF";
static const char NEEDS_UPROBE_MULTI[] = "Linux 6.6 or later with eBPF";

static const char NEEDS_HOST_PIDS[] = "the pid namespace of the host";

static const char LOSES_PROCESSES[] = "exec and exit events";
static const char LOSES_COLLECTIONS[] = "exact begin and end of collections";

/* step failed with r, or by itself where r is 0; needs is what would help if
 * it was not a right that is missing. */
static void lose(struct probes *p, const char *what, int r, const char *step,
		 const char *needs)
{
	struct census_lack *l = &p->lacks[p->lack_count++];
	bool refused = r == -EPERM || r == -EACCES;
	char text[64];

	l->what = what;
	l->needs = refused ? needs_rights() : needs;
	snprintf(l->reason, sizeof(l->reason), "%s%s%s", step, r ? ": " : "",
		 r ? strerror_r(-r, text, sizeof(text)) : "");
	log_debug("no %s: %s", what, l->reason);
}

/* ---- the ring ---- */

static int on_record(void *ctx, void *data, size_t len)
{
	struct probes *p = ctx;

	if (p->on_event && len >= sizeof(struct event_header))
		p->on_event(p->arg, data);
	return 0;
}

int probes_consume(struct probes *p,
		   void (*on_event)(void *arg, const struct event_header *e),
		   void *arg)
{
	int count;

	if (!p->ring)
		return 0;
	p->on_event = on_event;
	p->arg = arg;
	count = ring_buffer__consume(p->ring);
	p->on_event = NULL;
	return count;
}

int probes_ring_fd(const struct probes *p)
{
	return p->ring ? ring_buffer__epoll_fd(p->ring) : -1;
}

uint64_t probes_lost(const struct probes *p)
{
	uint32_t zero = 0;
	uint64_t records = 0;

	if (p->process)
		bpf_map_lookup_elem(bpf_map__fd(p->process->maps.lost), &zero,
				    &records);
	return records;
}

/* ---- what it offers ---- */

bool probes_has_process_events(const struct probes *p)
{
	return p->links[LINK_EXEC] >= 0;
}

bool probes_has_uprobes(const struct probes *p)
{
	return p->has_uprobes;
}

size_t probes_lacks(const struct probes *p, const struct census_lack **out)
{
	*out = p->lacks;
	return p->lack_count;
}

double probes_hit_cost_ns(const struct probes *p)
{
	return p->hit_cost_ns;
}

int probes_watch(struct probes *p, pid_t tgid)
{
	static const struct watched none;
	uint32_t key = (uint32_t)tgid;

	if (!p->go)
		return -EOPNOTSUPP;
	return bpf_map_update_elem(bpf_map__fd(p->go->maps.watched), &key,
				   &none, BPF_NOEXIST);
}

void probes_unwatch(struct probes *p, pid_t tgid)
{
	uint32_t key = (uint32_t)tgid;

	if (p->go)
		bpf_map_delete_elem(bpf_map__fd(p->go->maps.watched), &key);
}

void probes_hits(const struct probes *p, pid_t tgid, uint64_t hits[PROBE_COUNT])
{
	uint32_t key = (uint32_t)tgid;
	struct watched w = { 0 };

	if (p->go)
		bpf_map_lookup_elem(bpf_map__fd(p->go->maps.watched), &key, &w);
	for (int i = 0; i < PROBE_COUNT; i++)
		hits[i] = w.hits[i];
}

/* ---- links ---- */

/* The cookie tells the program which probe was hit. */
static int attach_sites(const struct probes *p, int exe_fd,
			const struct probe_site *sites, size_t count)
{
	own(freep) struct uprobe_site *cooked = calloc(count, sizeof(*cooked));

	if (!cooked)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		cooked[i] = (struct uprobe_site){ sites[i].file_offset,
						  sites[i].probe };
	return priv_attach_uprobes(bpf_program__fd(p->go->progs.go_gc), exe_fd,
				   cooked, count);
}

void link_set_detach(struct link_set *l)
{
	if (!l)
		return;
	fd_closep(&l->fd);
	free(l);
}
OWN_DEFINE(struct link_set *, link_set_detach)

int link_set_attach(struct link_set **out, struct probes *p, int exe_fd,
		    const struct probe_site *sites, size_t count)
{
	own(link_set_detachp) struct link_set *l = NULL;

	if (!p->has_uprobes)
		return -EOPNOTSUPP;
	if (count == 0)
		return -EINVAL;
	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->fd = attach_sites(p, exe_fd, sites, count);
	if (l->fd < 0)
		return l->fd;
	*out = take(l);
	return 0;
}

/* ---- what a hit costs ---- */

/*
 * Our own victim. Its first instruction is one that the kernel emulates, like
 * the conditional jumps where Go is probed: one trap, no single step.
 */
void probes_dummy(void);
__asm__(".pushsection .text\n"
	".globl probes_dummy\n"
	".hidden probes_dummy\n"
	".type probes_dummy, %function\n"
	"probes_dummy:\n"
	"\tnop\n"
	"\tret\n"
	".size probes_dummy, . - probes_dummy\n"
	".popsection\n");

/* The first object that dl_iterate_phdr tells of is the program itself. */
static int find_dummy(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t address = (uint64_t)(uintptr_t)probes_dummy - info->dlpi_addr;
	uint64_t *offset = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && address >= h->p_vaddr &&
		    address - h->p_vaddr < h->p_filesz)
			*offset = address - h->p_vaddr + h->p_offset;
	}
	return 1;
}

#define CALIBRATION_CALLS   64
#define CALIBRATION_BATCHES 8

/* The quickest of some batches: what disturbs only ever adds. */
static double cpu_ns_of_call(void)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < CALIBRATION_BATCHES; i++) {
		int64_t begin = clock_thread_cpu_ns(), took;

		for (int j = 0; j < CALIBRATION_CALLS; j++)
			probes_dummy();
		took = clock_thread_cpu_ns() - begin;
		if (took < least)
			least = took;
	}
	return (double)least / CALIBRATION_CALLS;
}

/*
 * Attach the program that will be used to our own dummy and hit it: proves
 * that uprobes work here and tells their price. Before the first consumer.
 */
static int calibrate(struct probes *p)
{
	own(fd_closep) int exe_fd = priv_open_exe(getpid());
	struct uprobe_site site = { .cookie = PROBE_GO_GC_START };
	double bare_ns = cpu_ns_of_call();
	uint64_t hits[PROBE_COUNT];
	int link_fd, r;

	if (exe_fd < 0)
		return exe_fd;
	dl_iterate_phdr(find_dummy, &site.file_offset);
	r = probes_watch(p, getpid());
	if (r)
		return r;
	link_fd = priv_attach_uprobes(bpf_program__fd(p->go->progs.go_gc),
				      exe_fd, &site, 1);
	if (link_fd >= 0) {
		double hit_ns = cpu_ns_of_call() - bare_ns;

		probes_hits(p, getpid(), hits);
		if (hits[PROBE_GO_GC_START] && hit_ns > 0)
			p->hit_cost_ns = hit_ns;
		close(link_fd);
	}
	probes_unwatch(p, getpid());
	probes_consume(p, NULL, NULL);
	return link_fd < 0 ? link_fd : 0;
}

/* ---- opening ---- */

static int open_process_events(struct probes *p)
{
	own(process_bpf__destroyp) struct process_bpf *s = NULL;
	int r;

	s = process_bpf__open();
	if (!s)
		return -errno;
	r = priv_bpf_load(s->obj);
	if (r)
		return r;
	p->ring =
		ring_buffer__new(bpf_map__fd(s->maps.ring), on_record, p, NULL);
	if (!p->ring)
		return -errno;
	p->process = take(s);
	return 0;
}

static void detach_process_events(struct probes *p)
{
	for (int i = 0; i < LINK_COUNT; i++) {
		fd_closep(&p->links[i]);
		p->links[i] = -1;
	}
}

static int attach_process_events(struct probes *p)
{
	const struct {
		const char *tracepoint;
		struct bpf_program *program;
	} wanted[LINK_COUNT] = {
		{ "sched_process_exec", p->process->progs.process_exec },
		{ "sched_process_exit", p->process->progs.process_exit },
	};

	for (int i = 0; i < LINK_COUNT; i++) {
		p->links[i] = priv_attach_raw_tracepoint(
			bpf_program__fd(wanted[i].program),
			wanted[i].tracepoint);
		if (p->links[i] < 0) {
			int r = p->links[i];

			detach_process_events(p);
			return r;
		}
	}
	return 0;
}

/* One ring and one count of losses for all objects. */
static int share_maps(const struct probes *p, struct go_bpf *s)
{
	int r = bpf_map__reuse_fd(s->maps.ring,
				  bpf_map__fd(p->process->maps.ring));

	return r ? r :
		   bpf_map__reuse_fd(s->maps.lost,
				     bpf_map__fd(p->process->maps.lost));
}

static int open_uprobes(struct probes *p)
{
	own(go_bpf__destroyp) struct go_bpf *s = NULL;
	struct bpf_program *program;
	int r;

	s = go_bpf__open();
	if (!s)
		return -errno;
	r = share_maps(p, s);
	if (r)
		return r;
	bpf_object__for_each_program(program, s->obj)
		bpf_program__set_expected_attach_type(
			program,
			(enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	r = priv_bpf_load(s->obj);
	if (r)
		return r;
	p->go = take(s);
	return 0;
}

#define INITIAL_PID_NAMESPACE 0xEFFFFFFC /* PROC_PID_INIT_INO, proc_ns.h */

/* Programs tell pids as the initial namespace counts them; elsewhere they
 * would name the wrong processes. */
static bool counts_as_host(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ||
	       st.st_ino == INITIAL_PID_NAMESPACE;
}

/* Uprobes before process events: calibrating needs the ring for itself. */
static void open_all(struct probes *p)
{
	int r;

	if (!counts_as_host()) {
		lose(p, LOSES_PROCESSES, 0, "pids here are those of a container",
		     NEEDS_HOST_PIDS);
		lose(p, LOSES_COLLECTIONS, 0, "pids here are those of a container",
		     NEEDS_HOST_PIDS);
		return;
	}
	r = open_process_events(p);
	if (r) {
		lose(p, LOSES_PROCESSES, r, "cannot load eBPF programs",
		     NEEDS_EBPF);
		lose(p, LOSES_COLLECTIONS, r, "cannot load eBPF programs",
		     NEEDS_UPROBE_MULTI);
		return;
	}
	r = open_uprobes(p);
	if (r)
		lose(p, LOSES_COLLECTIONS, r, "cannot load eBPF programs",
		     NEEDS_UPROBE_MULTI);
	else if ((r = calibrate(p)))
		lose(p, LOSES_COLLECTIONS, r, "cannot attach uprobe_multi",
		     NEEDS_UPROBE_MULTI);
	p->has_uprobes = r == 0;
	r = attach_process_events(p);
	if (r)
		lose(p, LOSES_PROCESSES, r, "cannot attach raw tracepoints",
		     NEEDS_EBPF);
}

int probes_open(struct probes **out)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	for (int i = 0; i < LINK_COUNT; i++)
		p->links[i] = -1;
	libbpf_set_print(log_libbpf);
	open_all(p);
	*out = p;
	return 0;
}

void probes_close(struct probes *p)
{
	if (!p)
		return;
	detach_process_events(p);
	ring_buffer__free(p->ring);
	go_bpf__destroy(p->go);
	process_bpf__destroy(p->process);
	free(p);
}
