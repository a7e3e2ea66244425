#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/units.h"
#include "config_priv.h"

#define SECOND UNIT_SECOND
#define MINUTE UNIT_MINUTE
#define HOUR   UNIT_HOUR
#define DAY    UNIT_DAY
#define KIB    UNIT_KIB
#define MIB    UNIT_MIB
#define GIB    UNIT_GIB
#define TIB    UNIT_TIB

#define AT(field) offsetof(struct config, field)

static const struct config_key keys[] = {
	{ "listen", CONFIG_STRING, AT(listen), "127.0.0.1:9817", 0, 0,
	  "Address and port to serve on; loopback only; port 0 takes a free "
	  "one" },
	{ "db", CONFIG_STRING, AT(db), CONFIG_DEFAULT_DB, 0, 0,
	  "The database file" },
	{ "node", CONFIG_STRING, AT(node), "", 0, 0,
	  "Name of this machine, the label node; the host name at the first "
	  "start if empty, then kept" },
	{ "resolution", CONFIG_DURATION, AT(resolution_ms), "10s", SECOND, HOUR,
	  "Distance of stored points; memory keeps one a second" },
	{ "flush", CONFIG_DURATION, AT(flush_ms), "10s", SECOND, 10 * MINUTE,
	  "Time between writes; a power cut loses so much and one "
	  "resolution step at most" },
	{ "memory", CONFIG_DURATION, AT(memory_ms), "15m", MINUTE, DAY,
	  "How far back memory keeps full resolution" },
	{ "ended_max", CONFIG_INTEGER, AT(ended_max), "1000", 10, 100000,
	  "Most processes remembered after their end, each some 10 KiB of "
	  "memory; the shortest lives go first" },
	{ "retention.age", CONFIG_DURATION, AT(retention_ms), "30d", 0,
	  3660 * DAY, "Older points are dropped; 0 keeps them" },
	{ "retention.bytes", CONFIG_BYTES, AT(retention_bytes), "1GiB", MIB,
	  16 * TIB,
	  "Most bytes of all database files; the oldest points go first" },
	{ "collector.interval", CONFIG_DURATION, AT(tick_ms), "1s", 100, MINUTE,
	  "How often every process is read" },
	{ "collector.rescan", CONFIG_DURATION, AT(rescan_ms), "10s", SECOND,
	  HOUR,
	  "How often /proc is searched for new processes that no event told "
	  "of" },
	{ "collector.targets_max", CONFIG_INTEGER, AT(target_max), "1000", 1,
	  100000, "Most processes watched at once" },
	{ "collector.cgroup_root", CONFIG_STRING, AT(cgroup_root),
	  "/sys/fs/cgroup", 0, 0, "Where control groups are mounted" },
	{ "governor.target", CONFIG_PERCENT, AT(governor_target_ppm), "0.5%",
	  0, 100 * UNIT_PERCENT,
	  "Most of one CPU that probes may cost one process; above it they "
	  "are detached" },
	{ "governor.total", CONFIG_PERCENT, AT(governor_total_ppm), "1%", 0,
	  100 * UNIT_PERCENT,
	  "Most of one CPU that all probes together may cost" },
	{ "governor.backoff", CONFIG_DURATION, AT(governor_backoff_ms), "60s",
	  SECOND, HOUR,
	  "How long probes that cost too much stay away; doubles each time, "
	  "to 1h" },
	{ "http.body_max", CONFIG_BYTES, AT(body_max), "1MiB", KIB, 64 * MIB,
	  "Largest body of a request" },
	{ "http.connections_max", CONFIG_INTEGER, AT(connections_max), "256", 4,
	  65536, "Most connections at once; more wait" },
	{ "http.threads", CONFIG_INTEGER, AT(threads), "4", 1, 64,
	  "Threads that answer requests" },
	{ "query.series_max", CONFIG_INTEGER, AT(series_max), "5000", 1,
	  1000000, "Most series one question may match" },
	{ "query.points_max", CONFIG_INTEGER, AT(points_max), "1000000", 100,
	  100000000, "Most points of one answer" },
	{ "query.scan_max", CONFIG_INTEGER, AT(scan_max), "50000000", 1000,
	  10000000000, "Most stored points read for one answer" },
	{ "state.worsen_after", CONFIG_DURATION, AT(worsen_ms), "10s", 0, DAY,
	  "How long an SLI must be beyond a limit until the state tells" },
	{ "state.improve_after", CONFIG_DURATION, AT(improve_ms), "1m", 0, DAY,
	  "How long it must be within the limit by 5 % until the state tells" },
	{ "query.cache_bytes", CONFIG_BYTES, AT(cache_bytes), "8MiB", 0, GIB,
	  "Most bytes of settled values kept for the next refresh; 0: none" },
	{ "http.hosts", CONFIG_STRING, AT(hosts), "", 0, 0,
	  "Names by which this server may be asked, with commas between; "
	  "addresses and localhost always may" },
	{ "http.cors_origins", CONFIG_STRING, AT(cors_origins), "", 0, 0,
	  "Origins like https://grafana.example whose pages may read answers, "
	  "with commas between; * any" },
	{ "base_path", CONFIG_STRING, AT(base_path), "", 0, 0,
	  "Path below which a reverse proxy serves heapwatch, like "
	  "/heapwatch" },
	{ "log.access", CONFIG_BOOL, AT(access_log), "false", 0, 0,
	  "Log every request with its query and cost; else at level debug" },
	{ "log.level", CONFIG_LEVEL, AT(log_level), "info", 0, 0,
	  "Least level that is logged: debug, info, warn or error" },
	{ "report", CONFIG_BOOL, AT(report), "true", 0, 0,
	  "Print what the first scan found on standard output" },
	{ "watch", CONFIG_WATCH, 0, "", 0, 0,
	  "Rules {action: include or exclude, exe, service, user}, regular "
	  "expressions; the first that matches decides, no match means "
	  "watched" },
	{ "plant", CONFIG_PLANT, 0, "", 0, 0,
	  "Labels of the plant {node, service, labels}, regular expressions; "
	  "all that match apply" },
	{ "thresholds", CONFIG_THRESHOLDS, 0, "", 0, 0,
	  "Limits of an SLI {metric: {warning, critical}}, told by "
	  "/api/v1/status" },
	{ "thresholds_by_service", CONFIG_THRESHOLD_RULES, 0, "", 0, 0,
	  "Other limits for some services {service, metric: {warning, "
	  "critical}}, a regular expression; the last rule that matches and "
	  "names the metric wins" },
};

