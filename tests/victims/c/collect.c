/*
 * A program with two functions that are called a known number of times.
 *
 * "collect where" prints where in this file they begin. "collect N" waits for
 * a line, calls each N times, says "done", and ends with its input.
 */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned long sink;

__attribute__((noinline)) static void collection_begin(unsigned long i)
{
	sink += i;
}

__attribute__((noinline)) static void collection_end(unsigned long i)
{
	sink ^= i * 3;
}

static int print_offsets(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t *addresses = arg;

	(void)size;
	for (int i = 0; i < 2; i++) {
		uintptr_t at = addresses[i] - info->dlpi_addr;

		for (int j = 0; j < info->dlpi_phnum; j++) {
			const ElfW(Phdr) *h = &info->dlpi_phdr[j];

			if (h->p_type == PT_LOAD && at >= h->p_vaddr &&
			    at < h->p_vaddr + h->p_filesz)
				printf("%lu\n", at - h->p_vaddr + h->p_offset);
		}
	}
	return 1; /* the program itself comes first */
}

static void collect(unsigned long count)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		return;
	for (unsigned long i = 0; i < count; i++) {
		collection_begin(i);
		collection_end(i);
	}
	puts("done");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		continue;
}

int main(int argc, char **argv)
{
	uintptr_t addresses[] = { (uintptr_t)collection_begin,
				  (uintptr_t)collection_end };

	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "where") == 0)
		dl_iterate_phdr(print_offsets, addresses);
	else
		collect(strtoul(argv[1], NULL, 10));
	return 0;
}
