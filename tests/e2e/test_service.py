"""The systemd unit: what it tells and is told, its rights, and what it allows."""
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from heapwatch import ROOT, Server, Victim, program, until
from test_discovery import go_victim

UNIT = (ROOT / "packaging/heapwatch.service").read_text()
NOBODY = 65534
GAMES = pwd.getpwnam("games").pw_uid


class Manager:
    """The socket of a service manager, and what was told."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.heard = []
        return self

    def listen(self):
        while True:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def __exit__(self, *error):
        self.socket.close()
        self.folder.cleanup()


class Notify(unittest.TestCase):
    def test_ready_follows_the_first_scan_and_stopping_the_signal(self):
        with Manager() as manager:
            with Server(env={"NOTIFY_SOCKET": manager.path}) as server:
                until(lambda: "READY=1" in manager.listen(), 60, lambda: manager.heard)
                self.assertEqual(server.get("/-/ready")[0], 200)
                self.assertNotIn("WATCHDOG=1", manager.heard)
            self.assertEqual(manager.listen()[-1], "STOPPING=1")

    def test_progress_feeds_the_watchdog(self):
        with Manager() as manager, \
                Server(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"}):
            until(lambda: manager.listen().count("WATCHDOG=1") > 5, 120, lambda: manager.heard)


def capabilities():
    """Those of the unit, as setpriv wants them: [\"bpf\", ...]"""
    found = re.search(r"^AmbientCapabilities=(.*)$", UNIT, re.M).group(1).split()
    assert found == re.search(r"^CapabilityBoundingSet=(.*)$", UNIT, re.M).group(1).split()
    return [word.removeprefix("CAP_").lower() for word in found]


# PrivateTmp=, ProtectHome=, ProtectKernelTunables= as far as a mount shows them.
HIDE = "mount -t tmpfs none /tmp; mount -t tmpfs none /home; mount -o remount,bind,ro /sys; "


class UnitServer(Server):
    """The server as its own user, with the unit's capabilities and no more, in
    mounts of its own."""

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-e2e-", dir="/var/tmp"))
        os.chown(self.folder, NOBODY, NOBODY)
        self.db = str(self.folder / "heapwatch.db")
        words = ",".join("+" + c for c in capabilities())
        copy = shutil.copy(program(), self.folder / "heapwatch")
        with open(self.folder / "log", "wb") as log, open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-ec", HIDE + 'exec "$@"', "sh",
                 "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                 "--no-new-privs", f"--bounding-set=-all,{words}", f"--inh-caps=-all,{words}",
                 f"--ambient-caps=-all,{words}", "--", copy, "serve", "--listen", "127.0.0.1:0",
                 "--db", self.db], stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                cwd=self.folder)
        self.pid = self.process.pid


@unittest.skipUnless(os.geteuid() == 0, "only root can give capabilities to another user")
class Rights(unittest.TestCase):
    def test_the_units_capabilities_lack_nothing(self):
        # not the collector that suits this machine: all of the 64 MiB count
        java = ["java", "-Xmx64m", "-XX:+UseG1GC", "-cp", str(ROOT / "build/victims/java"), "Victim"]
        with tempfile.TemporaryDirectory(dir="/tmp") as folder, \
                Victim([shutil.copy(go_victim(), folder)]) as go, \
                Victim(java, user=GAMES, group=GAMES, extra_groups=[], cwd="/") as jvm, \
                UnitServer() as server:
            server.wait_target(go.pid)
            server.wait_target(jvm.pid)

            def cycle():  # one after the probes were set
                return go.ask("gc") and server.value("gc_last_cycle_seconds", go.pid)
            self.assertGreater(until(cycle, 60, lambda: server.target(go.pid), every=1), 0)
            self.assertEqual(server.wait_value("heap_max_bytes", jvm.pid), 64 << 20)
            self.assertGreater(server.wait_value("open_fds", jvm.pid), 0)
            status = server.get_json("/api/v1/status")
            self.assertEqual(status["lacks"], [])
            self.assertTrue(status["collector"]["exec_events"])


class Unit(unittest.TestCase):
    def test_systemd_finds_no_fault_in_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "heapwatch.service")
            path.write_text(UNIT.replace("@BINDIR@", str(pathlib.Path(program()).parent))
                            .replace("@SYSCONFDIR@", "/etc"))
            verify = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                                    capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual((verify.returncode, verify.stderr), (0, ""))

    def test_nothing_hides_processes_from_it(self):
        for word in ("ProtectProc", "ProcSubset", "PrivateUsers", "PrivatePIDs", "PrivateNetwork"):
            self.assertNotRegex(UNIT, rf"(?m)^{word}=")

    def test_its_exposure_is_small(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "heapwatch.service")
            path.write_text(UNIT.replace("@BINDIR@", "/usr/bin").replace("@SYSCONFDIR@", "/etc"))
            told = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=25", path],
                capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(told.returncode, 0, told.stdout[-300:] + told.stderr)


if __name__ == "__main__":
    unittest.main()