_Static_assert(ARRAY_SIZE(keys) <= CONFIG_KEYS_MAX, "a place for each key");

static const struct {
	const char *word;   /* in --help; NULL: in the file only */
	const char *wanted; /* in an error */
} types[] = {
	[CONFIG_STRING] = { "TEXT", "text" },
	[CONFIG_DURATION] = { "DURATION",
			      "a duration like 10s, 5m, 2h or 30d" },
	[CONFIG_BYTES] = { "BYTES", "a size like 64KiB or 1GiB" },
	[CONFIG_PERCENT] = { "PERCENT", "a percentage like 0.5%" },
	[CONFIG_INTEGER] = { "NUMBER", "a whole number" },
	[CONFIG_BOOL] = { "BOOL", "true or false" },
	[CONFIG_LEVEL] = { "LEVEL", "debug, info, warn or error" },
	[CONFIG_WATCH] = { NULL, "a list of rules" },
	[CONFIG_PLANT] = { NULL, "a list of rules" },
	[CONFIG_THRESHOLDS] = { NULL, "metrics with their limits" },
	[CONFIG_THRESHOLD_RULES] = { NULL, "a list of rules" },
};

struct unit {
	const char *word;
	int64_t factor;
};

const struct config_key *config_keys(size_t *count)
{
	*count = ARRAY_SIZE(keys);
	return keys;
}

static int integer_parse(int64_t *out, const char *text)
{
	int64_t value;
	int r = strspn(text, "0123456789") == strlen(text) ?
			bytes_parse(&value, text) :
			-EINVAL;

	if (!r)
		*out = value;
	return r;
}

static int bool_parse(bool *out, const char *text)
{
	if (strcmp(text, "true") && strcmp(text, "false"))
		return -EINVAL;
	*out = strcmp(text, "true") == 0;
	return 0;
}

