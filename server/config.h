#pragma once
/*
 * config.h - what heapwatch is told: defaults, heapwatch.yaml, flags.
 *
 * One const table {key, type, offset, default, help} makes the parser, the
 * flags of "serve", its --help and the table in README.md. Strict: an unknown
 * key, a wrong type, a duplicate is an error with line and column.
 *
 * Durations are kept in milliseconds, sizes in bytes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/collector.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/threshold.h"
#include "server/store/plant.h"

#define CONFIG_DEFAULT_PATH "/etc/heapwatch/heapwatch.yaml"
#define CONFIG_DEFAULT_DB   "/var/lib/heapwatch/heapwatch.db"
#define CONFIG_KEYS_MAX	    48

struct config {
	/* owned texts: */
	char *listen; /* address:port */
	char *db;
	char *node;   /* "": the host name at first start */
	char *cgroup_root;
	int64_t governor_target_ppm, governor_total_ppm; /* of one CPU */
	int64_t governor_backoff_ms;
	char *hosts, *cors_origins, *base_path;

	int64_t resolution_ms, flush_ms, memory_ms;
	int64_t retention_ms, retention_bytes;
	int64_t ended_max;
	int64_t tick_ms, rescan_ms;
	int64_t worsen_ms, improve_ms;
	int64_t target_max;
	int64_t body_max, connections_max, threads;
	int64_t series_max, points_max, scan_max, cache_bytes;
	enum log_level log_level;
	bool access_log;
	bool report; /* print what the first scan found */
	bool from_file; /* one was read */

	struct watch_rule *rules; /* owned */
	size_t rule_count;
	struct plant *plant; /* owned; NULL: none */
	struct threshold *thresholds; /* owned; every metric that has limits */
	size_t threshold_count;
	struct threshold_rule *threshold_rules; /* owned */
	size_t threshold_rule_count;

	/* where the file sets each key, in the order of the table; line 0:
	 * it does not, or a flag overrode it */
	struct config_place {
		int line, column;
	} places[CONFIG_KEYS_MAX];
};

enum config_type {
	CONFIG_STRING,
	CONFIG_DURATION, /* 10s, 5m, 1h30m, 30d -> int64_t milliseconds */
	CONFIG_BYTES,    /* 64KiB, 1GiB, 4096 -> int64_t */
	CONFIG_INTEGER,  /* -> int64_t */
	CONFIG_PERCENT,  /* 0.5%, 20% -> int64_t, millionths */
	CONFIG_BOOL,     /* true, false */
	CONFIG_LEVEL,    /* debug, info, warn, error */
	CONFIG_WATCH,    /* from here on: in the file only, no flag */
	CONFIG_PLANT,
	CONFIG_THRESHOLDS,
	CONFIG_THRESHOLD_RULES,
};

struct config_key {
	const char *key; /* "retention.age"; as a flag --retention-age */
	enum config_type type;
	size_t offset;        /* in struct config */
	const char *fallback; /* the default, as it would be written */
	int64_t min, max;     /* of numbers; bounds included */
	const char *help;     /* a sentence, no full stop */
};

/* The table; *count rows. */
const struct config_key *config_keys(size_t *count);

/* Defaults everywhere. -ENOMEM. */
int config_init(struct config *c);
void config_fini(struct config *c);

/* Set one key from text: a flag's value. The problem names the key. */
int config_set(struct config *c, const struct config_key *key,
	       const char *text, struct problem *p);

/* Read a file over what is set. A missing file is -ENOENT and a problem. */
int config_read(struct config *c, const char *path, struct problem *p);

/*
 * The same, but every problem of the file is told with its place, one of each
 * value or rule; returns how many. A file that cannot be opened or is no YAML
 * has one.
 */
size_t config_examine(struct config *c, const char *path,
		      void (*tell)(void *arg, const struct problem *p),
		      void *arg);

/* What only makes sense together; after file and flags. */
int config_check(const struct config *c, struct problem *p);

/* Give a problem of that key the place where the file sets it, if it does. */
void config_place(const struct config *c, const char *key, struct problem *p);

/* Names of keys that differ and that only a restart applies, as a list; how
 * many. */
size_t config_restart_keys(const struct config *now, const struct config *next,
			   struct buf *out);

/* The row of a flag's name without dashes before it; NULL: no such flag. */
const struct config_key *config_flag_find(const char *name, size_t len);

/* "  --retention-age DURATION  help (default 30d)", a line a flag. */
void config_help(struct buf *out);

/* The table of README.md: | key | flag | default | meaning |. */
void config_markdown(struct buf *out);
