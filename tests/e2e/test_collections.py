"""Each collection as an event, beside what the runtime itself logs. Needs root, the JDKs and Go victims."""
import collections
import datetime
import pathlib
import re
import shutil
import statistics
import tempfile
import time
import unittest

from heapwatch import Server, Victim, java_service, settled, until
from test_events import events
from test_go import clean, go
from test_jvm import UNLOCK, Jvm, jdks

MIB = 1 << 20

# Of all processes so many collections a tick are told, so those of others stay
# out; and what probes cost is not the question here, however dear they are.
OURS = """\
watch:
  - {{action: include, exe: '{folder}/.*'}}
  - {{action: include, service: {service}}}
  - {{action: exclude}}
governor: {{target: 100%, total: 100%}}
"""

# (JDK, flags, do pauses stand for collections)
JVMS = [
    (17, ["-XX:+UseG1GC"], True),
    (25, ["-XX:+UseSerialGC"], True),
    (25, ["-XX:+UseParallelGC"], True),
    (17, ["-XX:+UseZGC"], False),
    (25, ["-XX:+UseZGC"], False),
]

# [2026-11-23T15:03:00.410+0000] GC(0) Pause Full (System.gc()) 1M->1M(10M) 4.839ms
# [2026-11-23T15:01:15.413+0000] GC(1) Garbage Collection (Warmup) 42M(66%)->2M(3%)
# [2026-11-23T15:03:27.400+0000] GC(2) Minor Collection (High Usage) 60M(94%)->4M(6%) 0.001s
LINE = re.compile(
    r"\[(\S+)\] GC\(\d+\) (Pause Young|Pause Full|Garbage Collection|Minor|Major)(?: Collection)?"
    r"(?: \((?:Normal|Concurrent Start|Prepare Mixed|Mixed|Allocation Failure)\))??"
    r" \(([^()]*(?:\(\))?)\) (\d+)M(?:\(\d+%\))?->(\d+)M\S*(?: ([\d.]+)(ms|s))?$", re.M)


KINDS = {"Pause Young": "young", "Pause Full": "old", "Garbage Collection": "cycle",
         "Minor": "young", "Major": "old"}