static int string_set(char **out, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*out);
	*out = copy;
	return 0;
}

/* A number within the bounds of its key, or -ERANGE. */
static int number_set(int64_t *out, const struct config_key *key,
		      const char *text)
{
	int64_t value = 0;
	int r = key->type == CONFIG_DURATION ? duration_parse(&value, text) :
		key->type == CONFIG_BYTES    ? bytes_parse(&value, text) :
		key->type == CONFIG_PERCENT  ? percent_parse(&value, text) :
					       integer_parse(&value, text);

	if (r)
		return r;
	if (value < key->min || value > key->max)
		return -ERANGE;
	*out = value;
	return 0;
}

static int text_set(struct config *c, const struct config_key *key,
		    const char *text)
{
	void *field = (char *)c + key->offset;

	switch (key->type) {
	case CONFIG_STRING:
		return string_set(field, text);
	case CONFIG_BOOL:
		return bool_parse(field, text);
	case CONFIG_LEVEL:
		return log_level_parse(field, text);
	default:
		return number_set(field, key, text);
	}
}

/* A number as one would write it in the file: the largest unit that divides. */
static void number_text(char out[48], enum config_type type, int64_t value)
{
	static const struct unit bytes[] = {
		{ "TiB", TIB }, { "GiB", GIB }, { "MiB", MIB }, { "KiB", KIB }
	};
	static const struct unit durations[] = { { "d", DAY },
						 { "h", HOUR },
						 { "m", MINUTE },
						 { "s", SECOND },
						 { "ms", 1 } };
	const struct unit *u = type == CONFIG_BYTES ? bytes : durations;
	size_t count = type == CONFIG_BYTES    ? ARRAY_SIZE(bytes) :
		       type == CONFIG_DURATION ? ARRAY_SIZE(durations) :
						 0;

	for (size_t i = 0; i < count && value; i++) {
		if (value % u[i].factor == 0) {
			snprintf(out, 48, "%lld%s",
				 (long long)(value / u[i].factor), u[i].word);
			return;
		}
	}
	if (type == CONFIG_PERCENT)
		snprintf(out, 48, "%.10g%%", (double)value / UNIT_PERCENT);
	else
		snprintf(out, 48, "%lld", (long long)value);
}

int config_set(struct config *c, const struct config_key *key, const char *text,
	       struct problem *p)
{
	char least[48], most[48];
	int r = text_set(c, key, text);

	c->places[key - keys] = (struct config_place){ 0 };
	if (r == -ERANGE) {
		number_text(least, key->type, key->min);
		number_text(most, key->type, key->max);
		return problem_set(p, PROBLEM_USAGE,
				   "%s must be from %s to %s, not %.64s",
				   key->key, least, most, text);
	}
	if (r == -EINVAL)
		return problem_set(p, PROBLEM_USAGE,
				   "%s must be %s, not \"%.64s\"", key->key,
				   types[key->type].wanted, text);
	return r;
}

static int thresholds_init(struct config *c)
{
	c->thresholds = calloc(METRIC_COUNT, sizeof(*c->thresholds));
	if (!c->thresholds)
		return -ENOMEM;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct threshold *t = threshold_default((enum metric)m);

		if (t)
			c->thresholds[c->threshold_count++] = *t;
	}
	return 0;
}

int config_init(struct config *c)
{
	struct problem p = { 0 };
	int r;

	*c = (struct config){ 0 };
	r = thresholds_init(c);
	for (size_t i = 0; !r && i < ARRAY_SIZE(keys); i++) {
		if (keys[i].type < CONFIG_WATCH)
			r = config_set(c, &keys[i], keys[i].fallback, &p);
	}
	return r;
}

void config_fini(struct config *c)
{
	free(c->listen);
	free(c->db);
	free(c->node);
	free(c->cgroup_root);
	free(c->hosts);
	free(c->cors_origins);
	free(c->base_path);
	watch_rules_free(c->rules, c->rule_count);
	if (c->plant)
		plant_free(c->plant);
	free(c->thresholds);
	threshold_rules_free(c->threshold_rules, c->threshold_rule_count);
	*c = (struct config){ 0 };
}

/* ---- for config_file.c ---- */

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].key, name) == 0)
			return &keys[i];
	}
	return NULL;
}

