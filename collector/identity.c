#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void copy_name(char out[SERVICE_MAX], const char *name, size_t len)
{
	snprintf(out, SERVICE_MAX, "%.*s",
		 (int)(len < SERVICE_MAX ? len : SERVICE_MAX - 1), name);
}

/* "a/b/scada-1.2.jar" -> "scada-1.2"; "com.plant/com.plant.Main" -> "Main". */
static void name_of_main(char out[SERVICE_MAX], const char *word, size_t len)
{
	char text[512];
	const char *name;
	size_t name_len;

	snprintf(text, sizeof(text), "%.*s",
		 (int)(len < sizeof(text) ? len : sizeof(text) - 1), word);
	name = base_name(text);
	name_len = strlen(name);
	if (name_len > 4 && strcmp(name + name_len - 4, ".jar") == 0) {
		copy_name(out, name, name_len - 4);
		return;
	}
	if (strrchr(name, '.'))
		name = strrchr(name, '.') + 1;
	copy_name(out, name, strlen(name));
}

static bool is_word(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(word, text, len) == 0;
}

/* Options of the java launcher whose value is the next word. */
static bool takes_value(const char *word, size_t len)
{
	static const char *const options[] = {
		"-cp", "-classpath", "--class-path", "-p", "--module-path",
		"--add-modules", "--add-opens", "--add-exports", "--add-reads",
		"--limit-modules", "--upgrade-module-path", "--source",
		"--enable-native-access", "--patch-module", "--describe-module",
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (is_word(word, len, options[i]))
			return true;
	}
	return false;
}

/* The jar or main class on a java command line; false when none is found. */
static bool java_main(char out[SERVICE_MAX], const char *cmdline)
{
	const char *p = cmdline + strcspn(cmdline, " ");
	bool main_next = false, skip_next = false;

	while (*p) {
		const char *word = p + strspn(p, " ");
		size_t len = strcspn(word, " ");

		p = word + len;
		if (len == 0)
			break;
		if (skip_next) {
			skip_next = false;
		} else if (main_next || (word[0] != '-' && word[0] != '@')) {
			name_of_main(out, word, len);
			return out[0] != '\0';
		} else if (is_word(word, len, "-jar") ||
			   is_word(word, len, "-m") ||
			   is_word(word, len, "--module")) {
			main_next = true;
		} else {
			skip_next = takes_value(word, len);
		}
	}
	return false;
}

void identity_service(char out[SERVICE_MAX], const struct process *p,
		      const char *runtime)
{
	const char *exe = base_name(p->exe);
	size_t unit_len = strlen(p->unit);

	if (unit_len > 8 && strcmp(p->unit + unit_len - 8, ".service") == 0) {
		copy_name(out, p->unit, unit_len - 8);
		return;
	}
	if (strcmp(runtime, "jvm") == 0 && strcmp(exe, "java") == 0 &&
	    java_main(out, p->cmdline))
		return;
	copy_name(out, *exe ? exe : p->comm, strlen(*exe ? exe : p->comm));
}

/* Values of the map: it says only that a name is there. */
static char in_use;

static void instance_name(char out[SERVICE_MAX + 16], const char *service,
			  unsigned n)
{
	snprintf(out, SERVICE_MAX + 16, "%s/%u", service, n);
}

void instances_fini(struct instances *i)
{
	map_fini(&i->by_name);
}

int instances_reserve(struct instances *i, const char *service, unsigned n)
{
	char name[SERVICE_MAX + 16];

	instance_name(name, service, n);
	if (map_get_str(&i->by_name, name))
		return -EEXIST;
	return map_set_str(&i->by_name, name, &in_use);
}

int instances_take(struct instances *i, const char *service, unsigned *out)
{
	int r = -EEXIST;
	unsigned n;

	for (n = 0; r == -EEXIST; n++)
		r = instances_reserve(i, service, n);
	*out = n - 1;
	return r;
}

void instances_release(struct instances *i, const char *service, unsigned n)
{
	char name[SERVICE_MAX + 16];

	instance_name(name, service, n);
	map_remove_str(&i->by_name, name);
}

int identity_boot_id(char out[37])
{
	own(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id",
				     O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, out, 36);

	out[len == 36 ? 36 : 0] = '\0';
	return len == 36 ? 0 : -EIO;
}
