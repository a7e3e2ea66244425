"""Debian's prometheus scrapes heapwatch, and holds what /query tells."""
import collections
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from heapwatch import ROOT, Server, Victim, until

SCRAPES = """
global: {scrape_interval: 2s, scrape_timeout: 2s}
scrape_configs:
- job_name: heapwatch
  honor_labels: true
  static_configs: [{targets: ["%s:%d"]}]
"""
ACCEPTS = {"text 0.0.4": ("text/plain;version=0.0.4", "text/plain"),
           "OpenMetrics 1.0": ("application/openmetrics-text;version=1.0.0",
                               "application/openmetrics-text")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    """The packaged program, in a scratch folder, on loopback."""

    def __init__(self, config="", flags=(), fill=None):
        self.config, self.flags, self.port = config, list(flags), None
        self.fill = fill  # puts blocks below the folder it is given, into data

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="heapwatch-prometheus-")
        with open(f"{self.folder}/prometheus.yml", "w") as f:
            f.write(self.config)
        self.log = open(f"{self.folder}/log", "w+")
        try:
            if self.fill:
                self.fill(self.folder)
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml",
                 f"--storage.tsdb.path={self.folder}/data",
                 "--web.listen-address=127.0.0.1:0", *self.flags],
                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        except BaseException:
            self.clean()
            raise
        try:
            until(self.ready, 120, self.said)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"prometheus ended:\n{self.said()}")
        # A port of its own choice; no other may take it in between.
        self.log.seek(0)
        found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', self.log.read())
        if not found:
            return False
        self.port = int(found.group(1))
        try:
            return self.read("/-/ready") is not None
        except OSError:
            return False

    def said(self):
        self.log.seek(0)
        return self.log.read()[-5000:]

    def read(self, path, timeout=60):
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.read()

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        return json.loads(self.read(f"/api/v1/{path}?{query}"))["data"]

    def clean(self):
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.clean()


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        def enter(context):
            context.__enter__()
            cls.addClassCleanup(context.__exit__, None, None, None)
            return context
        cls.victim = enter(Victim([ROOT / "build/victims/go/victim-1.19"]))
        # Fewer ticks than seconds: a step of 1 s never folds two of them, even
        # if one is late by more than a second or two.
        cls.server = enter(Server(config="collector: {interval: 4s}\n"))
        cls.server.wait_target(cls.victim.pid)
        cls.server.wait_value("heap_used_bytes", cls.victim.pid)

    def test_promtool_finds_nothing_wrong_with_either_format(self):
        for name, (accept, kind) in ACCEPTS.items():
            with self.subTest(name):
                status, headers, text = self.server.get("/metrics", {"Accept": accept})
                self.assertEqual((status, headers["content-type"].split(";")[0]), (200, kind))
                found = subprocess.run(["promtool", "check", "metrics"], input=text,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       timeout=60, check=False)
                self.accept_findings(kind, found.returncode, found.stdout.decode())

    def accept_findings(self, kind, code, text):
        """None. But promtool reads OpenMetrics as the older text, in which a counter has no
        help, since the family's name lacks _total; the scrape below reads it as what it is."""
        if kind == "text/plain":
            return self.assertEqual((code, text), (0, ""))
        for line in text.splitlines():
            self.assertRegex(line, r"^[a-z_]+_total no help text$")

    def told(self, metric, begin):
        """{labels without pid: {value: [times]}} since then."""
        series = collections.defaultdict(lambda: collections.defaultdict(list))
        for one in self.server.query(metric, {"step": "1s", "fn": "last"},
                                     range={"from": int(begin), "to": "now"}, maxDataPoints=9999):
            labels = {k: v for k, v in one.get("tags", {}).items() if k != "pid"}
            for value, at in one["datapoints"]:
                if value is not None:
                    series[tuple(sorted(labels.items()))][value].append(at / 1000)
        return series

    def one_metric(self, metric, scraped, begin):
        """Every sample of one metric was true shortly before its scrape, or came during it."""
        told, count = self.told(metric, begin), 0
        for series in scraped:
            labels = {k: v for k, v in series["metric"].items() if k not in ("__name__", "job")}
            # /query shows of labels what tells its rows apart
            rows = {k: v for k, v in told.items() if set(k) <= set(labels.items())}
            self.assertTrue(rows, f"{metric}{labels} among {list(told)}")
            row = rows[max(rows, key=len)]
            for at, text in series["values"]:
                times = row.get(float(text), [])
                self.assertTrue(any(-3 <= at - t <= 24 for t in times),
                                f"{metric}{labels} {text} at {at}: told at {times}")
                count += 1
        return count

    def test_prometheus_holds_what_query_tells(self):
        begin = time.time() - 60
        with Prometheus(SCRAPES % self.server.address) as prometheus:
            # A scrape may be late on a crowded machine, but not all of them.
            until(lambda: any(float(s["value"][1]) >= 8 for s in prometheus.ask(
                "query", query='sum_over_time(up{job="heapwatch"}[1h])')["result"]),
                180, lambda: f"{prometheus.ask('targets')}\n{prometheus.said()}", 0.5)
            until(lambda: [(t["health"], t["lastError"])
                           for t in prometheus.ask("targets")["activeTargets"]] == [("up", "")],
                  60, lambda: prometheus.ask("targets"), 0.5)
            scraped = prometheus.ask("query", query='{__name__=~".+"}[1h]')["result"]
            kinds = {m: {e["type"] for e in many}
                     for m, many in prometheus.ask("metadata").items()}
        by_name = collections.defaultdict(list)
        for series in scraped:
            by_name[series["metric"]["__name__"]].append(series)
        known = {m["value"] for m in self.server.post_json("/metrics", {})[1]}
        # The age of a reading is as of the answer: history cannot hold it.
        both = sorted(known & set(by_name) - {"target_read_age_seconds"})
        self.assertGreater(len(both), 40)
        self.assertIn("heap_used_bytes", both)
        count = 0
        for metric in both:
            with self.subTest(metric):
                count += self.one_metric(metric, by_name[metric], begin)
                counter = metric.endswith("_total")
                # without _total: it was OpenMetrics that was scraped
                family = metric[:-len("_total")] if counter else metric
                self.assertEqual(kinds[family], {"counter" if counter else "gauge"})
        print(f"{count} scraped samples of {len(both)} metrics compared")


if __name__ == "__main__":
    unittest.main()