struct config_place *config_place_of(struct config *c,
				     const struct config_key *key)
{
	return &c->places[key - keys];
}

const char *config_wanted(enum config_type type)
{
	return types[type].wanted;
}

/* ---- what only makes sense together ---- */

void config_place(const struct config *c, const char *key, struct problem *p)
{
	const struct config_key *k = config_key_find(key);

	if (!k)
		return;
	p->line = c->places[k - keys].line;
	p->column = c->places[k - keys].column;
}

static int wrong(const struct config *c, struct problem *p, const char *key,
		 const char *what)
{
	problem_set(p, PROBLEM_USAGE, "%s %s", key, what);
	config_place(c, key, p);
	return -EINVAL;
}

int config_check(const struct config *c, struct problem *p)
{
	if (!*c->listen)
		return wrong(c, p, "listen", "must not be empty");
	if (!*c->db)
		return wrong(c, p, "db", "must not be empty");
	if (strlen(c->node) > LABEL_VALUE_MAX)
		return wrong(c, p, "node", "is too long");
	if (c->resolution_ms % SECOND)
		return wrong(c, p, "resolution", "must be whole seconds");
	return 0;
}

static bool same_value(const struct config *a, const struct config *b,
		       const struct config_key *key)
{
	const void *x = (const char *)a + key->offset;
	const void *y = (const char *)b + key->offset;

	switch (key->type) {
	case CONFIG_STRING:
		return strcmp(*(char *const *)x, *(char *const *)y) == 0;
	case CONFIG_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONFIG_LEVEL:
		return *(const enum log_level *)x == *(const enum log_level *)y;
	default:
		return *(const int64_t *)x == *(const int64_t *)y;
	}
}

/* A reload applies these, and all that is no flag. */
static bool is_live(const struct config_key *key)
{
	static const char *const live[] = { "retention.age", "retention.bytes",
					    "state.worsen_after",
					    "state.improve_after", "log.level" };

	for (size_t i = 0; i < ARRAY_SIZE(live); i++) {
		if (strcmp(live[i], key->key) == 0)
			return true;
	}
	return key->type >= CONFIG_WATCH;
}

size_t config_restart_keys(const struct config *now, const struct config *next,
			   struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (is_live(&keys[i]) ||
		    same_value(now, next, &keys[i]))
			continue;
		buf_printf(out, "%s%s", count++ ? ", " : "", keys[i].key);
	}
	return count;
}

/* ---- the table as flags, help and Markdown ---- */

/* "retention.age" -> "retention-age" */
static void flag_name(char out[64], const char *key)
{
	size_t i = 0;

	for (; key[i] && i < 63; i++)
		out[i] = key[i] == '.' || key[i] == '_' ? '-' : key[i];
	out[i] = '\0';
}

const struct config_key *config_flag_find(const char *name, size_t len)
{
	char flag[64];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		flag_name(flag, keys[i].key);
		if (keys[i].type < CONFIG_WATCH && strlen(flag) == len &&
		    memcmp(flag, name, len) == 0)
			return &keys[i];
	}
	return NULL;
}

void config_help(struct buf *out)
{
	char flag[64], left[96];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].type >= CONFIG_WATCH)
			continue;
		flag_name(flag, keys[i].key);
		snprintf(left, sizeof(left), "--%s %s", flag,
			 types[keys[i].type].word);
		buf_printf(out, "  %-36s %s", left, keys[i].help);
		if (*keys[i].fallback)
			buf_printf(out, " (%s)", keys[i].fallback);
		buf_putc(out, '\n');
	}
}

void config_markdown(struct buf *out)
{
	char flag[64];

	buf_puts(out, "| key | flag | default | meaning |\n"
		      "|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		flag_name(flag, keys[i].key);
		buf_printf(out, "| `%s` | ", keys[i].key);
		if (keys[i].type < CONFIG_WATCH)
			buf_printf(out, "`--%s`", flag);
		else
			buf_puts(out, "none");
		if (*keys[i].fallback)
			buf_printf(out, " | `%s` | ", keys[i].fallback);
		else
			buf_puts(out, " | none | ");
		buf_printf(out, "%s |\n", keys[i].help);
	}
}
