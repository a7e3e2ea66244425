"""Alert rules: what Grafana and Prometheus would make of them, and whether
they fire where they should on a recorded day. Needs python3-yaml, promtool."""
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

from heapwatch import ROOT, Server

sys.path.insert(0, str(ROOT / "tests" / "alerts"))
import days  # noqa: E402
from evaluator import Evaluator, Infinity, Plugin, rules_of  # noqa: E402
from replay import Replayed, notation, prometheus_series  # noqa: E402

DASHBOARDS = ROOT / "dashboards"


def program_of(name):
    """dashboards/alerts/NAME as a module."""
    path = str(DASHBOARDS / "alerts" / name)
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


build, check = program_of("build"), program_of("check")
RULES = "alerting/heapwatch.yaml"

# (file, what stands there, what a person may write, what must be told)
MISTAKES = [
    (RULES, "keepFiringFor: 2m", "keep_firing_for: 2m", "it is keepFiringFor"),
    (RULES, "missing_series_evals_to_resolve: 2", "missingSeriesEvalsToResolve: 2",
     "it is missing_series_evals_to_resolve"),
    (RULES, "missing_series_evals_to_resolve: 2", "missing_series_evals_to_resolve: 0", "1 or more"),
    (RULES, "missing_series_evals_to_resolve: 2", "missing_series_evals_to_resolve: two", "must be int"),
    (RULES, "noDataState: OK", "noDataState: Ok", "is none of"),
    (RULES, "noDataState: OK", "no_data_state: OK", "it is noDataState"),
    (RULES, "execErrState: KeepLast", "execErrState: KeepLastState", "is none of"),
    (RULES, "for: 2m", "for: 2 min", "no duration"),
    (RULES, "for: 2m", "for: 120", "must be text"),
    (RULES, "for: 2m", "for: 45s", "multiple of the interval"),
    (RULES, "interval: 30s", "interval: ''", "no duration"),
    (RULES, "condition: D", "condition: E", "is no refId"),
    (RULES, "refId: B", "refId: A", "a refId twice"),
    (RULES, "refId: B", "refId: N", "is yes or no"),
    (RULES, "datasourceUid: heapwatch\n", "datasourceUid: heapwatsh\n", "no datasource has the uid"),
    (RULES, "type: heapwatch-heapwatch-datasource", "type: heapwatch-datasource", "is of type"),
    (RULES, "uid: heapwatch-heap-util-warning", "uid: heapwatch-heap-util-critical", "uid is taken"),
    (RULES, "uid: heapwatch-heap-util-warning", "uid: heapwatch-" + "x" * 31, "not as Grafana wants"),
    (RULES, "uid: heapwatch-heap-util-warning", "uid: heap util", "not as Grafana wants"),
    (RULES, "{{ .Labels.service }}", "{{ $labels.service }}", "write .Labels"),
    (RULES, "{{ .Labels.service }}", "{{ $$labels.service }}", "write .Labels"),
    (RULES, "severity: warning", "severity: $SEVERITY", "a single $"),
    (RULES, "{{ .Labels.service }}", "{{ .Labels.service }", "braces do not match"),
    (RULES, ".Values.B.Value", ".Values.Q.Value", "there is no refId Q"),
    (RULES, "expression: ($B) *", "expression: ($$B) *", "$$ stays $$"),
    (RULES, "expression: ($B) *", "expression: ($Q) *", "no refId Q to use"),
    (RULES, "expression: S", "expression: T", "no refId T to use"),
    (RULES, "reducer: min", "reducer: minimum", "is none of"),
    (RULES, "mode: dropNN", "mode: dropNaN", "is none of"),
    (RULES, "type: gt", "type: above", "no known type"),
    (RULES, "unloadEvaluator", "unload_evaluator", "knows no unload_evaluator"),
    (RULES, "params: [0.7125]", "params: [0.95]", "never rest"),
    (RULES, "params: [0.75]", "params: ['0.75']", "must be 1 numbers"),
    (RULES, "title: Heap is nearly", "titel: Heap is nearly", "title is missing"),
    (RULES, "title: Heap is nearly used up", "title: Heap is used up", "title is taken"),
    (RULES, "isPaused: false", "isPaused: 'no'", "must be bool"),
    (RULES, "      __panelId__: '10'\n", "", "only go together"),
    (RULES, "__dashboardUid__: heapwatch-plant", "__dashboardUid__: none",
     "no dashboard has the uid"),
    (RULES, "apiVersion: 1", "apiVersion: 2", "must be 1"),
    (RULES, "groups:", "group:", "knows no group"),
    (RULES, "from: 300", "from: 5m", "must be int"),
    (RULES, "from: 300\n        to: 0", "from: 0\n        to: 300", "from lies before to"),
    ("alerting/policies.yaml", "receiver: heapwatch-on-call", "receiver: nobody", "no contact point"),
    ("alerting/policies.yaml", "heapwatch-weekly-maintenance", "weekly", "no mute timing"),
    ("alerting/policies.yaml", "object_matchers", "objectMatchers", "it is object_matchers"),
    ("alerting/policies.yaml", '[severity, "=", critical]', "[severity, critical]", "is no [label"),
    ("alerting/policies.yaml", "group_wait: 10s", "groupWait: 10s", "it is group_wait"),
    ("alerting/policies.yaml", "repeat_interval: 12h",
     "repeat_interval: 12h\n    mute_time_intervals: [heapwatch-weekly-maintenance]", "cannot be muted"),
    ("alerting/contact-points.yaml", "addresses:", "address:", "needs addresses"),
    (RULES, "condition: D", "condition: C", "only the condition may have"),
    ("alerting/contact-points.yaml", "disableResolveMessage", "disableResolvedMessage", "knows no"),
    ("alerting/mute-timings.yaml", "muteTimes", "mute_times", "it is muteTimes"),
    ("alerting/mute-timings.yaml", '"sunday"', '"Sunday"', "not as Grafana wants"),
    ("alerting/mute-timings.yaml", '"06:00"', "16:00", "must be text"),
    ("alerting/templates.yaml", "{{ len .Alerts.Firing }}", "{{ $n }}", "a single $"),
    ("datasources/heapwatch.yaml", "uid: heapwatch", "uid: heap.watch", "not as Grafana wants"),
    ("datasources/heapwatch.yaml", "isDefault", "is_default", "it is isDefault"),
    ("datasources/heapwatch.yaml", "access: proxy", "access: server", "is none of"),
    ("datasources/optional/infinity.yaml", "allowedHosts", "allowed_hosts", "knows no allowed_hosts"),
    ("dashboards/heapwatch.yaml", "disableDeletion: true", "disableDeletion: yes please", "must be bool"),
    ("dashboards/heapwatch.yaml", "path:", "folder:", "path is missing"),
]


