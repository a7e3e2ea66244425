/* GET /metrics: all last values, and heapwatch's own figures. */
#include <errno.h>

#include "common/version.h"
#include "server/encode/encode.h"

#include "route.h"

static void put(struct buf *out, const char *name, const char *kind,
		const char *help, double value)
{
	buf_printf(out, "# HELP heapwatch_%s %s\n# TYPE heapwatch_%s %s\n",
		   name, help, name, kind);
	buf_printf(out, "heapwatch_%s %.17g\n", name, value);
}

static void put_store(struct buf *out, struct store *store)
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

static void put_self(struct buf *out, struct site *site)
{
	buf_printf(out,
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
}

int handle_prometheus(const struct request *q, struct reply *a,
		      struct problem *p)
{
	own(view_closep) struct view *view = NULL;
	struct frame **frames = NULL;
	size_t count = 0;
	int r;

	if ((r = site_view(&view, q->site, p)) ||
	    (r = query_latest_all(&frames, &count, view, NULL, 0, p)))
		return r;
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	encode_prometheus(&a->body, frames, count);
	frames_free(frames, count);
	put_self(&a->body, q->site);
	return 0;
}
