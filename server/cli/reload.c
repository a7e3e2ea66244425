#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "flags.h"
#include "part_options.h"

/* "path:3:9: text"; of a long path the end. */
static void problem_line(struct reload_status *s, const char *path, int r,
			 const struct problem *p)
{
	const char *text = p->code == PROBLEM_NONE ? strerror(-r) : p->text;
	size_t len = path ? strlen(path) : 0;

	if (len > 40)
		path += len - 40;
	if (path && p->line)
		snprintf(s->text, sizeof(s->text), "%s:%d:%d: %s", path,
			 p->line, p->column, text);
	else
		snprintf(s->text, sizeof(s->text), "%s%s%s", path ? path : "",
			 path ? ": " : "", text);
}

/* The collector's part; takes rules and limits of next. */
static int order_settings(const struct running *r, struct config *next)
{
	struct order o = { .kind = ORDER_RELOAD,
			   .what = settings_take(next),
			   .drop = watch_settings_free };
	int result;

	if (!o.what)
		return -ENOMEM;
	result = order_submit(r->book, &o);
	if (result)
		watch_settings_free(o.what);
	return result;
}

static int apply(struct running *r, struct config *next)
{
	struct plant *plant = next->plant ? take(next->plant) :
					    calloc(1, sizeof(*plant));
	int result = plant ? order_settings(r, next) : -ENOMEM;

	if (result) {
		plant_free(plant);
		return result;
	}
	store_set_plant(r->store, plant);
	store_set_retention(r->store, next->retention_ms,
			    next->retention_bytes);
	log_set_level(next->log_level);
	r->config->retention_ms = next->retention_ms;
	r->config->retention_bytes = next->retention_bytes;
	r->config->log_level = next->log_level;
	return 0;
}

void reload(struct running *r)
{
	own(config_fini) struct config next = { 0 };
	own(buf_fini) struct buf restart = BUF_INIT;
	struct reload_status s = { .wall_ms = clock_now().wall_ms };
	struct problem p = { 0 };
	const char *path = NULL;
	int result = config_make(&next, r->argc, r->argv, true, &path, &p);

	if (!result && !next.from_file && !r->config->from_file)
		result = problem_set(&p, PROBLEM_USAGE,
				     "there is nothing to reload: no --config "
				     "was given, and no " CONFIG_DEFAULT_PATH
				     " is there");
	if (!result) {
		config_restart_keys(r->config, &next, &restart);
		path = NULL;
		result = apply(r, &next);
	}
	s.ok = result == 0;
	if (s.ok) {
		snprintf(s.text, sizeof(s.text), "%s", buf_cstr(&restart));
		log_info("configuration reloaded%s%s",
			 *s.text ? ", a restart is wanted by " : "", s.text);
	} else {
		problem_line(&s, path, result, &p);
		log_warn("configuration not reloaded, the old one stays: %s",
			 s.text);
	}
	http_tell_reload(r->http, &s);
}
