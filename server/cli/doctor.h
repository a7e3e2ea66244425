#pragma once
/*
 * doctor.h - the checks of "heapwatch doctor": what this machine, this user
 * and this configuration give, and what is lost where they do not.
 *
 * Checks look and tell; none changes anything.
 */
#include "server/config.h"

enum verdict {
	VERDICT_WELL,
	VERDICT_LOST,	/* something cannot be had */
	VERDICT_DENIED, /* a right is missing for what matters */
};

struct finding {
	enum verdict verdict;
	char found[200]; /* how it is: "6.1.0-18-amd64" */
	const char *lost; /* static; what cannot be had; NULL: the table's */
	const char *mend; /* static; NULL: the table's */
};

struct check {
	const char *name;
	void (*run)(const struct check *c, const struct config *cfg,
		    struct finding *f);
	const char *lost; /* without it */
	const char *mend; /* a command, or what to change */
	long arg;
};

/* The table; *count rows. */
const struct check *doctor_checks(size_t *count);

/* ---- for tests ---- */

/* "6.1.0-18-amd64" is at least 5.8? */
bool doctor_kernel_reaches(const char *release, int major, int minor);

/* The value of hidepid among the options of a mount: 0 without one, -1 for
 * a word that is not known. */
int doctor_hidepid(const char *options);
