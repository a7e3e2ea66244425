"""Dashboards: made from their sources, well formed, and every question has an answer.

"make check-dashboards" proves the rest: Grafana's own types, the plugin's
executable, and a look at all of them.
"""
import itertools
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from heapwatch import ROOT, settled, until
import readers
from test_prometheus import SCRAPES, Prometheus

sys.path.insert(0, str(ROOT / "tests" / "dashboards"))
sys.dont_write_bytecode = True
import asking  # noqa: E402
from plant import SERVICES, Plant  # noqa: E402

SETS = {"grafana": ("heapwatch-heapwatch-datasource", "heapwatch", "heapwatch-"),
        "simpod": ("simpod-json-datasource", "heapwatch-json", "heapwatch-json-"),
        "prometheus": ("prometheus", "heapwatch-prometheus", "heapwatch-prometheus-")}
KINDS = {"stat", "table", "timeseries", "state-timeline", "bargauge", "heatmap"}
# What Grafana itself gives.
BUILTIN = {"__field", "__data", "__url_time_range", "__rate_interval", "__range", "__interval"}


# Machado, Oliveira, Fernandes 2009, severity 1: linear RGB as such an eye sees it.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                   (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                     (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900)),
}


def linear(colour):
    """sRGB without its gamma."""
    return [((int(colour[i:i + 2], 16) / 255 + 0.055) / 1.055) ** 2.4 for i in (1, 3, 5)]


