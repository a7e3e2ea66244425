"""A disk that fills and empties, power that goes, pages that are overwritten. Needs root (mounts a tmpfs)."""
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from heapwatch import Server, until

MIB = 1 << 20
ROUNDS = int(os.environ.get("KILL_ROUNDS", "100"))
FAST = ["--resolution", "1s", "--flush", "1s"]


@contextlib.contextmanager
def small_disk(size):
    """A folder on a file system of its own, of so many bytes."""
    with tempfile.TemporaryDirectory(prefix="heapwatch-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "heapwatch-test", folder],
                       check=True)
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def free(folder):
    fs = os.statvfs(folder)
    return fs.f_bavail * fs.f_frsize


def fill(folder):
    """Take all the room there is, to the last page."""
    with open(folder / "greedy", "ab", buffering=0) as greedy:
        with contextlib.suppress(OSError):
            while True:
                greedy.write(b"x" * 4096)


def store(server):
    return server.get_json("/api/v1/status")["store"]


def points(server, metric="memory_total_bytes"):
    """Times (ms) of all stored points of the last eight minutes."""
    now = int(time.time() * 1000)
    answer = server.query(metric, {"step": "1s"},
                          range={"from": now - 480000, "to": now + 1000})
    return [t for table in answer for v, t in table["datapoints"] if v is not None]


class FullDisk(unittest.TestCase):
    def test_a_full_disk_costs_the_oldest_and_nothing_else(self):
        with small_disk(48 * MIB) as folder:
            args = FAST + ["--memory", "1m", "--retention-bytes", "1GiB"]
            with Server(args=args, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                time.sleep(6)
                first = points(server)[0]
                self.assertEqual((store(server)["last_error"], store(server)["short_of_disk"]),
                                 ("", False))

                def told():
                    fill(folder)  # what it frees is taken at once
                    return store(server)["short_of_disk"]
                until(told, 20, lambda: store(server))
                for _ in range(10):
                    time.sleep(0.5)
                    fill(folder)
                    self.assertTrue(store(server)["short_of_disk"], store(server))
                # Answers go on, with what is not written too.
                for path in ("/", "/metrics", "/api/v1/targets"):
                    self.assertEqual(server.get(path)[0], 200)
                until(lambda: points(server)[-1] > (time.time() - 3) * 1000, 10, "a fresh point")
                self.assertEqual(store(server)["lost_samples"], 0)

                os.unlink(folder / "greedy")
                begin = time.monotonic()
                until(lambda: not store(server)["last_error"]
                      and not store(server)["short_of_disk"], 12, lambda: store(server))
                self.assertLess(time.monotonic() - begin, 10)
                self.oldest_went_first(points(server), first)
                self.assertEqual(store(server)["lost_samples"], 0)

    def oldest_went_first(self, times, first):
        """No hole: what is missing, if anything, is missing at the begin."""
        self.assertGreaterEqual(times[0], first)
        self.assertGreater(len(times), 8)
        for a, b in zip(times, times[1:]):
            self.assertLess(b - a, 3500, times)

    def test_it_starts_on_a_full_disk(self):
        with small_disk(24 * MIB) as folder:
            with Server(args=FAST, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                until(lambda: store(server)["rows"] > 2, 10, lambda: store(server))
                first = points(server)[0]
                server.stop(signal.SIGKILL)
            fill(folder)
            (folder / "log").unlink()  # the harness writes one as well
            with Server(args=FAST, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                self.assertEqual(points(server)[0], first)

    def test_the_byte_cap_holds_at_every_moment(self):
        cap = 2 * MIB
        with Server(args=FAST + ["--retention-bytes", str(cap), "--memory", "1m",
                                 "--collector-interval", "250ms"]) as server:
            files = [server.db + end for end in ("", "-wal", "-shm", "-ballast")]

            def size():
                return sum(os.stat(f).st_size for f in files if os.path.exists(f))
            end = time.monotonic() + 12
            while time.monotonic() < end:
                self.assertLessEqual(size(), cap)
                time.sleep(0.02)
            self.assertEqual(store(server)["write_errors"], 0)


class Kill(unittest.TestCase):
    def test_a_hundred_kills_lose_the_last_flush_at_most(self):
        """What a status called flushed before the kill is there after it."""
        kept, promised = set(), 0
        chance = random.Random(7)
        with tempfile.TemporaryDirectory() as folder:
            for number in range(ROUNDS):
                with Server(args=FAST, folder=folder) as server:
                    there = set(points(server))
                    gone = {t for t in kept if t <= promised} - there
                    self.assertEqual(gone, set(), f"round {number}: {server.log()}")
                    self.assertEqual(store(server)["damaged_rows"], 0)
                    self.assertNotIn("salvage", store(server))
                    if number % 10 == 0:
                        until(lambda: store(server).get("last_flush_ms"), 10, server.log)
                    else:
                        time.sleep(chance.uniform(0, 1.2))
                    # Steps up to the flush are in the file; the one under way may not be.
                    promised = (store(server).get("last_flush_ms") or promised + 2000) - 2000
                    kept = there | set(points(server))
                    server.stop(signal.SIGKILL)
        self.assertGreater(len(kept), ROUNDS / 10)


class Damage(unittest.TestCase):
    def test_overwritten_pages_do_not_keep_it_from_starting(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server(args=FAST, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                until(lambda: store(server)["rows"] >= 5, 20, lambda: store(server))
                before = points(server)
            path = pathlib.Path(server.db)
            pages = path.stat().st_size // 4096
            self.assertGreater(pages, 10)
            with open(path, "r+b") as file:
                for page in (pages // 3, pages // 2, pages - 2):
                    file.seek(page * 4096)
                    file.write(b"\xa5" * 4096)
            with Server(args=FAST, folder=folder) as server:
                told = store(server)["salvage"]
                self.assertEqual(told["kept"], str(path) + "-damaged")
                self.assertIn("the database is damaged", server.log())
                self.assertEqual(os.stat(told["kept"]).st_size, pages * 4096)
                until(lambda: store(server)["rows"] > 1, 20, lambda: store(server))
                self.assertEqual(store(server)["last_error"], "")
                self.assertTrue(set(t for t in points(server) if t <= before[-1])
                                <= set(before))
            with Server(args=FAST, folder=folder) as server:
                self.assertNotIn("salvage", store(server))


if __name__ == "__main__":
    unittest.main()
