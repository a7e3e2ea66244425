#pragma once
/*
 * rights.h - the four capabilities that heapwatch can use, and what is lost
 * without each: the one table for status, doctor and README.
 *
 * No other right is needed, so root is not: packaging gives these four.
 */
#include <stdbool.h>

enum right {
	RIGHT_BPF,
	RIGHT_PERFMON,
	RIGHT_SYS_PTRACE,
	RIGHT_DAC_READ_SEARCH,
	RIGHT_COUNT
};

struct right_info {
	const char *name;    /* "CAP_BPF" */
	const char *word;    /* "cap_bpf", of --without */
	const char *gives;   /* what it is for */
	const char *without; /* what is lost */
};

const struct right_info *right_info(enum right r);

/*
 * In effect for this thread, by itself or by a greater one (CAP_SYS_ADMIN
 * has CAP_BPF and CAP_PERFMON in it, CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH).
 * A security module or a user namespace can refuse all the same.
 */
bool right_held(enum right r);

/*
 * For tests: of the rights of the process only those stay in effect whose
 * bit (1 << right) is not in the mask. The kernel then refuses as it would
 * for anybody. 0 gives all back. Before any thread runs.
 */
void rights_withhold(unsigned mask);