# (unit, what stands in the rules of Prometheus, what would be wrong)
WRONG = [
    ("a limit is left only", " > 0.7125", " > 0.75"),
    ("planned maintenance", "target_silenced[2m]", "target_sil[2m]"),
    ("what cannot be measured", " < 2.5", " < 3.5"),
    ("three restarts", "[15m:15s])) > 2", "[15m:15s])) > 1"),
    ("three restarts", "resets((time() - start_time_seconds)[15m:15s])",
     "changes(start_time_seconds[15m])"),
    ("who ran for ten minutes", "> 600", "> 60"),
    ("who ran for ten minutes", " unless max by (node, service, instance) (target_up)",
     " unless target_xp"),
    ("a heapwatch that is gone", "and on (node) heapwatch_up == 1", "and on () vector(1)"),
    ("a heapwatch that was never", ' or absent(up{job="heapwatch"})', ""),
    ("a saw-tooth", "min_over_time(heap_util", "max_over_time(heap_util"),
    ("kills and drops", "increase(oom_kills_total[10m])", "oom_kills_total"),
]

# (rule of Grafana's, what stands there, what would be wrong); the day must tell
WRONG_OF_GRAFANA = [
    ("heap_util_critical", '"params": [0.9]', '"params": [0.97]'),
    ("gc_pressure_warning", '"params": [5.0]', '"params": [50]'),
    ("frag_ratio_critical", '"type": "lt"', '"type": "gt"'),
    ("state_critical", " * (1 - $M)", ""),
    ("state_critical", '"for": "1m"', '"for": "15m"'),
    ("restart_loop", '"params": [2]', '"params": [9]'),
    ("target_lost", '"replaceWithValue": 0', '"replaceWithValue": 1'),
    ("oom_kill", '"fn": "increase"', '"fn": "last"'),
    ("oom_kill", '"for": "0s"', '"for": "20m"'),
]


