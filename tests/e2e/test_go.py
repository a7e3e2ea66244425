"""Go heaps: what heapwatch answers is what the program itself reports. Needs root and Go victims."""
import contextlib
import datetime
import os
import pathlib
import time
import unittest

from heapwatch import ROOT, Server, Victim, settled, until

MIB = 1 << 20
PAGE = 8192
VERSIONS = ("1.19", "1.21.13", "1.26.8", "1.27.0")
NO_LIMIT = (1 << 63) - 1
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def go(version, suffix=""):
    path = ROOT / f"build/victims/go/victim-{version}{suffix}"
    assert os.access(path, os.X_OK), f"no {path}: run make victims"
    return str(path)


def clean(**env):
    """The environment of a victim: no limit that the test did not set."""
    return {"GOGC": "100", "GOMEMLIMIT": "off", **env}


def rounded(value):
    """As heapwatch stores what it derives: six significant digits."""
    return float(f"{value:.5e}")


def ram():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no MemTotal")


def memory_cgroup():
    """Folder of the memory controller where groups can be made; its version."""
    if (CGROUPS / "memory" / "memory.limit_in_bytes").exists():
        return CGROUPS / "memory", 1
    return CGROUPS, 2


@contextlib.contextmanager
def limited_group(limit):
    """A control group with this limit; must be empty again at the end."""
    folder, version = memory_cgroup()
    if version == 2:
        (folder / "cgroup.subtree_control").write_text("+memory")
    group = folder / f"heapwatch-test-{os.getpid()}"
    group.mkdir()
    try:
        name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        (group / name).write_text(str(limit))
        yield group
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), 60, "an empty group")
        group.rmdir()


def held(server, victim):
    """The report of a victim that now stays still, read since."""
    report = victim.ask("hold")
    server.wait_target(victim.pid)
    server.wait_rounds()
    return report