def lab(rgb):
    """CIE L*a*b*, where distances are as they look; 2.3 is just seen."""
    r, g, b = (min(1, max(0, c)) for c in rgb)
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
           0.2126 * r + 0.7152 * g + 0.0722 * b,
           (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def made():
    """(folder, name, dashboard) of all that is in the tree."""
    return [(folder, name, d) for folder in SETS for name, d in asking.load(folder).items()]


class Made(unittest.TestCase):
    def test_what_is_in_the_tree_is_what_the_generator_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([ROOT / "dashboards/build", folder], check=True, timeout=300)
            for kind in SETS:
                fresh = {p.name: p.read_text() for p in (pathlib.Path(folder) / kind).iterdir()}
                kept = {p.name: p.read_text() for p in (ROOT / "dashboards" / kind).glob("*.json")}
                self.assertEqual(fresh, kept, "run make dashboards")

    def test_the_simpod_set_is_the_plugin_set_with_another_source(self):
        ours, theirs = asking.load("grafana"), asking.load("simpod")
        self.assertEqual(set(ours), set(theirs))
        for name, dashboard in ours.items():
            for (_, a), (_, b) in zip(asking.panels(dashboard), asking.panels(theirs[name])):
                self.assertEqual([(t["target"], t["payload"]) for t in a["targets"]],
                                 [(t["target"], t["payload"]) for t in b["targets"]])
                self.assertEqual(a["gridPos"], b["gridPos"])


class Lint(unittest.TestCase):
    def each(self):
        """(where, panel) of every panel that draws."""
        for folder, name, dashboard in made():
            for _, panel in asking.panels(dashboard):
                with self.subTest(f"{folder}/{name}: {panel['title']}"):
                    yield folder, name, panel

    def test_there_are_the_dashboards_that_are_promised(self):
        names = {"plant", "node", "process", "gc", "versions", "self"}
        self.assertEqual(set(asking.load("grafana")), names)
        self.assertEqual(set(asking.load("prometheus")), {"plant", "process", "self"})

    def test_names_are_unique_and_the_schema_is_the_classic_one(self):
        uids = [d["uid"] for _, _, d in made()]
        titles = [d["title"] for _, _, d in made()]
        self.assertEqual(len(uids), len(set(uids)))
        self.assertEqual(len(titles), len(set(titles)))
        for folder, name, d in made():
            self.assertEqual(d["uid"], f"{SETS[folder][2]}{name}")
            self.assertLessEqual(len(d["uid"]), 40)
            self.assertEqual(d["schemaVersion"], 42)
            ids = [p["id"] for p in d["panels"]] + [q["id"] for p in d["panels"]
                                                    for q in p.get("panels", [])]
            self.assertEqual(len(ids), len(set(ids)), name)

    def test_every_data_source_is_given_by_uid(self):
        def sources(what):
            if isinstance(what, dict):
                for key, value in what.items():
                    if key == "datasource":
                        yield value
                    else:
                        yield from sources(value)
            elif isinstance(what, list):
                for one in what:
                    yield from sources(one)
        for folder, name, d in made():
            kind, uid, _ = SETS[folder]
            found = list(sources(d))
            self.assertGreater(len(found), 10)
            for one in found:
                self.assertEqual(one, {"type": kind, "uid": uid}, name)

    def test_every_panel_says_what_it_is(self):
        for _, _, panel in self.each():
            self.assertIn(panel["type"], KINDS)
            self.assertGreater(len(panel["title"]), 2)
            self.assertRegex(panel["description"], r"^[A-Z].{15,}\.$")
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
            self.assertTrue(panel["targets"])

    def test_nothing_is_added_up_with_its_own_parts(self):
        """Pauses of all kinds stand beside those by kind, forced cycles among the cycles."""
        count = 0
        for folder, _, panel in self.each():
            for target in panel["targets"]:
                payload = target.get("payload", {})
                told = target.get("expr", target.get("target"))
                if payload.get("agg") in ("max", "min") or not re.search("gc_(pause|coll)", told):
                    continue
                kinds = re.findall(r'kind(!?=)"(.*?)"', told) or payload.get("kind")
                if "gc_pause_seconds_total" in told:
                    self.assertIn(kinds, ("^$", [("=", "")]))
                elif "gc_collections_total" in told:
                    self.assertTrue(kinds == [("!=", "forced")] or "cycle" in kinds
                                    and "forced" not in kinds, kinds)
                count += 1
        self.assertGreaterEqual(count, 6)

    def test_panels_fill_the_grid_without_overlap(self):
        for folder, name, d in made():
            taken = {}
            rows = [(p, d["panels"]) for p in d["panels"]]
            for panel, _ in rows:
                g = panel["gridPos"]
                self.assertLessEqual(g["x"] + g["w"], 24)
                g = {**g, "w": 24} if panel.get("repeat") else g
                for x in range(g["x"], g["x"] + g["w"]):
                    for y in range(g["y"], g["y"] + g["h"]):
                        self.assertNotIn((x, y), taken, f"{folder}/{name} {panel['title']}")
                        taken[x, y] = panel["id"]
            for y in {y for _, y in taken}:
                self.assertGreaterEqual(sum(1 for x in range(24) if (x, y) in taken), 24, name)

    def test_few_panels_stand_above_the_fold_and_numbers_there_are_large(self):
        for _, name, d in made():
            above = [p for p in d["panels"] if p["gridPos"]["y"] < 5 and p["type"] != "row"]
            self.assertLessEqual(len(above), 6, name)
            for panel in above:
                if panel["type"] == "stat":
                    self.assertGreaterEqual(panel["gridPos"]["h"], 5)
                    self.assertGreaterEqual(panel["gridPos"]["w"], 4)

    def test_variables_that_are_used_exist_and_offer_all(self):
        for folder, name, d in made():
            known = {v["name"] for v in d["templating"]["list"]}
            used = set(re.findall(r"\$\{?(\w+)", json.dumps(d)))
            self.assertLessEqual(used - {"1"}, known | BUILTIN | {"__all"}, name)
            for v in asking.variables(d):
                self.assertEqual(v["refresh"], 2)
                self.assertEqual(v["sort"], 1)
                if v["name"] != "service":
                    self.assertTrue(v["includeAll"] and v["multi"], v["name"])
            adhoc = [v for v in d["templating"]["list"] if v["type"] == "adhoc"]
            self.assertEqual(len(adhoc), 1, name)
        repeated = [p.get("repeat") for _, _, d in made() for p in d["panels"]]
        self.assertGreaterEqual(len([r for r in repeated if r]), 4)

    def test_links_lead_to_dashboards_of_the_same_set_and_keep_the_time(self):
        uids = {folder: {d["uid"] for f, _, d in made() if f == folder} for folder in SETS}
        count = 0
        for folder, name, d in made():
            for url in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(d)):
                self.assertIn(re.match(r"/d/([\w-]+)\?", url).group(1), uids[folder], name)
                self.assertIn("${__url_time_range}", url)
                for kept in ("site", "area", "line"):
                    self.assertTrue(f"${{{kept}:queryparam}}" in url or f"var-{kept}=" in url)
                count += 1
            (link,) = d["links"]
            self.assertEqual((link["type"], link["tags"]), ("dashboards", d["tags"]))
            self.assertTrue(link["keepTime"] and link["includeVars"])
        self.assertGreater(count, 20)

    def test_what_a_link_takes_from_its_row_is_there_and_encoded(self):
        count = 0
        for _, _, panel in self.each():
            columns = next((t["options"]["include"]["names"] for t in panel["transformations"]
                            if t["id"] == "filterFieldsByName"), ())
            for taken in re.findall(r"\$\{__(field\.labels|data\.fields)\.(\w+)(:\w+)?\}",
                                    json.dumps(panel)):
                if taken[0] == "data.fields":
                    self.assertIn(taken[1], columns)
                self.assertEqual(taken[2], ":percentencode", panel["title"])
                count += 1
        self.assertGreater(count, 50)

    def test_kinds_in_one_graph_have_colours_of_their_own(self):
        """Those that are known; a name's colour of Grafana's own may be another's, too."""
        columns = (ROOT / "docs" / "metrics.md").read_text()
        count = 0
        for folder, _, panel in self.each():
            if folder == "prometheus" or panel["type"] != "timeseries":
                continue
            (payload, metric), *_ = [(t["payload"], t["target"]) for t in panel["targets"]]
            if payload.get("by") not in (["kind"], ["pool"], ["state"]):
                continue
            label = payload["by"][0]
            names = re.search(rf"^\| `{metric}` .* \| `{label}`: (.*?) \|", columns, re.M).group(1)
            fixed = {o["matcher"]["options"]: p["value"]["fixedColor"]
                     for o in panel["fieldConfig"]["overrides"] for p in o["properties"]
                     if p["id"] == "color"}
            self.assertEqual(set(fixed), set(names.split(", ")))
            self.assertEqual(len(set(fixed.values())), len(fixed))
            count += 1
        self.assertGreaterEqual(count, 8)

    def test_deploys_restarts_and_kills_are_annotated(self):
        for folder in ("grafana", "simpod"):
            for name, d in asking.load(folder).items():
                kinds = {k for a in d["annotations"]["list"] if a["enable"]
                         for k in a["target"]["payload"]["kind"]}
                self.assertLessEqual({"deployed", "target_restarted", "target_oom_killed"}, kinds)

    def test_a_state_is_never_told_by_colour_alone(self):
        for _, _, panel in self.each():
            mappings = panel["fieldConfig"]["defaults"]["mappings"] + [
                m for o in panel["fieldConfig"]["overrides"] for p in o["properties"]
                if p["id"] == "mappings" for m in p["value"]]
            for mapping in mappings:
                texts = {o["text"] for o in mapping["options"].values()}
                self.assertEqual(len(texts), 5)
                for text in texts:
                    self.assertRegex(text, r"^[^\w\s] \w+$")


    def test_states_are_told_apart_by_eyes_that_see_colours_otherwise(self):
        colours = {o["color"] for _, _, panel in self.each()
                   for m in panel["fieldConfig"]["defaults"]["mappings"]
                   for o in m["options"].values()}
        self.assertEqual(len(colours), 5)
        for name, matrix in EYES.items():
            seen = [lab([sum(a * b for a, b in zip(row, linear(c))) for row in matrix])
                    for c in sorted(colours)]
            for a, b in itertools.combinations(seen, 2):
                self.assertGreater(math.dist(a, b), 15, name)


