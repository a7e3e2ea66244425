/* GET /metrics: all last values, and heapwatch's own figures. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/version.h"
#include "server/encode/encode.h"
#include "server/query/cache.h"

#include "route.h"

/* Which of the two texts is written. */
struct page {
	struct buf *out;
	bool open; /* OpenMetrics */
};

/* OpenMetrics names the family of a counter without _total. */
static void put(struct page *page, const char *name, const char *kind,
		const char *help, double value)
{
	char full[64];
	size_t len = (size_t)snprintf(full, sizeof(full), "heapwatch_%s", name);

	if (page->open && strcmp(kind, "counter") == 0)
		len -= strlen("_total");
	buf_printf(page->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len,
		   full, help, (int)len, full, kind);
	if (page->open)
		encode_unit(page->out, full, len);
	buf_printf(page->out, "%s %.17g\n", full, value);
}

static void put_store(struct page *out, struct store *store)
{
	struct store_stats s;

	store_stats(store, &s);
	put(out, "store_samples_total", "counter", "Samples given to the store",
	    (double)s.samples);
	put(out, "store_written_bytes_total", "counter",
	    "Bytes of rows written", (double)s.row_bytes);
	put(out, "store_write_errors_total", "counter",
	    "Writes that the disk refused", (double)s.write_errors);
	put(out, "store_lost_samples_total", "counter",
	    "Samples given up because the disk had no room",
	    (double)s.lost_samples);
	put(out, "store_damaged_rows_total", "counter",
	    "Rows skipped because they are damaged", (double)s.damaged_rows);
	put(out, "store_flush_seconds", "gauge", "Duration of the last flush",
	    (double)s.flush_ns / 1e9);
	put(out, "store_file_bytes", "gauge", "Size of all database files",
	    (double)s.file_bytes);
	put(out, "store_series", "gauge", "Series that the store knows",
	    (double)s.series);
}

static void put_cache(struct page *out, struct cache *cache)
{
	struct cache_stats s;

	cache_stats(cache, &s);
	put(out, "query_cache_hits_total", "counter",
	    "Series whose settled values were kept", (double)s.hits);
	put(out, "query_cache_misses_total", "counter",
	    "Series whose settled values had to be read", (double)s.misses);
	put(out, "query_cache_size_bytes", "gauge", "Size of the kept values",
	    (double)s.bytes);
}

static void put_self(struct page *out, struct site *site)
{
	buf_printf(out->out,
		   "# HELP heapwatch_build_info Which heapwatch this is\n"
		   "# TYPE heapwatch_build_info gauge\n"
		   "heapwatch_build_info{version=\"%s\"} 1\n",
		   heapwatch_version());
	put(out, "queue_depth", "gauge", "Batches between collector and store",
	    (double)queue_depth(site->queue));
	put(out, "http_requests_total", "counter", "Requests answered",
	    (double)atomic_load(&site->requests));
	put(out, "http_refused_total", "counter",
	    "Requests answered with an error",
	    (double)atomic_load(&site->refused));
	put_store(out, site->store);
	if (site->cache)
		put_cache(out, site->cache);
}

/* "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5": every
 * client that names it wants it more than plain text. */
static bool wants_open(const char *accept)
{
	return strstr(accept, "application/openmetrics-text") != NULL;
}

int handle_prometheus(const struct request *q, struct reply *a,
		      struct problem *p)
{
	struct page page = { &a->body, wants_open(q->accept) };
	own(view_closep) struct view *view = NULL;
	struct frame **frames = NULL;
	size_t count = 0;
	int r;

	if ((r = site_view(&view, q->site, p)) ||
	    (r = query_latest_all(&frames, &count, view, NULL, 0, p)))
		return r;
	a->type = encoder_find(page.open ? "openmetrics" : "prometheus")
			  ->content_type;
	if (page.open)
		encode_openmetrics(&a->body, frames, count);
	else
		encode_prometheus(&a->body, frames, count);
	frames_free(frames, count);
	put_self(&page, q->site);
	if (page.open)
		buf_puts(&a->body, "# EOF\n");
	return 0;
}
