#pragma once
/*
 * remote.h - reads of another process's memory through its open
 * /proc/PID/mem (priv_open_mem). Reads only; any thread.
 *
 * -ESRCH: the process is gone; -EFAULT: nothing is mapped there; or what
 * pread said.
 */
#include <stddef.h>
#include <stdint.h>

/* Exactly len bytes, or an error. */
int remote_read(int mem_fd, uint64_t address, void *out, size_t len);

int remote_read_u64(int mem_fd, uint64_t address, uint64_t *out);