class Files(unittest.TestCase):
    def test_committed_rules_are_those_of_the_source(self):
        for path, text in build.files().items():
            self.assertEqual((DASHBOARDS / path).read_text(), text, f"{path}: run make alerts")

    def test_grafana_would_drop_nothing(self):
        self.assertEqual(check.mistakes(DASHBOARDS / "provisioning"), [])

    def test_every_mistake_is_told(self):
        for name, was, becomes, told in MISTAKES:
            with self.subTest(mistake=becomes), tempfile.TemporaryDirectory() as folder:
                copy = pathlib.Path(folder) / "provisioning"
                shutil.copytree(DASHBOARDS / "provisioning", copy)
                (copy / "alerting" / "optional" / "infinity.yaml").unlink()
                text = (copy / name).read_text()
                self.assertIn(was, text)
                (copy / name).write_text(text.replace(was, becomes, 1))
                self.assertIn(told, "\n".join(check.mistakes(copy)))

    def test_what_is_critical_is_muted_at_no_hour(self):
        (tree,) = yaml.safe_load(
            (DASHBOARDS / "provisioning/alerting/policies.yaml").read_text())["policies"]

        def route(severity):
            """The first that matches takes it, as in Alertmanager."""
            return next((r for r in tree["routes"]
                         if r["object_matchers"] == [["severity", "=", severity]]), tree)
        self.assertEqual(route("critical")["receiver"], "heapwatch-on-call")
        self.assertNotIn("mute_time_intervals", route("critical"))
        self.assertEqual(route("warning")["mute_time_intervals"], ["heapwatch-weekly-maintenance"])

    def test_an_alert_leads_to_a_panel_of_its_own_data_source(self):
        shown = {rule.name: rule.what["shown"]["panel"] for rule in build.load()}
        for file, folder in ((RULES, "grafana"), ("alerting/optional/infinity.yaml", "simpod")):
            boards = [json.loads(p.read_text()) for p in (DASHBOARDS / folder).glob("*.json")]
            titles = {b["uid"]: {str(p["id"]): p["title"] for p in b["panels"]} for b in boards}
            (group,) = yaml.safe_load((DASHBOARDS / "provisioning" / file).read_text())["groups"]
            for rule in group["rules"]:
                with self.subTest(rule=rule["uid"]):
                    notes = rule["annotations"]
                    self.assertIn(notes["dashboard"].split("}}d/")[1].split("?")[0], titles)
                    self.assertEqual(titles[notes["__dashboardUid__"]][notes["__panelId__"]],
                                     shown[rule["labels"]["rule"]])

    def test_a_link_without_labels_leads_to_all(self):
        """An alert that stands for no answer has none: Grafana would write [no value]."""
        for rule in rules_of("heapwatch.yaml"):
            bare = re.sub(r"{{ with \.Labels\.(\w+) }}var-\1={{ \. \| urlquery }}&{{ end }}", "",
                          rule["annotations"]["dashboard"])
            self.assertRegex(bare, r"^{{ externalURL }}d/[\w-]+\?$")
            self.assertNotEqual(bare, rule["annotations"]["dashboard"])

    def test_the_panel_of_a_rule_is_not_that_of_one_process(self):
        """Grafana marks it for every alert of the rule, whichever process is looked at."""
        boards = {b["uid"]: b for b in map(json.loads, (
            p.read_text() for p in (DASHBOARDS / "grafana").glob("*.json")))}
        for rule in rules_of("heapwatch.yaml"):
            notes = rule["annotations"]
            board = boards[notes["__dashboardUid__"]]
            multi = {v["name"]: v.get("multi") for v in board["templating"]["list"]}
            self.assertTrue(multi["service"], rule["uid"])

    def test_a_link_into_nothing_is_told(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shutil.copytree(DASHBOARDS / "provisioning", folder / "provisioning")
            (folder / "grafana").mkdir()
            for uid in ("process", "plant"):
                (folder / "grafana" / f"{uid}.json").write_text(json.dumps(
                    {"uid": f"heapwatch-{uid}", "panels": [{"id": 3, "type": "row", "panels": [{"id": 4}]}]}))
            told = "\n".join(check.mistakes(folder / "provisioning"))
            self.assertIn("no dashboard has the uid heapwatch-self", told)
            self.assertNotIn("heapwatch-process", told)
            path = folder / "provisioning" / RULES
            text = path.read_text()
            for panel, wrong in ((4, False), (99, True)):
                path.write_text(text.replace("__panelId__: '10'", f"__panelId__: '{panel}'", 1))
                told = "\n".join(check.mistakes(folder / "provisioning"))
                self.assertEqual(f"has no panel {panel}" in told, wrong, told)

    def test_limits_are_those_of_the_program(self):
        with Server() as server:
            server.wait_ready()
            limits = build.limits_of_server(server.url)
        self.assertEqual(limits, build.limits_of_tree())
        used = set()
        for rule in rules_of("heapwatch.yaml"):
            metric, _, grade = rule["labels"]["rule"].rpartition("_")
            metric = {"heap_util": "heap_util_rate"}.get(metric, metric)
            if metric in limits:
                used.add((metric, grade))
                condition = rule["data"][-1]["model"]["conditions"][0]
                limit = limits[metric][grade]
                side = 1 if limits[metric]["bad"] == "above" else -1
                self.assertEqual(condition["evaluator"]["params"], [limit])
                self.assertAlmostEqual(condition["unloadEvaluator"]["params"][0],
                                       limit * (1 - 0.05 * side))
        self.assertEqual(len(used), 6, used)

    def test_limits_of_a_configuration_become_the_rules(self):
        config = "thresholds:\n  gc_pressure: {warning: 7, critical: 70}\n"
        with Server(config=config) as server:
            server.wait_ready()
            made = build.files(build.limits_of_server(server.url))
        self.assertIn("params: [7.0]", made["provisioning/" + RULES].replace("[7]", "[7.0]"))
        self.assertIn("> 70", made["prometheus/rules.yaml"])

    def test_every_rule_has_its_chapter(self):
        page = (ROOT / "docs" / "alerts.md").read_text()
        for rule in rules_of("heapwatch.yaml"):
            self.assertIn(f"\n## {rule['labels']['rule']}\n", page)


def made_up(lines_at, drops_at=lambda t: 0):
    """A text like the recorded day's: half an hour, lines_at(second) of it."""
    rounds = [f"@ {t}\n{lines_at(t)}- - - 1 {drops_at(t)}\n" for t in range(5, 1801, 5)]
    return ("# @ second, then: service instance runtime start_time_seconds target_state "
            "heap_util_rate gc_pressure frag_ratio target_silenced\n# and of the machine: - - - "
            "heapwatch_up heapwatch_batches_dropped_total\n" + "".join(rounds))


def fired(text, file="heapwatch.yaml"):
    """{(rule, service): [first, last minute that it fires]}"""
    found = {}
    with Replayed(text) as server:
        rules = Evaluator(rules_of(file), Plugin(server.url))
        for second in range(30, server.length_s + 1, 30):
            rules.evaluate(server.begin_s + second)
            for key in rules.firing():
                found.setdefault(key, [second / 60, 0])[1] = second / 60
    return found


class MadeUpDay(unittest.TestCase):
    """What the services of the recorded day do not do."""

    def test_what_cannot_be_measured_is_told(self):
        found = fired(made_up(lambda t: "unknown 0 go 9 1 - - - 0\nstale 0 go 9 2 - - - 0\n"
                              "ill 0 go 9 3 - - - 0\nwell 0 go 9 0 - - - 0\n"))
        self.assertEqual(set(found), {("no_data", "unknown"), ("no_data", "stale")})

    def test_a_limit_is_left_only_with_room(self):
        found = fired(made_up(lambda t: f"scada 0 go 9 0 {0.8 if t < 700 else 0.72 if t < 1400 else 0.6}"
                              " 2 0.8 0\n"))
        self.assertEqual(set(found), {("heap_util_warning", "scada")})
        first, last = found["heap_util_warning", "scada"]
        self.assertLess(first, 9)
        self.assertTrue(1400 / 60 <= last <= 1400 / 60 + 3, last)

    def test_a_heap_that_collections_empty_is_well(self):
        found = fired(made_up(lambda t: f"scada 0 go 9 0 {(0.99, 0.95, 0.4)[t // 5 % 3]} 5 "
                              f"{(0.01, 0.05, 0.6)[t // 5 % 3]} 0\n"))
        self.assertEqual(found, {})

    def test_collections_without_a_break_and_drops_are_told(self):
        found = fired(made_up(lambda t: "busy 0 go 9 4 0.5 30 0.5 0\n",
                              lambda t: 0 if t < 600 else 7))
        self.assertEqual(set(found), {("gc_pressure_warning", "busy"), ("gc_pressure_critical", "busy"),
                                      ("state_critical", "busy"), ("heapwatch_drops", "")})

    def test_maintenance_keeps_all_that_quiet(self):
        found = fired(made_up(lambda t: "busy 0 go 9 4 0.95 30 0.01 1\nunknown 0 go 9 1 - - - 1\n"))
        self.assertEqual(found, {})

    def test_heapwatch_down_fires_alone_and_resolves(self):
        with Replayed(made_up(lambda t: "well 0 go 9 0 0.5 2 0.5 0\n")) as server:
            source = Plugin(server.url)
            rules = Evaluator(rules_of("heapwatch.yaml"), source)
            second = server.begin_s + 600
            rules.evaluate(second)
            source.url = "http://127.0.0.1:1"
            for second in range(second + 30, second + 151, 30):
                rules.evaluate(second)
            self.assertEqual(rules.firing(), {("heapwatch_down", "")})
            source.url = server.url
            for second in range(second + 30, second + 91, 30):
                rules.evaluate(second)
            self.assertEqual(rules.firing(), set())


class RecordedDay(unittest.TestCase):
    """tests/alerts/day.txt.gz; days.py says what must fire and when."""

    @classmethod
    def setUpClass(cls):
        cls.server = Replayed().__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def over_the_day(self, rules):
        """{minute: what fires}"""
        evaluator, seen = Evaluator(rules, Plugin(self.server.url)), {}
        for second in range(30, self.server.length_s + 1, 30):
            evaluator.evaluate(self.server.begin_s + second)
            seen[second / 60] = evaluator.firing()
        return seen

    def agrees(self, seen, minute, rules=None):
        """Whether what fires is what must, but for rules on the edge."""
        doubt = days.doubtful(minute)
        must = {a for a in days.firing(minute) if rules is None or a[0] in rules}
        return ({a for a in seen[minute] if a[0] not in doubt}
                == {a for a in must if a[0] not in doubt})

    def test_rules_of_the_plugin(self):
        seen = self.over_the_day(rules_of("heapwatch.yaml"))
        for minute in range(1, self.server.length_s // 60 + 1):
            self.assertTrue(self.agrees(seen, minute), (minute, seen[minute], days.firing(minute)))

    def test_the_day_tells_a_wrong_rule(self):
        rules = {rule["labels"]["rule"]: json.dumps(rule) for rule in rules_of("heapwatch.yaml")}
        for name, was, becomes in WRONG_OF_GRAFANA:
            with self.subTest(rule=name, wrong=becomes):
                self.assertIn(was, rules[name])
                seen = self.over_the_day([json.loads(rules[name].replace(was, becomes))])
                self.assertFalse(all(self.agrees(seen, m, {name})
                                     for m in range(1, self.server.length_s // 60 + 1)))

    def test_rules_of_prometheus(self):
        series = [{"series": name, "values": notation(values)}
                  for name, values in prometheus_series()]
        tests = []
        for minute in range(1, self.server.length_s // 60 + 1):
            left_out = {"heapwatch_down"} | days.doubtful(minute)
            tests.append({
                "eval_time": f"{minute}m", "expr": "count by (rule, service) (ALERTS{"
                f'alertstate="firing", rule!~"{"|".join(sorted(left_out))}"}})',
                "exp_samples": [{"labels": f'{{rule="{rule}"' + (f', service="{service}"' if service else "")
                                 + "}", "value": 1}
                                for rule, service in sorted(days.firing(minute)) if rule not in left_out]})
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(DASHBOARDS / "prometheus" / "rules.yaml", folder)
            path = pathlib.Path(folder) / "day.yaml"
            path.write_text(yaml.safe_dump({
                "rule_files": ["rules.yaml"], "evaluation_interval": "30s",
                "tests": [{"interval": "5s", "input_series": series, "promql_expr_test": tests}]}))
            promtool(self, "test", "rules", path)


def run_promtool(*words):
    """(exit code, what it said)"""
    done = subprocess.run(["promtool", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=600, check=False)
    return done.returncode, done.stdout.decode()[-8000:]


def promtool(test, *words):
    code, said = run_promtool(*words)
    test.assertEqual(code, 0, said)


class Prometheus(unittest.TestCase):
    def test_rules_are_accepted(self):
        promtool(self, "check", "rules", DASHBOARDS / "prometheus" / "rules.yaml")

    def test_rules_keep_to_their_units(self):
        promtool(self, "test", "rules", DASHBOARDS / "prometheus" / "rules_test.yaml")

    def test_units_tell_a_wrong_rule(self):
        good = (DASHBOARDS / "prometheus" / "rules.yaml").read_text()
        units = yaml.safe_load((DASHBOARDS / "prometheus" / "rules_test.yaml").read_text())
        for unit, was, becomes in WRONG:
            with self.subTest(wrong=becomes), tempfile.TemporaryDirectory() as folder:
                self.assertIn(was, good)
                one = [t for t in units["tests"] if t["name"].startswith(unit)]
                self.assertEqual(len(one), 1)
                path = pathlib.Path(folder)
                (path / "unit.yaml").write_text(yaml.safe_dump({**units, "tests": one}))
                (path / "rules.yaml").write_text(good.replace(was, becomes))
                code, said = run_promtool("test", "rules", path / "unit.yaml")
                self.assertNotEqual(code, 0)
                self.assertIn("exp:", said)  # and not for another reason


class Questions(unittest.TestCase):
    """What a rule asks is answered by a server that watches real programs."""

    def test_every_question_is_answered(self):
        with Server() as server:
            server.wait_ready()
            for file, source in (("heapwatch.yaml", Plugin), ("optional/infinity.yaml", Infinity)):
                for rule in Evaluator(rules_of(file), source(server.url)).rules:
                    with self.subTest(rule=rule.rule["uid"]):
                        rule.results(time.time())


if __name__ == "__main__":
    unittest.main()
