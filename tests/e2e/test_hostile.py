"""Targets that lie, change, and go away in the middle of everything. Needs root and victims."""
import contextlib
import os
import pathlib
import pwd
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from heapwatch import ROOT, Server, Victim, settled, until
from test_go import limited_group
from test_jvm import Jvm, jdks

GO = ROOT / "build/victims/go/victim-1.26.8"
ENDS = int(os.environ.get("HOSTILE_ENDS", "1000"))
MIB = 1 << 20
# Most likely another one in a run beside this.
OTHER = pwd.getpwnam(("backup", "irc", "list", "lp", "mail", "news", "proxy",
                      "uucp")[os.getpid() % 8])


# Of a target that nothing was decided of yet.
PENDING = ("its executable is being analysed", "its runtime is starting")


def decided(target):
    """It is watched, or refused in words."""
    return target and (target["watched"] or target["reason"] not in (*PENDING, ""))


def true_value(server, victim, pid=None):
    """What is answered is what the victim says of itself."""
    def same():
        # The runtime may still move: then it is held once more.
        told = victim.ask("hold")["HeapAlloc"]
        server.wait_rounds()
        value = server.value("heap_used_bytes", pid or victim.pid)
        assert value == told, (value, told)
    settled(same, 120, every=0)


class Watcher:
    """Asks all the time, from a thread, whether the server is calm: it lives,
    and its round over all targets is short."""

    def __init__(self, server):
        self.server, self.error, self.stop = server, None, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.delays = []  # [(time, seconds that its threads have waited for a CPU)]

    def note_delay(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.server.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that ends
                total += int((task / "schedstat").read_text().split()[1]) / 1e9
        self.delays.append((time.monotonic(), total))

    def delay_since(self, begin):
        """What the machine, and not the program, made of a round."""
        before = [delay for at, delay in self.delays if at <= begin] or [0]
        return self.delays[-1][1] - before[-1]

    def calm(self):
        collector = self.server.get_json("/api/v1/status").get("collector")
        self.note_delay()
        if not collector:  # no round is over yet
            return
        took = collector["tick_seconds"]
        # The answer tells of a round until the next is over.
        delay = self.delay_since(time.monotonic() - 3 - 2 * took)
        assert took < 1 + delay, (collector, delay)

    def run(self):
        try:
            while not self.stop.wait(0.3):
                self.calm()
                assert self.server.get("/api/v1/targets")[0] == 200
                assert self.server.get("/metrics")[0] == 200
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.error:
            raise self.error


class Ends(unittest.TestCase):
    """Every kind of end at every moment: found, analysed, attached, read."""

    def start(self, path):
        return subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def end(self, process, chance):
        word = chance.choice((b"exit\n", b"exec /bin/true\n", b"exec /proc/self/exe\n", None))
        with contextlib.suppress(BrokenPipeError):
            if word is None:
                process.kill()
            else:
                process.stdin.write(word)
                process.stdin.flush()
            if word and word.endswith(b"self/exe\n"):
                time.sleep(chance.uniform(0, 0.02))
            process.stdin.close()

    def test_a_thousand_ends_in_the_middle(self):
        """The executable is another file from time to time: then it is learned anew."""
        chance, ended, alive = random.Random(3), 0, []
        with tempfile.TemporaryDirectory() as folder, Victim([GO]) as witness, \
                Server() as server, Watcher(server):
            server.wait_target(witness.pid)
            path = None
            while ended < ENDS:
                if ended % 40 == 0:
                    path = shutil.copy(GO, pathlib.Path(folder, f"ending-{ended}"))
                while len(alive) < 12:
                    # from before it is looked at until long after it is read
                    alive.append((time.monotonic() + chance.choice((0.02, 0.12, 0.3, 1.5))
                                  * chance.uniform(0.5, 1.5), self.start(path)))
                alive.sort(key=lambda item: item[0])
                when, process = alive.pop(0)
                time.sleep(max(0, when - time.monotonic()))
                self.end(process, chance)
                process.wait(60)
                ended += 1
            for _, process in alive:
                process.kill()
                process.wait(60)
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            true_value(server, witness)
            # All are gone, and no descriptor of theirs is left.
            until(lambda: not [t for t in server.get_json("/api/v1/targets")["targets"]
                               if t["labels"]["service"].startswith("ending-")], 60,
                  "none of them left")
            others = len(server.get_json("/api/v1/targets")["targets"])
            self.assertLess(len(os.listdir(f"/proc/{server.pid}/fd")), 140 + 4 * others)
            self.assertEqual(server.get_json("/api/v1/status")["collector"]["ring_lost"], 0)

    def test_jvms_that_are_killed_at_any_moment(self):
        chance, java = random.Random(5), jdks()[17]
        with Victim([GO]) as witness, Server() as server, Watcher(server):
            server.wait_target(witness.pid)
            for _ in range(12):
                process = subprocess.Popen(
                    [java, "-Xmx32m", "-XX:+UseSerialGC",
                     "-XX:ErrorFile=/dev/null", "-cp", ROOT / "build/victims/java",
                     "Victim"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
                time.sleep(chance.uniform(0.05, 1.8))
                process.kill()
                process.wait(60)
                process.stdin.close()
            true_value(server, witness)


class Files(unittest.TestCase):
    """What stands in the place of a JVM's file of counters.

    The JVM's user is one that no other has: a JVM that starts opens the files
    of all others of its user, and would wait at a pipe for ever.
    """

    def jvm(self):
        return Jvm(jdks()[17], ["-XX:+UseSerialGC", "-XX:ErrorFile=/dev/null",
                                "-XX:-CreateCoredumpOnCrash"], heap="64m", user=OTHER.pw_uid,
                   group=OTHER.pw_gid, extra_groups=[], cwd="/")

    def file(self, jvm):
        path = pathlib.Path(f"/tmp/hsperfdata_{OTHER.pw_name}/{jvm.pid}")
        self.assertTrue(path.exists())
        self.addCleanup(self.clean, path)
        return path

    def clean(self, path):
        """Of a JVM that was killed; the folder, unless another run's are in it."""
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def prove(self, mangle):
        with self.jvm() as jvm:
            path = self.file(jvm)
            good = path.read_bytes()
            path.unlink()  # the JVM keeps its own
            try:
                mangle(path, good)
                if path.stat(follow_symlinks=False).st_uid == 0:
                    os.chown(path, OTHER.pw_uid, OTHER.pw_gid, follow_symlinks=False)
                with Victim([GO]) as witness, Server() as server, Watcher(server):
                    server.wait_target(witness.pid)
                    until(lambda: decided(server.target(jvm.pid)), 90,
                          lambda: f"{server.target(jvm.pid)}\n{server.log()}")
                    true_value(server, witness)
                    return server.target(jvm.pid), jvm.pid, \
                        server.value("heap_used_bytes", jvm.pid)
            finally:
                path.unlink(missing_ok=True)

    def falls_back_to_memory(self, mangle):
        target, _, used = self.prove(mangle)
        self.assertTrue(target["watched"], target)
        self.assertEqual(target["attributes"]["source"], "perfmemory")
        self.assertLess(used, 64 * MIB)

    def test_a_fifo(self):
        self.falls_back_to_memory(lambda path, good: os.mkfifo(path))

    def test_a_link(self):
        def link(path, good):
            other = path.with_name("other")
            other.write_bytes(good)
            os.chown(other, OTHER.pw_uid, OTHER.pw_gid)
            path.symlink_to(other)
            self.addCleanup(self.clean, other)
        self.falls_back_to_memory(link)

    def test_a_file_of_another_owner(self):
        def give(path, good):
            path.write_bytes(good)
            os.chown(path, 1, 1)
        self.falls_back_to_memory(give)

    def test_files_that_are_no_counters(self):
        """Whatever comes of it, no number is wrong."""
        chance = random.Random(9)

        def garble(path, good):
            data = bytearray(good)
            for _ in range(200):
                data[chance.randrange(len(data))] = chance.randrange(256)
            path.write_bytes(data)

        def huge(path, good):
            path.write_bytes(good)
            os.truncate(path, 1 << 40)
        for mangle in (lambda path, good: path.write_bytes(good[:40]),
                       lambda path, good: path.write_bytes(good[:len(good) // 3]),
                       garble, huge):
            target, _, used = self.prove(mangle)
            if used is not None:
                self.assertLessEqual(used, 64 * MIB, target)

    def test_a_file_that_shrinks_while_it_is_read(self):
        with Victim([GO]) as witness, Server() as server, Watcher(server):
            with self.jvm() as jvm:
                server.wait_target(jvm.pid)
                server.wait_value("heap_max_bytes", jvm.pid)
                path = self.file(jvm)
                for size in (20000, 3000, 10, 0):
                    with contextlib.suppress(FileNotFoundError):
                        os.truncate(path, size)  # the JVM itself may die of it
                    server.wait_rounds()
            server.wait_target(witness.pid)
            true_value(server, witness)


def sections(data):
    """{name: (offset of its header, offset, size)} of a 64-bit ELF file."""
    shoff, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, shoff + i * size) for i in range(count)]
    base = headers[names][4]
    out = {}
    for i, h in enumerate(headers):
        end = data.index(b"\0", base + h[0])
        out[bytes(data[base + h[0]:end]).decode()] = (shoff + i * size, h[4], h[5])
    return out


class Executables(unittest.TestCase):
    """They run, as the kernel needs the program headers only."""

    def variants(self):
        good = GO.read_bytes()
        table = sections(good)
        chance = random.Random(11)

        def garbled(*names):
            data = bytearray(good)
            for name in names:
                _, at, size = table[name]
                data[at + 12:at + size] = chance.randbytes(size - 12)
            return data

        def patched(*patches):
            data = bytearray(good)
            for at, layout, value in patches:
                struct.pack_into(layout, data, at, value)
            return data
        dwarf = [name for name in table if name.startswith((".debug_", ".zdebug_"))]
        assert dwarf, table
        return {
            "no-dwarf-left": garbled(*dwarf),
            "bad-abbrev": garbled(*[n for n in dwarf if n.endswith("abbrev")]),
            "bad-info": garbled(*[n for n in dwarf if n.endswith("info")]),
            "sections-beyond": patched((0x28, "<Q", 1 << 62)),
            "sections-many": patched((0x3C, "<H", 0xFFFF)),
            "sections-small": patched((0x3A, "<H", 1)),
            "names-beyond": patched((0x3E, "<H", 0xFFF0)),
            "sizes-lie": patched(*[(h + 0x20, "<Q", (1 << 63) - 1) for h, _, _ in table.values()]),
            "offsets-lie": patched(*[(h + 0x18, "<Q", len(good) - 3)
                                     for h, _, _ in table.values()]),
            "symbols-garbled": garbled(".symtab", ".strtab"),
            "pclntab-kept-buildinfo-long": patched(
                (table[".go.buildinfo"][1] + 32, "<Q", (1 << 63) + 255)),
            "cut-short": good[:max(at + size for name, (_, at, size) in table.items()
                                   if name in (".text", ".rodata", ".data", ".noptrdata"))],
        }

    def test_lying_headers_and_corrupt_dwarf(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            victims = {}
            witness = stack.enter_context(Victim([GO]))
            for name, data in self.variants().items():
                path = pathlib.Path(folder, name)
                path.write_bytes(data)
                path.chmod(0o755)
                victims[name] = stack.enter_context(Victim([path]))
                victims[name].ask("grow 8")
            server = stack.enter_context(Server())
            stack.enter_context(Watcher(server))
            server.wait_target(witness.pid)
            # Every one is watched truly, refused in words, or no Go program;
            # which of them is none, the first round knows.
            server.wait_ready()
            server.wait_rounds()
            until(lambda: all(decided(t) for v in victims.values()
                              if (t := server.target(v.pid))), 120, server.log)
            seen = 0
            for name, victim in victims.items():
                target = server.target(victim.pid)
                with self.subTest(name=name):
                    if target and target["watched"]:
                        true_value(server, victim)
                        seen += 1
                    elif target:
                        self.assertTrue(target["reason"])
            self.assertGreater(seen, 2)
            true_value(server, witness)


class Changes(unittest.TestCase):
    def test_an_executable_that_is_renamed_and_deleted(self):
        with tempfile.TemporaryDirectory() as folder, Server() as server, Watcher(server):
            path = pathlib.Path(folder, "pump")
            shutil.copy(GO, path)
            with Victim([path]) as victim:
                server.wait_target(victim.pid)
                path.rename(path.with_name("renamed"))
                true_value(server, victim)
                path.with_name("renamed").unlink()
                true_value(server, victim)
                self.assertEqual(server.target(victim.pid)["labels"]["service"], "pump")
            shutil.copy(GO, path)
            with Victim([path]) as late:
                path.unlink()  # before it is looked at, mostly
                server.wait_target(late.pid)
                true_value(server, late)

    def test_a_process_that_changes_its_group(self):
        with limited_group(64 * MIB) as group, Server() as server, Watcher(server):
            with Victim([GO], env={"GOMEMLIMIT": "off"}) as victim:
                server.wait_target(victim.pid)
                wide = server.wait_value("heap_max_bytes", victim.pid)
                self.assertGreater(wide, 64 * MIB)
                (group / "cgroup.procs").write_text(str(victim.pid))
                until(lambda: server.value("heap_max_bytes", victim.pid) == 64 * MIB, 60,
                      lambda: server.target(victim.pid))
                true_value(server, victim)
                home = pathlib.Path("/proc/self/cgroup").read_text()
                self.assertTrue(home)

    def test_other_namespaces(self):
        for flags in (["--mount", "--pid", "--fork"], ["--user", "--map-root-user"],
                      ["--mount", "--pid", "--fork", "--user", "--map-root-user",
                       "--cgroup", "--net", "--uts", "--ipc"]):
            with self.subTest(flags=flags), Server() as server, Watcher(server):
                with Victim(["unshare", "--kill-child", *flags, GO]) as outer:
                    def inner():
                        """unshare itself, or the child it waits for."""
                        pids = [outer.pid] + [int(p) for p in pathlib.Path(
                            f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()]
                        return next((p for p in pids if os.readlink(f"/proc/{p}/exe")
                                     == str(GO)), None)
                    pid = until(inner, 60, "the program inside")
                    server.wait_target(pid)
                    outer.ask("grow 4")
                    true_value(server, outer, pid)
                    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