class Limits(unittest.TestCase):
    """Numbers that colour are those of the configuration."""

    def coloured(self):
        """(metric, steps, panel) of panels that show a metric with limits."""
        limited = {"heap_util_rate", "heap_live_rate", "gc_pressure", "frag_ratio"}
        for folder, name, d in made():
            for _, panel in asking.panels(d):
                text = json.dumps(panel["targets"])
                metric = {m for m in limited if re.search(rf'["(]{m}["{{]', text)}
                if metric and '"none"' not in text:
                    yield metric.pop(), panel["fieldConfig"]["defaults"]["thresholds"], panel

    def check(self, told):
        seen = set()
        for metric, thresholds, panel in self.coloured():
            limit = told[metric]
            numbers = [s["value"] for s in thresholds["steps"]]
            colours = [s["color"] for s in thresholds["steps"]]
            wanted = sorted((limit["warning"], limit["critical"]))
            self.assertIsNone(numbers[0])
            for number, want in zip(numbers[1:], wanted):
                self.assertAlmostEqual(number, want, delta=want * 1e-6, msg=panel["title"])
            # The limit itself is healthy; Grafana colours from the number on.
            at = max(i for i, n in enumerate(numbers) if n is None or limit["warning"] >= n)
            self.assertEqual(colours[at], "#009E73", panel["title"])
            seen.add(metric)
        self.assertEqual(seen, set(told))

    def test_they_are_those_of_the_example_configuration(self):
        text = (ROOT / "packaging" / "heapwatch.yaml").read_text()
        block = re.search(r"^thresholds:\n((?:  \S.*\n)+)", text, re.M).group(1)
        self.check({metric: {"warning": float(w), "critical": float(c)} for metric, w, c in
                    re.findall(r"(\w+): \{warning: ([\d.]+), critical: ([\d.]+)\}", block)})


