#include "probes.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
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

#include "bpf/ending.skel.h"
#include "bpf/go.skel.h"
#include "bpf/jvm.skel.h"
#include "bpf/process.skel.h"

#define ATTACH_TYPE_UPROBE_MULTI 48 /* Linux 6.6; our headers are older */

#define SITES_MAX		 64 /* of one link */

enum { LINK_EXEC, LINK_EXIT, LINK_OOM, LINK_COUNT };

/* A program that sits at uprobes. */
enum program { PROGRAM_GO, PROGRAM_JVM, PROGRAM_COUNT };

struct probes {
	struct process_bpf *process; /* owned; NULL: not loaded */
	struct ending_bpf *ending;   /* owned; NULL: not loaded */
	struct go_bpf *go;	     /* owned; NULL: not loaded */
	struct jvm_bpf *jvm;	     /* owned; NULL: not loaded */
	struct ring_buffer *ring;    /* owned; NULL: none */
	int links[LINK_COUNT];	     /* owned; -1: none */
	bool has_uprobes;
	double hit_cost_ns[PROGRAM_COUNT][2]; /* [1]: stepped */
	atomic_uint last_link;	     /* number of the newest link */

	/* Of calibrating. Detaching takes 30 ms each and nobody calls the
	 * dummies any more, so they stay until the end. */
	struct link_set *dummies[3];
	size_t dummy_count;

	struct census_lack lacks[5];
	size_t lack_count;

	/* only within probes_consume: */
	void (*on_event)(void *arg, const struct event_header *e);
	void *arg;
};

OWN_DEFINE(struct process_bpf *, process_bpf__destroy)
OWN_DEFINE(struct ending_bpf *, ending_bpf__destroy)
OWN_DEFINE(struct go_bpf *, go_bpf__destroy)
OWN_DEFINE(struct jvm_bpf *, jvm_bpf__destroy)

struct link_set {
	const struct probes *probes; /* borrowed */
	int fd;			     /* owned; the uprobe_multi link */
	uint32_t number;
	double cost_ns[PROBE_COUNT];
	struct uprobe_site cooked[SITES_MAX];
	size_t count;
	bool has_args;
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
	const struct event_header *e = data;

