#include "plant.h"

#include <errno.h>
#include <string.h>

void plant_free(struct plant *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		pattern_free(p->rules[i].node);
		pattern_free(p->rules[i].service);
		labels_fini(&p->rules[i].labels);
	}
	free(p->rules);
	free(p);
}

/* An absent label counts as "". */
static bool rule_matches(const struct plant_rule *r, const struct labels *l)
{
	const char *node = labels_get(l, "node");
	const char *service = labels_get(l, "service");

	return (!r->node || pattern_matches(r->node, node ? node : "")) &&
	       (!r->service ||
		pattern_matches(r->service, service ? service : ""));
}

/* Rules see the entity's own labels only, so their order cannot hide one
 * from another; of two that set the same name, the later wins. */
int plant_join(const struct plant *p, struct labels *l)
{
	struct labels added = {0};
	int r = 0;

	for (size_t i = 0; i < p->count && r == 0; i++) {
		if (rule_matches(&p->rules[i], l))
			r = labels_merge(&added, &p->rules[i].labels);
	}
	for (size_t i = 0; i < added.count && r == 0; i++) {
		if (!labels_get(l, added.items[i].name))
			r = labels_set(l, added.items[i].name,
				       added.items[i].value);
	}
	labels_fini(&added);
	/* More labels than a set can hold: the rest stays out. */
	return r == -ENOSPC ? 0 : r;
}

/* ---- text: "rule", then a line each "n" node, "s" service, "l" label ---- */

static void put_line(struct buf *out, char kind, const char *name,
		     const char *text)
{
	buf_printf(out, "%c%s", kind, name);
	for (; *text; text++) {
		if (*text == '\n' || *text == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *text == '\n' ? 'n' : *text);
	}
	buf_putc(out, '\n');
}

void plant_format(struct buf *out, const struct plant *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct plant_rule *r = &p->rules[i];

		buf_puts(out, "rule\n");
		if (r->node)
			put_line(out, 'n', "", pattern_text(r->node));
		if (r->service)
			put_line(out, 's', "", pattern_text(r->service));
		for (size_t j = 0; j < r->labels.count; j++) {
			char name[LABEL_NAME_MAX + 2];

			strcpy(name, r->labels.items[j].name);
			strcat(name, "=");
			put_line(out, 'l', name, r->labels.items[j].value);
		}
	}
}

/* In place; it never gets longer. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			*out++ = *++text == 'n' ? '\n' : *text;
		else
			*out++ = *text;
	}
	*out = '\0';
}

static int read_pattern(struct pattern **out, const char *text)
{
	struct problem p = { 0 };
	int r;

	pattern_free(*out);
	*out = NULL;
	r = pattern_compile(out, text, &p);
	return r == -EINVAL ? 0 : r;
}

static int read_line(struct plant_rule *rule, char *line)
{
	char *equals;
	int r = 0;

	unescape(line + 1);
	switch (*line) {
	case 'n':
		return read_pattern(&rule->node, line + 1);
	case 's':
		return read_pattern(&rule->service, line + 1);
	case 'l':
		equals = strchr(line, '=');
		if (!equals)
			return 0;
		*equals = '\0';
		r = labels_set(&rule->labels, line + 1, equals + 1);
		break;
	}
	return r == -ENOMEM ? r : 0;
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

int plant_parse(struct plant **out, const char *text)
{
	own(freep) char *copy = strdup(text);
	struct plant *p = calloc(1, sizeof(*p));
	char *line, *rest = copy;
	int r = 0;

	if (p)
		p->rules = calloc(count_lines(text) + 1, sizeof(p->rules[0]));
	if (!copy || !p || !p->rules) {
		plant_free(p);
		return -ENOMEM;
	}
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		if (strcmp(line, "rule") == 0)
			p->count++;
		else if (*line && p->count > 0)
			r = read_line(&p->rules[p->count - 1], line);
	}
	if (r) {
		plant_free(p);
		return r;
	}
	*out = p;
	return 0;
}
