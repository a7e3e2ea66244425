#!/usr/bin/env python3
"""A dashboard of 12 panels over 6 h: heapwatch beside Debian's prometheus.

    tests/bench/dashboard.py [TARGETS...]        default: 20 500

Both hold the same samples (tests/bench/load_store.c) and are asked the same
panels (tests/e2e/panels.py), one refresh after the other by one client for the
latencies and the server's CPU time, then by four at once for the rate.
heapwatch is asked twice: with its cache of settled values, as it is served,
and without.
"""
import http.client
import pathlib
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from loaded import Loaded, loader  # noqa: E402
from panels import PANELS, heapwatch_requests, prometheus_requests  # noqa: E402
from test_prometheus import Prometheus  # noqa: E402

HOURS, TICK, SECONDS, CLIENTS = 6, 10, 10, 4


def refresh(connection, requests):
    """Seconds of each panel."""
    spent = []
    for method, path, body in requests:
        begin = time.perf_counter()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data[:500]
        spent.append(time.perf_counter() - begin)
    return spent


class Figures:
    """One server, its panels, and what was measured of both."""

    def __init__(self, name, address, pid, requests):
        self.name, self.address, self.pid, self.requests = name, address, pid, requests
        self.connection = http.client.HTTPConnection(*address, timeout=120)
        self.refreshes, self.rate, self.cpu = [], 0, 0
        refresh(self.connection, requests)

    def cpu_seconds(self):
        """Of all its threads; ends of threads would be missed, but they are pools."""
        return sum(int(task.read_text().split()[0]) for task in
                   pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat")) / 1e9

    def ask(self):
        begin = self.cpu_seconds()
        self.refreshes.append(refresh(self.connection, self.requests))
        self.cpu += self.cpu_seconds() - begin

    def storm(self):
        """Panels a second that several clients get."""
        done, end = [], time.monotonic() + SECONDS / 2

        def client():
            connection = http.client.HTTPConnection(*self.address, timeout=120)
            while not done or time.monotonic() < end:
                done.append(refresh(connection, self.requests))
            connection.close()
        begin = time.monotonic()
        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.rate = len(done) * len(self.requests) / (time.monotonic() - begin)

    def finish(self):
        self.connection.close()
        self.dashboards = [sum(r) for r in self.refreshes]
        self.panels = [statistics.median(r[i] for r in self.refreshes)
                       for i in range(len(self.requests))]
        every = sorted(s for r in self.refreshes for s in r)
        self.p50, self.p99 = every[len(every) // 2], every[int(len(every) * 0.99)]
        self.cpu /= len(every)

    def __str__(self):
        return (f"  {self.name:22} {self.rate:7.0f} panels/s   a panel: p50 {self.p50 * 1e3:7.2f} ms"
                f"  p99 {self.p99 * 1e3:7.2f} ms  CPU {self.cpu * 1e3:7.2f} ms   a dashboard: p50 "
                f"{statistics.median(self.dashboards) * 1e3:8.1f} ms")


def compare(hw, prom):
    pairs = sorted(a / b for a, b in zip(hw.dashboards, prom.dashboards))
    print(f"  {hw.name} / {prom.name}: p50 {hw.p50 / prom.p50:.2f}, p99 {hw.p99 / prom.p99:.2f}, "
          f"CPU {hw.cpu / prom.cpu:.2f}, rate {hw.rate / prom.rate:.2f}; dashboards in pairs "
          f"{statistics.median(pairs):.2f} ({pairs[len(pairs) // 10]:.2f} .. "
          f"{pairs[len(pairs) * 9 // 10]:.2f})")


def heapwatch(targets, end, cache):
    config = "query: {scan_max: 100000000, points_max: 10000000, cache_bytes: %s}\n" % cache
    return Loaded(processes=targets, seconds=HOURS * 3600, tick=TICK, end=end // 1000,
                  config=config)


def prometheus(targets, end):
    return Prometheus("", ["--storage.tsdb.retention.time=10y", "--query.max-samples=500000000"],
                      fill=lambda folder: backfill(folder, targets, end))


def backfill(folder, targets, end):
    text = f"{folder}/samples.om"
    subprocess.run([loader(), f"{folder}/heapwatch.db", text, str(targets), str(HOURS * 3600),
                    str(end // 1000), str(TICK)], check=True)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text,
                    f"{folder}/data"], check=True, stdout=subprocess.DEVNULL)
    pathlib.Path(text).unlink()


def measure(targets, end):
    """All three stand at once and are asked in turn, so that what else the machine does
    comes over all of them alike."""
    with heapwatch(targets, end, "8MiB") as cached, heapwatch(targets, end, "0") as bare, \
            prometheus(targets, end) as prom:
        questions = heapwatch_requests(end, HOURS * 3600)
        servers = [Figures("heapwatch", cached.address, cached.pid, questions),
                   Figures("heapwatch, no cache", bare.address, bare.pid, questions),
                   Figures("prometheus", ("127.0.0.1", prom.port), prom.process.pid,
                           prometheus_requests(end, HOURS * 3600))]
        until = time.monotonic() + SECONDS * len(servers)
        while time.monotonic() < until or len(servers[0].refreshes) < 3:
            for server in servers:
                server.ask()
        for server in servers:
            server.storm()
            server.finish()
    return servers


def main():
    for targets in [int(t) for t in sys.argv[1:]] or [20, 500]:
        end = (int(time.time()) // 60 * 60 - 120) * 1000
        print(f"{targets} targets, {HOURS} h by {TICK} s:", flush=True)
        hw, bare, prom = measure(targets, end)
        for one in (hw, bare, prom):
            print(one)
        for one in (hw, bare):
            compare(one, prom)
        print("  median of each panel, ms: heapwatch, no cache, prometheus")
        for i, (name, *_) in enumerate(PANELS):
            print(f"    {name:28} {hw.panels[i] * 1e3:8.2f} {bare.panels[i] * 1e3:8.2f} "
                  f"{prom.panels[i] * 1e3:8.2f}", flush=True)


if __name__ == "__main__":
    main()
