"""Needs root and the JDKs (make victims): the three SLIs of real JVMs.

Every JDK with every collector it has is watched by the real server; what the
server answers equals the formulas applied to what the JVM's own management
beans say while it stands still.
"""
import re
import subprocess
import time
import unittest

from heapwatch import ROOT, Server, Victim, settled, until

MIB = 1 << 20
UNLOCK = "-XX:+UnlockExperimentalVMOptions"

# collector: (JDKs, flags, young manager or None, has regions)
COLLECTORS = {
    "serial": ((11, 17, 21, 25), ["-XX:+UseSerialGC"], "Copy", ()),
    "parallel": ((11, 17, 21, 25), ["-XX:+UseParallelGC"], "PS Scavenge", ()),
    "g1": ((11, 17, 21, 25), ["-XX:+UseG1GC"], "G1 Young Generation", (11, 17, 21, 25)),
    "z": ((11, 17, 21, 25), [UNLOCK, "-XX:+UseZGC"], None, ()),
    "z, generational": ((21,), ["-XX:+UseZGC", "-XX:+ZGenerational"], None, ()),
    "shenandoah": ((11, 17, 21, 25), [UNLOCK, "-XX:+UseShenandoahGC"], None, (17, 21, 25)),
    "shenandoah, generational": (
        (25,), [UNLOCK, "-XX:+UseShenandoahGC", "-XX:ShenandoahGCMode=generational"],
        None, (25,)),
}

# manager: (kind, what is in use at its end is what it left, it looked at all)
MANAGERS = {
    "Copy": ("young", True, False),
    "MarkSweepCompact": ("old", True, True),
    "PS Scavenge": ("young", True, False),
    "PS MarkSweep": ("old", True, True),
    "G1 Young Generation": ("young", True, False),
    "G1 Old Generation": ("old", True, True),
    # a Remark or Cleanup: eden is not empty then, so it is only counted
    "G1 Concurrent GC": ("concurrent", False, False),
    "ZGC": ("cycle", True, True),
    "ZGC Cycles": ("cycle", True, True),
    "ZGC Minor Cycles": ("young", True, False),
    "ZGC Major Cycles": ("old", True, True),
    "Shenandoah Cycles": ("cycle", True, True),
}

# These counters come from probes and count since they are attached; the
# others from hsperfdata (Z's cycles from memory), since the JVM started.
BY_PROBES = ("ZGC Minor Cycles", "ZGC Major Cycles", "Shenandoah Cycles")

# Where the beans disagree with themselves: getCollectionUsage() of a pool is
# as of the last collection by a manager that owns the pool, so PS Old Gen and
# G1 Old Gen (11) lack what a later young one promoted. What probes tell is
# compared with getLastGcInfo(), which has all pools of one collection.

# Nobody else's processes: the whole machine's have probes, too.
CONFIG = f"""
watch:
  - {{action: include, exe: '{re.escape(str(ROOT))}/.*'}}
  - {{action: include, exe: '/usr/lib/jvm/.*'}}
  - {{action: exclude}}
"""


def jdks():
    """{major version: path of java}"""
    lines = subprocess.run([ROOT / "tests/victims/java/jdks"], stdout=subprocess.PIPE,
                           check=True, timeout=300).stdout.decode().splitlines()
    return {int(version): home + "/bin/java" for version, home in map(str.split, lines)}


class Jvm(Victim):
    """A JVM that runs the victim; its commands answer "ok" or JSON."""

    def __init__(self, java, flags, heap="256m", jar=None, **more):
        program = ["-jar", jar] if jar else ["-cp", ROOT / "build/victims/java", "Victim"]
        super().__init__([java, "-Xmx" + heap, *flags, *program], **more)

    def __enter__(self):
        self.started = time.monotonic()
        super().__enter__()
        try:
            assert self.line() == "ready"
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def do(self, command):
        self.tell(command)
        said = self.line(120)
        assert said == "ok", f"{command}: {said}"


def count(report, name):
    return next(c["count"] for c in report["collectors"] if c["name"] == name)


