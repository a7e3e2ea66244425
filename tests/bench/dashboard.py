#!/usr/bin/env python3
"""A dashboard of 12 panels over 6 h: heapwatch beside Debian's prometheus.

    tests/bench/dashboard.py [TARGETS...]        default: 20 500

Both hold the same samples (tests/bench/load_store.c) and are asked the same
panels (tests/e2e/panels.py), one refresh after the other by one client for the
latencies, then by four at once for the rate. heapwatch is asked twice: with
its cache of settled values, as it is served, and without.
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


def ask(address, requests, least):
    """Refreshes of one client for some seconds, but at least so many."""
    connection = http.client.HTTPConnection(*address, timeout=120)
    refreshes, end = [], time.monotonic() + seconds
    refresh(connection, requests)
    while time.monotonic() < end or len(refreshes) < least:
        refreshes.append(refresh(connection, requests))
    connection.close()
    return refreshes


def rate(address, requests):
    done = []
    threads = [threading.Thread(target=lambda: done.extend(ask(address, requests, 1)))
               for _ in range(CLIENTS)]
    begin = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return (len(done) + CLIENTS) * len(requests) / (time.monotonic() - begin)


class Figures:
    def __init__(self, name, address, requests):
        refreshes = ask(address, requests, 3)
        self.name, self.rate = name, rate(address, requests)
        self.dashboards = [sum(r) for r in refreshes]
        self.panels = [statistics.median(r[i] for r in refreshes) for i in range(len(requests))]
        every = sorted(s for r in refreshes for s in r)
        self.p50, self.p99 = every[len(every) // 2], every[int(len(every) * 0.99)]

    def __str__(self):
        return (f"  {self.name:22} {self.rate:7.0f} panels/s   a panel: p50 {self.p50 * 1e3:7.2f} ms"
                f"  p99 {self.p99 * 1e3:7.2f} ms   a dashboard: p50 "
                f"{statistics.median(self.dashboards) * 1e3:8.1f} ms")


def compare(hw, prom):
    print(f"  {hw.name} / {prom.name}: p50 {hw.p50 / prom.p50:.2f}, p99 {hw.p99 / prom.p99:.2f}, "
          f"dashboard {statistics.median(hw.dashboards) / statistics.median(prom.dashboards):.2f}, "
          f"rate {hw.rate / prom.rate:.2f}")


def heapwatch(targets, end, cache):
    config = "query: {scan_max: 100000000, points_max: 10000000, cache_bytes: %s}\n" % cache
    with Loaded(processes=targets, seconds=HOURS * 3600, tick=TICK, end=end // 1000,
                config=config) as server:
        return Figures("heapwatch" if cache != "0" else "heapwatch, no cache",
                       server.address, heapwatch_requests(end, HOURS * 3600))


def prometheus(targets, end):
    with Prometheus("", ["--storage.tsdb.retention.time=10y", "--query.max-samples=500000000"],
                    fill=lambda folder: backfill(folder, targets, end)) as server:
        return Figures("prometheus", ("127.0.0.1", server.port),
                       prometheus_requests(end, HOURS * 3600))


def backfill(folder, targets, end):
    text = f"{folder}/samples.om"
    subprocess.run([loader(), f"{folder}/heapwatch.db", text, str(targets), str(HOURS * 3600),
                    str(end // 1000), str(TICK)], check=True)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text,
                    f"{folder}/data"], check=True, stdout=subprocess.DEVNULL)
    pathlib.Path(text).unlink()


def main():
    for targets in [int(t) for t in sys.argv[1:]] or [20, 500]:
        end = (int(time.time()) // 60 * 60 - 120) * 1000
        print(f"{targets} targets, {HOURS} h by {TICK} s:", flush=True)
        hw = heapwatch(targets, end, "8MiB")
        print(hw, flush=True)
        bare = heapwatch(targets, end, "0")
        print(bare, flush=True)
        prom = prometheus(targets, end)
        print(prom, flush=True)
        for one in (hw, bare):
            compare(one, prom)
        print("  median of each panel, ms: heapwatch, no cache, prometheus")
        for i, (name, *_) in enumerate(PANELS):
            print(f"    {name:28} {hw.panels[i] * 1e3:8.2f} {bare.panels[i] * 1e3:8.2f} "
                  f"{prom.panels[i] * 1e3:8.2f}", flush=True)


if __name__ == "__main__":
    main()
