"""Processes that come, go, restart and share pids. Needs root and Go victims."""
import atexit
import contextlib
import ctypes
import functools
import os
import pathlib
import re
import resource
import shutil
import signal
import tempfile
import time
import unittest

from heapwatch import ROOT, Server, Victim, settled, until

CLONE3 = 435  # x86-64 and arm64 alike

SCRATCH = tempfile.mkdtemp(prefix="heapwatch-discovery-")
atexit.register(shutil.rmtree, SCRATCH)


@functools.cache
def go_victim():
    """The newest Go victim that was built, under a name that nobody else uses."""
    found = sorted((ROOT / "build/victims/go").glob("victim-*"))
    found = [p for p in found if p.is_file() and os.access(p, os.X_OK)]
    assert found, "no Go victim: run make victims"
    os.chmod(SCRATCH, 0o755)
    return shutil.copy(found[-1], pathlib.Path(SCRATCH) / f"victim-{os.getpid()}")


def fork_as(pid):
    """fork() whose child has this very pid (clone3 with set_tid)."""
    class Args(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in (
            "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack",
            "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")]
    tids = (ctypes.c_int32 * 1)(pid)
    args = Args(exit_signal=signal.SIGCHLD, set_tid=ctypes.addressof(tids), set_tid_size=1)
    libc = ctypes.CDLL(None, use_errno=True)
    got = libc.syscall(CLONE3, ctypes.byref(args), ctypes.sizeof(args))
    if got < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return got