class TestJvm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.java = jdks()

    def held(self, server, victim):
        """What the beans say, once rounds were read that began after it."""
        report = victim.ask("hold")
        server.wait_rounds()
        self.assertEqual(server.wait_value("heap_used_bytes", victim.pid),
                         report["heap"]["used"])
        return report

    def prove(self, server, victim, name, jdk):
        young, regions = COLLECTORS[name][2:]
        target = server.wait_target(victim.pid)
        self.assertEqual(target["labels"]["runtime"], "jvm")
        base = self.attached(server, victim)
        for command in ("churn 150", "grow 30", "gc", "churn 100"):
            victim.do(command)

        recent = dict(base)

        def same():
            # The JVM's own threads may allocate in between, and what it does
            # beside the program may end: then all is read anew.
            if time.monotonic() - recent["at"] > 40:
                recent.update(victim.ask("report"), at=time.monotonic())
                victim.do("churn 100")
            report = self.held(server, victim)
            self.prove_use(server, victim, report["heap"])
            self.prove_pressure(server, victim, (recent, report), young)
            self.prove_frag(server, victim, report["heap"], jdk in regions)
            self.prove_counts(server, victim, base, report)
        settled(same, 120, every=0)
        self.prove_after(server, victim, "generational" in name and name.startswith("s"))

    def prove_use(self, server, victim, heap):
        self.assertEqual(server.wait_value("heap_max_bytes", victim.pid), heap["max"])
        self.assertAlmostEqual(server.wait_value("heap_util_rate", victim.pid),
                               heap["used"] / heap["max"], places=5)

    def attached(self, server, victim):
        """What the beans say once the probes are there."""
        def there():
            states = [p["state"] for p in server.target(victim.pid)["probes"]]
            return states == ["attached", "attached"]
        until(there, 60, lambda: f"probes: {server.target(victim.pid)['probes']}")
        return {**victim.ask("report"), "at": time.monotonic()}

    def prove_counts(self, server, victim, base, report):
        """By manager, in the counters and in the hits: each pool, each end."""
        fresh = 0
        for collector in report["collectors"]:
            name, total = collector["name"], collector["count"]
            if name not in MANAGERS:  # pauses
                continue
            delta = total - count(base, name)
            fresh += delta
            self.assertEqual(
                server.wait_value("gc_collections_total", victim.pid, kind=MANAGERS[name][0]),
                delta if name in BY_PROBES else total, name)
        self.assertGreater(fresh, 0)
        for probe in server.target(victim.pid)["probes"]:
            self.assertEqual(probe["hits"], fresh * len(report["pools"]), probe)
        self.assertGreater(server.wait_value("gc_cycle_seconds_total", victim.pid),
                           server.wait_value("gc_last_cycle_seconds", victim.pid))

    def prove_after(self, server, victim, partial):
        """What was left is what the newest collection's own record says."""
        def newest(last, whole):
            told = [c for c in last if MANAGERS.get(c["name"], (0, 0, 0))[2 if whole else 1]]
            end = max(c["end"] for c in told)
            return [c["after"] for c in told if c["end"] == end]

        def agree():
            last = victim.ask("last")["last"]
            got = [server.value("heap_after_gc_bytes", victim.pid),
                   server.value("heap_live_bytes", victim.pid)]
            box["told"] = got, last
            return got[0] in newest(last, False) and (
                got[1] is None if partial else got[1] in newest(last, True))
        box = {}
        until(agree, 60, lambda: box["told"], every=0.5)

    def prove_pressure(self, server, victim, reports, young):
        if young is None:
            self.assertIsNone(server.value("gc_pressure", victim.pid))
            return
        pressure = server.wait_value("gc_pressure", victim.pid)
        before, total = (count(report, young) for report in reports)
        # younger than 60 s: all of its life; else at least what was just now
        least = total if time.monotonic() - victim.started < 60 else total - before
        self.assertTrue(least <= pressure <= total, (least, pressure, total))

    def prove_frag(self, server, victim, heap, has_regions):
        if not has_regions:
            self.assertAlmostEqual(
                server.wait_value("frag_ratio", victim.pid, basis="bytes"),
                (heap["max"] - heap["used"]) / heap["max"], places=5)
            return
        free = server.wait_value("heap_free_regions", victim.pid)
        total = server.wait_value("heap_total_regions", victim.pid)
        self.assertAlmostEqual(server.wait_value("frag_ratio", victim.pid), free / total, places=5)
        taken = (total - free) * 256 * MIB / total
        self.assertGreaterEqual(taken, heap["used"])
        self.assertLess(taken - heap["used"], 24 * 256 * MIB / total)

    def prove_jdk(self, jdk):
        with Server(config=CONFIG) as server:
            for name, (versions, flags, _, _) in COLLECTORS.items():
                if jdk not in versions:
                    continue
                with self.subTest(jdk=jdk, gc=name):
                    with Jvm(self.java[jdk], flags) as victim:
                        self.prove(server, victim, name, jdk)

    def test_slis_of_jdk_11(self):
        self.prove_jdk(11)

    def test_slis_of_jdk_17(self):
        self.prove_jdk(17)

    def test_slis_of_jdk_21(self):
        self.prove_jdk(21)

    def test_slis_of_jdk_25(self):
        self.prove_jdk(25)

    def test_jvm_that_shares_no_file_is_watched(self):
        with Server() as server, \
                Jvm(self.java[17], ["-XX:+PerfDisableSharedMem", "-XX:+UseG1GC"]) as victim:
            server.wait_target(victim.pid)
            settled(lambda: self.held(server, victim), 120, every=0)

    def test_jvm_without_counters_is_refused_in_words(self):
        with Server() as server, Jvm(self.java[17], ["-XX:-UsePerfData"]) as victim:
            def refused():
                target = server.target(victim.pid)
                return target and "-UsePerfData" in (target.get("reason") or "")
            until(refused, 60, lambda: f"a reason: {server.target(victim.pid)}", every=1)


if __name__ == "__main__":
    unittest.main()