	if (p->on_event && len >= sizeof(*e) &&
	    (e->type != EVENT_TYPE_EXIT || len >= sizeof(struct event_exit)))
		p->on_event(p->arg, e);
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

static enum program program_of(enum probe probe)
{
	return probe >= PROBE_JVM_GC_BEGIN ? PROGRAM_JVM : PROGRAM_GO;
}

double probes_hit_cost_ns(const struct probes *p, enum probe probe,
			  bool stepped)
{
	return p->hit_cost_ns[program_of(probe)][stepped];
}

static int name(const struct bpf_map *map, const char *text, uint32_t number)
{
	struct jvm_name key = { 0 };

	memcpy(&key, text, strnlen(text, sizeof(key)));
	return bpf_map_update_elem(bpf_map__fd(map), &key, &number, BPF_ANY);
}

int probes_name_pool(struct probes *p, const char *text, uint32_t number)
{
	return p->jvm ? name(p->jvm->maps.jvm_pools, text, number) :
			-EOPNOTSUPP;
}

int probes_name_manager(struct probes *p, const char *text, uint32_t number)
{
	return p->jvm ? name(p->jvm->maps.jvm_managers, text, number) :
			-EOPNOTSUPP;
}

int probes_watch(struct probes *p, pid_t tgid, uint64_t peek)
{
	const struct watched row = { .peek = peek };
	uint32_t key = (uint32_t)tgid;

	if (!p->go)
		return -EOPNOTSUPP;
	return bpf_map_update_elem(bpf_map__fd(p->go->maps.watched), &key,
				   &row, BPF_NOEXIST);
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

/*
 * What arch/x86/kernel/uprobes.c emulates: nop, push, jumps and calls with an
 * immediate, conditional jumps. Anything else is taken for stepped.
 */
bool probes_is_emulated(const uint8_t *code, size_t len)
{
	if (len < 2)
		return false;
	switch (code[0]) {
	case 0x90: /* nop */
	case 0xe8: /* call */
	case 0xe9: /* jmp */
	case 0xeb:
		return true;
	case 0x0f:
		return (code[1] & 0xf0) == 0x80; /* jcc rel32 */
	}
	return (code[0] & 0xf8) == 0x50 || /* push */
	       (code[0] & 0xf0) == 0x70;   /* jcc rel8 */
}

static int program_fd(const struct probes *p, enum program program)
{
	return bpf_program__fd(program == PROGRAM_JVM ? p->jvm->progs.jvm_gc :
							p->go->progs.go_gc);
}

/* Of several sites of one probe the dearest tells. */
static void note_cost(struct link_set *l, const struct probe_site *site,
		      int exe_fd)
{
	uint8_t code[2];
	ssize_t n = pread(exe_fd, code, sizeof(code),
			  (off_t)site->file_offset);
	bool stepped = n < 0 || !probes_is_emulated(code, (size_t)n);
	double ns = probes_hit_cost_ns(l->probes, site->probe, stepped);

	if (ns > l->cost_ns[site->probe])
		l->cost_ns[site->probe] = ns;
}

/* The rows of the maps that its programs look up. */
static int write_rows(struct link_set *l, const struct probe_site *sites)
{
	uint64_t none = 0;
	int r = bpf_map_update_elem(bpf_map__fd(l->probes->go->maps.strangers),
				    &l->number, &none, BPF_ANY);

	l->has_args = program_of(sites[0].probe) == PROGRAM_JVM;
	for (size_t i = 0; !r && l->has_args && i < l->count; i++)
		r = bpf_map_update_elem(
			bpf_map__fd(l->probes->jvm->maps.usdt_sites),
			&l->cooked[i].cookie, &sites[i].args, BPF_ANY);
	return r;
}

static void drop_rows(const struct link_set *l)
{
	bpf_map_delete_elem(bpf_map__fd(l->probes->go->maps.strangers),
			    &l->number);
	for (size_t i = 0; l->has_args && i < l->count; i++)
		bpf_map_delete_elem(
			bpf_map__fd(l->probes->jvm->maps.usdt_sites),
			&l->cooked[i].cookie);
}

/* The cookie tells the program which probe was hit. */
static int attach_sites(struct link_set *l, int exe_fd,
			const struct probe_site *sites, size_t count)
{
	enum program program = program_of(sites[0].probe);
	int r;

	for (size_t i = 0; i < count; i++) {
		if (program_of(sites[i].probe) != program)
			return -EINVAL;
		l->cooked[i] = (struct uprobe_site){
			sites[i].file_offset,
			COOKIE(sites[i].probe, i, l->number),
		};
		note_cost(l, &sites[i], exe_fd);
	}
	l->count = count;
	r = write_rows(l, sites);
	if (r)
		return r;
	l->fd = priv_attach_uprobes(program_fd(l->probes, program), exe_fd,
				    l->cooked, count);
	return l->fd < 0 ? l->fd : 0;
}

void link_set_detach(struct link_set *l)
{
	if (!l)
		return;
	fd_closep(&l->fd);
	drop_rows(l);
	free(l);
}
OWN_DEFINE(struct link_set *, link_set_detach)

int link_set_attach(struct link_set **out, struct probes *p, int exe_fd,
		    const struct probe_site *sites, size_t count)
{
	own(link_set_detachp) struct link_set *l = NULL;
	int r;

	if (!p->has_uprobes)
		return -EOPNOTSUPP;
	if (count == 0 || count > SITES_MAX)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->probes = p;
	l->fd = -1;
	l->number = atomic_fetch_add(&p->last_link, 1) + 1;
	r = attach_sites(l, exe_fd, sites, count);
	if (r == 0)
		*out = take(l);
	return r;
}

double link_set_cost_ns(const struct link_set *l, enum probe probe)
{
	return l->cost_ns[probe];
}

uint64_t link_set_strangers(const struct link_set *l)
{
	uint64_t hits = 0;

	bpf_map_lookup_elem(bpf_map__fd(l->probes->go->maps.strangers),
			    &l->number, &hits);
	return hits;
}

/* ---- what a hit costs ---- */

/*
 * Our own victims. The first instruction of two is emulated by the kernel,
 * like the conditional jumps where Go is probed and the nops of USDT: one
 * trap. That of the third is stepped: two.
 */
void probes_dummy(void);
void probes_dummy_usdt(void);
void probes_dummy_stepped(void);
__asm__(".pushsection .text\n"
	".globl probes_dummy, probes_dummy_usdt, probes_dummy_stepped\n"
	".hidden probes_dummy, probes_dummy_usdt, probes_dummy_stepped\n"
	".type probes_dummy, %function\n"
	".type probes_dummy_usdt, %function\n"
	".type probes_dummy_stepped, %function\n"
	"probes_dummy:\n"
	"\tnop\n"
	"\tret\n"
	"probes_dummy_usdt:\n"
	"\tnop\n"
	"\tret\n"
	"probes_dummy_stepped:\n"
#if defined(__x86_64__)
	"\tmovl %eax, %eax\n"
#else
	"\tmov x9, x9\n"
#endif
	"\tret\n"
	".popsection\n");

struct dummy {
	void (*call)(void);
	uint64_t offset; /* in our file */
};

/* The first object that dl_iterate_phdr tells of is the program itself. */
static int find_dummy(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct dummy *d = arg;
	uint64_t address = (uint64_t)(uintptr_t)d->call - info->dlpi_addr;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && address >= h->p_vaddr &&
		    address - h->p_vaddr < h->p_filesz)
			d->offset = address - h->p_vaddr + h->p_offset;
	}
	return 1;
}

