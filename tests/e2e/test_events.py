"""What happened: starts, exits, deploys, limits. Needs root and Go victims."""
import datetime
import os
import pathlib
import shutil
import signal
import tempfile
import unittest
import urllib.parse

from heapwatch import ROOT, Server, Victim, until
from test_discovery import go_victim


def unique(name):
    """A name that no other process of the machine has, nor one of another run."""
    return f"{name}-{os.getpid()}"


def milliseconds(text):
    """Unix milliseconds of a time as rows tell it."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(when.timestamp() * 1000)


def events(server, **args):
    """The rows of the last hour and the coming one that match."""
    args.setdefault("from", "now-1h")
    args.setdefault("to", "now+1h")
    rows = server.get_json("/api/v1/events?" + urllib.parse.urlencode(args))["rows"]
    for row in rows:
        row["time"] = milliseconds(row["time"])
        row["timeEnd"] = milliseconds(row["timeEnd"]) if row["timeEnd"] else row["time"]
    return rows


def wait_event(server, text, timeout=60, **args):
    """The newest event whose words contain this."""
    def there():
        return [e for e in events(server, **args) if text in e["text"]]
    return until(there, timeout, lambda: f"\"{text}\" among {events(server)}")[-1]


class Events(unittest.TestCase):
    def exit_text(self, number, args=()):
        with Server(args=args) as server, Victim([go_victim()]) as victim:
            server.wait_target(victim.pid)
            if number:
                victim.process.send_signal(number)
            else:
                victim.tell("exit")
            # Nobody waits for it yet: it is a zombie.
            told = wait_event(server, f"(pid {victim.pid})", kind="target_exited",
                              pid=victim.pid)
            server.wait_rounds()
            self.assertEqual(told["time"], told["timeEnd"])
            self.assertIn("target_exited", told["tags"])
            self.assertEqual(len(events(server, kind="target_exited", pid=victim.pid)), 1)
            return told["text"]

    def test_exit_tells_its_code_once(self):
        self.assertIn("exited with code 0", self.exit_text(0))
        self.assertIn("exited with code 2", self.exit_text(signal.SIGSEGV))

    def test_death_by_signal_tells_the_signal(self):
        self.assertIn("was killed by signal 9 (SIGKILL)", self.exit_text(signal.SIGKILL))

    def test_code_is_known_without_ebpf_and_without_btf(self):
        for lack in ("bpf", "btf"):
            with self.subTest(lack):
                text = self.exit_text(signal.SIGKILL, [f"--without={lack}"])
                self.assertIn("was killed by signal 9", text)

    def test_start_and_restart_are_told(self):
        name = unique("restarter")
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            program = shutil.copy(go_victim(), pathlib.Path(folder) / name)
            with Victim([program]) as first:
                server.wait_target(first.pid)
                wait_event(server, f"pid {first.pid}", kind="target_started", pid=first.pid)
                first.stop()
            with Victim([program]) as second:
                server.wait_target(second.pid)
                told = wait_event(server, "restarted", kind="target_restarted", service=name)
                self.assertIn(f"pid {second.pid} after pid {first.pid}", told["text"])

    def test_restart_while_heapwatch_was_down_is_told(self):
        name = unique("restarter")
        with tempfile.TemporaryDirectory() as folder:
            program = shutil.copy(go_victim(), pathlib.Path(folder) / name)
            with Server(folder=folder) as server, Victim([program]) as first:
                # Instances are numbered in the order in which they are found.
                server.wait_target(first.pid)
                with Victim([program]) as other:
                    server.wait_target(other.pid)
                    server.stop()
                    first.stop()
                    with Victim([program]) as second, Server(folder=folder) as again:
                        self.assertEqual(again.wait_target(second.pid)["labels"]["instance"],
                                         "0")
                        told = wait_event(again, "while heapwatch was down: pid",
                                          kind="target_restarted", service=name)
                        self.assertIn(f"pid {second.pid} after pid {first.pid}", told["text"])
                        # The other one was there all the time.
                        again.wait_target(other.pid)
                        again.wait_rounds()
                        self.assertEqual(len(events(again, kind="target_restarted",
                                                    service=name)), 1)

    # Of cgroup version 1: this kernel's version 2 has no memory controller, so
    # its memory.max and memory.events are proved by units only (test_cgroup).
    def test_victim_of_the_oom_killer_is_told_with_its_last_numbers(self):
        from test_go import limited_group
        with limited_group(96 << 20) as group, Server() as server:
            with Victim([go_victim()]) as victim:
                (group / "cgroup.procs").write_text(str(victim.pid))
                server.wait_target(victim.pid)
                server.wait_value("cgroup_limit_bytes", victim.pid)
                server.wait_value("heap_used_bytes", victim.pid)
                server.wait_value("resident_bytes", victim.pid)
                victim.ask("grow 400")
                victim.tell("touch")
                until(lambda: victim.process.poll() is not None, 120, "the kill")
                told = wait_event(server, "killed for want of memory",
                                  kind="target_oom_killed", pid=victim.pid)
                self.assertIn(f"control group limit {96 << 20} bytes", told["text"])
                self.assertRegex(told["text"], r"heap \d+ bytes used, [1-9]\d+ bytes resident")
                wait_event(server, "was killed by signal 9 (SIGKILL) for want of memory",
                           kind="target_exited", pid=victim.pid)

    def test_another_build_is_a_deploy_even_across_restarts_of_heapwatch(self):
        builds = sorted(p for p in (ROOT / "build/victims/go").glob("victim-*")
                        if p.is_file())
        name = unique("pump")
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / name

            def seen(server):
                """One run of the program, from its start to its end."""
                with Victim([program]) as victim:
                    server.wait_target(victim.pid)
                    wait_event(server, f"pid {victim.pid}", pid=victim.pid)
                    server.wait_rounds()

            shutil.copy(builds[0], program)
            with Server(folder=folder) as server:
                seen(server)
                self.assertEqual(events(server, kind="deployed", service=name), [])
            program.unlink()
            shutil.copy(builds[-1], program)
            with Server(folder=folder) as server:
                seen(server)
                told = wait_event(server, f"{name} runs another build", kind="deployed")
                self.assertEqual(told["service"], name)
                seen(server)
                self.assertEqual(len(events(server, kind="deployed", service=name)), 1)
                self.assertEqual(len(events(server, kind="heapwatch_started")), 2)
                self.assertEqual(len(events(server, kind="heapwatch_stopped")), 1)

    def test_changed_limit_is_told(self):
        from test_go import limited_group
        with limited_group(200 << 20) as group, Victim([go_victim()]) as victim:
            (group / "cgroup.procs").write_text(str(victim.pid))
            with Server() as server:
                server.wait_target(victim.pid)
                server.wait_value("heap_max_bytes", victim.pid)
                for name in ("memory.limit_in_bytes", "memory.max"):
                    if (group / name).exists():
                        (group / name).write_text(str(150 << 20))
                told = wait_event(server, f"is {150 << 20} bytes", kind="limit_changed",
                                  pid=victim.pid)
                self.assertIn("bound of the heap", told["text"])
                self.assertIn(f"is {150 << 20} bytes (cgroup), before {200 << 20} bytes",
                              told["text"])

    def test_rows_are_chosen_by_labels_time_and_number(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_target(victim.pid)
            service = wait_event(server, "is watched", pid=victim.pid)["service"]
            self.assertTrue(events(server, service=service))
            self.assertEqual(events(server, service="nobody"), [])
            # Others come and go meanwhile, and may have started long ago.
            self.assertEqual(events(server, service=service, to="now-30m"), [])
            victim.stop()
            wait_event(server, f"(pid {victim.pid})", kind="target_exited", pid=victim.pid)
            mine = events(server, service=service)
            self.assertGreater(len(mine), 1)
            self.assertEqual(events(server, service=service, limit=1), mine[:1])
            for bad in ("limit=0", "from=soon", "no-label=1"):
                self.assertEqual(server.get("/api/v1/events?" + bad)[0], 400, bad)


if __name__ == "__main__":
    unittest.main()
