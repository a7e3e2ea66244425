/*
 * Print collector/go/layout_table.h from the DWARF of Go executables, one of
 * each minor version; needs nothing but the files. tests/victims/go/layouts
 * builds them and runs this.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collector/go/buildinfo.h"
#include "collector/go/layout.h"

#define COLUMNS (GO_MINOR_LAST - GO_MINOR_FIRST + 1)

static struct go_layout layouts[COLUMNS];
static char versions[COLUMNS][GO_VERSION_MAX];

static int take_file(const char *path)
{
	own(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	own(elf_freep) struct elf *e = NULL;
	char version[GO_VERSION_MAX];
	struct go_layout l;
	int minor, r;

	if (fd < 0 || (r = elf_open(&e, fd)) ||
	    (r = go_buildinfo_version(e, version)) ||
	    (r = go_layout_from_dwarf(e, &l))) {
		fprintf(stderr, "%s: no layout\n", path);
		return -1;
	}
	minor = go_version_minor(version);
	if (minor < GO_MINOR_FIRST || minor > GO_MINOR_LAST) {
		fprintf(stderr, "%s: %s has no column\n", path, version);
		return -1;
	}
	layouts[minor - GO_MINOR_FIRST] = l;
	strcpy(versions[minor - GO_MINOR_FIRST], version);
	return 0;
}

static void print_row(int field)
{
	const char *path = go_field_info(field)->paths[0];

	printf("\t/* %s */\n\t{", path ? path : "sizeof(heapStatsDelta)");
	for (int i = 0; i < COLUMNS; i++) {
		uint32_t offset = layouts[i].offset[field];

		if (offset == GO_ABSENT)
			printf(" A,");
		else
			printf(" %u,", offset);
	}
	printf(" },\n");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (take_file(argv[i]))
			return 1;
	}
	printf("/* Made by tests/victims/go/layouts; do not edit. Columns:");
	for (int i = 0; i < COLUMNS; i++) {
		if (!versions[i][0]) {
			fprintf(stderr, "no file of Go 1.%d\n",
				GO_MINOR_FIRST + i);
			return 1;
		}
		printf("%s%s", i % 5 ? " " : "\n * ", versions[i]);
	}
	printf(" */\n#pragma once\n#include <stdint.h>\n\n");
	printf("#define A UINT32_MAX /* absent */\n\n");
	printf("static const uint32_t go_layout_rows[%d][%d] = {\n",
	       GO_FIELD_COUNT, COLUMNS);
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		print_row(i);
	printf("};\n\n#undef A\n");
	return 0;
}
