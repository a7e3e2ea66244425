/* The plant's labels, joined to those of an entity. */
#include <stdio.h>

#include "server/store/plant.h"
#include "test.h"

static struct plant *plant_of(size_t count)
{
	struct plant *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	p->rules = calloc(count, sizeof(p->rules[0]));
	p->count = count;
	return p;
}

static void pump(struct labels *l)
{
	ck_ok(labels_set(l, "node", "plc7"));
	ck_ok(labels_set(l, "service", "pump"));
}

static struct pattern *pattern(const char *text)
{
	struct problem p = {0};
	struct pattern *out;

	ck_ok(pattern_compile(&out, text, &p));
	return out;
}

START_TEST(a_rule_without_patterns_is_for_all)
{
	struct plant *p = plant_of(1);
	struct labels l = {0};

	ck_ok(labels_set(&p->rules[0].labels, "site", "north"));
	ck_ok(plant_join(p, &l));
	ck_assert_str_eq(labels_get(&l, "site"), "north");
	labels_fini(&l);
	plant_free(p);
}
END_TEST

START_TEST(both_patterns_must_match)
{
	struct plant *p = plant_of(2);
	struct labels l = {0};

	pump(&l);
	p->rules[0].node = pattern("plc.");
	p->rules[0].service = pattern("valve");
	ck_ok(labels_set(&p->rules[0].labels, "line", "L1"));
	p->rules[1].node = pattern("plc.");
	p->rules[1].service = pattern("pump");
	ck_ok(labels_set(&p->rules[1].labels, "area", "A4"));
	ck_ok(plant_join(p, &l));
	ck_assert_ptr_null(labels_get(&l, "line"));
	ck_assert_str_eq(labels_get(&l, "area"), "A4");
	labels_fini(&l);
	plant_free(p);
}
END_TEST

START_TEST(an_entitys_own_label_is_never_replaced)
{
	struct plant *p = plant_of(1);
	struct labels l = {0};

	pump(&l);
	ck_ok(labels_set(&p->rules[0].labels, "service", "other"));
	ck_ok(labels_set(&p->rules[0].labels, "site", "north"));
	ck_ok(plant_join(p, &l));
	ck_assert_str_eq(labels_get(&l, "service"), "pump");
	ck_assert_uint_eq(l.count, 3);
	labels_fini(&l);
	plant_free(p);
}
END_TEST

START_TEST(of_two_rules_the_later_wins)
{
	struct plant *p = plant_of(2);
	struct labels l = {0};

	pump(&l);
	ck_ok(labels_set(&p->rules[0].labels, "line", "any"));
	p->rules[1].service = pattern("pump");
	ck_ok(labels_set(&p->rules[1].labels, "line", "L2"));
	ck_ok(plant_join(p, &l));
	ck_assert_str_eq(labels_get(&l, "line"), "L2");
	labels_fini(&l);
	plant_free(p);
}
END_TEST

START_TEST(too_many_labels_stay_out)
{
	struct plant *p = plant_of(1);
	struct labels l = {0};
	char name[16];

	pump(&l);
	for (int i = 0; i < LABELS_MAX; i++) {
		snprintf(name, sizeof(name), "x%02d", i);
		ck_ok(labels_set(&p->rules[0].labels, name, "1"));
	}
	ck_ok(plant_join(p, &l));
	ck_assert_uint_eq(l.count, LABELS_MAX);
	ck_assert_str_eq(labels_get(&l, "service"), "pump");
	labels_fini(&l);
	plant_free(p);
}
END_TEST

TEST_MAIN("plant", a_rule_without_patterns_is_for_all, both_patterns_must_match,
	  an_entitys_own_label_is_never_replaced, of_two_rules_the_later_wins,
	  too_many_labels_stay_out)
