"""Needs root and Go victims: probes that cost too much go, and come back."""
import atexit
import contextlib
import functools
import os
import re
import shutil
import tempfile
import unittest

import test_events
from heapwatch import ROOT, Server, Victim, until

SCRATCH = tempfile.mkdtemp(prefix="heapwatch-governor-")
atexit.register(shutil.rmtree, SCRATCH)

# A hit costs some 300 to 600 ns: 0.0002 % of a CPU is some 5 a second. A tight
# loop of runtime.GC() brings thousands, and ten on a machine that crawls; the
# one collection that a test asks for is below.
# A link is one of a file, whoever runs it: so the files are of this test alone.
CONFIG = f"""
resolution: 1s
flush: 1s
governor:
  target: 0.0002%
  total: 0.1%
  backoff: 3s
watch:
  - {{action: exclude, user: nobody}}
  - {{action: include, exe: '{re.escape(SCRATCH)}/.*'}}
  - {{action: exclude}}
"""
CYCLES = "gc_cycle_seconds_total"


@functools.cache
def go(version):
    os.chmod(SCRATCH, 0o755)
    return shutil.copy(ROOT / f"build/victims/go/victim-{version}", SCRATCH)


def loud(version, *through):
    """One that has a CPU whenever it wants to collect."""
    return Victim(["nice", "-n", "-40", *through, go(version)], env={"GOMAXPROCS": "1"})


def states(server, pid):
    """{probe: state}; empty before it is found and its file is learned."""
    return {p["name"]: p["state"] for p in (server.target(pid) or {}).get("probes", [])}


def wait_state(server, pid, state, timeout=60):
    def there():
        found = states(server, pid)
        return found if set(found.values()) == {state} else None
    return until(there, timeout, lambda: f"{state}: {server.target(pid)}")


def missing(server, pid):
    return {m["metric"]: m["reason"] for m in server.target(pid)["missing"]}


def hits(server, pid):
    return sum(p["hits"] for p in server.target(pid)["probes"])


def events(server):
    return [event["kind"] for event in test_events.events(server, limit=10000)]


class Governor(unittest.TestCase):
    def test_link_that_would_cost_too_much_is_never_attached(self):
        with contextlib.ExitStack() as stack:
            dear = stack.enter_context(loud("1.26.8"))
            quiet = stack.enter_context(Victim([go("1.27.0")]))
            dear.ask("collect 1000000")
            server = stack.enter_context(Server(config=CONFIG))
            wait_state(server, dear.pid, "backing_off")
            probe = server.target(dear.pid)["probes"][0]
            self.assertRegex(probe["why"], r"^would cost .* the budget is 0\.0002 %$")
            self.assertGreater(probe["retry_ms"], probe["since_ms"])
            self.assertEqual(hits(server, dear.pid), 0)
            until(lambda: missing(server, dear.pid).get(CYCLES) == "over_budget", 60,
                  "the reason of the gap")
            self.assertEqual(server.wait_value("target_probe_attached", dear.pid), 0)
            # The other binary has nothing to do with it, and memory is read as ever.
            wait_state(server, quiet.pid, "attached")
            self.assertGreater(server.wait_value("gc_collections_total", dear.pid, kind="forced"),
                               0)
            governor = server.get_json("/api/v1/status")["governor"]
            self.assertGreaterEqual(governor["attached"], 1)
            self.assertGreaterEqual(governor["backing_off"], 1)
            self.assertEqual(governor["target_budget_ratio"], 0.000002)
            self.assertGreater(governor["hit_stepped_seconds"], governor["hit_emulated_seconds"])
            until(lambda: "probe_backed_off" in events(server), 60, "the event")
            page = server.get("/metrics")[2].decode()
            for name in ("target_probe_attached{", "target_probe_cpu_ratio{",
                         'heapwatch_probe_links{', 'heapwatch_probe_hit_seconds{'):
                self.assertIn(name, page)

    def test_link_that_gets_dear_goes_for_all_and_comes_back(self):
        with loud("1.26.8") as dear, Victim([go("1.26.8")]) as twin, \
                Victim([go("1.27.0")]) as other, Server(config=CONFIG) as server:
            for victim in (dear, twin, other):
                wait_state(server, victim.pid, "attached")
                victim.ask("gc")
            until(lambda: CYCLES not in missing(server, twin.pid), 60, "cycles are told")
            dear.ask("collect 1000000")
            wait_state(server, dear.pid, "backing_off")
            self.assertRegex(server.target(dear.pid)["probes"][0]["why"], "^cost ")
            self.assertEqual(set(states(server, twin.pid).values()), {"backing_off"})
            self.assertEqual(set(states(server, other.pid).values()), {"attached"})
            until(lambda: missing(server, twin.pid).get(CYCLES) == "over_budget", 60,
                  "the reason of the gap")
            before, after = self.while_detached(server, dear.pid)
            self.assertGreater(before, 0)
            self.assertEqual(after, before)
            dear.ask("collect 0")
            wait_state(server, dear.pid, "attached", 120)
            until(lambda: CYCLES not in missing(server, twin.pid), 60, "cycles are told again")
            self.assertGreaterEqual(server.value("heapwatch_probe_links", state="attached"), 2)
            until(lambda: events(server).count("probe_attached") >= 3, 60, "the event")
            told = events(server)
            self.assertIn("probe_detached", told)
            self.assertIn("probe_backed_off", told)

    def while_detached(self, server, pid):
        """Hits early and late in one time of backing off, with rounds between.

        It may be over by then: the next lasts twice as long, and is told from
        this one by its begin.
        """
        def both():
            first = server.target(pid)["probes"][0]
            server.wait_rounds()  # what hit before is counted
            before = hits(server, pid)
            server.wait_rounds()
            after = hits(server, pid)
            last = server.target(pid)["probes"][0]
            same = first["state"] == last["state"] == "backing_off" \
                and abs(last["since_ms"] - first["since_ms"]) < 100
            return (before, after) if same else None
        return until(both, 120, lambda: server.target(pid))

    def test_processes_not_watched_count_too(self):
        with Victim([go("1.26.8")]) as watched, Server(config=CONFIG) as server, \
                loud("1.26.8", "setpriv", "--reuid=65534", "--regid=65534",
                     "--clear-groups") as stranger:
            wait_state(server, watched.pid, "attached")
            until(lambda: server.target(stranger.pid), 60, "the excluded one")
            self.assertFalse(server.target(stranger.pid)["watched"])
            stranger.ask("collect 1000000")
            wait_state(server, watched.pid, "backing_off")
            self.assertLess(hits(server, watched.pid), 100)


if __name__ == "__main__":
    unittest.main()
