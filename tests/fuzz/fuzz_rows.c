/*
 * Any bytes as the URL of a GET, of rows above all, asked of a store with data: path,
 * then parameters, split and decoded as libmicrohttpd does. What comes back
 * is whole JSON, or CSV, or a problem that is the client's.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/http/route.h"

#define PARAMS_MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[] = "/tmp/fuzz_rows.XXXXXX";
static struct store *store;
static struct site site;

static void clean_up(void)
{
	static const char *const files[] = { "x.db", "x.db-wal", "x.db-shm",
					     "x.db-ballast", "x.db-lock" };
	char path[64];

	store_close(store);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void need(bool well)
{
	if (!well)
		abort();
}

static void fill(int64_t now_ms)
{
	for (int i = 0; i < 60; i++) {
		struct now at = { (int64_t)(i + 1) * 10000000000,
				  now_ms - (60 - i) * 10000 };
		struct entity e = { .number = 1,
				    .kind = ENTITY_PROCESS,
				    .key = { "boot", 7, 7 } };
		struct batch *b;

		need(batch_new(&b, at) == 0);
		need(labels_set(&e.labels, "node", "plc,\"7\n") == 0);
		need(labels_set(&e.labels, "service", "=pump") == 0);
		batch_add_entity(b, &e);
		entity_fini(&e);
		batch_add_sample(b, 1, COL_HEAP_USED_BYTES, i * 1e6);
		batch_add_sample(b, 1, COL_HEAP_UTIL_RATE, i / 60.0);
		need(store_append(store, b) == 0);
	}
}

static void set_up(void)
{
	char path[64];
	struct problem p = { 0 };
	struct store_options o = { .path = path,
				   .resolution_ms = 10000,
				   .flush_ms = 60000,
				   .memory_ms = 600000 };

	log_set_level(LOG_LEVEL_ERROR);
	need(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/x.db", folder);
	need(store_open(&store, &o, &p) == 0);
	fill(clock_now().wall_ms);
	site = (struct site){ .store = store };
	site.options.node = "plc7";
	site.options.limits = (struct query_limits){ .series_max = 100,
						     .points_max = 5000,
						     .scan_max = 100000 };
	need(census_board_new(&site.board) == 0);
	need(queue_new(&site.queue) == 0);
	atexit(clean_up);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

/* In place; a NUL inside ends the text, as it does there. */
static void decode(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '+') {
			*out++ = ' ';
		} else if (*text == '%' && digit(text[1]) >= 0 &&
			   digit(text[2]) >= 0) {
			*out++ = (char)(digit(text[1]) * 16 + digit(text[2]));
			text += 2;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

static size_t split(struct param *params, char *query)
{
	size_t count = 0;
	char *word;

	while (count < PARAMS_MAX && (word = strsep(&query, "&"))) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = '\0';
		decode(word);
		if (value)
			decode(value);
		params[count++] = (struct param){ word, value ? value : "" };
	}
	return count;
}

static void check(const struct reply *a)
{
	need(a->status != 500 && buf_error(&a->body) == 0);
	need(a->status < 400 || a->body.len > 0);
	if (a->type && strcmp(a->type, "application/json") == 0) {
		json_t *whole = json_loadb(a->body.data, a->body.len,
					   JSON_DECODE_ANY, NULL);

		need(whole != NULL);
		json_decref(whole);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const accepts[] = { "", "text/csv",
					       "application/x-ndjson" };
	struct param params[PARAMS_MAX];
	struct request q = { .site = &site, .method = "GET", .params = params };
	struct reply a = { 0 };
	char *url, *query;

	if (!store)
		set_up();
	if (len == 0 || len > 4096)
		return 0;
	url = strndup((const char *)data + 1, len - 1);
	need(url != NULL);
	query = strchr(url, '?');
	if (query)
		*query++ = '\0';
	q.accept = accepts[data[0] % ARRAY_SIZE(accepts)];
	q.path = url;
	q.param_count = query ? split(params, query) : 0;
	routes_answer(&q, &a);
	check(&a);
	buf_fini(&a.body);
	free(url);
	return 0;
}