def start_as(pid, argv):
    """Start a program under this pid; its standard input stays open."""
    reader, writer = os.pipe()
    child = fork_as(pid)
    if child == 0:
        os.dup2(reader, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.closerange(3, 256)
        os.execv(argv[0], argv)
    os.close(reader)
    return child, writer


def labels_of(target):
    return {k: target["labels"][k] for k in ("node", "service", "instance", "runtime")}


class Discovery(unittest.TestCase):
    def test_process_that_runs_already_is_found_at_start(self):
        with Victim([go_victim()]) as victim, Server() as server:
            target = server.wait_target(victim.pid)
            self.assertEqual(target["labels"]["runtime"], "go")
            self.assertIn("bound", target["attributes"])
            self.assertTrue(target["attributes"]["version"].startswith("go1."))

    def test_process_that_starts_later_is_found_by_its_event(self):
        # No look at all processes does it.
        with Server(args=["--collector-rescan=1h"]) as server:
            server.wait_ready()
            with Victim([go_victim()]) as victim:
                server.wait_target(victim.pid)

    def test_rescan_finds_it_where_there_is_no_ebpf(self):
        with Server(args=["--without=bpf", "--collector-rescan=1s"]) as server:
            with Victim([go_victim()]) as victim:
                server.wait_target(victim.pid)

    def test_restart_keeps_the_labels_of_the_alert(self):
        with Server() as server:
            with Victim([go_victim()]) as first:
                before = labels_of(server.wait_target(first.pid))
                first.stop(signal.SIGKILL)
                with Victim([go_victim()]) as second:
                    after = labels_of(server.wait_target(second.pid))
                    self.assertEqual(before, after)
                    self.assertIsNone(server.value("heap_used_bytes", first.pid))

    def test_two_of_a_service_have_two_instances(self):
        with Victim([go_victim()]) as a, Victim([go_victim()]) as b, Server() as server:
            instances = {server.wait_target(v.pid)["labels"]["instance"] for v in (a, b)}
            self.assertEqual(instances, {"0", "1"})

    def test_instances_survive_a_restart_of_heapwatch(self):
        with tempfile.TemporaryDirectory() as folder, Victim([go_victim()]) as first:
            with Server(folder=folder) as server, Victim([go_victim()]) as second:
                server.wait_target(first.pid)
                self.assertEqual(server.wait_target(second.pid)["labels"]["instance"], "1")
                first.stop(signal.SIGKILL)
                until(lambda: server.target(first.pid) is None, 60, "the end of the first")
                server.stop()
                with Server(folder=folder) as again:
                    self.assertEqual(again.wait_target(second.pid)["labels"]["instance"], "1")

    def test_reused_pid_is_another_process(self):
        with Server() as server:
            with Victim([go_victim()]) as first:
                server.wait_target(first.pid)
                first.ask("grow 64")
                until(lambda: (server.value("heap_used_bytes", first.pid) or 0) > 60e6, 60,
                      "the large heap")
                pid = first.pid
                first.stop(signal.SIGKILL)
            child, pipe = start_as(pid, [go_victim()])
            try:
                self.assertEqual(child, pid)

                def small():
                    value = server.value("heap_used_bytes", pid)
                    return value is not None and value < 32e6
                until(small, 60, "a small heap under the same pid")
            finally:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(pipe)

    def test_burst_of_200_processes_leaves_nothing_behind(self):
        reader, writer = os.pipe()
        with Server() as server:
            children = []
            for i in range(200):
                children.append(os.posix_spawn(
                    go_victim(), [go_victim()], os.environ, file_actions=[
                        (os.POSIX_SPAWN_DUP2, reader, 0),
                        (os.POSIX_SPAWN_CLOSE, writer),
                        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]))
                if i % 3 == 0:
                    os.kill(children[-1], signal.SIGKILL)
                    os.waitpid(children.pop(), 0)

            def watched():
                targets = server.get_json("/api/v1/targets")["targets"]
                return {t["pid"] for t in targets if t["watched"]} & set(children)
            until(lambda: watched() == set(children), 120, "all that live")
            os.close(writer)  # end of input ends them all at once
            for pid in children:
                os.waitpid(pid, 0)
            until(lambda: not watched(), 60, "the end of them all")

            def nothing_left():
                rows = server.query("heap_used_bytes", {
                    "format": "latest", "service": pathlib.Path(go_victim()).name})
                self.assertEqual([r for t in rows for r in t.get("rows", [])], [])
                ended = re.findall(r'target closed pid=(\d+) .*reason="exited[^"]*"',
                                   server.log())
                self.assertLessEqual(set(children), {int(pid) for pid in ended})
            settled(nothing_left)
        os.close(reader)

    def test_target_that_dies_while_it_is_read_is_closed(self):
        with Server(args=["--collector-interval=100ms"]) as server:
            for _ in range(10):
                with Victim([go_victim()]) as victim:
                    server.wait_target(victim.pid)
                    victim.stop(signal.SIGKILL)
                    until(lambda: server.target(victim.pid) is None, 60, "its end")

    def test_excluded_process_is_told_but_not_watched(self):
        name = pathlib.Path(go_victim()).name
        config = f"watch:\n  - action: exclude\n    service: {name}\n"
        with Victim([go_victim()]) as victim, Server(config=config) as server:
            target = until(lambda: server.target(victim.pid), 60, "the target")
            self.assertFalse(target["watched"])
            self.assertIn("excluded by watch rule 1", target["reason"])
            server.wait_rounds()
            self.assertIsNone(server.value("heap_used_bytes", victim.pid))

    def test_exec_in_place_is_another_program(self):
        with Server() as server:
            with Victim(["/bin/sh", "-c", f"read x; exec {go_victim()}"]) as victim:
                server.wait_rounds()
                self.assertIsNone(server.target(victim.pid))
                victim.tell("go")
                server.wait_target(victim.pid)

    def test_exec_is_seen_by_rescan_where_no_event_tells_of_it(self):
        with Server(args=["--without=bpf", "--collector-rescan=1s"]) as server:
            with Victim(["/bin/sh", "-c", f"read x; exec {go_victim()}"]) as victim:
                server.wait_rounds(5)  # each of a second, so some looked at all
                self.assertIsNone(server.target(victim.pid))
                victim.tell("go")
                server.wait_target(victim.pid)

    def test_watched_process_that_execs_another_program_is_watched_as_that(self):
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            other = shutil.copy(go_victim(), pathlib.Path(folder) / "other")
            for round in range(3):
                with Victim([go_victim()]) as victim:
                    server.wait_target(victim.pid)
                    server.wait_value("heap_used_bytes", victim.pid)
                    time.sleep(0.3 * round)  # at several points of the tick
                    victim.tell(f"exec {other}")

                    def changed():
                        found = server.target(victim.pid)
                        return found and found["watched"] and \
                            found["labels"]["service"] == "other"
                    until(changed, 60, "the other program")
                    server.wait_value("heap_used_bytes", victim.pid, service="other")

    def test_process_that_execs_itself_goes_on_under_its_labels(self):
        with Server() as server, Victim([go_victim()]) as victim:
            before = labels_of(server.wait_target(victim.pid))
            server.wait_value("heap_used_bytes", victim.pid)
            victim.tell(f"exec {go_victim()}")
            until(lambda: re.search(rf'closed pid={victim.pid} .*"replaced by exec"',
                                    server.log()), 60, server.log)
            self.assertEqual(labels_of(server.wait_target(victim.pid)), before)
            self.assertIsNotNone(server.wait_value("heap_used_bytes", victim.pid))

    def test_more_processes_than_the_soft_limit_of_files_allows(self):
        # As shells and services have it, only smaller: 1024 for some 300 processes.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(Victim([go_victim()])) for _ in range(30)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
            try:
                server = stack.enter_context(Server())
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for victim in victims:
                server.wait_target(victim.pid)
            self.assertEqual([line for line in server.log().splitlines()
                              if "Too many open files" in line], [])

    def test_limit_of_targets_holds_and_excluded_ones_do_not_count(self):
        with tempfile.TemporaryDirectory() as folder:
            other = shutil.copy(go_victim(), pathlib.Path(folder) / "other")
            config = "watch:\n  - action: include\n    service: other\n" \
                "  - action: exclude\ncollector:\n  targets_max: 1\n"
            with Victim([go_victim()]) as excluded, Victim([other]) as a, \
                    Victim([other]) as b, Server(config=config) as server:
                server.wait_ready()

                def one_of_two():
                    states = [server.target(v.pid) for v in (a, b)]
                    self.assertEqual(sorted(t["watched"] for t in states if t), [False, True])
                    refused = next(t for t in states if not t["watched"])
                    self.assertIn("collector.targets_max = 1", refused["reason"])
                    watched = next(t for t in states if t["watched"])
                    self.assertEqual(watched["labels"]["instance"], "0")
                settled(one_of_two)
                server.wait_rounds()
                one_of_two()
                self.assertNotIn("instance", server.target(excluded.pid)["labels"])


if __name__ == "__main__":
    unittest.main()
