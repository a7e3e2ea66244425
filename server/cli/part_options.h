#pragma once
/*
 * part_options.h - what each part of the server takes from the configuration.
 *
 * All but watch settings is borrowed: the configuration outlives the parts.
 */
#include "collector/collector.h"
#include "server/config.h"
#include "server/http/http.h"
#include "server/store/store.h"

#include "past.h"

struct store_options store_options_of(const struct config *cfg);

struct http_options http_options_of(const struct config *cfg, const char *node,
				    struct order_book *book);

/* settings are moved out of the configuration; NULL without memory. */
struct collector_options collector_options_of(struct config *cfg,
					      const char *node,
					      const struct past *past);

/* Rules and limits for the collector, moved out of the configuration; NULL
 * without memory. */
struct watch_settings *settings_take(struct config *c);
