"""Planned maintenance silences states and loses nothing. Needs Go victims."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from heapwatch import Server, Victim, program, until
from test_discovery import go_victim
from test_events import wait_event


def maintenance(server, *words, code=0):
    """Run the subcommand; its output."""
    done = subprocess.run([program(), "maintenance", *words], capture_output=True, timeout=120,
                          env={**os.environ, "HEAPWATCH_URL": server.url})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return (done.stdout or done.stderr).decode()


def windows(server):
    return server.get_json("/api/v1/maintenance")["maintenance"]


def wait_silenced(server, pid, silenced):
    until(lambda: server.target(pid) and server.target(pid)["silenced"] == silenced, 60,
          lambda: f"silenced {silenced}: {server.target(pid)}")
    until(lambda: server.value("target_silenced", pid) == silenced, 60,
          f"target_silenced {silenced}")


class Maintenance(unittest.TestCase):
    def test_state_is_silenced_while_numbers_go_on(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_target(victim.pid)
            begin = time.time()
            told = json.loads(maintenance(server, "start", "--service", "victim.*", "--for",
                                          "2h", "--reason", "new pump \"7\"", "--json"))
            self.assertEqual(told["reason"], "new pump \"7\"")
            wait_silenced(server, victim.pid, True)
            target = server.target(victim.pid)
            self.assertEqual(target["state"], "ok")
            self.assertEqual(target["maintenance"]["reason"], "new pump \"7\"")
            self.assertTrue(begin - 1 <= target["maintenance"]["until_ms"] / 1000 - 7200
                            <= time.time() + 1, (begin, target))
            self.assertEqual(server.value("target_state", victim.pid), 0)
            reads = target["reads"]
            until(lambda: server.target(victim.pid)["reads"] > reads, 60, "more reads")
            maintenance(server, "end", "--service=victim.*")
            wait_silenced(server, victim.pid, False)
            self.assertEqual(windows(server), [])
            wait_event(server, "new pump", kind="maintenance_started")
            wait_event(server, "new pump", kind="maintenance_ended")

    def test_it_ends_by_itself_and_touches_no_other_service(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_target(victim.pid)
            maintenance(server, "start", "--service", "other", "--for", "1h", "--reason", "x")
            maintenance(server, "start", "--service", "victim.*", "--for", "1h", "--reason", "x")
            wait_silenced(server, victim.pid, True)
            # From now on for so long: it need not be met while it lasts.
            begin = time.monotonic()
            maintenance(server, "start", "--service", "victim.*", "--for", "3s",
                        "--reason", "y")
            wait_silenced(server, victim.pid, False)
            took = time.monotonic() - begin
            self.assertEqual([w["service"] for w in windows(server)], ["other"])
            told = wait_event(server, "ended: y", kind="maintenance_ended")
            self.assertTrue(2500 <= told["timeEnd"] - told["time"] <= took * 1000 + 500,
                            (told, took))

    def test_it_survives_a_kill_of_heapwatch(self):
        with tempfile.TemporaryDirectory() as folder, Victim([go_victim()]) as victim:
            with Server(folder=folder) as server:
                server.wait_target(victim.pid)
                maintenance(server, "start", "--service", "victim.*", "--for", "1h",
                            "--reason", "night")
                wait_silenced(server, victim.pid, True)
                until_ms = windows(server)[0]["until_ms"]
                server.wait_rounds(3)  # on disk with the next, so before a third
                server.stop(signal.SIGKILL)
            with Server(folder=folder) as server:
                server.wait_target(victim.pid)
                wait_silenced(server, victim.pid, True)
                self.assertEqual(windows(server)[0]["until_ms"], until_ms)

    def test_mistakes_are_told(self):
        with Server() as server:
            server.wait_ready()
            maintenance(server, "start", "--service", "x", code=2)
            maintenance(server, "pause", code=2)
            words = maintenance(server, "--url", server.url, code=2)
            self.assertIn("say start, end or list", words)
            # What would be left out without a word is refused.
            maintenance(server, "list", "--service", "x", code=2)
            maintenance(server, "end", "--service", "x", "--for", "1h", code=2)
            words = maintenance(server, "start", "--service", "(", "--for", "1h",
                                "--reason", "x", code=1)
            self.assertIn("bad regular expression", words)
            for length in ("soon", "31d", "0"):
                words = maintenance(server, "start", "--service", "x", "--for", length,
                                    "--reason", "x", code=1)
                self.assertIn("duration", words)
            words = maintenance(server, "end", "--service", "x", code=1)
            self.assertEqual(words, "heapwatch: there is no maintenance of x\n")
            status, _, data = server.request("DELETE", "/api/v1/maintenance?service=x")
            self.assertEqual((status, json.loads(data)["error"]["code"]),
                             (404, "unknown_maintenance"))
            self.assertEqual(windows(server), [])
            words = maintenance(server, "list", "--url", "http://127.0.0.1:1", code=1)
            self.assertIn("no heapwatch answers", words)
            self.assertIn("--url", words)

    def test_a_pattern_that_no_service_matches_is_silenced_and_noted(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_target(victim.pid)
            service = server.target(victim.pid)["labels"]["service"]
            for pattern, noted in ((service[:-1], True), (service, False)):
                done = subprocess.run(
                    [program(), "maintenance", "start", "--url", server.url, "--for", "1h",
                     "--reason", "x", "--service", pattern],
                    capture_output=True, text=True, timeout=120, check=True)
                self.assertIn(f"{pattern} is silenced until", done.stdout)
                self.assertEqual("no service that runs now matches" in done.stderr, noted,
                                 done.stderr)

    def test_people_are_told_in_plain_words_and_programs_in_json(self):
        with Server() as server:
            server.wait_ready()
            self.assertEqual(maintenance(server, "list"), "no service is silenced\n")
            words = maintenance(server, "start", "--service", "scada", "--for", "2h",
                                "--reason", "new pump")
            # The order is taken at once, and told when it is done.
            until_ms = until(lambda: windows(server), 60, "the window")[0]["until_ms"]
            day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until_ms // 1000))
            self.assertEqual(words, f"scada is silenced until {day}: new pump\n")
            self.assertEqual(maintenance(server, "list"), words)
            self.assertEqual(json.loads(maintenance(server, "list", "--json"))["maintenance"],
                             windows(server))
            self.assertEqual(maintenance(server, "end", "--service", "scada"),
                             "scada is no longer silenced\n")
            until(lambda: not windows(server), 60, "no window")
            refused = maintenance(server, "end", "--service", "scada", "--json", code=1)
            self.assertEqual(json.loads(refused)["error"]["code"], "unknown_maintenance")


if __name__ == "__main__":
    unittest.main()
