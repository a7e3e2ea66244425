#include "maintenance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void window_fini(struct window *w)
{
	free(w->service);
	free(w->reason);
	pattern_free(w->pattern);
	*w = (struct window){ 0 };
}

void window_free(struct window *w)
{
	if (!w)
		return;
	window_fini(w);
	free(w);
}

void windows_fini(struct windows *w)
{
	for (size_t i = 0; i < w->count; i++)
		window_fini(&w->items[i]);
	free(w->items);
	*w = (struct windows){ 0 };
}

int window_new(struct window **out, const char *service, const char *reason,
	       struct problem *p)
{
	own(window_freep) struct window *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = pattern_compile(&w->pattern, service, p);
	if (r)
		return r;
	w->service = strdup(service);
	w->reason = strndup(reason, WINDOW_REASON_MAX);
	if (!w->service || !w->reason)
		return -ENOMEM;
	*out = take(w);
	return 0;
}

int windows_put(struct windows *w, struct window *item)
{
	windows_remove(w, item->service);
	if (w->count == WINDOWS_MAX)
		return -ENOSPC;
	if (!w->items) {
		w->items = calloc(WINDOWS_MAX, sizeof(w->items[0]));
		if (!w->items)
			return -ENOMEM;
	}
	w->items[w->count++] = *item;
	*item = (struct window){ 0 };
	return 0;
}

int windows_remove(struct windows *w, const char *service)
{
	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->items[i].service, service))
			continue;
		window_fini(&w->items[i]);
		w->count--;
		memmove(&w->items[i], &w->items[i + 1],
			(w->count - i) * sizeof(w->items[0]));
		return 0;
	}
	return -ENOENT;
}

const struct window *windows_find(const struct windows *w, const char *service)
{
	const struct window *last = NULL;

	for (size_t i = 0; i < w->count; i++) {
		const struct window *item = &w->items[i];

		if ((!last || item->until_ms > last->until_ms) &&
		    pattern_matches(item->pattern, service))
			last = item;
	}
	return last;
}

int windows_copy(struct windows *out, const struct windows *w)
{
	struct windows copy = { 0 };

	*out = copy;
	if (w->count == 0)
		return 0;
	copy.items = calloc(w->count, sizeof(copy.items[0]));
	if (!copy.items)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++) {
		struct window *to = &copy.items[copy.count++];

		*to = w->items[i];
		to->pattern = NULL;
		to->service = strdup(w->items[i].service);
		to->reason = strdup(w->items[i].reason);
		if (!to->service || !to->reason) {
			windows_fini(&copy);
			return -ENOMEM;
		}
	}
	*out = copy;
	return 0;
}

/* ---- text: a line for times, one for the service, one for the reason ---- */

static void put_line(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_putc(out, *text == '\n' ? ' ' : *text);
	buf_putc(out, '\n');
}

void windows_write(struct buf *out, const struct windows *w)
{
	for (size_t i = 0; i < w->count; i++) {
		buf_printf(out, "%lld %lld\n", (long long)w->items[i].from_ms,
			   (long long)w->items[i].until_ms);
		put_line(out, w->items[i].service);
		put_line(out, w->items[i].reason);
	}
}

/* The next line, cut off in place; NULL at the end. */
static char *next_line(char **rest)
{
	char *line = *rest;
	char *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*rest = end + 1;
	return line;
}

static int read_window(struct windows *out, const char *times,
		       const char *service, const char *reason)
{
	own(window_freep) struct window *w = NULL;
	struct problem p = { 0 };
	long long from, until, length;
	int r;

	if (sscanf(times, "%lld %lld", &from, &until) != 2 ||
	    __builtin_sub_overflow(until, from, &length) || length <= 0 ||
	    length > WINDOW_MS_MAX || until < 0 || until > WINDOW_WALL_MAX)
		return 0;
	r = window_new(&w, service, reason, &p);
	if (r)
		return r == -ENOMEM ? r : 0;
	w->from_ms = from;
	w->until_ms = until;
	r = windows_put(out, w);
	return r == -ENOSPC ? 0 : r;
}

int windows_read(struct windows *out, const char *text)
{
	own(freep) char *copy = strdup(text);
	char *rest = copy, *times, *service, *reason;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (times = next_line(&rest)) &&
	       (service = next_line(&rest)) && (reason = next_line(&rest)))
		r = read_window(out, times, service, reason);
	if (r)
		windows_fini(out);
	return r;
}
