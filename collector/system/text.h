#pragma once
/*
 * text.h - small files of the kernel: read whole, then find a number in them.
 *
 * Each file is opened anew for each reading: keeping it open would save 3 to
 * 5 us a file and second, and cost a descriptor for each file and target.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read up to cap - 1 bytes and end them with a NUL. Takes fd; below zero it
 * is an -errno and handed through, so that an open may stand as argument.
 * Returns the length or -errno; -ESRCH when the process ended meanwhile.
 */
int text_read(int fd, char *out, size_t cap);

/* The same for a path that anybody may read. */
int text_read_path(const char *path, char *out, size_t cap);

/*
 * The number that follows key, where key begins a line: "VmRSS:", "oom_kill".
 * False when there is none.
 */
bool text_number(const char *text, const char *key, uint64_t *out);

/* As text_number, for values told in kB; bytes. */
bool text_kib(const char *text, const char *key, uint64_t *out_bytes);
