"""Needs root and the JDKs (make victims): the three SLIs of real JVMs.

Every JDK with every collector it has is watched by the real server; what the
server answers equals the formulas applied to what the JVM's own management
beans say while it stands still.
"""
import subprocess
import time
import unittest

from heapwatch import ROOT, Server, Victim, until

MIB = 1 << 20
UNLOCK = "-XX:+UnlockExperimentalVMOptions"

# collector: (JDKs, flags, young manager or None, has regions)
COLLECTORS = {
    "serial": ((11, 17, 21, 25), ["-XX:+UseSerialGC"], "Copy", ()),
    "parallel": ((11, 17, 21, 25), ["-XX:+UseParallelGC"], "PS Scavenge", ()),
    "g1": ((11, 17, 21, 25), ["-XX:+UseG1GC"], "G1 Young Generation", (11, 17, 21, 25)),
    "z": ((11, 17, 21, 25), [UNLOCK, "-XX:+UseZGC"], None, ()),
    "shenandoah": ((11, 17, 21, 25), [UNLOCK, "-XX:+UseShenandoahGC"], None, (17, 21, 25)),
}


def jdks():
    """{major version: path of java}"""
    lines = subprocess.run([ROOT / "tests/victims/java/jdks"], stdout=subprocess.PIPE,
                           check=True, timeout=300).stdout.decode().splitlines()
    return {int(version): home + "/bin/java" for version, home in map(str.split, lines)}


class Jvm(Victim):
    """A JVM that runs the victim; its commands answer "ok" or JSON."""

    def __init__(self, java, flags, heap="256m"):
        super().__init__([java, "-Xmx" + heap, *flags, "-cp",
                          ROOT / "build/victims/java", "Victim"])

    def __enter__(self):
        super().__enter__()
        assert self.line() == "ready"
        return self

    def do(self, command):
        self.tell(command)
        said = self.line(60)
        assert said == "ok", f"{command}: {said}"


def count(report, name):
    return next(c["count"] for c in report["collectors"] if c["name"] == name)


class TestJvm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.java = jdks()

    def told_and_answered(self, server, victim):
        """What the beans say, and the server's used once it agrees."""
        box = {}

        def same():
            box["used"] = server.value("heap_used_bytes", victim.pid)
            return box["used"] == box["report"]["heap"]["used"]

        # The JVM's own threads may allocate in between: then ask again.
        for _ in range(6):
            box["report"] = victim.ask("hold")
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                if same():
                    time.sleep(1.1)  # all of that tick, and one more
                    if same():
                        return box["report"]
                time.sleep(0.1)
        self.fail(f"used is {box['used']}, the beans say {box['report']['heap']}")

    def prove(self, server, victim, name, jdk):
        young, regions = COLLECTORS[name][2:]
        target = server.wait_target(victim.pid)
        self.assertEqual(target["labels"]["runtime"], "jvm")
        for command in ("churn 150", "grow 30", "gc", "churn 100"):
            victim.do(command)
        report = self.told_and_answered(server, victim)
        heap = report["heap"]
        self.assertEqual(server.value("heap_max_bytes", victim.pid), heap["max"])
        self.assertAlmostEqual(server.value("heap_util_rate", victim.pid),
                               heap["used"] / heap["max"], places=5)
        self.prove_pressure(server, victim, report, young)
        self.prove_frag(server, victim, heap, jdk in regions)

    def prove_pressure(self, server, victim, report, young):
        pressure = server.value("gc_pressure", victim.pid)
        if young is None:
            self.assertIsNone(pressure)
        else:  # younger than 60 s: all of its life
            self.assertEqual(pressure, count(report, young))

    def prove_frag(self, server, victim, heap, has_regions):
        if not has_regions:
            self.assertAlmostEqual(
                server.value("frag_ratio", victim.pid, basis="bytes"),
                (heap["max"] - heap["used"]) / heap["max"], places=5)
            return
        free = server.value("heap_free_regions", victim.pid)
        total = server.value("heap_total_regions", victim.pid)
        self.assertAlmostEqual(server.value("frag_ratio", victim.pid), free / total, places=5)
        taken = (total - free) * 256 * MIB / total
        self.assertGreaterEqual(taken, heap["used"])
        self.assertLess(taken - heap["used"], 24 * 256 * MIB / total)

    def prove_jdk(self, jdk):
        with Server() as server:
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
            self.told_and_answered(server, victim)

    def test_jvm_without_counters_is_refused_in_words(self):
        with Server() as server, Jvm(self.java[17], ["-XX:-UsePerfData"]) as victim:
            def refused():
                target = server.target(victim.pid)
                return target and "-UsePerfData" in (target.get("reason") or "")
            until(refused, 60, lambda: f"a reason: {server.target(victim.pid)}", every=1)


if __name__ == "__main__":
    unittest.main()
