"""32 dashboards of 12 panels at once: no error, and memory stays flat.

LOAD_SECONDS=n lasts longer; "make ci" takes 60.
"""
import http.client
import json
import math
import os
import threading
import time
import unittest

from heapwatch import until
from loaded import Loaded
from panels import heapwatch_requests
from test_mutations import rss

# Besides the panels: every other shape, and how its answer begins.
PAYLOADS = ({"format": "heatmap"}, {"format": "states"}, {"format": "table", "agg": "max"},
            {"format": "latest"}, {"agg": "states"}, {"fn": "above", "threshold": 0.5},
            {"fn": "beyond", "format": "frames"}, {"format": "heatmap", "frame": True})
ROWS = (("/api/v1/series?metric=frag_ratio&agg=min&by=node&step=1m&format=csv&", b"time,node,"),
        ("/api/v1/latest?metric=frag_ratio&format=ndjson&", b""),
        ("/api/v1/events?", b'{"rows":['), ("/metrics?", b"# HELP "))


def other_requests(end_ms, seconds):
    """[(method, path, body, beginning)]"""
    span = {"from": end_ms - seconds * 1000, "to": end_ms}
    asked = [("POST", "/query", json.dumps({"range": span, "targets": [
        {"refId": "A", "target": "heap_util_rate", "payload": {**payload, "step": "1m"}},
        {"refId": "E", "target": "events"}]}).encode(), b"[{") for payload in PAYLOADS]
    return asked + [("GET", f"{path}from={span['from']}&to={end_ms}", None, begin)
                    for path, begin in ROWS]


SECONDS = int(os.environ.get("LOAD_SECONDS", "15"))
DASHBOARDS = 32
RSS_GROWTH = 24 << 20


class Dashboard(threading.Thread):
    """Asks its panels again and again on one connection, until the end."""

    def __init__(self, server, number):
        super().__init__()
        self.server, self.number, self.end = server, number, math.inf
        self.asked, self.refreshed, self.error = 0, 0, None

    def run(self):
        try:
            self.refresh_until_the_end()
        except Exception as error:  # told by the test
            self.error = error

    def refresh_until_the_end(self):
        host, port = self.server.address
        requests = [(*one, b'[{"target"') for one in heapwatch_requests(self.server.end_ms, 3600)]
        requests += other_requests(self.server.end_ms, 3600)
        connection = http.client.HTTPConnection(host, port, timeout=300)
        try:
            while time.monotonic() < self.end:
                for method, path, body, begin in requests:
                    connection.request(method, path, body, {"Content-Type": "application/json"})
                    self.check(connection.getresponse(), begin)
                self.refreshed += 1
        finally:
            connection.close()

    def check(self, answer, begin):
        data = answer.read()
        assert answer.status == 200, (answer.status, data[:500])
        assert data.startswith(begin), data[:100]
        if begin == b'[{"target"' and self.asked % 50 == self.number:
            assert all(e["datapoints"] for e in json.loads(data)), data[:500]
        self.asked += 1


class Load(unittest.TestCase):
    def test_thirty_two_dashboards_at_once(self):
        env = {"ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=8"}
        with Loaded(processes=20, seconds=3600, tick=10, env=env) as server:
            begin = time.monotonic()
            dashboards = [Dashboard(server, i) for i in range(DASHBOARDS)]
            for one in dashboards:
                one.start()
            before = self.warm(server, dashboards)
            for one in dashboards:
                one.join()
            took = time.monotonic() - begin
            growth = rss(server.pid) - before
            self.assertEqual([one.error for one in dashboards if one.error], [])
            self.assertTrue(all(one.refreshed >= 2 for one in dashboards))
            self.assertLess(growth, RSS_GROWTH)
        asked = sum(one.asked for one in dashboards)
        print(f"{asked} panels in {took:.0f} s, {asked / took:.0f} a second, "
              f"memory {growth / 2**20:+.1f} MiB")

    def warm(self, server, dashboards):
        """The memory once all was asked by all, after a third of the time; the rest begins."""
        try:
            time.sleep(SECONDS / 3)
            until(lambda: all(one.refreshed or one.error for one in dashboards), 300,
                  "a refresh of every dashboard", every=0.2)
            return rss(server.pid)
        finally:
            for one in dashboards:
                one.end = time.monotonic() + SECONDS * 2 / 3


if __name__ == "__main__":
    unittest.main()