#define CALIBRATION_CALLS   64
#define CALIBRATION_BATCHES 9

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * The median of some batches. Not the quickest: where the hypervisor takes
 * time away, the kernel takes it off the CPU time of whoever runs next, and
 * a batch may seem to have cost next to nothing.
 */
static double cpu_ns_of_call(void (*call)(void))
{
	int64_t took[CALIBRATION_BATCHES];

	for (int i = 0; i < CALIBRATION_BATCHES; i++) {
		took[i] = clock_thread_cpu_ns();
		for (int j = 0; j < CALIBRATION_CALLS; j++)
			call();
		took[i] = clock_thread_cpu_ns() - took[i];
	}
	qsort(took, CALIBRATION_BATCHES, sizeof(took[0]), compare_times);
	return (double)took[CALIBRATION_BATCHES / 2] / CALIBRATION_CALLS;
}

/* What programs read of a process at a hit, for want of one. */
static const char dummy_memory[64] = "heapwatch itself";

/* Arguments that the JVM's program finds worth a record, its costly way:
 * strings of ours stand in for those of a JVM. */
static void set_dummy_args(struct usdt_args *out)
{
	static const char text[] = "heapwatch";
	const int64_t values[] = { (int64_t)(intptr_t)text, sizeof(text) - 1,
				   (int64_t)(intptr_t)text, sizeof(text) - 1 };

	for (size_t i = 0; i < USDT_ARGS_MAX; i++)
		out->at[i] = (struct usdt_arg){ .kind = USDT_CONSTANT,
						.size = 8 };
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		out->at[i].value = values[i];
}

/* Attach the program that will be used to our own dummy and hit it. */
static int calibrate(struct probes *p, int exe_fd, enum probe probe,
		     void (*call)(void), bool stepped)
{
	struct dummy dummy = { .call = call };
	struct probe_site site = { .probe = probe };
	double bare_ns = cpu_ns_of_call(call), hit_ns;
	uint64_t before[PROBE_COUNT], hits[PROBE_COUNT];
	int r;

	dl_iterate_phdr(find_dummy, &dummy);
	site.file_offset = dummy.offset;
	set_dummy_args(&site.args);
	probes_hits(p, getpid(), before);
	r = link_set_attach(&p->dummies[p->dummy_count], p, exe_fd, &site, 1);
	if (r)
		return r;
	p->dummy_count++;
	hit_ns = cpu_ns_of_call(call) - bare_ns;
	probes_hits(p, getpid(), hits);
	if (hits[probe] > before[probe] && hit_ns > 0)
		p->hit_cost_ns[program_of(probe)][stepped] = hit_ns;
	probes_consume(p, NULL, NULL);
	return 0;
}

static int calibrate_all(struct probes *p, int exe_fd)
{
	double *go = p->hit_cost_ns[PROGRAM_GO];
	double *jvm = p->hit_cost_ns[PROGRAM_JVM];
	int r;

	if ((r = probes_name_pool(p, "heapwatch", UINT32_MAX)) ||
	    (r = probes_name_manager(p, "heapwatch", UINT32_MAX)) ||
	    (r = calibrate(p, exe_fd, PROBE_GO_GC_START, probes_dummy,
			   false)) ||
	    (r = calibrate(p, exe_fd, PROBE_GO_GC_START, probes_dummy_stepped,
			   true)) ||
	    (r = calibrate(p, exe_fd, PROBE_JVM_GC_END, probes_dummy_usdt,
			   false)))
		return r;
	/* The second trap costs the same whatever the program does. */
	if (go[1] > go[0] && jvm[0] > 0)
		jvm[1] = jvm[0] + go[1] - go[0];
	return 0;
}

/* Prove that uprobes work here and learn their price; before the first
 * consumer of the ring. */
