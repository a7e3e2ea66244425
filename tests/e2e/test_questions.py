"""Every question of the protocol, asked of a real server with a real fleet."""
import csv
import gzip
import io
import json
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from heapwatch import ROOT, Server, Victim, settled, until

ORIGIN = "https://grafana.example"


class Questions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Programs of their own, and nobody else's, however many come and go.
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        program = shutil.copy(ROOT / "build/victims/go/victim-1.21.13", folder.name)
        cls.victims = []
        for mib in (8, 24):
            victim = Victim([program])
            victim.__enter__()
            cls.addClassCleanup(victim.__exit__, None, None, None)
            victim.ask(f"grow {mib}")
            cls.victims.append(victim)
        cls.server = Server(["--log-access", "true", "--base-path", "/hw", "--resolution", "1s",
                             "--flush", "1s"],
                            config=f"http: {{cors_origins: '{ORIGIN}', hosts: 'gw.plant'}}\n"
                                   f"watch: [{{action: include, exe: '{folder.name}/.*'}}, "
                                   "{action: exclude}]\n")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.pids = [str(v.pid) for v in cls.victims]
        for victim in cls.victims:
            cls.server.wait_target(victim.pid)
            # of a history in which nothing changes
            until(lambda: len(cls.seconds(victim.pid)) > 6, 60, "a history", every=0.5)

    def setUp(self):
        for victim in self.victims:  # it is late at times, then there is no newest
            self.server.wait_value("heap_util_rate", victim.pid)

    @classmethod
    def seconds(cls, pid):
        """Those of the last minute that have a point."""
        answer = cls.server.query("heap_util_rate", {"pid": str(pid), "step": "1s"},
                                  range={"from": "now-1m", "to": "now"})
        return [t for series in answer for v, t in series["datapoints"] if v is not None]

    def rows(self, path, **params):
        answer = self.server.get_json(path + "?" + urllib.parse.urlencode(params, doseq=True))
        for row in answer["rows"]:
            self.assertEqual(list(row), list(answer["rows"][0]))
        return answer["rows"]

    def query(self, metric, **payload):
        return self.server.query(metric, {"pid": self.pids, "step": "1s", **payload},
                                 range={"from": "now-15s", "to": "now"})

    # ---- fleet questions ----

    def test_processes_are_counted_by_state(self):
        answer = self.query("heap_util_rate", agg="states", format="latest")
        self.assertEqual([r[:2] for r in answer[0]["rows"]],
                         [["ok", 2], ["warning", 0], ["critical", 0]])

    def test_worst_process_of_each_service(self):
        worst = self.query("heap_used_bytes", agg="max", by="service", format="latest")
        each = self.query("heap_used_bytes", format="latest")
        self.assertEqual(len(worst[0]["rows"]), 1)
        self.assertGreaterEqual(worst[0]["rows"][0][-1], 24 << 20)
        self.assertEqual(len(each[0]["rows"]), 2)
        top = self.query("heap_used_bytes", topk="1", format="latest")
        low = self.query("heap_used_bytes", bottomk="1", format="latest")
        self.assertGreater(top[0]["rows"][0][-1], low[0]["rows"][0][-1])

    def test_share_of_time_beyond_a_limit(self):
        above = self.query("heap_used_bytes", fn="above", threshold=16 << 20, format="latest",
                           step="5s", legend="{{pid}}")
        shares = {r[[c["text"] for c in above[0]["columns"]].index("pid")]: r[-1]
                  for r in above[0]["rows"]}
        self.assertEqual(shares, {self.pids[0]: 0, self.pids[1]: 1})
        beyond = self.query("heap_util_rate", fn="beyond", format="latest", step="5s")
        self.assertEqual([r[-1] for r in beyond[0]["rows"]], [0, 0])
        status, answer = self.server.post_json("/query", {"targets": [
            {"refId": "A", "target": "heap_used_bytes", "payload": {"fn": "beyond"}}]})
        self.assertEqual((status, answer["error"]["code"]), (400, "bad_request"))

    def test_comparison_by_an_attribute(self):
        names = {r["label"] for r in self.rows("/api/v1/labels")}
        self.assertIn("version", names)
        by_version = self.query("heap_used_bytes", agg="count", by="version", format="latest")
        self.assertEqual([c["text"] for c in by_version[0]["columns"]],
                         ["version", "heap_used_bytes"])
        self.assertEqual(sum(r[-1] for r in by_version[0]["rows"]), 2)
        version = by_version[0]["rows"][0][0]
        self.assertEqual(len(self.query("heap_used_bytes", version=version,
                                        format="latest")[0]["rows"]), 2)
        self.assertEqual(self.query("heap_used_bytes", format="latest",
                                    matchers=f'version!="{version}"')[0]["rows"], [])
        _, keys = self.server.post_json("/tag-keys", b"")
        self.assertIn("version", [k["text"] for k in keys])
        _, values = self.server.post_json("/tag-values", {"key": "version"})
        self.assertIn(version, [v["text"] for v in values])

    # ---- shapes ----

    def test_heatmap(self):
        def both():
            classic = self.query("heap_used_bytes", format="heatmap", step="5s")
            bounds = [float(s["target"]) for s in classic]
            self.assertEqual(bounds, sorted(bounds))
            at = [s["datapoints"][-2][0] for s in classic]
            self.assertEqual(sum(at), 2)
        settled(both)  # 5 s in which nothing was read have none
        frames = self.query("heap_used_bytes", format="heatmap", frame="true")
        self.assertEqual(frames[0]["schema"]["meta"]["type"], "heatmap-rows")

    def test_state_timeline(self):
        answer = self.query("heap_util_rate", format="states")[0]
        self.assertEqual([c["type"] for c in answer["columns"]], ["time", "string", "string"])
        self.assertEqual(len({c["text"] for c in answer["columns"]}), 3)
        self.assertEqual({r[1] for r in answer["rows"]} - {None}, {"ok"})
        status, refused = self.server.post_json("/query", {"targets": [
            {"refId": "A", "target": "threads", "payload": {"format": "states"}}]})
        self.assertEqual(status, 400)
        self.assertIn("no states", refused["message"])

    def test_annotations_by_query(self):
        for target in ({"target": "events"}, {"target": "", "payload": {"type": "annotations"}}):
            _, answer = self.server.post_json("/query", {
                "range": {"from": "now-1h", "to": "now"}, "targets": [{"refId": "Anno", **target}]})
            self.assertEqual([c["text"] for c in answer[0]["columns"]][:6],
                             ["time", "timeEnd", "title", "text", "tags", "id"])
            self.assertEqual(answer[0]["refId"], "Anno")
            kinds = [r[6] for r in answer[0]["rows"]]
            self.assertEqual(kinds.count("heapwatch_started"), 1)
            self.assertGreaterEqual(kinds.count("target_started"), 2)

    def test_older_clients(self):
        status, names = self.server.post_json("/search", {"target": "util"})
        self.assertEqual((status, names), (200, ["heap_util_rate"]))
        self.assertGreater(len(self.server.post_json("/search", {"target": ""})[1]), 50)
        status, events = self.server.post_json("/annotations", {
            "range": {"from": "now-1h", "to": "now"},
            "annotation": {"name": "x", "query": "kind=heapwatch_started"}})
        self.assertEqual(status, 200)
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]["isRegion"], False)
        self.assertIn("heapwatch_started", events[0]["tags"])
        self.assertIsInstance(events[0]["time"], int)

    def test_editors_offer_what_fits(self):
        def offered(name, metric):
            _, answer = self.server.post_json("/metric-payload-options",
                                              {"name": name, "metric": metric})
            return {o["value"] for o in answer}
        self.assertIn("rate", offered("fn", "cpu_seconds_total"))
        self.assertNotIn("rate", offered("fn", "heap_util_rate"))
        self.assertIn("beyond", offered("fn", "heap_util_rate"))
        self.assertNotIn("beyond", offered("fn", "threads"))
        self.assertIn("states", offered("agg", "heap_util_rate"))
        self.assertNotIn("states", offered("format", "threads"))
        _, narrowed = self.server.post_json("/metric-payload-options", {
            "name": "pid", "payload": {"pid": ["1"], "service": "nobody"}})
        self.assertEqual(narrowed, [])

    def test_editors_know_which_labels_a_metric_has(self):
        def offered(name, metric, **payload):
            _, answer = self.server.post_json("/metric-payload-options", {
                "name": name, "metric": metric, "payload": payload})
            return {o["value"] for o in answer}
        self.assertIn("cycle", offered("kind", "gc_collections_total"))
        self.assertNotIn("pipe", offered("kind", "gc_collections_total"))
        self.assertIn("pipe", offered("kind", "open_fds_by_kind"))
        self.assertNotIn("cycle", offered("kind", "open_fds_by_kind"))
        self.assertEqual(offered("kind", "heap_util_rate"), set())
        self.assertIn("kind", offered("by", "gc_collections_total"))
        self.assertNotIn("kind", offered("by", "heap_util_rate"))
        _, metrics = self.server.post_json("/metrics", {})
        payloads = {m["value"]: {p["name"] for p in m["payloads"]} for m in metrics}
        self.assertIn("kind", payloads["gc_collections_total"])
        self.assertNotIn("kind", payloads["heap_util_rate"])

    def test_what_only_a_table_has_hides_no_choice_of_it(self):
        def offered(metric, **payload):
            _, answer = self.server.post_json("/metric-payload-options", {
                "name": "pid", "metric": metric, "payload": payload})
            return {o["value"] for o in answer}
        pids = set(self.pids)
        self.assertLessEqual(pids, offered("events", kind=["target_started"]))
        self.assertLessEqual(pids, offered("targets", watched="yes", state=["ok"], silenced="no"))
        self.assertEqual(offered("events", kind=["target_started"], service="nobody"), set())
        self.assertLessEqual(pids, offered("events", matchers=[
            {"key": "kind", "operator": "=", "value": "target_started"},
            {"key": "pid", "operator": "=", "value": "1"}]))

    def test_labels_are_of_all_times(self):
        rows = self.rows("/api/v1/labels", label="pid", to="now", maxDataPoints=700,
                         **{"from": "now-1m"})
        self.assertLessEqual(set(self.pids), {r["value"] for r in rows})

    def test_a_plus_that_is_not_escaped_is_a_zone(self):
        answer = self.server.get_json(
            "/api/v1/series?metric=heap_used_bytes&step=1h&from=2026-11-22T17:00:00+02:00&"
            "to=2026-11-22T16:00:00Z")
        self.assertNotIn("message", answer)

    # ---- notices: what an answer cannot show ----

    def notices(self, answer):
        metas = [e.get("meta") or e.get("schema", {}).get("meta", {}) for e in answer]
        return [n["text"] for meta in metas for n in meta.get("notices", [])]

    def test_what_matches_nothing_says_so_in_every_shape(self):
        for shape in ("timeseries", "table", "latest", "heatmap", "states", "frames", "events"):
            for frame in ("true", "false"):
                with self.subTest(shape, frame=frame):
                    texts = self.notices(self.server.query(
                        "heap_util_rate", {"service": "nobody", "format": shape, "frame": frame}))
                    self.assertEqual(len(texts), 1, texts)
                    self.assertRegex(texts[0], "^no (series of heap_util_rate|event) matches ")
        for path in ("series?metric=heap_util_rate&", "latest?metric=heap_util_rate&", "events?",
                     "labels?"):
            answer = self.server.get_json(f"/api/v1/{path}service=nobody")
            self.assertEqual(answer["rows"], [])
            self.assertRegex(answer["notices"][0]["text"], "^no .* match", path)

    def test_rows_that_are_cut_say_so(self):
        path = "/api/v1/series?metric=heapwatch_up&step=1s&from=now-10s&to=now-2s"

        def enough():
            answer = self.server.get_json(path)
            self.assertNotIn("notices", answer)
            self.assertGreater(len(answer["rows"]), 5)
        settled(enough)
        cut = self.server.get_json(path + "&limit=3")
        self.assertRegex(cut["notices"][0]["text"], "^truncated: 3 rows ")
        self.assertTrue(cut["next"])

    def test_a_payload_that_the_client_dropped_is_told(self):
        def ask(payload, variable, mode="code"):
            target = {"refId": "A", "target": "heapwatch_up", "payload": payload,
                      "editorMode": mode}
            return self.notices(self.server.post_json("/query", {
                "targets": [target], "scopedVars": {"service": {"value": variable}}})[1])
        self.assertIn("payload came empty", ask({}, ["a", "b"])[0])
        for quiet in (({"step": "1m"}, ["a", "b"]), ({}, ["a"]), ({}, "a"),
                      ({}, ["a", "b"], "builder")):
            self.assertEqual(ask(*quiet), [], quiet)

    def test_a_number_that_is_absent_says_why(self):
        # waits for the first collection, which comes after two minutes
        def same():
            texts = self.notices(self.query("heap_live_bytes", format="latest"))
            targets = [self.server.target(int(pid)) for pid in self.pids]
            missing = [t for t in targets if "heap_live_bytes" in str(t["missing"])]
            self.assertEqual(len(texts), len(missing), (texts, targets))
        settled(same)

    # ---- rows ----

    def test_series_as_rows(self):
        rows = until(lambda: len(found := self.rows(
            "/api/v1/series", metric="heap_used_bytes", pid=self.pids, step="1s",
            **{"from": "now-10s"})) > 2 and found, 60, "rows")
        self.assertEqual([r["time"] for r in rows], sorted(r["time"] for r in rows))
        self.assertTrue(all(re.fullmatch(r"[-\d]+T[:\d]+Z", r["time"]) for r in rows))
        wide = self.rows("/api/v1/series", metric="heap_used_bytes", pid=self.pids, layout="wide",
                         **{"from": "now-10s"}, step="1s", times="ms")
        self.assertEqual(len(wide[0]), 3)
        self.assertEqual([r["time"] for r in wide],
                         list(range(wide[0]["time"], wide[-1]["time"] + 1, 1000)))

    def test_two_metrics_share_their_columns(self):
        rows = self.rows("/api/v1/series", metric="heap_used_bytes,threads", pid=self.pids[0],
                         **{"from": "now-10s"}, step="1s")
        self.assertEqual({r["metric"] for r in rows}, {"heap_used_bytes", "threads"})
        self.assertEqual(list(rows[0])[0], "time")
        self.assertEqual(list(rows[0])[-1], "value")

    def test_latest_has_no_time_and_one_number(self):
        rows = self.rows("/api/v1/latest", metric="heap_util_rate", pid=self.pids)
        self.assertEqual(len(rows), 2)
        numbers = [k for k, v in rows[0].items() if isinstance(v, (int, float))]
        self.assertEqual(numbers, ["heap_util_rate"])
        self.assertNotIn("time", rows[0])
        self.assertEqual(self.rows("/api/v1/latest", metric="heap_util_rate", service="none"), [])

    def test_pages_end_with_an_empty_one(self):
        path = ("/api/v1/series?metric=heapwatch_up&step=1s&from=now-10s&to=now-1s&limit=4")
        seen, cursor = [], ""
        for _ in range(10):
            page = self.server.get_json(path + "&cursor=" + cursor)
            self.assertLessEqual(len(page["rows"]), 4)
            seen += [r["time"] for r in page["rows"]]
            cursor = page["next"]
            if not cursor:
                break
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(self.server.get_json(path + "&offset=100000")["rows"], [])

    def test_rows_in_other_forms(self):
        path = "/api/v1/latest?metric=heap_used_bytes&pid=" + self.pids[0]
        status, headers, data = self.server.get(path, {"Accept": "text/csv"})
        self.assertEqual(headers["content-type"], "text/csv; charset=utf-8")
        table = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        self.assertGreater(float(table[0]["heap_used_bytes"]), 8 << 20)
        status, headers, data = self.server.get(path, {"Accept": "application/x-ndjson"})
        self.assertEqual(headers["content-type"], "application/x-ndjson")
        self.assertGreater(json.loads(data.splitlines()[0])["heap_used_bytes"], 8 << 20)
        status, headers, data = self.server.get("/api/v1/events?format=csv&limit=1")
        self.assertEqual(len(data.splitlines()), 2)
        self.assertRegex(headers["x-next-cursor"], r"^\d+-\d+-1$")

    def test_wrong_parameters_are_named(self):
        for query, word in (("metric=threads&limit=0", "limit"), ("metric=threads&from=x", "from"),
                            ("metric=threads&cursor=1-2", "cursor"), ("", "metric"),
                            ("metric=threads&layout=tall", "layout"),
                            ("metric=threads&fn=mean", "fn"), ("metric=thread", "threads"),
                            ("metric=threads&format=xml", "format")):
            status, _, data = self.server.get("/api/v1/series?" + query)
            self.assertIn(status, (400, 404), query)
            self.assertIn(word, json.loads(data)["message"])

    # ---- Prometheus ----

    def test_promtool_takes_the_page(self):
        _, headers, data = self.server.get("/metrics")
        self.assertIn("version=0.0.4", headers["content-type"])
        done = subprocess.run(["promtool", "check", "metrics"], input=data, timeout=60,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stderr.decode())

    def test_only_conditions_that_play_a_part_are_offered(self):
        """Processes have attributes, what happens to them has not."""
        listed = {m["value"]: [p["name"] for p in m["payloads"]]
                  for m in self.server.post_json("/metrics", {})[1]}
        self.assertIn("version", listed["targets"])
        self.assertIn("version", listed["heap_util_rate"])
        self.assertNotIn("version", listed["events"])
        for name in listed:
            self.assertEqual(len(set(listed[name])), len(listed[name]), name)

    def test_openmetrics(self):
        _, headers, data = self.server.get("/metrics", {
            "Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
        self.assertEqual(headers["content-type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        text = data.decode()
        self.assertTrue(text.endswith("\n# EOF\n"))
        units = dict(re.findall(r"^# UNIT (\S+) (\S+)$", text, re.M))
        self.assertEqual(units["heap_used_bytes"], "bytes")
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        self.assertEqual(kinds["cpu_seconds"], "counter")
        self.assertEqual({k for k in kinds if re.search("_(bytes|seconds|ratio)$", k)},
                         set(units))
        samples = set(re.findall(r"^([a-z_]+)[{ ]", text, re.M))
        for name in samples:
            family = name[:-6] if name.endswith("_total") and name[:-6] in kinds else name
            self.assertIn(family, kinds)
            self.assertEqual(kinds[family] == "counter", name != family, name)

    # ---- the door ----

    def test_cors_names_the_origin_even_on_errors(self):
        for method, path in (("GET", "/"), ("GET", "/nothing"), ("POST", "/query")):
            _, headers, _ = self.server.request(method, path, b"{", {"Origin": ORIGIN})
            self.assertEqual(headers["access-control-allow-origin"], ORIGIN, path)
            self.assertEqual(headers["access-control-allow-credentials"], "true")
        _, headers, _ = self.server.request("GET", "/", headers={"Origin": "https://evil"})
        self.assertNotIn("access-control-allow-origin", headers)
        for path in ("/query", "/nothing", "/"):
            status, headers, _ = self.server.request("OPTIONS", path, headers={
                "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-a"})
            self.assertEqual(status, 204)
            self.assertEqual(headers["access-control-allow-headers"], "content-type,x-a")

    def test_a_strange_name_is_refused(self):
        for host, status in (("evil.example", 403), ("gw.plant:9817", 200), ("[::1]", 200)):
            self.assertEqual(self.server.request("GET", "/", headers={"Host": host})[0], status)

    def test_gzip_and_etag(self):
        status, headers, data = self.server.get("/", {"Accept-Encoding": "gzip"})
        self.assertEqual(headers["content-encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(data))["name"], "heapwatch")
        # not of pids, which come and go on this machine
        _, headers, plain = self.server.get("/api/v1/labels?label=node")
        self.assertNotIn("content-encoding", headers)
        status, again, data = self.server.get("/api/v1/labels?label=node",
                                              {"If-None-Match": headers["etag"]})
        self.assertEqual((status, data), (304, b""))
        self.assertEqual(again["etag"], headers["etag"])

    def test_base_path(self):
        for path in ("/hw", "/hw/", "//hw//api/v1/status", "/api/v1/status"):
            self.assertEqual(self.server.get(path)[0], 200, path)
        self.assertEqual(self.server.get("/hwx")[0], 404)

    def test_access_log_tells_id_query_and_cost(self):
        _, headers, _ = self.server.request(
            "POST", "/query", json.dumps({"targets": [{"refId": "Q", "target": "threads"}]}),
            {"X-Request-Id": "panel-7", "Content-Type": "application/json"})
        self.assertEqual(headers["x-request-id"], "panel-7")
        line = until(lambda: re.search(r".*access id=panel-7 .*", self.server.log()), 60, "a line")
        self.assertRegex(line.group(), r"method=POST path=/query status=200 bytes=\d+ ms=[\d.]+ "
                                       r'targets=1 scanned=\d+ reused=\d+ query="Q:threads"')
        self.server.request("GET", "/met%0Arics%20x=%22", headers={"Host": "evil.example",
                                                                   "X-Request-Id": "stranger"})
        line = until(lambda: re.search(r".*access id=stranger .*", self.server.log()), 60, "a line")
        self.assertIn("method=GET path=/met?rics?x=? status=403 ", line.group())

    def test_settled_values_are_kept(self):
        def ask():
            return self.server.query("memory_total_bytes", {"step": "1s"},
                                     range={"from": "now-60s", "to": "now"})

        def hits():
            text = self.server.get("/metrics")[2].decode()
            return int(re.search(r"^heapwatch_query_cache_hits_total (\d+)$", text, re.M).group(1))
        before = hits()
        first = ask()

        def reused():
            ask()
            return hits() > before
        until(reused, 60, "a hit of the cache")
        for _ in range(5):  # what comes from the cache is not missing
            answer = self.server.query("memory_total_bytes", {"step": "10s"},
                                       range={"from": "now-60s", "to": "now"})
            self.assertEqual(self.notices(answer), [])
            time.sleep(0.3)
        known = {t: v for v, t in first[0]["datapoints"] if v is not None}
        now = {t: v for v, t in ask()[0]["datapoints"]}
        for at, value in known.items():
            self.assertEqual(now.get(at, value), value)


if __name__ == "__main__":
    unittest.main()
