"""The word that hangs on a wall: state, since when, why. Needs Go victims."""
import json
import subprocess
import tempfile
import time
import unittest

from heapwatch import Server, Victim, program, until
from test_discovery import go_victim
from test_events import events, wait_event

# Only the live heap is graded as a plant would.
QUICK = """
state: {worsen_after: 2s, improve_after: 2s}
thresholds:
  gc_pressure: {warning: 1000, critical: 2000}
  frag_ratio: {warning: 0.002, critical: 0.001}
"""
LIMIT = {"GOMEMLIMIT": "400MiB", "GOGC": "off"}


def state(server, pid):
    return (server.target(pid) or {}).get("state")


def wait_state(server, pid, word, timeout=60):
    until(lambda: state(server, pid) == word, timeout,
          lambda: f"state {word}: {server.target(pid)}")
    return server.target(pid)


def fill(victim, megabytes):
    victim.ask(f"grow {megabytes}")
    victim.ask("gc")


class State(unittest.TestCase):
    def test_healthy_process_is_ok_since_it_was_first_read(self):
        begin = time.time()
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_target(victim.pid)
            target = wait_state(server, victim.pid, "ok")
            self.assertEqual(target["state_reason"], "all within limits")
            self.assertTrue(begin - 0.1 <= target["state_since_ms"] / 1000 <= time.time() + 0.1,
                            (begin, target))
            self.assertFalse(target["silenced"])
            self.assertEqual(server.wait_value("target_state", victim.pid), 0)
            self.assertEqual(server.wait_value("target_silenced", victim.pid), 0)
            server.wait_rounds()
            # less than a round; told by two clocks that are read one after the other
            self.assertAlmostEqual(server.target(victim.pid)["state_since_ms"],
                                   target["state_since_ms"], delta=500)

    def test_it_worsens_by_degrees_and_improves_after_a_while(self):
        with Victim([go_victim()], env=LIMIT) as victim, Server(config=QUICK) as server:
            server.wait_target(victim.pid)
            fill(victim, 328)
            target = wait_state(server, victim.pid, "warning")
            self.assertRegex(target["state_reason"],
                             r"heap_live_rate 0\.8\d* is above 0\.75 \(warning\)")
            # The writer may be a tick behind the census.
            until(lambda: server.value("target_state", victim.pid) == 3, 60, "the value 3")
            fill(victim, 50)
            target = wait_state(server, victim.pid, "critical")
            self.assertIn("is above 0.9 (critical)", target["state_reason"])
            shrunk = time.time()
            victim.ask("shrink")
            victim.ask("gc")
            # Not at once: it must hold.
            target = wait_state(server, victim.pid, "ok")
            self.assertGreaterEqual(target["state_since_ms"] / 1000, shrunk + 1.9)
            wait_event(server, "heap_live_rate is within its limits again",
                       kind="sli_within_bounds", pid=victim.pid)
            told = [e for e in events(server, kind="sli_out_of_bounds", pid=victim.pid)
                    if "heap_live_rate" in e["text"]]
            self.assertEqual(len(told), 2, told)
            back = [e for e in events(server, kind="sli_within_bounds", pid=victim.pid)
                    if "heap_live_rate" in e["text"]]
            self.assertEqual(len(back), 1, back)
            self.assertGreater(back[0]["timeEnd"] - back[0]["time"], 4000)
            self.assertLessEqual(back[0]["time"], told[0]["time"])

    def test_short_breach_is_none(self):
        config = "state: {worsen_after: 1h}\n"
        with Victim([go_victim()], env=LIMIT) as victim, Server(config=config) as server:
            server.wait_target(victim.pid)
            fill(victim, 370)
            until(lambda: (server.value("heap_live_rate", victim.pid) or 0) > 0.9, 60,
                  "the breach")
            server.wait_rounds(3)
            self.assertEqual(state(server, victim.pid), "ok")

    def test_limits_of_a_service_win(self):
        config = QUICK + (
            "thresholds_by_service:\n"
            "  - service: victim.*\n"
            "    heap_live_rate: {warning: 0.05, critical: 0.99}\n")
        with Victim([go_victim()], env=LIMIT) as victim, Server(config=config) as server:
            server.wait_target(victim.pid)
            fill(victim, 60)
            target = wait_state(server, victim.pid, "warning")
            self.assertIn("is above 0.05 (warning)", target["state_reason"])
            self.assertEqual(target["thresholds"], {
                "heap_live_rate": {"warning": 0.05, "critical": 0.99, "bad": "above"}})
            # top grades by them, too
            told = subprocess.run([program(), "top", "--json", "--url", server.url],
                                  capture_output=True, timeout=120, check=True).stdout
            row = next(t for t in json.loads(told)["targets"] if t["pid"] == victim.pid)
            self.assertEqual((row["state"], row["grade"]), ("warning", "warning"))

    def test_a_state_outlives_heapwatch(self):
        with tempfile.TemporaryDirectory() as folder, \
                Victim([go_victim()], env=LIMIT) as victim:
            with Server(config=QUICK, folder=folder) as server:
                server.wait_target(victim.pid)
                fill(victim, 328)
                before = wait_state(server, victim.pid, "warning")
                time.sleep(5.1)  # so often states are kept at most, in a round
                server.wait_rounds()
            with Server(config=QUICK, folder=folder) as server:
                server.wait_target(victim.pid)
                after = wait_state(server, victim.pid, "warning")
                self.assertAlmostEqual(after["state_since_ms"], before["state_since_ms"], delta=100)
                fill(victim, 1)
                server.wait_rounds(4)
                told = events(server, kind="sli_out_of_bounds", pid=victim.pid)
                self.assertEqual(len(told), 1, told)

    def test_what_is_not_watched_is_unknown_and_why(self):
        config = "watch:\n  - action: exclude\n    service: victim.*\n"
        with Victim([go_victim()]) as victim, Server(config=config) as server:
            target = until(lambda: server.target(victim.pid), 60, "the target")
            self.assertEqual(target["state"], "unknown")
            self.assertIn("excluded by watch rule 1", target["state_reason"])

    def test_breach_ends_with_its_process(self):
        config = "state: {worsen_after: 0s}\n"
        with Victim([go_victim()], env=LIMIT) as victim, Server(config=config) as server:
            server.wait_target(victim.pid)
            fill(victim, 370)
            wait_state(server, victim.pid, "critical")
            victim.stop()
            wait_event(server, "heap_live_rate was out of bounds until the end",
                       kind="sli_within_bounds", pid=victim.pid)


if __name__ == "__main__":
    unittest.main()