static int try_uprobes(struct probes *p)
{
	own(fd_closep) int exe_fd = priv_open_exe(getpid());
	int r;

	if (exe_fd < 0)
		return exe_fd;
	r = probes_watch(p, getpid(), (uint64_t)(uintptr_t)dummy_memory);
	if (r)
		return r;
	p->has_uprobes = true;
	r = calibrate_all(p, exe_fd);
	p->has_uprobes = r == 0;
	probes_unwatch(p, getpid());
	return r;
}

/* ---- opening ---- */

/* One map for all objects. */
static int share(const struct bpf_map *from, struct bpf_map *to)
{
	return bpf_map__reuse_fd(to, bpf_map__fd(from));
}

/* Its records come by the first object's ring. */
static int share_ring(const struct probes *p, struct bpf_map *ring,
		      struct bpf_map *lost)
{
	int r = share(p->process->maps.ring, ring);

	return r ? r : share(p->process->maps.lost, lost);
}

static int open_process_events(struct probes *p)
{
	own(process_bpf__destroyp) struct process_bpf *s = process_bpf__open();
	int r;

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

/* Those that read the kernel's structs, where it tells how they lie. */
static int open_ending(struct probes *p)
{
	own(ending_bpf__destroyp) struct ending_bpf *s = ending_bpf__open();
	int r;

	if (!s)
		return -errno;
	if ((r = share_ring(p, s->maps.ring, s->maps.lost)) ||
	    (r = priv_bpf_load(s->obj)))
		return r;
	p->ending = take(s);
	return 0;
}

static void try_ending(struct probes *p)
{
	static const char what[] = "exit codes and OOM victims";
	int r;

	if (!priv_has_btf())
		lose(p, what, 0, "the kernel has no BTF", "a kernel with BTF");
	else if ((r = open_ending(p)))
		lose(p, what, r, "cannot load the eBPF programs for them",
		     "a kernel with BTF");
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
		{ "sched_process_exit",
		  p->ending ? p->ending->progs.process_exit_code :
			      p->process->progs.process_exit },
		{ "mark_victim", p->ending ? p->ending->progs.oom_victim_task :
					     p->process->progs.oom_victim },
	};

	for (int i = 0; i < LINK_COUNT; i++) {
		p->links[i] = priv_attach_raw_tracepoint(
			bpf_program__fd(wanted[i].program),
			wanted[i].tracepoint);
		/* A kernel without the OOM killer's tracepoint is no worse. */
		if (p->links[i] < 0 && i != LINK_OOM) {
			int r = p->links[i];

			detach_process_events(p);
			return r;
		}
	}
	return 0;
}

static int load_uprobes(struct bpf_object *o)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, o)
		bpf_program__set_expected_attach_type(
			program,
			(enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	return priv_bpf_load(o);
}

static int open_go(struct probes *p)
{
	own(go_bpf__destroyp) struct go_bpf *s = go_bpf__open();
	int r;

	if (!s)
		return -errno;
	if ((r = share_ring(p, s->maps.ring, s->maps.lost)) ||
	    (r = load_uprobes(s->obj)))
		return r;
	p->go = take(s);
	return 0;
}

static int open_jvm(struct probes *p)
{
	own(jvm_bpf__destroyp) struct jvm_bpf *s = jvm_bpf__open();
	int r;

	if (!s)
		return -errno;
	if ((r = share_ring(p, s->maps.ring, s->maps.lost)) ||
	    (r = share(p->go->maps.watched, s->maps.watched)) ||
	    (r = share(p->go->maps.strangers, s->maps.strangers)) ||
	    (r = load_uprobes(s->obj)))
		return r;
	p->jvm = take(s);
	return 0;
}

static int open_uprobes(struct probes *p)
{
	int r = open_go(p);

	return r ? r : open_jvm(p);
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
	try_ending(p);
	r = open_uprobes(p);
	if (r)
		lose(p, LOSES_COLLECTIONS, r, "cannot load eBPF programs",
		     NEEDS_UPROBE_MULTI);
	else if ((r = try_uprobes(p)))
		lose(p, LOSES_COLLECTIONS, r, "cannot attach uprobe_multi",
		     NEEDS_UPROBE_MULTI);
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
	while (p->dummy_count > 0)
		link_set_detach(p->dummies[--p->dummy_count]);
	ring_buffer__free(p->ring);
	jvm_bpf__destroy(p->jvm);
	go_bpf__destroy(p->go);
	ending_bpf__destroy(p->ending);
	process_bpf__destroy(p->process);
	free(p);
}
