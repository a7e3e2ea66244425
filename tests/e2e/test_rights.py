"""What is seen with which right: no root, four capabilities, or three of them. Needs root and victims."""
import contextlib
import unittest

from heapwatch import ROOT, Server, Victim, until
from test_jvm import jdks

ALL = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
NOBODY = 65534
DAEMON = 1  # a user with a name: a JVM without one shares no file


@contextlib.contextmanager
def victims(uid):
    """A Go program and a JVM of that user."""
    who = {"user": uid, "group": uid, "extra_groups": []}
    go = Victim([ROOT / "build/victims/go/victim-1.26.8"], **who)
    jvm = Victim([jdks()[17], "-Xmx64m", "-cp", ROOT / "build/victims/java", "Victim"], **who)
    with go, jvm:
        assert jvm.line() == "ready"
        go.ask("grow 8")
        for command in ("grow 8", "gc"):
            jvm.tell(command)
            assert jvm.line() == "ok"
        yield go, jvm


def lacks(server):
    return {lack["needs"]: lack for lack in server.get_json("/api/v1/status")["lacks"]}


def reason(server, victim):
    """Why it is not watched; None while there is no reason."""
    target = server.target(victim.pid)
    return target and target.get("reason")


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.go, cls.jvm = cls.stack.enter_context(victims(DAEMON))

    def sees_both(self, server):
        for victim in (self.go, self.jvm):
            server.wait_target(victim.pid)
            self.assertGreater(server.wait_value("heap_used_bytes", victim.pid), 0)
            self.assertGreater(server.wait_value("open_fds", victim.pid), 0)
        self.assertEqual(server.target(self.jvm.pid)["attributes"]["source"], "hsperfdata")

    def has_events(self, server):
        """Starts are seen at once, and Go's probes fire in another user's process."""
        self.assertTrue(server.get_json("/api/v1/status")["collector"]["exec_events"])

        def hit():
            self.go.ask("gc")
            return all(p["hits"] > 0 for p in server.target(self.go.pid)["probes"]) and \
                server.target(self.go.pid)["probes"]
        until(hit, 60, lambda: f"hits of {server.target(self.go.pid)}", every=1)

    def has_no_events(self, server, needs):
        self.assertFalse(server.get_json("/api/v1/status")["collector"]["exec_events"])
        self.assertEqual(server.target(self.go.pid)["probes"], [])
        self.assertEqual(lacks(server)[needs]["reason"],
                         "cannot load eBPF programs: Operation not permitted")
        missing = {m["metric"]: m["reason"] for m in server.target(self.go.pid)["missing"]}
        self.assertEqual(missing["gc_cycle_seconds_total"], "not_permitted")
        self.assertIsNone(server.value("gc_cycle_seconds_total", self.go.pid))

    def sees_none(self, server):
        server.wait_ready()
        until(lambda: "CAP_SYS_PTRACE" in lacks(server), 60, lambda: lacks(server))
        self.assertRegex(lacks(server)["CAP_SYS_PTRACE"]["reason"],
                         r"^\d+ processes may not be looked at$")
        for victim in (self.go, self.jvm):
            self.assertIsNone(server.target(victim.pid))
            self.assertIsNone(server.value("heap_used_bytes", victim.pid))

    def lists_both(self, server):
        for victim in (self.go, self.jvm):
            until(lambda v=victim: "CAP_DAC_READ_SEARCH" in (reason(server, v) or ""), 60,
                  lambda v=victim: f"a reason for {server.target(v.pid)}")
            self.assertIsNone(server.value("heap_used_bytes", victim.pid))
        self.assertRegex(lacks(server)["CAP_DAC_READ_SEARCH"]["reason"],
                         r"^\d+ processes cannot be watched$")

    def test_four_capabilities_are_enough(self):
        with Server(uid=NOBODY, caps=ALL) as server:
            self.sees_both(server)
            self.has_events(server)
            self.assertEqual(lacks(server), {})

    def test_an_ordinary_user_sees_its_own(self):
        with victims(NOBODY) as (go, jvm), Server(uid=NOBODY) as server:
            for victim in (go, jvm):
                server.wait_target(victim.pid)
                self.assertGreater(server.wait_value("heap_used_bytes", victim.pid), 0)
            self.sees_none(server)
            self.assertEqual(sorted(lacks(server)), ["CAP_BPF and CAP_PERFMON", "CAP_SYS_PTRACE"])

    def without(self, right, prove):
        """Truly missing, and withheld by a flag: the same."""
        caps = [cap for cap in ALL if cap != right]
        with Server(uid=NOBODY, caps=caps) as server:
            prove(server)
        with Server(uid=NOBODY, caps=ALL, args=[f"--without=cap_{right}"]) as server:
            prove(server)

    def test_without_bpf(self):
        def prove(server):
            self.sees_both(server)
            self.has_no_events(server, "CAP_BPF")
            self.assertEqual(list(lacks(server)), ["CAP_BPF"])
        self.without("bpf", prove)

    def test_without_perfmon(self):
        def prove(server):
            self.sees_both(server)
            self.has_no_events(server, "CAP_PERFMON")
            self.assertEqual(list(lacks(server)), ["CAP_PERFMON"])
        self.without("perfmon", prove)

    def test_without_ptrace(self):
        def prove(server):
            self.sees_none(server)
            self.assertEqual(list(lacks(server)), ["CAP_SYS_PTRACE"])
        self.without("sys_ptrace", prove)

    def test_without_read_search(self):
        def prove(server):
            self.lists_both(server)
            self.assertEqual(list(lacks(server)), ["CAP_DAC_READ_SEARCH"])
        self.without("dac_read_search", prove)


if __name__ == "__main__":
    unittest.main()
