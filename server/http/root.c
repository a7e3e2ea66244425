#include <string.h>

#include "common/version.h"

#include "route.h"

static void add_html(struct buf *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		default:
			buf_putc(out, *text);
		}
	}
}

static void count_targets(struct census_board *board, size_t *watched,
			  size_t *known)
{
	own(census_unrefp) struct census *c = census_get(board);

	*watched = *known = 0;
	for (size_t i = 0; c && i < c->target_count; i++) {
		*watched += c->targets[i].watched;
		*known += 1;
	}
}

static void root_html(const struct request *q, struct reply *a, size_t watched,
		      size_t known)
{
	struct buf *out = &a->body;
	const struct route *routes;
	size_t count;

	routes = routes_all(&count);
	a->type = "text/html; charset=utf-8";
	buf_puts(out,
		 "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
		 "<title>heapwatch</title><h1>heapwatch ");
	add_html(out, heapwatch_version());
	buf_puts(out, "</h1><p>Node ");
	add_html(out, q->site->options.node);
	buf_printf(out,
		   ": %zu of %zu processes with a known runtime are "
		   "watched.</p><table>",
		   watched, known);
	for (size_t i = 0; i < count; i++) {
		bool link = strcmp(routes[i].method, "GET") == 0;

		buf_printf(out, "<tr><td>%s<td>", routes[i].method);
		if (link)
			buf_printf(out, "<a href=\"%s\">", routes[i].path);
		buf_printf(out, "%s%s<td>", routes[i].path, link ? "</a>" : "");
		add_html(out, routes[i].help);
	}
	buf_puts(out, "</table></html>\n");
}

static void root_json(const struct request *q, struct reply *a, size_t watched,
		      size_t known)
{
	struct json j = json_writer(&a->body);
	const struct route *routes;
	size_t count;

	routes = routes_all(&count);
	json_object(&j);
	json_put_string(&j, "name", "heapwatch");
	json_put_string(&j, "version", heapwatch_version());
	json_put_string(&j, "node", q->site->options.node);
	json_put_int(&j, "watched", (int64_t)watched);
	json_put_int(&j, "known", (int64_t)known);
	json_key(&j, "endpoints");
	json_array(&j);
	for (size_t i = 0; i < count; i++) {
		json_object(&j);
		json_put_string(&j, "method", routes[i].method);
		json_put_string(&j, "path", routes[i].path);
		json_put_string(&j, "help", routes[i].help);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

int handle_root(const struct request *q, struct reply *a, struct problem *p)
{
	size_t watched, known;

	(void)p;
	count_targets(q->site->board, &watched, &known);
	if (strstr(q->accept, "text/html"))
		root_html(q, a, watched, known);
	else
		root_json(q, a, watched, known);
	return 0;
}
