"""heapwatch as an ordinary user: less, but true, and it says what is missing. Needs root."""
import os
import unittest

from heapwatch import Server, Victim
from test_discovery import go_victim

NOBODY = 65534


def as_nobody():
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@unittest.skipUnless(os.geteuid() == 0, "only root can start programs of two users")
class OrdinaryUser(unittest.TestCase):
    def test_own_processes_are_watched_by_reads(self):
        with Victim([go_victim()], cwd="/", **as_nobody()) as victim, \
                Server(uid=NOBODY) as server:
            target = server.wait_target(victim.pid)
            self.assertEqual(target["labels"]["runtime"], "go")
            told = victim.ask("hold")
            self.assertGreater(told["HeapAlloc"], 0)
            self.assertIsNotNone(server.wait_value("heap_used_bytes", victim.pid))

    def test_cycle_times_are_absent_with_the_reason(self):
        with Victim([go_victim()], cwd="/", **as_nobody()) as victim, \
                Server(uid=NOBODY) as server:
            target = server.wait_target(victim.pid)
            server.wait_value("heap_used_bytes", victim.pid)
            target = server.target(victim.pid)
            missing = {m["metric"]: m["reason"] for m in target["missing"]}
            self.assertEqual(missing.get("gc_last_cycle_seconds"), "not_permitted")
            self.assertIsNone(server.value("gc_last_cycle_seconds", victim.pid))

    def test_status_and_log_say_which_capability_would_give_what(self):
        with Victim([go_victim()]) as hidden, Server(uid=NOBODY) as server:
            server.wait_ready()
            self.assertIsNone(server.target(hidden.pid))
            lacks = {lack["what"]: lack["needs"]
                     for lack in server.get_json("/api/v1/status")["lacks"]}
            self.assertEqual(lacks["exec and exit events"], "CAP_BPF and CAP_PERFMON")
            self.assertEqual(lacks["processes of other users"], "CAP_SYS_PTRACE")
            said = server.log() + server.out()
            self.assertIn("CAP_BPF and CAP_PERFMON", said)
            self.assertIn("CAP_SYS_PTRACE", said)

    def test_simulated_lack_of_rights_says_the_same(self):
        with Server(args=["--without=caps"]) as server:
            server.wait_ready()
            whats = {lack["what"] for lack in server.get_json("/api/v1/status")["lacks"]}
            self.assertIn("exec and exit events", whats)


if __name__ == "__main__":
    unittest.main()