def iso(ns):
    moment = datetime.datetime.fromtimestamp(ns // 1000000 / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def points(server, metric, pid, begin_ns, end_ns):
    """[(value, time in ns)] of one series."""
    answer = server.query(metric, {"pid": str(pid), "step": "1s"},
                          range={"from": iso(begin_ns), "to": iso(end_ns)},
                          intervalMs=1000, maxDataPoints=10000)
    assert len(answer) == 1, answer
    return [(v, t * 1000000) for v, t in answer[0]["datapoints"] if v is not None]


class Go(unittest.TestCase):
    maxDiff = None

    def compare(self, server, victim, max_bytes):
        """The report of a held victim; all that it tells is what is answered.

        The runtime may still move when the program stands still (a new thread
        wants a stack, the scavenger runs): then it is held once more.
        """
        def same():
            report = held(server, victim)
            got, expected = self.answers(server, victim, report, max_bytes)
            self.assertEqual(got, expected)
            return report
        return settled(same, 120, every=0)

    def answers(self, server, victim, report, max_bytes):
        """What is answered, and what follows from the report."""
        used, in_use = report["HeapAlloc"], report["HeapInuse"]
        pages, pages_in_use = max_bytes // PAGE, in_use // PAGE
        metrics = report["metrics"]
        expected = {
            "heap_used_bytes": used,
            "heap_max_bytes": max_bytes,
            "heap_in_use_bytes": in_use,
            "heap_idle_bytes": report["HeapIdle"],
            "heap_released_bytes": report["HeapReleased"],
            "heap_objects": report["HeapObjects"],
            "heap_allocated_bytes_total": report["TotalAlloc"],
            "heap_allocated_objects_total": report["Mallocs"],
            "gc_pause_seconds_total": report["PauseTotalNs"] / 1e9,
            "gc_last_pause_seconds": report["LastPauseNs"] / 1e9,
            "goroutines": report["NumGoroutine"],
            "heap_util_rate": rounded(used / max_bytes),
            "gc_pressure": report["RecentGC"],
            "frag_ratio": rounded(max(pages - pages_in_use, 0) / pages),
            "heap_slot_waste_ratio": rounded(1 - rounded(used / in_use)),
            "heap_free_regions": max(pages - pages_in_use, 0),
            "heap_total_regions": pages,
        }
        if report["NextGC"] < 1 << 62:
            expected["heap_goal_bytes"] = report["NextGC"]
        if "/gc/heap/live:bytes" in metrics:
            live = metrics["/gc/heap/live:bytes"]
            expected["heap_live_bytes"] = expected["heap_after_gc_bytes"] = live
            expected["heap_live_rate"] = rounded(live / max_bytes)
        if report["MemoryLimit"] != NO_LIMIT:
            expected["heap_limit_bytes"] = report["MemoryLimit"]
        got = {name: server.value(name, victim.pid) for name in expected}
        for kind, name in (("cycle", "NumGC"), ("forced", "NumForcedGC")):
            got[kind] = server.value("gc_collections_total", victim.pid, kind=kind)
            expected[kind] = report[name]
        return got, expected

    def missing(self, server, pid):
        return {m["metric"]: m["reason"] for m in server.target(pid)["missing"]}

    def check_all(self, suffix, env, max_bytes, bound):
        """All versions at once: one server, four victims."""
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(Victim([go(v, suffix)], env=env)) for v in VERSIONS]
            server = stack.enter_context(Server())
            for victim in victims:
                server.wait_target(victim.pid)
                victim.ask("grow 24")
                victim.ask("goroutines 50")
            for version, victim in zip(VERSIONS, victims):
                with self.subTest(version=version, suffix=suffix, env=env):
                    report = self.compare(server, victim, max_bytes)
                    target = server.target(victim.pid)
                    self.assertEqual(target["attributes"]["bound"], bound)
                    self.assertEqual(target["attributes"]["version"], report["Version"])
                    self.assertEqual(target["attributes"]["source"],
                                     "version table" if suffix == "-w" else "dwarf")
                    missing = self.missing(server, victim.pid)
                    if report["MemoryLimit"] == NO_LIMIT:
                        self.assertEqual(missing.get("heap_limit_bytes"), "unlimited")
                    if report["NextGC"] >= 1 << 62:
                        self.assertEqual(missing.get("heap_goal_bytes"), "unlimited")

    def test_without_a_limit_ram_is_the_bound(self):
        self.check_all("", clean(), ram(), "ram")

    def test_gomemlimit_is_the_bound(self):
        self.check_all("", clean(GOMEMLIMIT="80MiB"), 80 * MIB, "gomemlimit")

    def test_gomemlimit_with_gogc_off_sets_the_goal(self):
        self.check_all("", clean(GOMEMLIMIT="96MiB", GOGC="off"), 96 * MIB, "gomemlimit")

    def test_gogc_off_without_a_limit_has_no_goal(self):
        self.check_all("", clean(GOGC="off"), ram(), "ram")

    def test_position_independent_executables(self):
        self.check_all("-pie", clean(GOMEMLIMIT="80MiB"), 80 * MIB, "gomemlimit")

    def test_executables_without_dwarf(self):
        self.check_all("-w", clean(GOMEMLIMIT="80MiB"), 80 * MIB, "gomemlimit")

    def test_tighter_cgroup_is_the_bound(self):
        with limited_group(64 * MIB) as group:
            with Victim([go("1.26.8")], env=clean(GOMEMLIMIT="200MiB")) as victim:
                # Before the server looks: the group is part of who it is.
                (group / "cgroup.procs").write_text(str(victim.pid))
                with Server() as server:
                    target = server.wait_target(victim.pid)
                    victim.ask("grow 16")
                    self.compare(server, victim, 64 * MIB)
                    target = server.target(victim.pid)
                    self.assertEqual(target["attributes"]["bound"], "cgroup")
                    self.assertEqual(server.value("heap_limit_bytes", victim.pid), 200 * MIB)

    def test_stripped_executable_is_refused_with_words(self):
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(Victim([go(v, "-s")])) for v in VERSIONS]
            server = stack.enter_context(Server())
            for version, victim in zip(VERSIONS, victims):
                with self.subTest(version=version):
                    def refused(pid=victim.pid):
                        target = server.target(pid)
                        return target and "stripped" in target.get("reason", "") and target
                    target = until(refused, 60, "the reason")
                    self.assertFalse(target["watched"])
                    self.assertIsNone(server.value("heap_used_bytes", victim.pid))

    def test_under_churn_values_lie_between_reports_and_so_do_times(self):
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(Victim([go(v)], env=clean())) for v in VERSIONS]
            server = stack.enter_context(Server())
            for victim in victims:
                server.wait_target(victim.pid)
                victim.ask("grow 10")
                victim.ask("churn 40")
            for version, victim in zip(VERSIONS, victims):
                with self.subTest(version=version):
                    self.between(server, victim)

    def between(self, server, victim):
        """What is stored between two reports was read between them."""
        names = {"heap_allocated_bytes_total": "TotalAlloc",
                 "heap_allocated_objects_total": "Mallocs", "heap_used_bytes": None}
        first = victim.ask("report")
        found = {}

        def several():
            now = time.time_ns() + 10**9
            for metric in names:
                # A step may be named by its begin or its end: leave one out.
                found[metric] = [v for v, t in points(server, metric, victim.pid,
                                                      first["Time"], now)
                                 if t >= first["Time"] + 10**9]
            return all(len(set(values)) >= 3 for values in found.values())
        until(several, 60, lambda: f"a heap that churns: {found}", every=0.5)
        last = victim.ask("report")
        for metric, name in names.items():
            values = found[metric]
            if name:
                self.assertEqual(values, sorted(values), metric)
                self.assertGreater(values[0], first[name])
                self.assertLess(values[-1], last[name])
            else:
                self.assertTrue(all(8 * MIB < v < 200 * MIB for v in values), values)

    def test_cycles_are_timed_by_probes(self):
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(Victim([go(v)], env=clean())) for v in VERSIONS]
            # Whatever they cost: others may run the same files.
            server = stack.enter_context(
                Server(config="governor: {target: 100%, total: 100%}\n"))
            server.wait_target(victims[0].pid)
            self.assertEqual(server.get_json("/api/v1/status")["lacks"], [],
                             "this machine cannot show it")
            for version, victim in zip(VERSIONS, victims):
                with self.subTest(version=version):
                    self.cycles(server, victim)

    def cycles(self, server, victim):
        server.wait_target(victim.pid)
        victim.ask("grow 24")
        # There as soon as the probes are: zero seconds so far.
        server.wait_value("gc_cycle_seconds_total", victim.pid)
        before = victim.ask("report")
        begin = time.monotonic()
        for _ in range(10):
            victim.ask("gc")
        took = time.monotonic() - begin
        after = victim.ask("report")
        self.assertGreaterEqual(after["NumGC"], before["NumGC"] + 10)
        server.wait_rounds()  # the newest cycle is one of the ten

        def timed():
            last = server.wait_value("gc_last_cycle_seconds", victim.pid)
            self.assertGreater(last, 0)
            self.assertLess(last, took)
            self.assertGreater(server.value("gc_cycle_seconds_total", victim.pid), last)
            self.assertGreaterEqual(server.value("target_probe_hits_total", victim.pid), 20)
        settled(timed)

    def test_more_than_256_cycles_a_minute_are_counted(self):
        started = time.monotonic()
        with Victim([go("1.27.0")], env=clean()) as victim, Server() as server:
            server.wait_target(victim.pid)

            def counted():
                before, begin = victim.ask("report")["NumGC"], time.monotonic()
                for _ in range(300):
                    victim.ask("gc")
                total = victim.ask("report")["NumGC"]
                server.wait_rounds()
                value, now = server.value("gc_pressure", victim.pid), time.monotonic()
                assert now - begin < 50, "too slow for all of them to be of one minute"
                # A young process counts since its start, so all of them.
                least = total if now - started < 50 else total - before
                assert least <= value <= total, (least, value, total)
            settled(counted, 180, every=0)


if __name__ == "__main__":
    unittest.main()
