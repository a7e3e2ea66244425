#include "rights.h"

#include <assert.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (1ull << (capability))

/* CAP_PERFMON and CAP_BPF are younger than some headers. */
#define NUMBER_PERFMON 38
#define NUMBER_BPF     39

static const struct right_info infos[RIGHT_COUNT] = {
	[RIGHT_BPF] = {
		"CAP_BPF", "cap_bpf", "eBPF programs",
		"programs that start are seen by a look at /proc every 10 s; "
		"exact begin and end of collections are absent" },
	[RIGHT_PERFMON] = {
		"CAP_PERFMON", "cap_perfmon", "eBPF programs that trace",
		"as without CAP_BPF" },
	[RIGHT_SYS_PTRACE] = {
		"CAP_SYS_PTRACE", "cap_sys_ptrace",
		"executables, memory and roots of other users' processes",
		"processes of other users are not seen" },
	[RIGHT_DAC_READ_SEARCH] = {
		"CAP_DAC_READ_SEARCH", "cap_dac_read_search",
		"files that only their owner may read: /proc/PID/mem, the "
		"listing of /proc/PID/fd, hsperfdata",
		"processes of other users are listed, but not watched" },
};

/* Each of these gives the right. */
static const uint64_t enough[RIGHT_COUNT] = {
	[RIGHT_BPF] = BIT(NUMBER_BPF) | BIT(CAP_SYS_ADMIN),
	[RIGHT_PERFMON] = BIT(NUMBER_PERFMON) | BIT(CAP_SYS_ADMIN),
	[RIGHT_SYS_PTRACE] = BIT(CAP_SYS_PTRACE),
	[RIGHT_DAC_READ_SEARCH] =
		BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE),
};

const struct right_info *right_info(enum right r)
{
	assert(r < RIGHT_COUNT);
	return &infos[r];
}

struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static bool sets_read(struct sets *s)
{
	*s = (struct sets){ .header.version = _LINUX_CAPABILITY_VERSION_3 };
	return syscall(SYS_capget, &s->header, s->data) == 0;
}

bool right_held(enum right r)
{
	struct sets s;

	if (!sets_read(&s))
		return false;
	return (s.data[0].effective | (uint64_t)s.data[1].effective << 32) &
	       enough[r];
}

/* Only the effective set: what is permitted can be had again. */
void rights_withhold(unsigned mask)
{
	uint64_t gone = 0;
	struct sets s;

	for (int r = 0; r < RIGHT_COUNT; r++)
		gone |= mask & 1u << r ? enough[r] : 0;
	if (!sets_read(&s))
		return;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		s.data[i].effective =
			s.data[i].permitted & (uint32_t)~(gone >> 32 * i);
	s.header.pid = 0;
	syscall(SYS_capset, &s.header, s.data);
}
