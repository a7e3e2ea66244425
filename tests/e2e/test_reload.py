"""SIGHUP: new rules while everything runs. Needs Go victims."""
import os
import signal
import time
import unittest

from heapwatch import Server, Victim, until
from test_discovery import go_victim
from test_events import wait_event
from test_state import LIMIT, fill, wait_state

EXCLUDE = "watch:\n  - action: exclude\n    service: victim.*\n"


def reload(server, config):
    """Write the file, send the signal; what /api/v1/status says of it."""
    (server.folder / "heapwatch.yaml").write_text(config)
    return signalled(server)


def signalled(server):
    before = server.get_json("/api/v1/status").get("reload", {}).get("time_ms", 0)
    time.sleep(0.002)
    server.process.send_signal(signal.SIGHUP)

    def told():
        now = server.get_json("/api/v1/status").get("reload")
        return now if now and now["time_ms"] > before else None
    return until(told, 60, "the reload")


def site_of(server, pid, **more):
    """The label site of the series in answers, or None."""
    answer = server.query("heap_used_bytes", {"pid": str(pid), "legend": "{{site}}"}, **more)
    return [series["target"] for series in answer]


def until_moment(end):
    """The range of a minute and a half, in seconds."""
    return {"range": {"from": f"{int(end - 90)}", "to": f"{int(end * 1000)}"}, "intervalMs": 1000}


def plant(site):
    return f"plant:\n  - labels: {{site: {site}}}\n"


class Reload(unittest.TestCase):
    def test_thresholds_change_without_a_restart(self):
        quick = "state: {worsen_after: 0s}\n"
        with Victim([go_victim()], env=LIMIT) as victim, Server(config=quick) as server:
            server.wait_target(victim.pid)
            fill(victim, 80)
            wait_state(server, victim.pid, "ok")
            told = reload(server, quick + "thresholds: {heap_live_rate: {warning: 0.1}}\n")
            self.assertTrue(told["ok"], told)
            self.assertEqual(told["wants_restart"], "")
            wait_state(server, victim.pid, "warning")
            limits = server.get_json("/api/v1/status")["thresholds"]["heap_live_rate"]
            self.assertEqual(limits["warning"], 0.1)
            wait_event(server, "configuration reloaded", kind="reloaded")

    def test_bad_file_changes_nothing_and_is_told_with_its_place(self):
        good = "thresholds: {gc_pressure: {warning: 7}}\n"
        with Server(config=good) as server:
            server.wait_ready()
            told = reload(server, "log:\n  level: info\n  colour: red\n")
            self.assertFalse(told["ok"])
            self.assertRegex(told["problem"], r"heapwatch\.yaml:3:3: .*colour")
            self.assertIn("heapwatch.yaml:3:3:", server.log())
            limits = server.get_json("/api/v1/status")["thresholds"]["gc_pressure"]
            self.assertEqual(limits["warning"], 7)
            self.assertTrue(reload(server, good)["ok"])

    def test_what_is_no_file_is_refused_and_never_waited_for(self):
        good = "thresholds: {gc_pressure: {warning: 7}}\n"
        with Server(config=good) as server:
            server.wait_ready()
            path = server.folder / "heapwatch.yaml"
            for make, undo in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir)):
                path.unlink()
                make(path)
                told = signalled(server)
                self.assertFalse(told["ok"])
                self.assertRegex(told["problem"], r"heapwatch\.yaml: is no regular file")
                undo(path)
                self.assertTrue(reload(server, good)["ok"])
            limits = server.get_json("/api/v1/status")["thresholds"]["gc_pressure"]
            self.assertEqual(limits["warning"], 7)

    def test_without_a_file_there_is_nothing_to_reload(self):
        if os.path.exists("/etc/heapwatch/heapwatch.yaml"):
            self.skipTest("heapwatch is installed here, with a configuration")
        with Server() as server:
            server.wait_ready()
            server.process.send_signal(signal.SIGHUP)
            told = until(lambda: server.get_json("/api/v1/status").get("reload"), 60, server.log)
            self.assertFalse(told["ok"])
            self.assertIn("nothing to reload", told["problem"])
            self.assertIn("nothing to reload", server.log())

    def test_keys_that_want_a_restart_are_named(self):
        with Server(config="") as server:
            server.wait_ready()
            told = reload(server, "http: {threads: 7}\nmemory: 20m\nlog: {level: debug}\n")
            self.assertTrue(told["ok"])
            self.assertEqual(told["wants_restart"], "memory, http.threads")

    def test_rules_of_watch_apply_at_once_and_keep_history_and_labels(self):
        late = "collector: {rescan: 10m}\n"  # no look at all processes does it
        with Victim([go_victim()]) as victim, Server(config=late) as server:
            labels = server.wait_target(victim.pid)["labels"]
            server.wait_value("heap_used_bytes", victim.pid)
            self.assertTrue(reload(server, late + EXCLUDE)["ok"])
            target = until(lambda: (t := server.target(victim.pid)) and not t["watched"] and t,
                           60, "it to be closed")
            self.assertIn("excluded by watch rule 1", target["reason"])
            until(lambda: server.value("heap_used_bytes", victim.pid) is None, 60,
                  "no last value")
            wait_event(server, "was excluded by watch rule 1", kind="target_exited")
            self.assertTrue(reload(server, late)["ok"])
            again = server.wait_target(victim.pid)
            self.assertEqual(again["labels"], labels)
            server.wait_value("heap_used_bytes", victim.pid)
            self.assertEqual(len(server.query("heap_used_bytes", {"pid": str(victim.pid)})), 1)

    def test_plant_labels_hold_from_their_time_on(self):
        with Victim([go_victim()]) as victim, Server(config=plant("north")) as server:
            server.wait_target(victim.pid)
            until(lambda: site_of(server, victim.pid, **until_moment(time.time() - 3)) == ["north"],
                  60, "a point in the past")
            edit = time.time()
            self.assertTrue(reload(server, plant("south"))["ok"])
            server.wait_value("heap_used_bytes", victim.pid, site="south")
            self.assertEqual(server.target(victim.pid)["labels"]["site"], "south")
            self.check_sites(server, victim, edit)

    def check_sites(self, server, victim, edit):
        # An answer ends with the window that holds its end, here of 1 s.
        self.assertEqual(site_of(server, victim.pid, **until_moment(edit - 1.1)), ["north"])
        self.assertEqual(site_of(server, victim.pid), ["south"])


if __name__ == "__main__":
    unittest.main()