class Answered(unittest.TestCase):
    """Every question, beside real services."""

    patience = 60  # seconds of a question; what never settled takes it from the others

    @classmethod
    def setUpClass(cls):
        cls.began = time.time() - 1
        cls.plant = Plant(mark=f"-{os.getpid()}")
        cls.plant.__enter__()
        cls.addClassCleanup(cls.plant.__exit__, None, None, None)
        cls.server = cls.plant.server
        until(cls.collected, 240, "a collection in most services")

    @classmethod
    def collected(cls):
        answer = cls.ask([{"refId": "A", "target": "gc_last_cycle_seconds",
                           "payload": {"format": "latest", "by": ["service"]}}])[0]
        # The one that leaks takes minutes to the next.
        return len(answer.get("rows", [])) >= len(SERVICES) - 1

    @classmethod
    def ask(cls, targets):
        now = int(time.time() * 1000)
        status, answer = cls.server.post_json("/query", {
            "app": "dashboard", "requestId": "Q1", "intervalMs": 2000, "maxDataPoints": 300,
            "range": {"from": readers_time(now - 120000), "to": readers_time(now),
                      "raw": {"from": "now-2m", "to": "now"}}, "targets": targets})
        assert status == 200, (targets, answer)
        return answer

    def settle(self, check):
        """A late round makes values stale, and a rate wants two readings: ask anew."""
        try:
            return settled(check, self.patience)
        except AssertionError:
            type(self).patience = 0
            raise

    def options(self, dashboard):
        """{variable: its values}, asked as simpod asks."""
        found = {}
        for v in asking.variables(dashboard):
            payload = json.loads(re.sub(r"\$\{\w+:csv\}", ".*", v["query"]["query"]))
            status, answer = self.server.post_json("/variable", {"payload": payload})
            self.assertEqual(status, 200)
            found[v["name"]] = [one["__value"] for one in answer]
            self.assertTrue(found[v["name"]], v["name"])
        return found

    def check(self, name, runtime, **picked):
        dashboard = asking.load("simpod")[name]
        values = asking.chosen(dashboard, self.options(dashboard), **picked)
        count = 0
        for row, title, target in asking.questions(dashboard, values):
            with self.subTest(f"{name}: {title} {target['target']} {picked}"):
                wanted = asking.expected(name, row, title, target["target"], runtime)
                self.settle(lambda: self.check_answer(target, wanted))
                count += 1
        return count

    def check_answer(self, target, wanted):
        answer = json.dumps(self.ask([target])).encode()
        try:
            frames = readers.simpod_query(200, answer, [target["refId"]])
        except readers.Choked as never:  # the shape is right at any time
            raise ValueError(f"{never}: {answer[:400]}") from None
        full = any(v is not None for f in frames for field in f.fields
                   if field.type != "time" for v in field.values)
        self.assertTrue(full or not wanted, f"empty: {answer[:400]}")
        for frame in frames if wanted else ():
            for notice in frame.meta.get("notices", []):
                self.assertRegex(notice["text"], asking.INTENDED)

    def test_no_panel_is_empty_and_no_notice_stands_there_unasked(self):
        self.assertGreater(sum(self.check(name, None) for name in
                               ("plant", "node", "gc", "self")), 50)
        self.check("versions", "go", service="archive" + self.plant.mark)

    def test_nor_for_one_process_of_either_runtime(self):
        self.check("process", "go", service="uplink" + self.plant.mark)
        self.check("process", "jvm", service="control" + self.plant.mark)

    def test_the_limits_are_those_that_the_program_tells(self):
        Limits.check(self, self.server.get_json("/api/v1/status")["thresholds"])

    coloured = Limits.coloured

    def test_targets_are_told_worst_first_and_may_be_narrowed(self):
        rows = self.rows
        self.settle(self.check_states)
        self.assertEqual([r["service"] for r in rows(line="7")], ["packer" + self.plant.mark])
        self.assertEqual(rows(silenced="yes"), [])
        status, _ = self.server.post_json("/api/v1/maintenance", {
            "service": "packer" + self.plant.mark, "for": "10m", "reason": "new rollers"})
        self.assertEqual(status, 202)
        until(lambda: [r["maintenance"] for r in rows(silenced="yes")] == ["new rollers"], 60,
              "the window of maintenance")
        self.assertEqual(self.ask([{"refId": "A", "target": "status", "payload": {
            "node": "elsewhere"}}])[0].get("rows", []), [])

    def rows(self, **payload):
        (table,) = self.ask([{"refId": "A", "target": "targets", "payload": payload}])
        names = [c["text"] for c in table["columns"]]
        return [dict(zip(names, row)) for row in table["rows"]]

    def check_states(self):
        """All at one moment: a state may be another in the next answer."""
        order = ["critical", "warning", "stale", "unknown", "ok"]
        every = self.rows(watched="yes")
        self.assertEqual({r["service"] for r in every},
                         {name + self.plant.mark for name in SERVICES})
        states = [order.index(r["state"]) for r in every]
        self.assertEqual(states, sorted(states))
        for r in every:
            self.assertTrue(r["reason"] and r["site"] == "north" and r["line"] and r["version"])
            self.assertLess(self.began, r["since"] / 1000)
            self.assertLessEqual(r["since"] / 1000, time.time())
        for state in order:
            self.assertEqual([r["service"] for r in self.rows(watched="yes", state=state)],
                             [r["service"] for r in every if r["state"] == state])

    def test_every_expression_has_data_in_a_prometheus_that_scrapes(self):
        config = SCRAPES % self.server.address
        with Prometheus(config) as prometheus:
            for name, dashboard in asking.load("prometheus").items():
                # Wide enough for two scrapes, however late.
                values = {"__rate_interval": "2m", "__range": "2m"}
                for v in asking.variables(dashboard):
                    label = v["name"]
                    match = asking.fill(v["query"]["query"], {
                        **values, **{w["name"]: ".*" for w in asking.variables(dashboard)}})
                    selector = re.match(r"label_values\((.*), \w+\)$", match).group(1)
                    found = self.settle(lambda: self.something(
                        prometheus, f"label/{label}/values?match[]=", selector))
                    values[label] = ".*" if v["includeAll"] else found[0]
                for _, panel in asking.panels(dashboard):
                    for target in panel["targets"]:
                        expr = asking.fill(target["expr"], values)
                        with self.subTest(f"{name}: {panel['title']}: {expr}"):
                            self.settle(lambda: self.something(
                                prometheus, "query?query=", expr))

    def something(self, prometheus, path, promql):
        data = json.loads(prometheus.read(f"/api/v1/{path}{urllib.parse.quote(promql)}"))["data"]
        found = data["result"] if isinstance(data, dict) else data
        self.assertTrue(found, promql)
        return found


def readers_time(ms):
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000))
    return f"{moment}.{ms % 1000:03d}Z"


if __name__ == "__main__":
    unittest.main()