def logged(path):
    """(kind, end ms, cause, MiB before, MiB after, seconds or None) of each collection."""
    found = []
    for when, kind, cause, before, after, length, unit in LINE.findall(path.read_text()):
        end = datetime.datetime.strptime(when, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000
        seconds = float(length) / (1000 if unit == "ms" else 1) if length else None
        found.append((KINDS[kind], end, cause, int(before), int(after), seconds))
    return found


def told(server, victim):
    """Its collections, oldest first."""
    # The next process of the same name has the same labels but pid.
    return events(server, kind="collection", pid=victim.pid, limit=10000)


def attached(server, victim):
    server.wait_target(victim.pid)

    def there():
        states = [p["state"] for p in server.target(victim.pid)["probes"]]
        return states == ["attached", "attached"]
    until(there, 60, lambda: f"probes: {server.target(victim.pid)['probes']}")


class Collections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.java = jdks()
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.jar = java_service(cls.folder)
        cls.config = OURS.format(folder=folder.name, service=cls.jar.stem)

    def jvm(self, jdk, flags, **more):
        return Jvm(self.java[jdk], flags, jar=self.jar, **more)

    def go(self, version, **more):
        return Victim([shutil.copy(go(version), self.folder)], env=clean(**more))

    def test_jvm_tells_the_same_as_its_own_log(self):
        with tempfile.TemporaryDirectory() as folder, Server(config=self.config) as server:
            for jdk, flags, pauses in JVMS:
                with self.subTest(jdk=jdk, flags=flags):
                    log = pathlib.Path(folder) / "gc.log"
                    with self.jvm(jdk, [*flags, f"-Xlog:gc:file={log}:utctime"]) as victim:
                        self.beside_the_log(server, victim, log, pauses)
                    log.unlink()

    def beside_the_log(self, server, victim, log, pauses):
        attached(server, victim)
        early = collections.Counter(kind for kind, *_ in logged(log))
        for command in ("churn 400", "gc", "grow 20", "churn 200", "gc"):
            victim.do(command)
        settled(lambda: self.same(told(server, victim), logged(log), early, pauses))

    def pairs(self, rows, lines, early):
        """Each row beside its line; those that ended before the probes came lack one."""
        self.assertLessEqual({r["collection"] for r in rows}, {kind for kind, *_ in lines})
        found = []
        # A young one may begin and end within an old one: each kind by itself.
        for kind in {kind for kind, *_ in lines}:
            mine = [r for r in rows if r["collection"] == kind]
            theirs = [line for line in lines if line[0] == kind]
            missing = len(theirs) - len(mine)
            self.assertTrue(0 <= missing <= early[kind], (kind, missing, early))
            found += zip(mine, theirs[missing:])
        return found

    def same(self, rows, lines, early, pauses):
        pairs = self.pairs(rows, lines, early)
        self.assertGreater(len(pairs), 2)
        self.assertEqual(sum(r["left_out"] for r in rows), 0)
        self.assertIn("System.gc()", [r["cause"] for r in rows])
        late, apart, longer = [], [], []
        for row, (_, end, cause, mib_before, mib_after, seconds) in pairs:
            self.assertEqual((row["cause"], row["paused"]), (cause, pauses))
            before = abs(row["before_bytes"] / MIB - mib_before)
            after = abs(row["after_bytes"] / MIB - mib_after)
            apart.append((before, after))
            if pauses:
                self.assertLess(before, 2.1, row["text"])
            if pauses or cause == "System.gc()":  # nothing is allocated meanwhile
                self.assertLess(after, 2.1, row["text"])
            late.append(abs(row["timeEnd"] - end))
            self.assertLess(abs(row["timeEnd"] - row["time"] - row["duration_seconds"] * 1000), 2)
            if seconds is not None:
                longer.append(abs(row["duration_seconds"] - seconds) - seconds)
        # A concurrent one: the log looks a little before or after the event, and
        # what the program allocates in between is in one of both numbers only.
        for at, bound in ((0, 32), (1, 2.1)):
            self.assertLess(statistics.median(a[at] for a in apart), bound, apart)
        # Of the same moment and length, but for one that had to wait for the
        # disk or a CPU in between.
        self.assertLess(statistics.median(late), 10, late)
        self.assertLess(statistics.median(longer or [0]), 0.005, longer)

    def test_go_tells_the_same_as_gctrace(self):
        for version in ("1.19", "1.27.0"):
            with self.subTest(version), Server(config=self.config) as server, \
                    self.go(version, GODEBUG="gctrace=1") as victim:
                attached(server, victim)
                for command in ("grow 20", "gc", "shrink", "gc", "gc", "gc", "grow 8", "gc"):
                    victim.ask(command)
                settled(lambda v=victim, s=server: self.same_as_gctrace(s, v))

    def same_as_gctrace(self, server, victim):
        victim.errors.seek(0)
        lines = re.findall(r"^gc \d+ @.* (\d+)->\d+->(\d+) MB,",
                           victim.errors.read().decode(), re.M)
        rows = told(server, victim)
        self.assertGreaterEqual(len(rows), 5)
        got = [(str(int(r["before_bytes"]) // MIB), str(int(r["after_bytes"]) // MIB))
               for r in rows]
        self.assertEqual(got, lines[-len(got):])
        self.assertEqual({(r["collection"], r["collector"], r["paused"], r["cause"])
                          for r in rows}, {("cycle", "Go", False, None)})
        self.assertTrue(all(0 < r["duration_seconds"] < 60 for r in rows))

    def test_too_many_are_left_out_and_counted(self):
        with tempfile.TemporaryDirectory() as folder, Server(config=self.config) as server:
            log = pathlib.Path(folder) / "gc.log"
            flags = ["-XX:+UseSerialGC", f"-Xlog:gc:file={log}:utctime"]
            with self.jvm(17, flags, heap="16m") as victim:
                attached(server, victim)
                before, begin = len(logged(log)), time.monotonic()
                victim.do("churn 1500")
                server.wait_rounds()  # those of one round are bounded, too
                time.sleep(2)  # the pace is 2 a second
                victim.do("gc")

                def all_counted():
                    rows, lines = told(server, victim), logged(log)[before:]
                    self.assertGreater(len(lines), 100)
                    self.assertEqual(len(rows) + sum(r["left_out"] for r in rows), len(lines))
                    self.assertLess(len(rows), 25 + 2 * (time.monotonic() - begin))
                    self.assertEqual(rows[-1]["cause"], "System.gc()")
                settled(all_counted)

    def test_they_come_only_when_asked_for(self):
        with Server(config=self.config) as server, self.go("1.27.0") as victim:
            attached(server, victim)
            victim.ask("gc")
            until(lambda: told(server, victim), 60, "a collection")
            self.assertNotIn("collection", [e["kind"] for e in events(server)])
            self.assertNotIn("collection", [e["kind"] for e in events(
                server, matchers='kind!="reloaded"')])
            now = int(time.time() * 1000)
            span = {"from": now - 600000, "to": now + 60000}
            table, = server.query("events", {"kind": "collection"}, range=span)
            names = [c["text"] for c in table["columns"]]
            row = dict(zip(names, table["rows"][-1]))
            self.assertGreater(row["duration_seconds"], 0)
            self.assertGreater(row["before_bytes"], 0)
            for query, wanted in (("", False), ('kind="collection"', True)):
                status, notes = server.post_json("/annotations", {
                    "range": {"from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000 - 600)),
                              "to": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000 + 60))},
                    "annotation": {"name": "GC", "query": query}})
                self.assertEqual(status, 200, notes)
                self.assertEqual(any("collection" in n["tags"] for n in notes), wanted, query)

    def test_cycles_that_nobody_asked_for_are_the_pressure(self):
        """Of Z without generations and of Shenandoah: a minute of both."""
        kinds = [["-XX:+UseZGC"], [UNLOCK, "-XX:+UseShenandoahGC"]]
        with Server(config=self.config) as server, self.jvm(17, kinds[0]) as z, \
                self.jvm(17, kinds[1]) as shenandoah:
            for victim in (z, shenandoah):
                attached(server, victim)
            # Told once a whole minute was watched.
            for victim in (z, shenandoah):
                server.wait_value("gc_pressure", victim.pid, timeout=120)
            for victim in (z, shenandoah):
                settled(lambda v=victim: self.pressure_of_a_minute(server, v), 180, every=0)

    def pressure_of_a_minute(self, server, victim):
        begin = time.time() * 1000
        for command in ("gc", "churn 500", "gc", "gc"):
            victim.do(command)
        server.wait_rounds()

        def same():
            pressure, now = server.value("gc_pressure", victim.pid), time.time() * 1000
            rows = told(server, victim)
            asked = [r["cause"] == "System.gc()" for r in rows if r["timeEnd"] > begin]
            self.assertEqual(asked.count(True), 3)
            own = [r for r in rows if r["timeEnd"] > now - 60000 and r["cause"] != "System.gc()"]
            self.assertEqual(pressure, len(own))
            self.assertGreater(pressure, 0)
        settled(same, 20)


if __name__ == "__main__":
    unittest.main()
